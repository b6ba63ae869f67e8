//! The sections, and their defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;
use vestibule_domain::{EmailRule, Limit, ThrottleLimits};
use vestibule_mail::{MailUrl, Sender};

use super::Secrets;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// Scheme, host and port that visitors see; see [`Config::public_url`](super::Config::public_url).
    pub public_url: Option<Url>,
    /// Whether it may be plain http elsewhere than on this machine.
    pub allow_plain_http: bool,
    /// A folder whose templates and static files replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// The proxies that are believed about whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long the body of a request may take, and how long an answer may wait to be taken.
    pub body_timeout: Duration,
    /// How long a connection is kept for the next request.
    pub idle_timeout: Duration,
    /// The most connections at a time.
    pub max_connections: u32,
    /// The most of them by one address, or by one /64 of IPv6.
    pub max_connections_per_address: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 8000,
            public_url: None,
            allow_plain_http: false,
            templates: None,
            trusted_proxies: Vec::new(),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            // Longer than proxies keep theirs, 60 s mostly: a request on a connection that we close is lost.
            idle_timeout: Duration::from_secs(75),
            max_connections: 4096,
            max_connections_per_address: 128,
        }
    }
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// A `sqlite:` or `postgres:` URL. Secret, since a URL may hold a password.
    pub url: SecretString,
    /// Whether a Postgres on another machine may be reached without a check of its certificate.
    pub allow_plain: bool,
    /// The most connections to a Postgres server.
    pub pool_size: u32,
    /// How long the start waits for a server, that of the sessions too.
    pub connect_timeout: Duration,
    /// How long a statement waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may take in all.
    pub answer_timeout: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://data/vestibule.db?mode=rwc".into(),
            allow_plain: false,
            pool_size: 10,
            connect_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(1),
        }
    }
}

impl Database {
    /// What the adapter is told.
    pub fn options(&self) -> vestibule_sql::Options {
        vestibule_sql::Options {
            pool_size: self.pool_size,
            connect_timeout: self.connect_timeout,
            acquire_timeout: self.acquire_timeout,
            answer_timeout: self.answer_timeout,
        }
    }
}

/// `[sessions]`
#[derive(Debug, Clone)]
pub struct Sessions {
    /// A URL of Redis. `None`: they are kept in the database. Secret, since a URL may hold a password.
    pub url: Option<SecretString>,
    /// Whether a Redis on another machine may be reached unencrypted.
    pub allow_plain: bool,
    /// How long Redis may take to answer.
    pub timeout: Duration,
    /// How many replicas of Redis must know that a session has ended.
    pub replicas: u8,
    /// A session that is not used for this long ends.
    pub idle: Duration,
    /// A session ends this long after sign-in, however busy it is.
    pub lifetime: Duration,
    /// The same for a session that was asked to be remembered.
    pub remembered: Duration,
    /// How long a password that was given is good for what is asked for with care.
    pub recent: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            url: None,
            allow_plain: false,
            timeout: Duration::from_secs(1),
            replicas: 0,
            idle: Duration::from_hours(1),
            lifetime: Duration::from_hours(24),
            remembered: Duration::from_hours(30 * 24),
            recent: Duration::from_mins(10),
        }
    }
}

/// `[passwords]`
#[derive(Debug, Clone)]
pub struct Passwords {
    /// The fewest characters of a new password.
    ///
    /// Source: NIST SP 800-63B-4, section 3.1.1.2, which wants at least 15
    /// where the password is the only factor.
    pub min_length: usize,
    /// Memory that one hash takes, in KiB.
    ///
    /// Source, with the two below: OWASP Password Storage Cheat Sheet, "Argon2id".
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// Lanes that may be computed at the same time.
    pub parallelism: u32,
    /// The memory that all hashes together may take, in KiB.
    pub memory_budget_kib: u64,
    /// What goes into every hash and is kept apart from the database. `None`: nothing does.
    pub pepper: Option<Secrets>,
    /// A file of passwords known from leaks, made by `vestibule breach build`. `None`: the built-in list alone.
    pub breach_file: Option<PathBuf>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            min_length: 15,
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            memory_budget_kib: 512 * 1024,
            pepper: None,
            breach_file: None,
        }
    }
}

