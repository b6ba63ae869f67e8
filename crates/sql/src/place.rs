use std::fs::{DirBuilder, OpenOptions};
use std::path::PathBuf;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use vestibule_domain::Outage;

/// Where a database is, by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In memory: it is gone when the program ends.
    Memory,
    /// In a SQLite file.
    File {
        /// Which one.
        path: PathBuf,
        /// Whether it is made where it is missing.
        make: bool,
    },
    /// On a Postgres server.
    Server,
}

impl Place {
    /// Reads a `sqlite:`, `postgres:` or `postgresql:` URL.
    ///
    /// # Errors
    /// [`Outage`] when it is something else.
    pub fn of(url: &str) -> Result<Self, Outage> {
        const DURING: &str = "reading the database's URL";
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            url.parse::<PgConnectOptions>()
                .map_err(Outage::during(DURING))?;
            return Ok(Self::Server);
        }
        let options: SqliteConnectOptions = url.parse().map_err(Outage::during(DURING))?;
        let has = |parameter| {
            url.split_once('?')
                .is_some_and(|(_, query)| query.split('&').any(|found| found == parameter))
        };
        if url.contains("//:memory:") || url.contains("::memory:") || has("mode=memory") {
            return Ok(Self::Memory);
        }
        Ok(Self::File {
            path: options.get_filename().to_owned(),
            make: has("mode=rwc"),
        })
    }

    /// Makes an empty file where it is missing and to be made, and the folder around it, for this user's eyes alone:
    /// password hashes are in it. SQLite gives the files beside it the same mode.
    pub(crate) fn make(&self) -> std::io::Result<()> {
        let Self::File { path, make: true } = self else {
            return Ok(());
        };
        let mut folder = DirBuilder::new();
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        {
            std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            folder.recursive(true).create(parent)?;
        }
        // Not cut: it may be there.
        options.create(true).append(true).open(path).map(drop)
    }
}
