//! What the config says about passwords.

use std::sync::Arc;

use url::Host;
use vestibule_argon2::{Argon2Passwords, Cost, Options};
use vestibule_breach::{BreachFile, CommonPasswords};
use vestibule_domain::PasswordPolicy;
use vestibule_domain::ports::{KnownPasswords, Passwords};

use crate::config::{self, Secrets};
use crate::{BadConfig, Config};

/// What hashes them.
///
/// # Errors
/// [`BadConfig`] when Argon2 knows no such cost.
pub(crate) fn passwords(config: &Config) -> Result<Arc<dyn Passwords>, BadConfig> {
    let config::Passwords {
        memory_kib,
        iterations,
        parallelism,
        memory_budget_kib,
        pepper,
        ..
    } = &config.passwords;
    let options = Options {
        cost: Cost {
            memory_kib: *memory_kib,
            iterations: *iterations,
            parallelism: *parallelism,
        },
        budget_kib: *memory_budget_kib,
        peppers: pepper.as_ref().map(Secrets::all).unwrap_or_default(),
    };
    let passwords = Argon2Passwords::new(options).map_err(|e| {
        config.bad(
            "passwords.memory_kib",
            format!("unusable ({e})"),
            "a cost of Argon2id",
        )
    })?;
    Ok(Arc::new(passwords))
}

/// What new ones have to be.
///
/// # Errors
/// [`BadConfig`] when the breach file cannot be read, or is not what was built.
pub(crate) fn policy(config: &Config) -> Result<PasswordPolicy, BadConfig> {
    let mut known: Vec<Arc<dyn KnownPasswords>> = vec![Arc::new(CommonPasswords)];
    if let Some(path) = &config.passwords.breach_file {
        let file = BreachFile::open(path).map_err(|e| {
            config.bad(
                "passwords.breach_file",
                format!("{}, which is unusable ({e})", path.display()),
                "a file made by `vestibule breach build`",
            )
        })?;
        known.push(Arc::new(file));
    }
    Ok(PasswordPolicy {
        min_length: config.passwords.min_length,
        site_words: site_words(config),
        known,
    })
}

/// What anybody would think of first on this site.
fn site_words(config: &Config) -> Vec<String> {
    let mut words = vec!["vestibule".to_owned()];
    if let Some(Host::Domain(host)) = config.public_url().host() {
        let labels = host.split('.').filter(|label| label.len() > 3);
        words.extend(labels.map(str::to_lowercase));
    }
    words
}
