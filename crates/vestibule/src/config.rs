//! What an operator can set: defaults, then a file, then the environment.
//!
//! The file is `config/vestibule.toml` in the working folder, or whatever
//! `VESTIBULE_CONFIG` names. The variable of `server.port` is
//! `VESTIBULE_SERVER__PORT`; `VESTIBULE_SERVER__PORT_FILE` names a file with the
//! value in it. All may stay away: the defaults run.

pub(crate) mod keys;
mod layers;
mod secrets;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;

use figment::Source;
use figment::value::Value;
use humantime::format_duration;
use secrecy::ExposeSecret;
use thiserror::Error;
use url::Url;
use vestibule_domain::Outage;
use vestibule_sql::Place;

use crate::warnings;

use self::keys::KEYS;
pub use self::secrets::Secrets;
pub use self::sections::{
    Accounts, Database, Events, Format, Level, Log, Mail, Passwords, Registration, Server,
    Sessions, Throttle,
};

/// Every setting. Fields may be changed freely, in tests above all: only
/// [`Config::load`] checks them.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where pages are served, and under which name.
    pub server: Server,
    /// Where accounts are kept.
    pub database: Database,
    /// How long a sign-in lasts.
    pub sessions: Sessions,
    /// What a password must be, and what hashing it costs.
    pub passwords: Passwords,
    /// How often passwords may be guessed.
    pub throttle: Throttle,
    /// Who may make an account.
    pub registration: Registration,
    /// What accounts have.
    pub accounts: Accounts,
    /// How mail goes out.
    pub mail: Mail,
    /// What is kept of what happened.
    pub events: Events,
    /// What is written down.
    pub log: Log,
    /// What signs the tokens in forms. `None`: to be made on first run.
    pub secret_key: Option<Secrets>,
    /// Where each key was set; a key that kept its default is missing.
    sources: BTreeMap<&'static str, Source>,
}

/// One key as `vestibule check` prints it: nothing in here is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name, such as `server.port`.
    pub key: &'static str,
    /// Its value, a secret masked, an unset one told in words.
    pub value: String,
    /// See [`Config::source_of`].
    pub source: String,
}

/// A setting that cannot be used, in one sentence for the operator: which key,
/// where it was set, what was found (never a secret) and what is expected.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct BadConfig(String);

impl Config {
    /// The settings of this process.
    ///
    /// # Errors
    /// [`BadConfig`] for the first thing in the file or in a `VESTIBULE_`
    /// variable that is unknown or cannot be used.
    pub fn load() -> Result<Self, BadConfig> {
        Self::from(Path::new(""), std::env::vars_os())
    }

    /// The settings of a process that works in `folder` and has `variables`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from(
        folder: &Path,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, BadConfig> {
        let figment = layers::read(folder, variables)?;
        let mut config = Self::default();

        for key in KEYS {
            let Ok(value) = figment.find_value(key.name) else {
                continue;
            };
            let set = figment.get_metadata(value.tag());
            if let Some(source) = set.and_then(|set| set.source.clone()) {
                config.sources.insert(key.name, source);
            }
            let text = match &value {
                Value::Dict(..) | Value::Array(..) => {
                    return Err(config.bad(key.name, "a list, table or date", key.expected));
                }
                scalar => layers::text(scalar),
            };
            if !(key.read)(&mut config, &text) {
                return Err(config.bad(key.name, (key.found)(&text), key.expected));
            }
        }

        if let Some(templates) = &mut config.server.templates {
            *templates = folder.join(&*templates);
        }
        if let Some(file) = &mut config.passwords.breach_file {
            *file = folder.join(&*file);
        }
        config.agree()?;
        Ok(config)
    }

