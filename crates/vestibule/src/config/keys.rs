//! The one table of keys.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use humantime::{format_duration, parse_duration};
use ipnet::IpNet;
use secrecy::ExposeSecret;
use url::Url;
use vestibule_mail::{MailUrl, Sender};
use vestibule_redis::Address;
use vestibule_sql::Place;

use super::sections::{EMAIL_RULES, REGISTRATION_MODES};
use super::{Config, Format, Level, Secrets};

/// A key, and all there is to know of it.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Ends the sentence "..., but {expected} is expected".
    pub(super) expected: &'static str,
    /// Sets the key from its text, be it from the file or from a variable.
    /// `false`: the text is no good, and nothing was set.
    pub(super) read: fn(&mut Config, &str) -> bool,
    /// A text that is no good, in words that tell no secret.
    pub(super) found: fn(&str) -> String,
    /// The value, in words that tell no secret.
    pub(super) show: fn(&Config) -> String,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "secret_key",
        expected: "a text of at least 32 characters, or several of them,",
        read: |config, text| set(&mut config.secret_key, Secrets::parse(text).map(Some)),
        found: Secrets::found,
        show: |config| match &config.secret_key {
            Some(secrets) => hidden(secrets),
            None => "made on first run".to_owned(),
        },
    },
    Key {
        name: "server.address",
        expected: "an IP address such as 127.0.0.1 or ::",
        read: |config, text| set(&mut config.server.address, text.parse().ok()),
        found: quoted,
        show: |config| config.server.address.to_string(),
    },
    Key {
        name: "server.port",
        expected: "a port number from 0 to 65535",
        read: |config, text| set(&mut config.server.port, text.parse().ok()),
        found: quoted,
        show: |config| config.server.port.to_string(),
    },
    Key {
        name: "server.public_url",
        expected: "an http or https URL that ends after the host or port, \
                   such as https://login.example.com,",
        read: |config, text| set(&mut config.server.public_url, public_url(text).map(Some)),
        // Whatever stands before an @ may be a password.
        found: |text| match text.rsplit_once('@') {
            Some((_, host)) => quoted(&format!("***@{host}")),
            None => quoted(text),
        },
        show: |config| match &config.server.public_url {
            Some(url) => url.to_string(),
            None => format!("unset, so {}", config.public_url()),
        },
    },
    Key {
        name: "server.allow_plain_http",
        expected: "true or false",
        read: |config, text| set(&mut config.server.allow_plain_http, text.parse().ok()),
        found: quoted,
        show: |config| config.server.allow_plain_http.to_string(),
    },
    Key {
        name: "server.templates",
        expected: "an existing folder",
        read: |config, text| {
            let path = (!text.is_empty()).then(|| Some(text.into()));
            set(&mut config.server.templates, path)
        },
        found: quoted,
        show: |config| match &config.server.templates {
            Some(folder) => folder.display().to_string(),
            None => "unset, so the built-in ones".to_owned(),
        },
    },
    Key {
        name: "server.trusted_proxies",
        expected: "addresses or networks, such as 10.0.0.7 or 10.0.0.0/8, with commas between them",
        read: |config, text| set(&mut config.server.trusted_proxies, networks(text)),
        found: quoted,
        show: |config| match config.server.trusted_proxies.as_slice() {
            [] => "none".to_owned(),
            some => some
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        },
    },
    Key {
        name: "server.header_timeout",
        expected: "a time from 10ms to 1m",
        read: |config, text| set(&mut config.server.header_timeout, time(text, TIMEOUTS)),
        found: quoted,
        show: |config| format_duration(config.server.header_timeout).to_string(),
    },
    Key {
        name: "server.body_timeout",
        expected: "a time from 10ms to 1m",
        read: |config, text| set(&mut config.server.body_timeout, time(text, TIMEOUTS)),
        found: quoted,
        show: |config| format_duration(config.server.body_timeout).to_string(),
    },
    Key {
        name: "server.idle_timeout",
        expected: "a time from 10ms to 1h",
        read: |config, text| {
            let any = Duration::from_millis(10)..=Duration::from_hours(1);
            set(&mut config.server.idle_timeout, time(text, any))
        },
        found: quoted,
        show: |config| format_duration(config.server.idle_timeout).to_string(),
    },
    Key {
        name: "server.max_connections",
        expected: "a number from 1 to 1000000",
        read: |config, text| {
            set(
                &mut config.server.max_connections,
                number(text, 1..=1_000_000),
            )
        },
        found: quoted,
        show: |config| config.server.max_connections.to_string(),
    },
    Key {
        name: "server.max_connections_per_address",
        expected: "a number from 1 to 1000000",
        read: |config, text| {
            set(
                &mut config.server.max_connections_per_address,
                number(text, 1..=1_000_000),
            )
        },
        found: quoted,
        show: |config| config.server.max_connections_per_address.to_string(),
    },
    Key {
        name: "database.url",
        expected: "a sqlite: or postgres: URL such as sqlite://data/vestibule.db?mode=rwc",
        read: |config, text| {
            set(
                &mut config.database.url,
                is_database(text).then(|| text.into()),
            )
        },
        found: scheme,
        show: |config| masked(config.database.url.expose_secret()),
    },
    Key {
        name: "database.allow_plain",
        expected: "true or false",
        read: |config, text| set(&mut config.database.allow_plain, text.parse().ok()),
        found: quoted,
        show: |config| config.database.allow_plain.to_string(),
    },
    Key {
        name: "database.pool_size",
        expected: "a number from 1 to 1000",
        read: |config, text| set(&mut config.database.pool_size, number(text, 1..=1000)),
        found: quoted,
        show: |config| config.database.pool_size.to_string(),
    },
    Key {
        name: "database.connect_timeout",
        expected: "a time from 0s to 1h",
        read: |config, text| {
            set(
                &mut config.database.connect_timeout,
                time(text, Duration::ZERO..=Duration::from_hours(1)),
            )
        },
        found: quoted,
        show: |config| format_duration(config.database.connect_timeout).to_string(),
    },
    Key {
        name: "database.acquire_timeout",
        expected: "a time from 10ms to 1m",
        read: |config, text| set(&mut config.database.acquire_timeout, time(text, TIMEOUTS)),
        found: quoted,
        show: |config| format_duration(config.database.acquire_timeout).to_string(),
    },
    Key {
        name: "database.answer_timeout",
        expected: "a time from 10ms to 1m",
        read: |config, text| set(&mut config.database.answer_timeout, time(text, TIMEOUTS)),
        found: quoted,
        show: |config| format_duration(config.database.answer_timeout).to_string(),
    },
    Key {
        name: "sessions.url",
        expected: "a redis:, redis+cluster: or redis+sentinel: URL such as redis://localhost",
        read: |config, text| {
            let address = Address::parse(text, config.sessions.timeout);
            set(
                &mut config.sessions.url,
                address.ok().map(|_| Some(text.into())),
            )
        },
        found: scheme,
        show: |config| match &config.sessions.url {
            Some(url) => masked(url.expose_secret()),
            None => "unset, so in the database".to_owned(),
        },
    },
    Key {
        name: "sessions.allow_plain",
        expected: "true or false",
        read: |config, text| set(&mut config.sessions.allow_plain, text.parse().ok()),
        found: quoted,
        show: |config| config.sessions.allow_plain.to_string(),
    },
    Key {
        name: "sessions.timeout",
        expected: "a time from 10ms to 1m",
        read: |config, text| set(&mut config.sessions.timeout, time(text, TIMEOUTS)),
        found: quoted,
        show: |config| format_duration(config.sessions.timeout).to_string(),
    },
    Key {
        name: "sessions.replicas",
        expected: "a number from 0 to 8",
        read: |config, text| set(&mut config.sessions.replicas, number(text, 0..=8)),
        found: quoted,
        show: |config| config.sessions.replicas.to_string(),
    },
    Key {
        name: "sessions.idle",
        expected: "a time of at least 2 minutes, such as 90m or 1h 30m,",
        read: |config, text| {
            set(
                &mut config.sessions.idle,
                time(text, LEAST_IDLE..=Duration::MAX),
            )
        },
        found: quoted,
        show: |config| format_duration(config.sessions.idle).to_string(),
    },
    Key {
        name: "sessions.lifetime",
        expected: "a time such as 24h",
        read: |config, text| {
            let any = Duration::ZERO..=Duration::MAX;
            set(&mut config.sessions.lifetime, time(text, any))
        },
        found: quoted,
        show: |config| format_duration(config.sessions.lifetime).to_string(),
    },
    Key {
        name: "sessions.remembered",
        expected: "a time of at most 30 days, such as 14d,",
        read: |config, text| {
            let most = Duration::ZERO..=MOST_REMEMBERED;
            set(&mut config.sessions.remembered, time(text, most))
        },
        found: quoted,
        show: |config| format_duration(config.sessions.remembered).to_string(),
    },
    Key {
        name: "sessions.recent",
        expected: "a time from 1 minute to 24 hours, such as 10m,",
        read: |config, text| {
            let range = Duration::from_mins(1)..=Duration::from_hours(24);
            set(&mut config.sessions.recent, time(text, range))
        },
        found: quoted,
        show: |config| format_duration(config.sessions.recent).to_string(),
    },
    Key {
        name: "passwords.min_length",
        expected: "a number from 8 to 64",
        // Never below 8; and 64 is the longest that every site must take.
        // Source: NIST SP 800-63B-4, section 3.1.1.2.
        read: |config, text| set(&mut config.passwords.min_length, number(text, 8..=64)),
        found: quoted,
        show: |config| config.passwords.min_length.to_string(),
    },
    Key {
        name: "passwords.memory_kib",
        expected: "a number from 7168 to 4194304",
        read: |config, text| {
            set(
                &mut config.passwords.memory_kib,
                number(text, least_memory(5)..=4_194_304),
            )
        },
        found: quoted,
        show: |config| config.passwords.memory_kib.to_string(),
    },
    Key {
        name: "passwords.iterations",
        expected: "a number from 1 to 64",
        read: |config, text| set(&mut config.passwords.iterations, number(text, 1..=64)),
        found: quoted,
        show: |config| config.passwords.iterations.to_string(),
    },
    Key {
        name: "passwords.parallelism",
        expected: "a number from 1 to 64",
        read: |config, text| set(&mut config.passwords.parallelism, number(text, 1..=64)),
        found: quoted,
        show: |config| config.passwords.parallelism.to_string(),
    },
    Key {
        name: "passwords.memory_budget",
        expected: "a size such as 256MiB or 2GiB",
        read: |config, text| set(&mut config.passwords.memory_budget_kib, size_kib(text)),
        found: quoted,
        show: |config| shown_size(config.passwords.memory_budget_kib),
    },
    Key {
        name: "passwords.pepper",
        expected: "a text of at least 32 characters, or several of them,",
        read: |config, text| set(&mut config.passwords.pepper, Secrets::parse(text).map(Some)),
        found: Secrets::found,
        show: |config| match &config.passwords.pepper {
            Some(secrets) => hidden(secrets),
            None => "unset, so none".to_owned(),
        },
    },
    Key {
        name: "passwords.breach_file",
        expected: "a file made by `vestibule breach build`",
        read: |config, text| {
            let path = (!text.is_empty()).then(|| Some(text.into()));
            set(&mut config.passwords.breach_file, path)
        },
        found: quoted,
        show: |config| match &config.passwords.breach_file {
            Some(file) => file.display().to_string(),
            None => "unset, so the built-in list alone".to_owned(),
        },
    },
    Key {
        name: "throttle.free",
        expected: "a number from 1 to 100",
        read: |config, text| set(&mut config.throttle.free, number(text, 1..=100)),
        found: quoted,
        show: |config| config.throttle.free.to_string(),
    },
    Key {
        name: "throttle.first_wait",
        expected: "a time from 1s to 1h",
        read: |config, text| {
            let range = Duration::from_secs(1)..=Duration::from_hours(1);
            set(&mut config.throttle.first_wait, time(text, range))
        },
        found: quoted,
        show: |config| format_duration(config.throttle.first_wait).to_string(),
    },
    Key {
        name: "throttle.longest_wait",
        expected: "a time from 1s to 24h",
        read: |config, text| {
            let range = Duration::from_secs(1)..=Duration::from_hours(24);
            set(&mut config.throttle.longest_wait, time(text, range))
        },
        found: quoted,
        show: |config| format_duration(config.throttle.longest_wait).to_string(),
    },
    Key {
        name: "throttle.off_after",
        expected: "a number from 1 to 100",
        read: |config, text| set(&mut config.throttle.off_after, number(text, 1..=100)),
        found: quoted,
        show: |config| config.throttle.off_after.to_string(),
    },
    Key {
        name: "throttle.address_free",
        expected: "a number from 1 to 100000",
        read: |config, text| set(&mut config.throttle.address_free, number(text, 1..=100_000)),
        found: quoted,
        show: |config| config.throttle.address_free.to_string(),
    },
    Key {
        name: "throttle.registrations_free",
        expected: "a number from 1 to 100000",
        read: |config, text| {
            set(
                &mut config.throttle.registrations_free,
                number(text, 1..=100_000),
            )
        },
        found: quoted,
        show: |config| config.throttle.registrations_free.to_string(),
    },
    Key {
        name: "throttle.mails_free",
        expected: "a number from 1 to 1000",
        read: |config, text| set(&mut config.throttle.mails_free, number(text, 1..=1000)),
        found: quoted,
        show: |config| config.throttle.mails_free.to_string(),
    },
    Key {
        name: "registration.mode",
        expected: r#""open", "invite" or "closed""#,
        read: |config, text| {
            let mode = REGISTRATION_MODES
                .into_iter()
                .find(|(word, _)| *word == text);
            set(&mut config.registration.mode, mode.map(|(_, mode)| mode))
        },
        found: quoted,
        show: |config| {
            let mode = REGISTRATION_MODES
                .into_iter()
                .find(|(_, mode)| *mode == config.registration.mode);
            mode.map_or("", |(word, _)| word).to_owned()
        },
    },
    Key {
        name: "accounts.email",
        expected: r#""off", "optional" or "required""#,
        read: |config, text| {
            let rule = EMAIL_RULES.into_iter().find(|(word, _)| *word == text);
            set(&mut config.accounts.email, rule.map(|(_, rule)| rule))
        },
        found: quoted,
        show: |config| {
            let rule = EMAIL_RULES
                .into_iter()
                .find(|(_, rule)| *rule == config.accounts.email);
            rule.map_or("", |(word, _)| word).to_owned()
        },
    },
    Key {
        name: "accounts.grace",
        expected: "a time from 1h to 90d",
        read: |config, text| {
            let any = Duration::from_hours(1)..=Duration::from_hours(90 * 24);
            set(&mut config.accounts.grace, time(text, any))
        },
        found: quoted,
        show: |config| format_duration(config.accounts.grace).to_string(),
    },
    Key {
        name: "accounts.reserved",
        expected: "a time from 0s to 10years",
        read: |config, text| {
            let any = Duration::ZERO..=Duration::from_hours(10 * 366 * 24);
            set(&mut config.accounts.reserved, time(text, any))
        },
        found: quoted,
        show: |config| format_duration(config.accounts.reserved).to_string(),
    },
    Key {
        name: "mail.url",
        expected: "an smtps: or smtp: URL such as smtps://user:password@mail.example.com",
        read: |config, text| {
            let url = MailUrl::parse(text).map(Some);
            set(
                &mut config.mail.url,
                if text.is_empty() { Some(None) } else { url },
            )
        },
        found: scheme,
        show: |config| match &config.mail.url {
            Some(url) => url.to_string(),
            None => "unset, so mail is written to files".to_owned(),
        },
    },
    Key {
        name: "mail.from",
        expected: "a name and an address, such as Vestibule <hall@example.com>,",
        read: |config, text| {
            let sender = Sender::parse(text).map(Some);
            set(
                &mut config.mail.from,
                if text.is_empty() { Some(None) } else { sender },
            )
        },
        found: quoted,
        show: |config| match &config.mail.from {
            Some(sender) => sender.to_string(),
            None => "unset, so vestibule@ the public host".to_owned(),
        },
    },
    Key {
        name: "mail.folder",
        expected: "a folder, which is made where it is not there",
        read: |config, text| {
            let path = (!text.is_empty()).then(|| text.into());
            set(&mut config.mail.folder, path)
        },
        found: quoted,
        show: |config| config.mail.folder.display().to_string(),
    },
    Key {
        name: "log.level",
        expected: r#""error", "warn", "info" or "debug""#,
        read: |config, text| {
            let level = Level::ALL.into_iter().find(|level| level.as_str() == text);
            set(&mut config.log.level, level)
        },
        found: quoted,
        show: |config| config.log.level.as_str().to_owned(),
    },
    Key {
        name: "log.format",
        expected: r#""text" or "json""#,
        read: |config, text| {
            let format = Format::ALL
                .into_iter()
                .find(|format| format.as_str() == text);
            set(&mut config.log.format, format)
        },
        found: quoted,
        show: |config| config.log.format.as_str().to_owned(),
    },
    Key {
        name: "events.keep",
        expected: r#"a time from 1d to 10years, or "forever""#,
        read: |config, text| {
            let keep = match text {
                "forever" => Some(None),
                text => time(text, KEPT).map(Some),
            };
            set(&mut config.events.keep, keep)
        },
        found: quoted,
        show: |config| match config.events.keep {
            // Months, as it would be told otherwise, have no certain length.
            Some(age) if age.as_secs().is_multiple_of(86_400) => {
                format!("{}days", age.as_secs() / 86_400)
            }
            Some(age) => format_duration(age).to_string(),
            None => "forever".to_owned(),
        },
    },
];

