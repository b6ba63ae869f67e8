//! The sections, and their defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// Scheme, host and port that visitors see; see [`Config::public_url`](super::Config::public_url).
    pub public_url: Option<Url>,
    /// A folder whose templates and static files replace the built-in ones.
    pub templates: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 8000,
            public_url: None,
            templates: None,
        }
    }
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// A `sqlite:` or `postgres:` URL. Secret, since a URL may hold a password.
    pub url: SecretString,
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
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            url: None,
            timeout: Duration::from_secs(1),
            replicas: 0,
            idle: Duration::from_hours(1),
            lifetime: Duration::from_hours(24),
            remembered: Duration::from_hours(30 * 24),
        }
    }
}

/// `[passwords]`
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            min_length: 15,
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
        }
    }
}

/// `[registration]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// Whether visitors may make accounts.
    pub mode: Mode,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every visitor.
    #[default]
    Open,
    /// Nobody: the page says so.
    Closed,
}

impl Mode {
    pub(super) const ALL: [Self; 2] = [Self::Open, Self::Closed];

    /// As it stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
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
