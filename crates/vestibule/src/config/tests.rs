mod edges;
mod sentences;

use std::fs;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

/// What comes of this file and these variables.
fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, BadConfig> {
    let folder = TempDir::new().unwrap();
    if !file.is_empty() {
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/vestibule.toml"), file).unwrap();
    }
    let os = |&(name, text): &(&str, &str)| (name.into(), text.into());
    Config::from(folder.path(), variables.iter().map(os))
}

fn by_variable(name: &str, text: &str) -> Result<Config, BadConfig> {
    load("", &[(name, text)])
}

/// As `vestibule check` prints it.
fn value(config: &Config, key: &str) -> String {
    let row = config.rows().into_iter().find(|row| row.key == key);
    row.unwrap().value
}

fn sentence(result: Result<Config, BadConfig>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn with_no_file_and_no_variable_the_defaults_run() {
    let config = load("", &[]).unwrap();

    assert_eq!(config.rows(), Config::default().rows());
    assert_eq!(config.server, Server::default());
    assert_eq!(config.public_url().as_str(), "http://localhost:8000/");
    assert_eq!(config.source_of("server.port"), "default");
}

#[test]
fn the_file_beats_the_default_and_a_variable_beats_the_file() {
    let file = "[server]\nport = 1\naddress = \"::1\"\n";
    let config = load(file, &[("VESTIBULE_SERVER__PORT", "2")]).unwrap();

    assert_eq!(config.server.port, 2);
    assert_eq!(config.source_of("server.port"), "VESTIBULE_SERVER__PORT");
    assert_eq!(config.server.address.to_string(), "::1");
    assert_eq!(config.source_of("server.address"), "config/vestibule.toml");
    assert_eq!(config.source_of("log.level"), "default");
}

#[test]
fn a_bad_value_in_the_file_does_no_harm_under_a_variable() {
    let config = load("[server]\nport = -1", &[("VESTIBULE_SERVER__PORT", "2")]).unwrap();

    assert_eq!(config.server.port, 2);
}

#[test]
fn the_named_file_is_read_instead_of_the_usual_one() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/vestibule.toml"), "not toml").unwrap();
    fs::write(folder.path().join("other.toml"), "server.port = 7").unwrap();
    let variable = [("VESTIBULE_CONFIG".into(), "other.toml".into())];
    let config = Config::from(folder.path(), variable).unwrap();

    assert_eq!(config.server.port, 7);
    assert_eq!(config.source_of("server.port"), "other.toml");
}

#[test]
fn numbers_may_be_written_as_text_and_texts_as_numbers() {
    assert_eq!(load("server.port = \"80\"", &[]).unwrap().server.port, 80);
    let digits = "12345678901234567890123456789012";
    let config = by_variable("VESTIBULE_SECRET_KEY", digits).unwrap();
    assert_eq!(config.secret_key.unwrap().first.expose_secret(), digits);
}

#[test]
fn a_variable_stays_the_text_that_it_is() {
    for text in [
        "[\"a\", \"b\"]  ",
        "# not a comment  ",
        "\"quoted, and the quotes are kept\"",
        "'single' and {a = 1} and true  ",
        "true  ",
        "  with a line\nthat breaks in two  ",
    ] {
        let url = format!("sqlite:{text}");
        let config = by_variable("VESTIBULE_DATABASE__URL", &url).unwrap();
        assert_eq!(config.database.url.expose_secret(), url);
    }
}

#[test]
fn an_unset_public_url_follows_the_port() {
    let mut config = Config::default();
    config.server.port = 81;

    assert_eq!(config.public_url().as_str(), "http://localhost:81/");
}

#[test]
fn the_file_in_the_repository_shows_every_key_with_its_default() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/vestibule.toml");
    let file = fs::read_to_string(path).unwrap();
    let default = Config::default().rows();

    for (row, default) in load(&file, &[]).unwrap().rows().iter().zip(&default) {
        assert_eq!(row.value, default.value, "{}", row.key);
    }

    let mut section = String::new();
    let mut keys = Vec::new();
    for line in file.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.replace(']', ".");
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            keys.push(format!("{section}{key}"));
        }
    }
    assert_eq!(keys, default.iter().map(|row| row.key).collect::<Vec<_>>());
}

#[test]
fn no_row_and_no_debug_output_holds_a_secret() {
    let key = "0123456789abcdefghijklmnopqrstuv";
    let url = "sqlite://ada:hunter2@db/x?mode=rwc";
    let config = load(
        &format!("secret_key = '{key}'\ndatabase.url = '{url}'\npasswords.pepper = '{key}'"),
        &[],
    )
    .unwrap();
    let printed = format!("{config:?} {:?}", config.rows());

    assert!(
        !printed.contains(key) && !printed.contains("hunter2"),
        "{printed}"
    );
    assert_eq!(value(&config, "secret_key"), "********");
    assert_eq!(value(&config, "passwords.pepper"), "********");
    assert_eq!(
        value(&config, "database.url"),
        "sqlite://ada:***@db/x?mode=rwc"
    );
}