/// Activity is written down at most once a minute, so a shorter time would end
/// sessions that are in use.
const LEAST_IDLE: Duration = Duration::from_mins(2);

/// How long events are kept: what is gone after less than a day helps nobody.
const KEPT: RangeInclusive<Duration> =
    Duration::from_hours(24)..=Duration::from_hours(24 * 366 * 10);

/// How long a visitor may be left waiting for a store.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_mins(1);

/// Source: NIST SP 800-63B-4, section 2.1.3, which wants a new sign-in at least
/// every 30 days.
const MOST_REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// The least memory, in KiB, that makes a hash of so many iterations strong
/// enough.
///
/// Source: OWASP Password Storage Cheat Sheet, "Argon2id", the configurations
/// of equal strength.
pub(super) fn least_memory(iterations: u32) -> u32 {
    match iterations {
        0 | 1 => 47_104,
        2 => 19_456,
        3 => 12_288,
        4 => 9_216,
        5.. => 7_168,
    }
}

/// Whether there was a value to set.
fn set<T>(field: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *field = value;
            true
        }
        None => false,
    }
}

fn number<N: FromStr + PartialOrd>(text: &str, range: RangeInclusive<N>) -> Option<N> {
    text.parse().ok().filter(|number| range.contains(number))
}

fn time(text: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
    parse_duration(text)
        .ok()
        .filter(|time| range.contains(time))
}

