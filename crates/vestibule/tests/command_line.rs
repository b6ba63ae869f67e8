//! The program as an operator meets it.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::app::value_of;
use crate::http::Person;
use crate::mail::mailed_link;
use crate::server::{Server, program};

fn run(folder: &Path, command: &str, variables: &[(&str, &str)]) -> Output {
    let words = command.split(' ');
    program(folder, variables).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it says when it cannot start: one sentence on standard error, exit code 2, and no file left behind.
fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), "serve", variables);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(text(&output.stdout), "");
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "nothing half-started: {said}");
    said.trim().to_owned()
}

#[test]
fn what_it_cannot_run_with_it_says_in_one_sentence() {
    assert_eq!(
        refusal(&[("VESTIBULE_SERVER__PORT", "http")]),
        "vestibule: server.port (set by VESTIBULE_SERVER__PORT) is \"http\", but a port number from 0 to 65535 is expected"
    );
    for (variable, value, words) in [
        ("VESTIBULE_SERVER__PROT", "80", "is not a key of Vestibule"),
        (
            "VESTIBULE_PASSWORDS__MIN_LENGTH",
            "7",
            "passwords.min_length",
        ),
        (
            "VESTIBULE_PASSWORDS__MEMORY_KIB",
            "8",
            "passwords.memory_kib",
        ),
        ("VESTIBULE_SESSIONS__IDLE", "soon", "sessions.idle"),
        ("VESTIBULE_SECRET_KEY", "short", "secret_key"),
        ("VESTIBULE_REGISTRATION__MODE", "maybe", "registration.mode"),
        (
            "VESTIBULE_DATABASE__URL",
            "postgres://u:s3cret@localhost/v",
            "database.url",
        ),
        (
            "VESTIBULE_DATABASE__URL",
            "postgres://u:s3cret@db/v",
            "database.allow_plain",
        ),
        (
            "VESTIBULE_SESSIONS__URL",
            "redis://:s3cret@redis/",
            "sessions.allow_plain",
        ),
        (
            "VESTIBULE_DATABASE__URL",
            "sqlite://missing/v.db",
            "database.url",
        ),
        (
            "VESTIBULE_DATABASE__URL",
            "sqlite:///proc/nowhere/v.db?mode=rwc",
            "database.url",
        ),
        ("VESTIBULE_SERVER__TEMPLATES", "nowhere", "server.templates"),
        ("VESTIBULE_SERVER__ADDRESS", "203.0.113.7", "server.address"),
        ("VESTIBULE_CONFIG", "nowhere.toml", "VESTIBULE_CONFIG"),
    ] {
        let said = refusal(&[(variable, value)]);
        assert!(said.contains(words), "{said}");
        assert!(said.contains(variable), "where it was set: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_port_in_use_is_said_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = refusal(&[("VESTIBULE_SERVER__PORT", &port)]);
    assert!(
        said.contains("server.port") && said.contains(&port),
        "{said}"
    );
}

#[test]
fn a_template_that_does_not_parse_is_said_and_not_shown() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("login.html.tera"), "{% if %}").unwrap();
    let output = run(
        folder.path(),
        "serve",
        &[("VESTIBULE_SERVER__TEMPLATES", ".")],
    );
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("server.templates") && said.contains("login.html"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!folder.path().join("data").exists());
}

#[test]
fn what_is_no_database_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("letter.db");
    let letter = "Dear Ada, ".repeat(500);
    fs::write(&file, &letter).unwrap();
    let url = "sqlite://letter.db?mode=rwc";
    for command in ["serve", "migrate", "check"] {
        let output = run(folder.path(), command, &[("VESTIBULE_DATABASE__URL", url)]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("database.url (set by VESTIBULE_DATABASE__URL)"),
            "{said}"
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), letter);
}

#[test]
fn check_tells_all_but_secrets_and_makes_nothing() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(
        folder.path().join("config/vestibule.toml"),
        "[sessions]\nidle = \"30m\"\n",
    )
    .unwrap();
    let secret = "0123456789012345678901234567890123456789";
    let output = run(folder.path(), "check", &[("VESTIBULE_SECRET_KEY", secret)]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let row = |key: &str| {
        let row = said.lines().find(|line| line.starts_with(key));
        row.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        row("sessions.idle").as_deref(),
        Some("sessions.idle 30m config/vestibule.toml")
    );
    assert_eq!(
        row("secret_key").as_deref(),
        Some("secret_key ******** VESTIBULE_SECRET_KEY")
    );
    assert_eq!(
        row("registration.mode").as_deref(),
        Some("registration.mode open default")
    );
    assert!(said.contains("made on the first run"), "{said}");
    assert!(!said.contains(secret));
    assert!(!folder.path().join("data").exists());

    assert!(run(folder.path(), "migrate", &[]).status.success());
    let said = text(&run(folder.path(), "check", &[]).stdout);
    assert!(
        said.contains("The database answers, and its schema is up to date."),
        "{said}"
    );
}

#[test]
fn migrate_only_migrates() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), "migrate", &[]);
    assert!(
        text(&output.stdout).contains("12 steps"),
        "{}",
        text(&output.stderr)
    );
    assert!(folder.path().join("data/vestibule.db").exists());
    assert!(!folder.path().join("data/secret.key").exists());
    let output = run(folder.path(), "migrate", &[]);
    assert!(text(&output.stdout).contains("0 steps"));
}