#[test]
fn a_password_is_masked_wherever_it_stands_in_a_url() {
    let key = ("VESTIBULE_SECRET_KEY", "0123456789abcdefghijklmnopqrstuv");
    let config = load(
        "",
        &[
            key,
            (
                "VESTIBULE_DATABASE__URL",
                "postgres://ada:hunter2@db,x/v?password=hunter2&sslmode=prefer",
            ),
            (
                "VESTIBULE_SESSIONS__URL",
                "redis+sentinel://:hunter2@a:1,b/m?sentinel_password=hunter2",
            ),
            ("VESTIBULE_DATABASE__ALLOW_PLAIN", "true"),
            ("VESTIBULE_SESSIONS__ALLOW_PLAIN", "true"),
        ],
    );
    let config = config.unwrap();
    assert_eq!(
        value(&config, "database.url"),
        "postgres://ada:***@db,x/v?password=***&sslmode=prefer"
    );
    assert_eq!(
        value(&config, "sessions.url"),
        "redis+sentinel://:***@a:1,b/m?sentinel_password=***"
    );
    let url = "smtps://ada:hunter2@mail.example.com";
    let config = by_variable("VESTIBULE_MAIL__URL", url).unwrap();
    assert_eq!(
        value(&config, "mail.url"),
        "smtps://ada:***@mail.example.com:465"
    );
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_variable_may_name_a_file_with_the_value() {
    let folder = TempDir::new().unwrap();
    let key = "0123456789abcdefghijklmnopqrstuv";
    fs::write(folder.path().join("key"), format!("{key}\r\n")).unwrap();
    let from = |variables: &[(&str, &str)]| {
        let os = |&(name, text): &(&str, &str)| (name.into(), text.into());
        Config::from(folder.path(), variables.iter().map(os))
    };

    let config = from(&[("VESTIBULE_SECRET_KEY_FILE", "key")]).unwrap();
    assert_eq!(
        config.secret_key.as_ref().unwrap().first.expose_secret(),
        key
    );
    assert_eq!(config.source_of("secret_key"), "VESTIBULE_SECRET_KEY_FILE");

    let said = sentence(from(&[("VESTIBULE_SECRET_KEY_FILE", "none")]));
    assert!(
        said.starts_with("VESTIBULE_SECRET_KEY_FILE is \"none\", but a file"),
        "{said}"
    );
    let said = sentence(from(&[
        ("VESTIBULE_SECRET_KEY_FILE", "key"),
        ("VESTIBULE_SECRET_KEY", key),
    ]));
    assert!(said.contains("are both set"), "{said}");
    let said = sentence(from(&[("VESTIBULE_SECRET_KEYS_FILE", "key")]));
    assert!(said.contains("is not a key of Vestibule"), "{said}");
}

#[test]
fn a_size_has_a_unit_and_is_shown_in_the_largest_that_fits() {
    for (text, kib, shown) in [
        ("524288KiB", 524_288, "512MiB"),
        ("1024MiB", 1_048_576, "1GiB"),
        ("19457KiB", 19_457, "19457KiB"),
    ] {
        let config = by_variable("VESTIBULE_PASSWORDS__MEMORY_BUDGET", text).unwrap();
        assert_eq!(config.passwords.memory_budget_kib, kib);
        assert_eq!(value(&config, "passwords.memory_budget"), shown);
    }
}

#[test]
fn a_secret_key_may_be_followed_by_older_ones() {
    let (new, old, older) = ("n".repeat(32), "o".repeat(32), "p".repeat(40));
    for text in [
        format!("{new},{old} {older}"),
        format!("{new}\n{old}\r\n{older}\n"),
        format!(" {new} , {old} ,, {older}, "),
    ] {
        let config = by_variable("VESTIBULE_SECRET_KEY", &text).unwrap();
        assert_eq!(value(&config, "secret_key"), "******** and 2 older");
        assert!(!format!("{config:?}").contains(&old));
        let secrets = config.secret_key.unwrap();
        assert_eq!(secrets.first.expose_secret(), new);
        let exposed: Vec<_> = secrets
            .older
            .iter()
            .map(ExposeSecret::expose_secret)
            .collect();
        assert_eq!(exposed, [&old, &older]);
    }
    let said = sentence(by_variable("VESTIBULE_SECRET_KEY", &format!("{new},short")));
    assert!(said.contains("2 texts, the shortest of length 5"), "{said}");
}

#[test]
fn what_is_unset_is_told_in_words() {
    let config = Config::default();

    assert_eq!(value(&config, "secret_key"), "made on first run");
    assert_eq!(
        value(&config, "server.public_url"),
        "unset, so http://localhost:8000/"
    );
    assert_eq!(value(&config, "sessions.url"), "unset, so in the database");
    assert_eq!(
        value(&config, "server.templates"),
        "unset, so the built-in ones"
    );
    assert_eq!(
        value(&config, "mail.url"),
        "unset, so mail is written to files"
    );
    assert_eq!(
        value(&config, "mail.from"),
        "unset, so vestibule@ the public host"
    );
    assert_eq!(value(&config, "passwords.pepper"), "unset, so none");
    assert_eq!(
        value(&config, "passwords.breach_file"),
        "unset, so the built-in list alone"
    );
}