    /// What no key can say alone.
    fn agree(&self) -> Result<(), BadConfig> {
        let Sessions {
            idle,
            lifetime,
            remembered,
            ..
        } = self.sessions;
        let at_least = |time, key| format!("at least {}, as {key},", format_duration(time));
        if lifetime < idle {
            let expected = at_least(idle, self.named("sessions.idle"));
            return Err(self.bad("sessions.lifetime", format_duration(lifetime), expected));
        }
        if remembered < lifetime {
            let expected = at_least(lifetime, self.named("sessions.lifetime"));
            return Err(self.bad("sessions.remembered", format_duration(remembered), expected));
        }

        let Passwords {
            memory_kib,
            iterations,
            memory_budget_kib,
            ..
        } = self.passwords;
        let least = keys::least_memory(iterations);
        if memory_kib < least {
            let iterations = format!("{} is {iterations}", self.named("passwords.iterations"));
            let expected = format!("at least {least}, since {iterations},");
            return Err(self.bad("passwords.memory_kib", memory_kib, expected));
        }

        let Throttle {
            free,
            first_wait,
            longest_wait,
            off_after,
            ..
        } = self.throttle;
        if longest_wait < first_wait {
            let expected = at_least(first_wait, self.named("throttle.first_wait"));
            let found = format_duration(longest_wait);
            return Err(self.bad("throttle.longest_wait", found, expected));
        }
        if off_after < free {
            let expected = format!("at least {free}, as {},", self.named("throttle.free"));
            return Err(self.bad("throttle.off_after", off_after, expected));
        }

        if memory_budget_kib < u64::from(memory_kib) {
            let one = format!("{} is {memory_kib}", self.named("passwords.memory_kib"));
            let found = keys::shown_size(memory_budget_kib);
            let expected = format!("enough for one hash, since {one},");
            return Err(self.bad("passwords.memory_budget", found, expected));
        }

        self.stores_agree()?;

        let url = self.public_url();
        if url.scheme() != "https"
            && !vestibule_web::is_loopback(&url)
            && !self.server.allow_plain_http
        {
            let found = "a plain http: URL, so that whoever listens on the way can take over what visitors do";
            let expected = "an https: URL (or server.allow_plain_http = true)";
            return Err(self.bad("server.public_url", found, expected));
        }

        match &self.server.templates {
            Some(folder) if !folder.is_dir() => Err(self.bad(
                "server.templates",
                keys::quoted(&folder.to_string_lossy()),
                "an existing folder",
            )),
            _ => Ok(()),
        }
    }

    /// The same of where accounts and sessions are kept.
    fn stores_agree(&self) -> Result<(), BadConfig> {
        let database = self.database.url.expose_secret();
        if warnings::is_unchecked(database) && !self.database.allow_plain {
            let found = "a Postgres on another machine whose certificate is not checked, so that whoever sits on the way \
                         can read and change accounts";
            let expected = "a URL with sslmode=verify-full (or database.allow_plain = true)";
            return Err(self.bad("database.url", found, expected));
        }

        if let Some(url) = &self.sessions.url {
            let url = url.expose_secret();
            if warnings::is_open_to_all(url) {
                let found = "a Redis on another machine without a password";
                let expected = "a URL with one, such as rediss://:password@host:6379/0,";
                return Err(self.bad("sessions.url", found, expected));
            }
            if warnings::is_unencrypted(url) && !self.sessions.allow_plain {
                let found = "a Redis on another machine that is reached unencrypted, so that whoever listens on the way \
                             can take over sessions";
                let expected = "rediss instead of redis (or sessions.allow_plain = true)";
                return Err(self.bad("sessions.url", found, expected));
            }
        }

        if self.secret_key.is_none() && self.place().is_ok_and(|place| place == Place::Server) {
            let url = self.named("database.url");
            return Err(BadConfig(format!(
                "secret_key is unset, but {url} is a server, which other instances may share: a text of at least 32 \
                 characters is expected, the same for all of them, such as the output of `openssl rand -base64 48`"
            )));
        }
        Ok(())
    }

    /// Scheme, host and port that visitors see. While unset that is
    /// `http://localhost:<port>`, which no visitor can use when the port is 0.
    #[expect(clippy::expect_used, reason = "a literal and a number always parse")]
    pub fn public_url(&self) -> Url {
        self.server.public_url.clone().unwrap_or_else(|| {
            let url = format!("http://localhost:{}", self.server.port);
            Url::parse(&url).expect("a URL")
        })
    }

    /// Where the database is.
    pub(crate) fn place(&self) -> Result<Place, Outage> {
        Place::of(self.database.url.expose_secret())
    }

    /// Where `key` was set: a file, a variable, or `default`.
    pub fn source_of(&self, key: &str) -> String {
        match self.sources.get(key) {
            None => "default".to_owned(),
            Some(Source::File(path)) => path.display().to_string(),
            Some(variable) => variable.to_string(),
        }
    }

    /// For checks that need the world, such as whether a port is free: `what`
    /// is the value as found, `expected` what it should have been. Neither may
    /// hold a secret.
    pub fn bad(&self, key: &'static str, what: impl Display, expected: impl Display) -> BadConfig {
        let key = self.named(key);
        BadConfig(format!("{key} is {what}, but {expected} is expected"))
    }

    /// `key` and where it was set.
    fn named(&self, key: &'static str) -> impl Display {
        layers::Named(key, self.sources.get(key).cloned())
    }

    /// Every key, in the order of the file.
    pub fn rows(&self) -> Vec<Row> {
        let row = |key: &keys::Key| Row {
            key: key.name,
            value: (key.show)(self),
            source: self.source_of(key.name),
        };
        KEYS.iter().map(row).collect()
    }
}
