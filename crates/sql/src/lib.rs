//! The accounts, and the embedded default for sessions, in a SQL database: SeaORM on SQLite.

mod entity;
mod sessions;
mod users;

use std::fs::DirBuilder;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, EntityTrait, QuerySelect};
use sea_orm_migration::MigratorTrait;
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
        if url.contains("mode=rwc") {
            make_folder_of(&file).map_err(Outage::during("making the database's folder"))?;
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

    /// How many steps [`migrate`](Self::migrate) would take.
    ///
    /// # Errors
    /// [`Outage`] when the database does not answer.
    pub async fn pending_migrations(&self) -> Result<usize, Outage> {
        Migrator::get_pending_migrations(&self.write)
            .await
            .map(|steps| steps.len())
            .map_err(Outage::during("looking for migrations"))
    }
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
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    Ok((!in_memory).then(|| options.get_filename().to_owned()))
}

fn make_folder_of(file: &Path) -> std::io::Result<()> {
    let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
