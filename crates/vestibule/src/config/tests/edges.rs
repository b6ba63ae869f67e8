//! What each key takes, and what it refuses.

use std::time::Duration;

use super::*;

/// Each text for `key`, given by its variable, is taken or refused as told.
fn edges(variable: &str, taken: &[&str], refused: &[&str]) {
    for text in taken {
        let outcome = by_variable(variable, text);
        assert!(outcome.is_ok(), "{variable}={text}: {outcome:?}");
    }
    for text in refused {
        let said = sentence(by_variable(variable, text));
        assert!(said.contains(variable), "{variable}={text}: {said}");
    }
}

#[test]
fn limits_and_events_have_their_edges() {
    edges(
        "VESTIBULE_SESSIONS__RECENT",
        &["1m", "24h"],
        &["59s", "25h", "", "10"],
    );
    edges("VESTIBULE_EVENTS__KEEP", &["1d", "10y"], &["23h", "", "x"]);
    edges(
        "VESTIBULE_LOG__FORMAT",
        &["text", "json"],
        &["", "JSON", "xml"],
    );
    for key in ["FREE", "OFF_AFTER"] {
        let variable = format!("VESTIBULE_THROTTLE__{key}");
        edges(&variable, &["5", "100"], &["0", "101", "", "-1"]);
    }
    for key in ["ADDRESS_FREE", "REGISTRATIONS_FREE"] {
        let variable = format!("VESTIBULE_THROTTLE__{key}");
        edges(&variable, &["1", "100000"], &["0", "100001", "x"]);
    }
    edges(
        "VESTIBULE_THROTTLE__FIRST_WAIT",
        &["1s", "1h"],
        &["999ms", "2h", "30"],
    );
    edges(
        "VESTIBULE_THROTTLE__LONGEST_WAIT",
        &["30s", "24h"],
        &["0s", "25h"],
    );
}

#[test]
fn keys_of_mail_have_their_edges() {
    edges(
        "VESTIBULE_THROTTLE__MAILS_FREE",
        &["1", "1000"],
        &["0", "1001", "x"],
    );
    edges(
        "VESTIBULE_ACCOUNTS__EMAIL",
        &["off", "optional", "required"],
        &["", "Off", "none"],
    );
    edges(
        "VESTIBULE_ACCOUNTS__GRACE",
        &["1h", "90d"],
        &["59m", "91d", ""],
    );
    edges(
        "VESTIBULE_ACCOUNTS__RESERVED",
        &["0s", "10y"],
        &["11y", "x"],
    );
    edges(
        "VESTIBULE_MAIL__URL",
        &["", "smtp://localhost", "smtps://u:p@mail.example.com:465"],
        &[
            "localhost",
            "smtp://u@h",
            "http://mail.example.com",
            "smtp://h/x",
        ],
    );
    edges(
        "VESTIBULE_MAIL__FROM",
        &["", "hall@example.com", "The hall <hall@example.com>"],
        &["hall", "The hall <>", "a@b, c@d"],
    );
    edges("VESTIBULE_MAIL__FOLDER", &["x", "/tmp/x y"], &[""]);
}

