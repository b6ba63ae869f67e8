//! Moving the accounts to another database.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use vestibule_sql::transfer::{Moved, TransferError, transfer};

use crate::Config;

/// What came of a move. It prints as a table for the operator.
#[derive(Debug)]
pub struct Report(Moved);

/// Copies the accounts from one database to another. Either URL may be left out: the configured database is meant then.
/// `progress` is told how much of how much is done.
///
/// # Errors
/// [`TransferError`]; no URL is in its words.
pub async fn move_accounts(
    config: &Config,
    from: Option<&SecretString>,
    to: Option<&SecretString>,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Report, TransferError> {
    let [from, to] = [from, to].map(|url| url.unwrap_or(&config.database.url).expose_secret());
    transfer(from, to, &config.database.options(), progress)
        .await
        .map(Report)
}

impl Report {
    /// Whether the target is what the source is.
    pub fn is_exact(&self) -> bool {
        self.0.source == self.0.target
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "        accounts  SHA-256 over all that is in them")?;
        for (name, sum) in [("source", &self.0.source), ("target", &self.0.target)] {
            write!(f, "{name}  {:>8}  ", sum.accounts)?;
            for byte in sum.checksum {
                write!(f, "{byte:02x}")?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "{} accounts were written. Sessions in the database were not moved: people sign in again.",
            self.0.written
        )
    }
}
