//! The accounts, and the embedded default for sessions, in a SQL database: SeaORM on SQLite.

mod entity;
mod sessions;
mod users;

use std::fs::{DirBuilder, OpenOptions};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, EntityTrait, QuerySelect};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use vestibule_domain::Outage;
use vestibule_domain::ports::Backend;
use vestibule_migrations::Migrator;

pub use sessions::SqlSessions;
pub use users::SqlUsers;

/// A database: many connections that read, one that writes.
///
/// SQLite lets one writer in at a time. Writers queue for the one writing connection, in turn and with a time limit,
/// instead of finding the file locked.
#[derive(Clone)]
pub struct Sql {
    read: DatabaseConnection,
    write: DatabaseConnection,
}

/// How long a statement waits for a connection, or for another process to let go of the file.
const PATIENCE: Duration = Duration::from_secs(5);

impl Sql {
    /// Opens the database that a `sqlite:` URL names. Where the URL's `mode` is `rwc`, the file and its folder are made,
    /// the folder for this user's eyes alone.
    ///
    /// # Errors
    /// [`Outage`] when the URL cannot be read, or the file cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, Outage> {
        let Some(file) = file(url)? else {
            // Each connection would be a database of its own.
            let only = open(url, 1, false).await?;
            return Ok(Self {
                read: only.clone(),
                write: only,
            });
        };
        if makes_file(url) {
            make(&file).map_err(Outage::during("making the database's file"))?;
        }
        let cores = available_parallelism().map_or(1, NonZero::get);
        let readers = u32::try_from(cores * 2).unwrap_or(u32::MAX);
        // The writer first: it makes the file.
        let write = open(url, 1, false).await?;
        let read = open(url, readers, true).await?;
        Ok(Self { read, write })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`Outage`] when a step fails; that step is undone.
    pub async fn migrate(&self) -> Result<(), Outage> {
        Migrator::up(&self.write, None)
            .await
            .map_err(Outage::during("migrating the database"))
    }
}

/// How many steps [`Sql::migrate`] would take; all of them where the file is yet to be made. Nothing is made or changed.
///
/// # Errors
/// [`Outage`] when the URL's file is missing and not to be made, or is no database.
pub async fn pending_migrations(url: &str) -> Result<usize, Outage> {
    const DURING: &str = "looking at the database";
    let all = Migrator::migrations().len();
    match file(url)? {
        None => return Ok(all),
        Some(file) if makes_file(url) && !file.exists() => return Ok(all),
        Some(_) => {}
    }
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| options.read_only(true).create_if_missing(false));
    let database = Database::connect(options)
        .await
        .map_err(Outage::during(DURING))?;
    let taken = if SchemaManager::new(&database)
        .has_table("seaql_migrations")
        .await
        .map_err(Outage::during(DURING))?
    {
        seaql_migrations::Entity::find()
            .all(&database)
            .await
            .map_err(Outage::during(DURING))?
            .len()
    } else {
        0
    };
    Ok(all.saturating_sub(taken))
}

#[async_trait]
impl Backend for Sql {
    async fn ping(&self) -> Result<(), Outage> {
        // A constant would be answered without a look at the file.
        entity::user::Entity::find()
            .limit(1)
            .one(&self.read)
            .await
            .map(drop)
            .map_err(Outage::during("asking the database"))
    }
}

async fn open(url: &str, connections: u32, only_read: bool) -> Result<DatabaseConnection, Outage> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // A connection to a file does not go stale, and closing the last one to a database in memory would lose it.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                // Each commit reaches the disk before it is answered.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(PATIENCE)
                .foreign_keys(true)
                .pragma("query_only", if only_read { "1" } else { "0" })
        });
    Database::connect(options)
        .await
        .map_err(Outage::during("opening the database"))
}

/// The file that a `sqlite:` URL names; `None` for a database in memory.
///
/// # Errors
/// [`Outage`] when the URL cannot be read.
pub fn file(url: &str) -> Result<Option<PathBuf>, Outage> {
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(Outage::during("reading the database's URL"))?;
    let in_memory =
        url.contains("//:memory:") || url.contains("::memory:") || has(url, "mode=memory");
    Ok((!in_memory).then(|| options.get_filename().to_owned()))
}

/// Whether the database's file is made where it is missing.
pub fn makes_file(url: &str) -> bool {
    has(url, "mode=rwc")
}

fn has(url: &str, parameter: &str) -> bool {
    url.split_once('?')
        .is_some_and(|(_, query)| query.split('&').any(|found| found == parameter))
}

/// Makes an empty file, and the folder around it, for this user's eyes alone: password hashes are in it. SQLite gives the
/// files beside it the same mode.
fn make(file: &Path) -> std::io::Result<()> {
    let mut folder = DirBuilder::new();
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    if let Some(parent) = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        folder.recursive(true).create(parent)?;
    }
    // Not cut: it may be there.
    options.create(true).append(true).open(file).map(drop)
}