/// `[throttle]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    /// So many wrong passwords in a row for one account need not wait.
    pub free: u32,
    /// How long the next one waits; each one after that twice as long.
    pub first_wait: Duration,
    /// No wait is longer.
    pub longest_wait: Duration,
    /// After so many in a row, an account's password is off for browsers that it does not know.
    ///
    /// Source: NIST SP 800-63B-4 section 3.2.2, which wants no more than 100.
    pub off_after: u32,
    /// So many logins from one address may be wrong, or under way, before it has to wait.
    pub address_free: u32,
    /// So many accounts may be asked for from one address before it has to wait.
    pub registrations_free: u32,
    /// So many mails to one account or address may be asked for before the next one has to wait.
    pub mails_free: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            free: 5,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_hours(1),
            off_after: 100,
            address_free: 100,
            registrations_free: 20,
            mails_free: 5,
        }
    }
}

impl Throttle {
    /// What the domain is told.
    pub fn limits(&self) -> ThrottleLimits {
        // What was wrong at an address is another day's when it has been quiet for one; an account's guesses count for as
        // long as a slow guesser may take.
        let address = Limit {
            free: self.address_free,
            first_wait: self.first_wait,
            longest_wait: self.longest_wait,
            off_after: None,
            forgotten_after: Duration::from_hours(24),
        };
        ThrottleLimits {
            account: Limit {
                free: self.free,
                off_after: Some(self.off_after),
                forgotten_after: Duration::from_hours(30 * 24),
                ..address
            },
            address,
            registration: Limit {
                free: self.registrations_free,
                ..address
            },
            mail: Limit {
                free: self.mails_free,
                ..address
            },
        }
    }
}

/// `[registration]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// Whether visitors may make accounts.
    pub mode: vestibule_domain::Registration,
}

/// The words for [`Registration::mode`] in the file.
pub(super) const REGISTRATION_MODES: [(&str, vestibule_domain::Registration); 3] = [
    ("open", vestibule_domain::Registration::Open),
    ("invite", vestibule_domain::Registration::Invited),
    ("closed", vestibule_domain::Registration::Closed),
];

/// `[accounts]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Whether they have e-mail addresses.
    pub email: EmailRule,
    /// How long after its owner wanted it an account is deleted.
    pub grace: Duration,
    /// How long after that nobody gets its name.
    pub reserved: Duration,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            email: EmailRule::default(),
            grace: Duration::from_hours(7 * 24),
            reserved: Duration::from_hours(90 * 24),
        }
    }
}

/// The words for [`EmailRule`] in the file.
pub(super) const EMAIL_RULES: [(&str, EmailRule); 3] = [
    ("off", EmailRule::Off),
    ("optional", EmailRule::Optional),
    ("required", EmailRule::Required),
];

/// `[mail]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The server that takes mail. `None`: each is written into `folder`.
    pub url: Option<MailUrl>,
    /// Who mail is from. `None`: `Vestibule <vestibule@host>`, the host being that of the public URL.
    pub from: Option<Sender>,
    /// Where mail is written while there is no server.
    pub folder: PathBuf,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            url: None,
            from: None,
            folder: "data/outbox".into(),
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The least urgent thing that is written.
    pub level: Level,
    /// What a line looks like.
    pub format: Format,
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// A JSON object, for programs.
    Json,
}

impl Format {
    pub(super) const ALL: [Self; 2] = [Self::Text, Self::Json];

    /// As it stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// `[events]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// How long security events are kept. `None`: for ever.
    pub keep: Option<Duration>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            keep: Some(Duration::from_hours(90 * 24)),
        }
    }
}

/// How urgent a line of the log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something looks wrong.
    Warn,
    /// What an operator wants to know of.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
}

impl Level {
    pub(super) const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// As it stands in the file, and as `tracing` calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}