#[tokio::test]
async fn one_file_on_a_bare_machine_serves_everything() {
    let folder = TempDir::new().unwrap();
    let server = Server::start_bare(folder.path());
    let mut person = Person::at(&server.url);
    assert_eq!(person.get("/").await.unwrap().location(), "/login");
    assert!(person.get("/login").await.unwrap().body.contains("Sign in"));
    assert_eq!(person.get("/static/style.css").await.unwrap().status, 200);
    let made: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(made, ["data"]);
}

#[tokio::test]
async fn a_folder_of_templates_takes_the_place_of_ours() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("theme/static")).unwrap();
    let ours = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../templates/error.html.tera"
    );
    let theirs = fs::read_to_string(ours)
        .unwrap()
        .replace("{{ title }}", "Lost & {{ title }}");
    fs::write(folder.path().join("theme/error.html.tera"), theirs).unwrap();
    fs::write(folder.path().join("theme/static/style.css"), "/* theirs */").unwrap();
    fs::write(folder.path().join("theme/static/secret.env"), "x").unwrap();
    let server = Server::start(folder.path(), &[("VESTIBULE_SERVER__TEMPLATES", "theme")]);
    let mut person = Person::at(&server.url);
    let lost = person.get("/nowhere").await.unwrap();
    assert!(
        lost.body.contains("Lost & There is no such page"),
        "{}",
        lost.body
    );
    assert_eq!(
        person.get("/static/style.css").await.unwrap().body,
        "/* theirs */"
    );
    assert_eq!(person.get("/static/icon.svg").await.unwrap().status, 200);
    assert_eq!(person.get("/static/secret.env").await.unwrap().status, 404);
    assert!(person.get("/login").await.unwrap().body.contains("Sign in"));
}

#[tokio::test]
async fn passwords_and_tokens_are_in_no_log() {
    let (server, folder) = Server::start_afresh(&[("VESTIBULE_LOG__LEVEL", "debug")]);
    let canary = "canary birds sing at 4";
    let another = "another bird sings at 5";
    let mut ada = Person::at(&server.url);
    let fields = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("password", canary),
    ];
    let answer = ada.submit("/register", &fields).await.unwrap();
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    let verify = mailed_link(folder.path(), &server, "verify");
    ada.get(&verify).await.unwrap();
    let answer = ada.submit("/link", &[]).await.unwrap();
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);

    for (path, name) in [
        ("/register", "ada"),
        ("/login", "eve"),
        ("/register", "a b"),
    ] {
        let fields = [("username", name), ("password", canary)];
        Person::at(&server.url).submit(path, &fields).await.unwrap();
    }
    let fields = [("username", "ada"), ("password", canary), ("odd", "x")];
    let mut visitor = Person::at(&server.url);
    visitor.submit("/login", &fields).await.unwrap();

    let forgot = [("account", "ada")];
    visitor.submit("/forgot", &forgot).await.unwrap();
    let reset = mailed_link(folder.path(), &server, "reset");
    visitor.get(&reset).await.unwrap();
    let answer = visitor.submit("/reset", &[("new", another)]).await.unwrap();
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    let page = visitor.get("/login").await.unwrap();
    let csrf = value_of(&page.body, "csrf").unwrap();
    let fields = [("username", "ada"), ("password", another)];
    let answer = visitor.send("/login", &page, &fields).await.unwrap();
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);

    crate::server::signal(server.pid(), "TERM");
    let (_, log) = server.wait();
    assert!(log.contains("input_validation_fail"), "{log}");
    for link in [&verify, &reset] {
        let (_, token) = link.rsplit_once('/').unwrap();
        assert!(token.len() > 20, "{link}");
        assert!(!log.contains(token), "{link} is in the log: {log}");
    }
    for secret in [
        canary,
        "canary+birds",
        "canary%20birds",
        another,
        "another+bird",
        "another%20bird",
        &csrf,
        "argon2id$",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
    let mut names = BTreeSet::new();
    // Those that are shorter say something, but hide nothing.
    let given = ada.given.iter().chain(&visitor.given);
    for (name, token) in given.filter(|(_, value)| value.len() > 20) {
        assert!(!log.contains(token), "{name} is in the log: {log}");
        names.insert(name.as_str());
    }
    let all = [
        "__Host-device",
        "__Host-link",
        "__Host-session",
        "__Host-visitor",
    ];
    assert_eq!(names, BTreeSet::from(all));
}

#[test]
fn health_tells_whether_visitors_may_come() {
    let folder = TempDir::new().unwrap();
    let server = Server::start_bare(folder.path());
    let (_, port) = server.url.rsplit_once(':').unwrap();
    let ask = |port: &str| run(folder.path(), "health", &[("VESTIBULE_SERVER__PORT", port)]);

    let output = ask(port);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "ready\n");

    // What is left is no database any more. None gets shorter: one is shared memory, and who uses what was cut off is killed.
    for file in ["vestibule.db", "vestibule.db-wal", "vestibule.db-shm"] {
        let path = folder.path().join("data").join(file);
        let length = fs::metadata(&path).unwrap().len();
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        let gone = "gone".repeat(usize::try_from(length.div_ceil(4)).unwrap());
        file.write_all(gone.as_bytes()).unwrap();
    }
    let output = ask(port);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not ready: 503"));

    let port = port.to_owned();
    server.kill();
    let output = ask(&port);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no instance answers here"));
    assert_eq!(ask("0").status.code(), Some(2));
}
