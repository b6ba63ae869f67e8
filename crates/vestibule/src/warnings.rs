//! What an operator should know of how the stores are reached.

use secrecy::ExposeSecret;
use url::{Host, Url};

use crate::Config;
use crate::config::keys::masked;

/// A sentence for each store on another machine that is reached unencrypted or unchecked.
///
/// Source: OWASP ASVS 5.0, requirements 12.3.1 and 12.3.2.
pub(crate) fn of_stores(config: &Config) -> Vec<String> {
    let mut all = Vec::new();
    let database = config.database.url.expose_secret();
    if database.starts_with("postgres") && is_elsewhere(database) {
        let mode = parameter(database, "sslmode");
        if !matches!(mode.as_deref(), Some("verify-full" | "verify-ca")) {
            all.push(format!(
                "database.url reaches {} without checking whom it talks to: put sslmode=verify-full into it where the \
                 network in between is not your own",
                masked(database)
            ));
        }
    }
    let Some(sessions) = &config.sessions.url else {
        return all;
    };
    let sessions = sessions.expose_secret();
    let plain = sessions.starts_with("redis:") || sessions.starts_with("redis+");
    if plain && is_elsewhere(sessions) {
        all.push(format!(
            "sessions.url reaches {} unencrypted: write rediss for redis where the network in between is not your own",
            masked(sessions)
        ));
    }
    all
}

/// Whether anybody on the network could end, prolong and make up sessions in the Redis of this URL.
///
/// Source: OWASP ASVS 5.0, requirement 13.2.1.
pub(crate) fn is_open_to_all(redis: &str) -> bool {
    is_elsewhere(redis) && !redis.contains('@')
}

/// Whether one of the hosts in `url` is not this machine.
fn is_elsewhere(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority
        .rsplit_once('@')
        .map_or(authority, |(_, hosts)| hosts);
    hosts.split(',').any(|host| {
        match Url::parse(&format!("http://{host}"))
            .as_ref()
            .map(Url::host)
        {
            Ok(Some(Host::Domain(name))) => name != "localhost",
            Ok(Some(Host::Ipv4(address))) => !address.is_loopback(),
            Ok(Some(Host::Ipv6(address))) => !address.is_loopback(),
            // A socket in the file system, which a parameter names.
            Ok(None) | Err(_) => false,
        }
    })
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(found, _)| found == name || found.replace('-', "") == name)
        .map(|(_, value)| value.into_owned())
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
                "postgres://ada:pw@db.example/v?sslmode=verify-full",
                Some("rediss://:pw@redis.example"),
            ),
            (
                "postgres://db.example/v?application_name=x&sslmode=verify-ca",
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
            ("sqlite://x", Some("redis://:hush@10.0.0.1"), 1),
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
