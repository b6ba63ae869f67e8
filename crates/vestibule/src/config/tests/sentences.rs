//! What an operator is told.

use super::*;

#[test]
fn a_bad_value_in_a_variable() {
    let cases = [
        (
            ("SERVER__PORT", "abc"),
            "server.port (set by VESTIBULE_SERVER__PORT) is \"abc\", \
             but a port number from 0 to 65535 is expected",
        ),
        (
            ("SERVER__PUBLIC_URL", "https://a.example/login"),
            "server.public_url (set by VESTIBULE_SERVER__PUBLIC_URL) is \
             \"https://a.example/login\", but an http or https URL that ends after the host or \
             port, such as https://login.example.com, is expected",
        ),
        (
            ("SERVER__PUBLIC_URL", "https://ada:hunter2@a.example"),
            "server.public_url (set by VESTIBULE_SERVER__PUBLIC_URL) is \
             \"***@a.example\", but an http or https URL that ends after the host or \
             port, such as https://login.example.com, is expected",
        ),
        (
            ("DATABASE__URL", "mysql://ada:hunter2@db/app"),
            "database.url (set by VESTIBULE_DATABASE__URL) is a mysql: URL, but \
             a sqlite: or postgres: URL such as sqlite://data/vestibule.db?mode=rwc is expected",
        ),
        (
            ("MAIL__URL", "smtp://ada:hunter2@mail.example.com/x"),
            "mail.url (set by VESTIBULE_MAIL__URL) is a smtp: URL, but an smtps: or smtp: URL such as \
             smtps://user:password@mail.example.com is expected",
        ),
        (
            ("SERVER__PUBLIC_URL", "http://login.example.com"),
            "server.public_url (set by VESTIBULE_SERVER__PUBLIC_URL) is a plain http: URL, so that whoever listens on the \
             way can take over what visitors do, but an https: URL (or server.allow_plain_http = true) is expected",
        ),
        (
            (
                "DATABASE__URL",
                "postgres://ada:hunter2@db/v?sslmode=require",
            ),
            "database.url (set by VESTIBULE_DATABASE__URL) is a Postgres on another machine whose certificate is not \
             checked, so that whoever sits on the way can read and change accounts, but a URL with sslmode=verify-full (or \
             database.allow_plain = true) is expected",
        ),
        (
            ("SESSIONS__URL", "redis://:hunter2@redis.example"),
            "sessions.url (set by VESTIBULE_SESSIONS__URL) is a Redis on another machine that is reached unencrypted, so \
             that whoever listens on the way can take over sessions, but rediss instead of redis (or \
             sessions.allow_plain = true) is expected",
        ),
        (
            ("SESSIONS__IDLE", "25h"),
            "sessions.lifetime (the default) is 1day, but at least 1day 1h, \
             as sessions.idle (set by VESTIBULE_SESSIONS__IDLE), is expected",
        ),
        (
            ("PASSWORDS__ITERATIONS", "1"),
            "passwords.memory_kib (the default) is 19456, but at least 47104, since \
             passwords.iterations (set by VESTIBULE_PASSWORDS__ITERATIONS) is 1, is expected",
        ),
        (
            ("THROTTLE__LONGEST_WAIT", "10s"),
            "throttle.longest_wait (set by VESTIBULE_THROTTLE__LONGEST_WAIT) is 10s, but at least 30s, as \
             throttle.first_wait (the default), is expected",
        ),
        (
            ("THROTTLE__OFF_AFTER", "4"),
            "throttle.off_after (set by VESTIBULE_THROTTLE__OFF_AFTER) is 4, but at least 5, as throttle.free (the \
             default), is expected",
        ),
        (
            ("PASSWORDS__MEMORY_BUDGET", "16MiB"),
            "passwords.memory_budget (set by VESTIBULE_PASSWORDS__MEMORY_BUDGET) is 16MiB, but enough \
             for one hash, since passwords.memory_kib (the default) is 19456, is expected",
        ),
        (
            ("PASSWORDS__PEPPER", "hunter2,hunter3"),
            "passwords.pepper (set by VESTIBULE_PASSWORDS__PEPPER) is 2 texts, the shortest of length 7, \
             but a text of at least 32 characters, or several of them, is expected",
        ),
        (
            ("SECRET_KEY", "hunter2"),
            "secret_key (set by VESTIBULE_SECRET_KEY) is a text of length 7, \
             but a text of at least 32 characters, or several of them, is expected",
        ),
    ];
    for ((name, text), expected) in cases {
        assert_eq!(
            sentence(by_variable(&format!("VESTIBULE_{name}"), text)),
            expected
        );
    }
}

