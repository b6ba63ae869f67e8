//! What an operator should know of how the stores are reached.

use std::net::IpAddr;

use secrecy::ExposeSecret;
use url::Url;

use crate::Config;
use crate::config::keys::masked;

/// A sentence for each store on another machine that is reached unencrypted or unchecked, as the config allows.
///
/// Source: OWASP ASVS 5.0, requirements 12.3.1 and 12.3.2.
pub(crate) fn of_stores(config: &Config) -> Vec<String> {
    let mut all = Vec::new();
    let database = config.database.url.expose_secret();
    if is_unchecked(database) {
        all.push(format!(
            "database.url reaches {} without checking whom it talks to: put sslmode=verify-full into it where the \
             network in between is not your own",
            masked(database)
        ));
    }
    if let Some(sessions) = &config.sessions.url
        && is_unencrypted(sessions.expose_secret())
    {
        all.push(format!(
            "sessions.url reaches {} unencrypted: write rediss for redis where the network in between is not your own",
            masked(sessions.expose_secret())
        ));
    }
    all
}

/// Whether this is a Postgres on another machine, and whoever sits on the way could pass for it.
pub(crate) fn is_unchecked(database: &str) -> bool {
    let Ok(url) = Url::parse(database) else {
        return false;
    };
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return false;
    }
    let mut is_another = url.host_str().is_some_and(is_another_machine);
    let mut is_checked = false;
    // A parameter beats the host, and the last one of a name those before it.
    for (name, value) in url.query_pairs() {
        match &*name {
            "host" | "hostaddr" => is_another |= is_another_machine(&value),
            "sslmode" | "ssl-mode" => {
                let mode = value.to_ascii_lowercase();
                is_checked = matches!(mode.as_str(), "verify-ca" | "verify-full");
            }
            _ => {}
        }
    }
    is_another && !is_checked
}

/// Whether this is a Redis on another machine, and whoever listens on the way could take over sessions.
pub(crate) fn is_unencrypted(redis: &str) -> bool {
    is_elsewhere(redis) && !redis.starts_with("rediss")
}

/// Whether anybody on the network could end, prolong and make up sessions in the Redis of this URL.
///
/// Source: OWASP ASVS 5.0, requirement 13.2.1.
pub(crate) fn is_open_to_all(redis: &str) -> bool {
    is_elsewhere(redis) && !redis.contains('@')
}

/// Whether one of the hosts in the URL of a Redis is not this machine.
fn is_elsewhere(redis: &str) -> bool {
    let Some((_, rest)) = redis.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority
        .rsplit_once('@')
        .map_or(authority, |(_, hosts)| hosts);
    hosts.split(',').any(|host| {
        Url::parse(&format!("redis://{host}"))
            .is_ok_and(|url| url.host_str().is_some_and(is_another_machine))
    })
}

/// Whether `host` is neither this machine nor a socket in its file system.
fn is_another_machine(host: &str) -> bool {
    let is_socket = host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
    let is_here = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    !is_socket && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(database: &str, sessions: Option<&str>) -> Vec<String> {
        let mut config = Config::default();
        config.database.url = database.into();
        config.sessions.url = sessions.map(Into::into);
        of_stores(&config)
    }

    #[test]
    fn nothing_is_said_of_what_is_safe_or_here() {
        for (database, sessions) in [
            ("sqlite://data/vestibule.db", None),
            ("postgres://ada:pw@localhost/v", Some("redis://localhost")),
            (
                "postgres://ada:pw@[::1]:5432/v",
                Some("redis://127.0.0.1:1"),
            ),
            (
                "postgres:///v?host=/var/run/postgresql",
                Some("redis://[::1]:7000"),
            ),
            (
                "postgres://%2Fvar%2Frun%2Fpostgresql/v",
                Some("redis+cluster://localhost,127.0.0.2:1"),
            ),
            (
                "postgres://ada:pw@db.example/v?sslmode=verify-full",
                Some("rediss://:pw@redis.example"),
            ),
            (
                "postgres://db.example/v?application_name=x&sslmode=VERIFY-CA",
                Some("rediss+cluster://:pw@a.example,b.example"),
            ),
        ] {
            assert_eq!(warnings(database, sessions), Vec::<String>::new());
        }
    }

    #[test]
    fn what_others_could_listen_to_is_named_without_its_password() {
        for (database, sessions, count) in [
            ("postgres://ada:hush@db.example/v", None, 1),
            ("postgresql://ada:hush@10.0.0.1/v?sslmode=require", None, 1),
            ("postgres://ada:hush@localhost/v?host=db.example", None, 1),
            ("postgres:///v?hostaddr=10.0.0.1&password=hush", None, 1),
            (
                "postgres://ada:hush@db.example/v?sslmode=verify-full&ssl-mode=allow",
                None,
                1,
            ),
            ("sqlite://x", Some("redis://:hush@10.0.0.1"), 1),
            ("sqlite://x", Some("redis://:hush@a.example#@localhost"), 1),
            (
                "postgres://ada:hush@db.example/v?sslmode=disable",
                Some("redis+sentinel://:hush@a.example/name"),
                2,
            ),
        ] {
            let all = warnings(database, sessions);
            assert_eq!(all.len(), count, "{all:?}");
            assert!(!all.concat().contains("hush"), "{all:?}");
        }
    }

    #[test]
    fn a_redis_on_another_machine_has_a_password() {
        for (url, is_open) in [
            ("redis://localhost", false),
            ("redis://127.0.0.1:6379/0", false),
            ("redis://:pw@redis.example", false),
            ("rediss://redis.example", true),
            ("redis+cluster://localhost,b.example", true),
            ("redis+sentinel://a.example/name", true),
        ] {
            assert_eq!(is_open_to_all(url), is_open, "{url}");
        }
    }
}