/// Largest first.
const UNITS_KIB: [(&str, u64); 3] = [("GiB", 1024 * 1024), ("MiB", 1024), ("KiB", 1)];

/// A size with its unit, in KiB.
fn size_kib(text: &str) -> Option<u64> {
    UNITS_KIB.into_iter().find_map(|(unit, kib)| {
        let digits = text.strip_suffix(unit)?.trim_end();
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .parse::<u64>()
            .ok()
            .filter(|_| plain)?
            .checked_mul(kib)
    })
}

pub(super) fn shown_size(size_kib: u64) -> String {
    let unit = UNITS_KIB
        .into_iter()
        .find(|&(_, kib)| size_kib.is_multiple_of(kib) && size_kib > 0);
    let (unit, kib) = unit.unwrap_or(("KiB", 1));
    format!("{}{unit}", size_kib / kib)
}

/// No text, no networks.
fn networks(text: &str) -> Option<Vec<IpNet>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let network = |text: &str| {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse().ok().or_else(address)
    };
    text.split(',').map(str::trim).map(network).collect()
}

fn public_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https");
    let user = !url.username().is_empty() || url.password().is_some();
    let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    (web && !user && !more).then_some(url)
}

/// Whether `text` names a database. An empty name is refused: `SQLite` takes it
/// for a database that is gone when the program ends.
fn is_database(text: &str) -> bool {
    match text.strip_prefix("sqlite:") {
        Some(name) => {
            let name = name.trim_start_matches("//");
            !name.is_empty() && !name.starts_with('?') && Url::parse(text).is_ok()
        }
        None => matches!(Place::of(text), Ok(Place::Server)),
    }
}

/// What kind of URL `text` is. The rest may hold a password anywhere.
fn scheme(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, _)) => format!("a {}: URL", scheme.escape_debug()),
        None => "something else".to_owned(),
    }
}

/// How many secrets there are, and no more.
fn hidden(secrets: &Secrets) -> String {
    match secrets.older.len() {
        0 => "********".to_owned(),
        older => format!("******** and {older} older"),
    }
}

/// `url` with `***` in place of its passwords.
pub(crate) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((login, hosts)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:***@{hosts}"),
            None => format!("{login}@{hosts}"),
        },
        None => authority.to_owned(),
    };
    let query = query.map_or_else(String::new, |query| {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.contains("password") => format!("{name}=***"),
            _ => pair.to_owned(),
        });
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{authority}{path}{query}")
}

/// A number as it is, all else in quotes and on one line.
pub(super) fn quoted(text: &str) -> String {
    match text.parse::<i128>() {
        Ok(_) => text.to_owned(),
        Err(_) => format!("{text:?}"),
    }
}