#[test]
fn each_key_has_its_edges() {
    let x = |n| "x".repeat(n);
    edges(
        "VESTIBULE_SECRET_KEY",
        &[&x(32), &"é".repeat(32), &format!("{},{}", x(32), x(33))],
        &[
            &x(31),
            &"é".repeat(31),
            "",
            ",",
            &format!("{} {}", x(32), x(31)),
        ],
    );
    edges(
        "VESTIBULE_SERVER__ADDRESS",
        &["0.0.0.0", "::1"],
        &["localhost", "1.2.3", "", "[::1]"],
    );
    edges(
        "VESTIBULE_SERVER__PORT",
        &["0", "65535"],
        &["-1", "65536", "", " 1", "1.0", "0x10"],
    );
    edges(
        "VESTIBULE_PASSWORDS__MIN_LENGTH",
        &["8", "64"],
        &["7", "65"],
    );
    edges(
        "VESTIBULE_PASSWORDS__MEMORY_KIB",
        &["19456", "524288"],
        &["7167", "524289", "4194305"],
    );
    let most = [
        ("VESTIBULE_PASSWORDS__MEMORY_KIB", "4194304"),
        ("VESTIBULE_PASSWORDS__MEMORY_BUDGET", "4GiB"),
    ];
    load("", &most).unwrap();
    edges(
        "VESTIBULE_PASSWORDS__ITERATIONS",
        &["2", "64"],
        &["0", "65"],
    );
    edges(
        "VESTIBULE_PASSWORDS__PARALLELISM",
        &["1", "64"],
        &["0", "65"],
    );
    edges(
        "VESTIBULE_PASSWORDS__MEMORY_BUDGET",
        &["19456KiB", "20MiB", "1GiB", "2 GiB", "17592186044415GiB"],
        &[
            "19455KiB",
            "18MiB",
            "0GiB",
            "512",
            "MiB",
            "-1GiB",
            "+1GiB",
            "1.5GiB",
            "1GB",
            "1gib",
            "18446744073709551615GiB",
            "",
        ],
    );
    edges(
        "VESTIBULE_PASSWORDS__PEPPER",
        &[&x(32), &format!("{}\n{}", x(32), x(33))],
        &[&x(31), "", &format!("{},{}", x(32), x(31))],
    );
    edges(
        "VESTIBULE_PASSWORDS__BREACH_FILE",
        &["not/yet/there"],
        &[""],
    );
    edges(
        "VESTIBULE_REGISTRATION__MODE",
        &["open", "closed"],
        &["Open", "shut", ""],
    );
    edges(
        "VESTIBULE_LOG__LEVEL",
        &["error", "warn", "info", "debug"],
        &["trace", "INFO", ""],
    );
    edges(
        "VESTIBULE_SESSIONS__IDLE",
        &["2m", "120s", "24h"],
        &["119s", "1m 59s 999ms", "120", ""],
    );
    edges(
        "VESTIBULE_SESSIONS__LIFETIME",
        &["1h", "30d"],
        &["59m", "x"],
    );
    edges(
        "VESTIBULE_SESSIONS__REMEMBERED",
        &["24h", "30d"],
        &["23h 59m", "30d 1s", "-1d"],
    );
}

#[test]
fn a_time_may_have_several_parts() {
    let config = by_variable("VESTIBULE_SESSIONS__IDLE", "1h 30m").unwrap();

    assert_eq!(config.sessions.idle, Duration::from_mins(90));
}