#[test]
fn a_bad_value_in_the_file() {
    let cases = [
        ("port = \"\"", "\"\""),
        ("port = 65536", "65536"),
        ("port = true", "\"true\""),
        ("port = 1.5", "\"1.5\""),
        ("port = [1]", "a list, table or date"),
        ("port = { x = 1 }", "a list, table or date"),
        ("port = 1979-05-27", "a list, table or date"),
    ];
    for (line, found) in cases {
        assert_eq!(
            sentence(load(&format!("[server]\n{line}"), &[])),
            format!(
                "server.port (set in config/vestibule.toml) is {found}, \
                 but a port number from 0 to 65535 is expected"
            )
        );
    }
}

#[test]
fn a_bad_value_found_later() {
    let config = by_variable("VESTIBULE_SERVER__PORT", "80").unwrap();

    assert_eq!(
        config
            .bad("server.port", "80, which is in use", "a free port")
            .to_string(),
        "server.port (set by VESTIBULE_SERVER__PORT) is 80, which is in use, \
         but a free port is expected"
    );
}

#[test]
fn an_unknown_name() {
    let sections = "there are: secret_key, [server], [database], [sessions], [passwords], [throttle], \
                    [registration], [accounts], [mail], [log], [events]";
    let server = "in [server] there are: address, port, public_url, allow_plain_http, templates, \
                  trusted_proxies, header_timeout, body_timeout, idle_timeout, max_connections, \
                  max_connections_per_address";
    let in_file = [
        ("[server]\nprot = 1", "server.prot", server),
        ("\"server.port\" = 1", "server.port", server),
        ("[serve]\nport = 1", "serve", sections),
        ("[\"a\\nb\"]", "a\\nb", sections),
        (
            "[log]\nsecret_key = 'hunter2'",
            "log.secret_key",
            "in [log] there are: level, format",
        ),
    ];
    for (file, key, help) in in_file {
        assert_eq!(
            sentence(load(file, &[])),
            format!("{key} (set in config/vestibule.toml) is not a key of Vestibule; {help}")
        );
    }

    let by_name = [
        ("VESTIBULE_FOO", "foo", sections),
        ("VESTIBULE_", "", sections),
        ("VESTIBULE_SERVER", "server", server),
        ("VESTIBULE_SERVER__PORT__X", "server.port.x", server),
        (
            "VESTIBULE_SERVER_PORT",
            "server_port",
            "VESTIBULE_SERVER__PORT is",
        ),
        (
            "VESTIBULE_server__port",
            "server.port",
            "VESTIBULE_SERVER__PORT is",
        ),
    ];
    for (name, key, help) in by_name {
        assert_eq!(
            sentence(by_variable(name, "1")),
            format!("{key} (set by {name}) is not a key of Vestibule; {help}")
        );
    }
}

#[test]
fn a_value_where_a_section_belongs_even_under_a_variable() {
    let expected = "log (set in config/vestibule.toml) is not a section, \
                    but a section [log] with level, format is expected";
    let file = "log = 'sqlite://ada:hunter2@db'";

    assert_eq!(sentence(load(file, &[])), expected);
    assert_eq!(
        sentence(load(file, &[("VESTIBULE_LOG__LEVEL", "warn")])),
        expected
    );
    assert!(sentence(load("[[server]]", &[])).contains("is not a section"));
}

/// The parser's own message quotes the line, in which a secret may stand.
#[test]
fn bad_toml_with_its_place_but_without_its_line() {
    let cases = [
        ("[server]\nport = ?", "line 2, column 8: "),
        ("secret_key = \"hunter2", "line 1, column 22: "),
        ("secret_key = hunter2", "line 1, column 14: "),
        ("log.level = 'é' hunter2", "line 1, column 17: "),
        ("[log]\n\n[log]", "line 3, column 1: "),
        ("server.port = 1\nserver.port = 2", "line 2, column 1: "),
        ("log.level = 99999999999999999999", "line 1, column 13: "),
    ];
    for (file, place) in cases {
        let said = sentence(load(file, &[]));
        assert!(
            said.starts_with(&format!("config/vestibule.toml, {place}")),
            "{said}"
        );
        assert!(!said.contains('\n') && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_named_file_that_is_not_there() {
    for name in ["nope.toml", "", "no\nfile"] {
        let said = sentence(by_variable("VESTIBULE_CONFIG", name));
        let start =
            format!("VESTIBULE_CONFIG is {name:?}, but a file that can be read is expected: ");
        assert!(said.starts_with(&start), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(vec![b'1', 0xff]);
    let folder = TempDir::new().unwrap();
    let load = |name: OsString| Config::from(folder.path(), [(name, bytes.clone())]);

    for name in [
        "VESTIBULE_SERVER__PORT",
        "VESTIBULE_CONFIG",
        "VESTIBULE_FOO",
    ] {
        let expected = format!("{name} is not UTF-8, but a text is expected");
        assert_eq!(sentence(load(name.into())), expected);
    }
    let odd = OsString::from_vec(b"VESTIBULE_\xff".to_vec());
    let outcome = Config::from(folder.path(), [(odd, "1".into())]);
    assert!(sentence(outcome).contains("is not a key of Vestibule"));
    load("HOME".into()).unwrap();
}