#[test]
fn plain_http_elsewhere_is_refused_unless_it_is_allowed() {
    let config = |url: &str, allowed: &str| {
        let variables = [
            ("VESTIBULE_SERVER__PUBLIC_URL", url),
            ("VESTIBULE_SERVER__ALLOW_PLAIN_HTTP", allowed),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        Config::from(TempDir::new().unwrap().path(), variables)
    };
    for elsewhere in [
        "http://login.example.com",
        "http://192.168.1.5:8000",
        "http://[fd00::1]",
        "http://localhost.example.com",
    ] {
        assert!(config(elsewhere, "false").is_err(), "{elsewhere}");
        assert!(config(elsewhere, "true").is_ok(), "{elsewhere}");
    }
    for fine in [
        "https://login.example.com",
        "http://localhost:8000",
        "http://vestibule.localhost",
        "http://127.0.0.2",
        "http://[::1]:8000",
    ] {
        assert!(config(fine, "false").is_ok(), "{fine}");
    }
    assert!(config("https://login.example.com", "perhaps").is_err());
}

/// What comes of a store at `url`, `section` being the one that says so, and what the operator is warned of.
fn reach(section: &str, url: &str, allowed: &str) -> Result<Vec<String>, String> {
    let variables = [
        (
            "VESTIBULE_SECRET_KEY".into(),
            "0123456789abcdefghijklmnopqrstuv",
        ),
        (format!("VESTIBULE_{section}__URL"), url),
        (format!("VESTIBULE_{section}__ALLOW_PLAIN"), allowed),
    ];
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    Config::from(TempDir::new().unwrap().path(), variables)
        .map(|config| warnings::of_stores(&config))
        .map_err(|bad| bad.to_string())
}

#[test]
fn a_store_elsewhere_that_others_could_listen_to_is_refused_unless_it_is_allowed() {
    for (section, url, instead) in [
        (
            "DATABASE",
            "postgres://ada:hunter2@db.example/v",
            "sslmode=verify-full (or database.allow_plain = true)",
        ),
        (
            "DATABASE",
            "postgresql://ada:hunter2@10.0.0.1/v?sslmode=prefer",
            "sslmode=verify-full (or database.allow_plain = true)",
        ),
        (
            "DATABASE",
            "postgres://ada@db.example/v?password=hunter2&sslmode=require",
            "sslmode=verify-full (or database.allow_plain = true)",
        ),
        (
            "SESSIONS",
            "redis://:hunter2@redis.example",
            "rediss instead of redis (or sessions.allow_plain = true)",
        ),
        (
            "SESSIONS",
            "redis+cluster://:hunter2@localhost,b.example",
            "rediss instead of redis (or sessions.allow_plain = true)",
        ),
        (
            "SESSIONS",
            "redis+sentinel://:hunter2@a.example/m?sentinel_password=hunter2",
            "rediss instead of redis (or sessions.allow_plain = true)",
        ),
    ] {
        let said = reach(section, url, "false").unwrap_err();
        assert!(said.contains(instead), "{url}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
        let warned = reach(section, url, "true").unwrap();
        assert_eq!(warned.len(), 1, "{url}: {warned:?}");
        assert!(!warned[0].contains("hunter2"), "{warned:?}");
    }
    for (section, fine) in [
        (
            "DATABASE",
            "postgres://ada:pw@db.example/v?sslmode=verify-full",
        ),
        (
            "DATABASE",
            "postgres://ada:pw@db.example/v?sslmode=verify-ca",
        ),
        ("DATABASE", "postgres://ada:pw@localhost/v"),
        ("DATABASE", "postgres:///v?host=/var/run/postgresql"),
        ("SESSIONS", "rediss://:pw@redis.example"),
        ("SESSIONS", "redis://127.0.0.1"),
        ("SESSIONS", "redis+cluster://localhost,[::1]:7001"),
    ] {
        let warned = reach(section, fine, "false");
        assert_eq!(warned, Ok(Vec::new()), "{fine}");
        assert!(reach(section, fine, "perhaps").is_err(), "{fine}");
    }
}

#[test]
fn a_public_url_ends_after_its_host_or_port() {
    edges(
        "VESTIBULE_SERVER__PUBLIC_URL",
        &[
            "https://a.example",
            "https://a.example:81/",
            "https://[::1]",
            "HTTPS://A.example",
        ],
        &[
            "a.example",
            "//a.example",
            "https://",
            "https:///",
            "ftp://a.example",
            "https://a.example/x",
            "https://a.example/?",
            "https://a.example/#",
            "https://ada@a.example",
            "https://:pw@a.example",
            "javascript:alert(1)",
            "",
        ],
    );
    let config = by_variable("VESTIBULE_SERVER__PUBLIC_URL", "https://a.example").unwrap();
    assert_eq!(config.public_url().as_str(), "https://a.example/");
}

#[test]
fn a_database_is_sqlite_with_a_name_or_postgres() {
    edges(
        "VESTIBULE_DATABASE__URL",
        &[
            "sqlite::memory:",
            "sqlite:a.db",
            "sqlite://a.db?mode=rwc",
            "sqlite:///var/lib/a.db",
        ],
        &[
            "sqlite:",
            "sqlite://",
            "sqlite://?mode=rwc",
            "SQLITE:a.db",
            "data/a.db",
            "mysql://h/d",
            "postgres:",
            "postgres://h:99999/d",
            "postgres://h/d?sslmode=odd",
        ],
    );
    let key = ("VESTIBULE_SECRET_KEY", "0123456789abcdefghijklmnopqrstuv");
    for url in [
        "postgres://ada:pw@db.example:5432/vestibule?sslmode=verify-full",
        "postgresql://[::1]/d",
        "postgres:///d?host=/var/run/postgresql",
    ] {
        load("", &[key, ("VESTIBULE_DATABASE__URL", url)]).unwrap();
    }
}

#[test]
fn what_is_shared_needs_a_key_that_is_shared() {
    let url = "postgres://ada:hunter2@localhost/vestibule";
    let said = sentence(by_variable("VESTIBULE_DATABASE__URL", url));
    assert!(
        said.starts_with("secret_key is unset, but database.url"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn sessions_are_in_redis_of_any_kind() {
    edges(
        "VESTIBULE_SESSIONS__URL",
        &[
            "redis://localhost",
            "rediss://ada:pw@db.example:6380/1",
            "rediss+cluster://:pw@a:7000,b:7001",
            "rediss+sentinel://:pw@a,b,c/mymaster",
        ],
        &[
            "",
            "localhost",
            "http://localhost",
            "rediss+cluster://:pw@a/1",
            "rediss://redis.example",
            "rediss+sentinel://a,b,c/mymaster",
        ],
    );
    edges(
        "VESTIBULE_SESSIONS__REPLICAS",
        &["0", "8"],
        &["-1", "9", ""],
    );
    for timeout in [
        "VESTIBULE_SESSIONS__TIMEOUT",
        "VESTIBULE_DATABASE__ACQUIRE_TIMEOUT",
        "VESTIBULE_DATABASE__ANSWER_TIMEOUT",
    ] {
        edges(timeout, &["10ms", "1m"], &["9ms", "61s", "1", ""]);
    }
    edges(
        "VESTIBULE_DATABASE__CONNECT_TIMEOUT",
        &["0s", "1h"],
        &["61m", ""],
    );
    edges(
        "VESTIBULE_DATABASE__POOL_SIZE",
        &["1", "1000"],
        &["0", "1001"],
    );
}

#[test]
fn templates_are_a_folder_that_exists() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("theme")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let from = |path: &str| {
        let variable = [("VESTIBULE_SERVER__TEMPLATES".into(), path.into())];
        Config::from(folder.path(), variable)
    };

    let theme = folder.path().join("theme");
    assert_eq!(from("theme").unwrap().server.templates, Some(theme.clone()));
    assert_eq!(
        from(theme.to_str().unwrap()).unwrap().server.templates,
        Some(theme)
    );
    for path in ["file", "nope", "", "no\0pe"] {
        assert!(
            sentence(from(path)).ends_with("but an existing folder is expected"),
            "{path}"
        );
    }
}

#[test]
fn fewer_iterations_need_more_memory() {
    let least = [
        (1, 47_104),
        (2, 19_456),
        (3, 12_288),
        (4, 9_216),
        (5, 7_168),
        (64, 7_168),
    ];
    for (iterations, memory) in least {
        let load = |memory: u32| {
            let file = format!("[passwords]\niterations = {iterations}\nmemory_kib = {memory}");
            load(&file, &[])
        };
        load(memory).unwrap();
        load(memory + 1).unwrap();
        assert!(sentence(load(memory - 1)).starts_with("passwords.memory_kib (set in"));
    }
}

#[test]
fn no_text_makes_a_key_panic_or_its_sentence_break() {
    let long = "9".repeat(5000);
    let odd = [
        "",
        " ",
        "\0",
        "\n",
        "-1",
        "1e999",
        "NaN",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "#",
        "=",
        "\\",
        "99999999999999999999y",
        "18446744073709551615s 1y",
        "1s 1",
        "é",
        "\u{202e}",
        "://",
        "sqlite://\0",
        "sqlite://[",
        "postgres://[",
        "postgres://a:b@c:99999/",
        "redis+cluster://,",
        "redis+sentinel://[/m",
        "sqlite://a:b@c:99999/",
        "http://[",
        "http://@",
        "http://:@/",
        "http://xn--a",
        "http://a:99999",
        "@",
        "a@b@c",
        "true",
        "null",
        "1979-05-27",
        &long,
    ];
    for key in KEYS {
        let variable = format!("VESTIBULE_{}", key.name.replace('.', "__").to_uppercase());
        for text in odd {
            let as_toml = text.replace('\\', "\\\\").replace('"', "\\\"");
            let as_toml = as_toml.replace('\n', "\\n").replace('\0', "\\u0000");
            let file = format!("{} = \"{as_toml}\"", key.name);
            for outcome in [by_variable(&variable, text), load(&file, &[])] {
                match outcome {
                    Ok(config) => drop(format!("{:?}", config.rows())),
                    Err(bad) => {
                        let bad = bad.to_string();
                        assert!(bad.starts_with(key.name), "{bad}");
                        assert!(!bad.contains(['\n', '\0']), "{bad}");
                    }
                }
            }
        }
        for value in [
            "1",
            "-1",
            "1.5",
            "inf",
            "nan",
            "true",
            "[]",
            "{}",
            "1979-05-27",
            "07:32:00",
        ] {
            if let Err(bad) = load(&format!("{} = {value}", key.name), &[]) {
                assert!(bad.to_string().contains(key.name), "{bad}");
            }
        }
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let key = "VESTIBULE_SERVER__TRUSTED_PROXIES";
    for (text, shown) in [
        ("", "none"),
        ("10.0.0.7", "10.0.0.7/32"),
        (" 10.0.0.0/8 ,fd00::/8", "10.0.0.0/8, fd00::/8"),
        ("::1", "::1/128"),
    ] {
        let config = by_variable(key, text).unwrap();
        assert_eq!(value(&config, "server.trusted_proxies"), shown, "{text}");
    }
    for text in ["localhost", "10.0.0.0/33", "10.0.0.7,", "10.0.0.7:80", "*"] {
        let said = sentence(by_variable(key, text));
        assert!(said.contains("addresses or networks"), "{text}: {said}");
    }
}
