//! The accounts, and the embedded default for sessions, in a SQL database: SeaORM on SQLite or Postgres.

mod attempts;
pub mod audit;
mod chain;
mod emails;
mod entity;
mod events;
pub mod flask;
#[cfg(feature = "testing")]
mod fresh;
mod invitations;
mod links;
mod outbox;
mod place;
mod sessions;
pub mod transfer;
mod turns;
mod users;

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{IntoCondition, LockBehavior, LockType, Query};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr,
    EntityTrait, QueryFilter, QuerySelect, RuntimeErr, Select, SqliteTransactionMode,
    TransactionOptions, TransactionTrait, sqlx,
};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use vestibule_domain::Outage;
use vestibule_domain::ports::Backend;
use vestibule_migrations::Migrator;

pub use attempts::SqlAttempts;
pub use emails::SqlEmails;
pub use events::{SqlEvents, SqlEventsKeptFor};
#[cfg(feature = "testing")]
pub use fresh::create_database;
pub use invitations::SqlInvitations;
pub use links::SqlLinks;
pub use outbox::SqlOutbox;
pub use place::Place;
pub use sessions::SqlSessions;
pub use turns::SqlTurns;
pub use users::SqlUsers;

/// A database. On SQLite: many connections that read, and two that write.
///
/// SQLite lets one writer in at a time. Writers queue, in turn and with a time limit, instead of finding the file locked.
#[derive(Clone)]
pub struct Sql {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// For what is worth no wait for the disk: should the power fail, it may be lost, if nothing was written by the other
    /// since. A killed program loses none of it.
    lazy: DatabaseConnection,
    /// Whose turn to write it is, where there is one writer at a time.
    turn: Option<Arc<Semaphore>>,
    answer_timeout: Duration,
}

/// How a database is used.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most connections to a Postgres server. SQLite has as many as there is use for.
    pub pool_size: u32,
    /// How long [`Sql::connect`] keeps trying to reach a server.
    pub connect_timeout: Duration,
    /// How long a statement waits for a connection, or for another process to let go of the file.
    pub acquire_timeout: Duration,
    /// How long a statement may take, the wait for a connection included. Nobody waits for what takes longer.
    pub answer_timeout: Duration,
}

/// A connection that was idle for longer is tried before it is used: its server may have gone.
const FRESH: Duration = Duration::from_secs(1);

/// How many rows that are too old go in one transaction: few, so that nobody waits long for it.
const AT_ONCE: u64 = 500;

/// Who migrates holds this lock of Postgres. Any number, but always the same; this one is "vestibul" in ASCII.
const MIGRATION_LOCK: i64 = 0x7665_7374_6962_756C;

impl Sql {
    /// Opens the database that a `sqlite:` or `postgres:` URL names. Where a `sqlite:` URL's `mode` is `rwc`, the file and
    /// its folder are made, the folder for this user's eyes alone. A server may still be starting: it is waited for.
    ///
    /// # Errors
    /// [`Outage`] when the URL cannot be read, the file cannot be opened, or the server does not let us in.
    pub async fn connect(url: &str, options: &Options) -> Result<Self, Outage> {
        let place = Place::of(url)?;
        let (read, write, lazy) = match &place {
            Place::Server => {
                let pool = reach(url, options).await?;
                (pool.clone(), pool.clone(), pool)
            }
            Place::Memory => {
                // Each connection would be a database of its own.
                let only = open_sqlite(url, 1, Use::Write, options).await?;
                (only.clone(), only.clone(), only)
            }
            Place::File { .. } => {
                place
                    .make()
                    .map_err(Outage::during("making the database's file"))?;
                let cores = available_parallelism().map_or(1, NonZero::get);
                let readers = u32::try_from(cores * 2).unwrap_or(u32::MAX);
                // The writer first: it makes the file.
                let write = open_sqlite(url, 1, Use::Write, options).await?;
                let lazy = open_sqlite(url, 1, Use::WriteLazily, options).await?;
                let read = open_sqlite(url, readers, Use::Read, options).await?;
                (read, write, lazy)
            }
        };
        Ok(Self {
            read,
            write,
            lazy,
            turn: match place {
                Place::Server => None,
                Place::Memory | Place::File { .. } => Some(Arc::new(Semaphore::new(1))),
            },
            answer_timeout: options.answer_timeout,
        })
    }

    /// Brings the schema up to date. Of several instances that do this at once, one does and the others wait for it. Where
    /// it is up to date nothing is written: whoever serves needs no right to change it.
    ///
    /// # Errors
    /// [`Outage`] when a step fails; all steps are undone.
    pub async fn migrate(&self) -> Result<(), Outage> {
        const DURING: &str = "migrating the database";
        let left = pending(&self.write).await;
        if left.map_err(Outage::during(DURING))? == 0 {
            return Ok(());
        }
        self.alone(async |transaction| Migrator::up(transaction, None).await)
            .await
            .map_err(Outage::during(DURING))
    }

    /// What tells this site from others with which it may share its other stores: the same for all instances, for good.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached, or the schema is not up to date.
    pub async fn site(&self) -> Result<String, Outage> {
        const DURING: &str = "finding the site's name";
        let site = self.answer(entity::site::Entity::find().one(&self.read));
        let site = site.await.map_err(Outage::during(DURING))?;
        site.map(|site| site.id.simple().to_string())
            .ok_or_else(|| Outage::during(DURING)("there is none"))
    }

    /// Takes every step of the schema back: nothing is left.
    ///
    /// # Errors
    /// [`Outage`] when a step fails; all steps are undone.
    #[cfg(feature = "testing")]
    pub async fn unmake(&self) -> Result<(), Outage> {
        self.alone(async |transaction| Migrator::down(transaction, None).await)
            .await
            .map_err(Outage::during("taking the schema back"))
    }

    /// Runs `steps` in one transaction, while no other instance runs any.
    async fn alone(
        &self,
        steps: impl AsyncFnOnce(&sea_orm::DatabaseTransaction) -> Result<(), DbErr>,
    ) -> Result<(), DbErr> {
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        steps(&transaction).await?;
        transaction.commit().await
    }

    /// A transaction that writes. It begins to the end, and is undone then, when nobody waits for it any more: a `BEGIN` that
    /// was broken off would leave its connection in a transaction that nobody ends, and undo what others write by it.
    async fn begin(&self) -> Result<sea_orm::DatabaseTransaction, DbErr> {
        let write = self.write.clone();
        let begun = tokio::spawn(async move {
            write
                .begin_with_options(TransactionOptions {
                    // Takes the file at once: whoever is second waits before it looks.
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                })
                .await
        });
        begun
            .await
            .unwrap_or_else(|e| Err(DbErr::Custom(e.to_string())))
    }

    /// The answer to a statement, if it comes in time.
    async fn answer<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let limit = self.answer_timeout;
        tokio::time::timeout(limit, statement)
            .await
            .unwrap_or_else(|_| Err(DbErr::Custom(format!("no answer within {limit:?}"))))
    }

    /// The same to what writes.
    async fn written<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        // Held twice, in here and in what awaits it, it would be large.
        let statement = Box::pin(statement);
        let in_turn = async {
            let _turn = match &self.turn {
                Some(turn) => turn.acquire().await.ok(),
                None => None,
            };
            statement.await
        };
        self.answer(in_turn).await
    }

    /// The row that `select` names by a key, of which there is one at most. `Select::one` would ask for it with `LIMIT ?`, for
    /// the sake of which SQLite plans the statement anew each time.
    async fn row<E: EntityTrait>(&self, select: Select<E>) -> Result<Option<E::Model>, DbErr> {
        let rows = self.answer(select.all(&self.read)).await?;
        Ok(rows.into_iter().next())
    }

    /// Takes rows away that are `old`, [`AT_ONCE`] at most; how many there were.
    async fn forget<E: EntityTrait>(
        &self,
        key: E::Column,
        old: impl IntoCondition,
    ) -> Result<u64, DbErr> {
        // Two who take away at once each leave to the other what the other has begun with.
        let some = Query::select()
            .column(key)
            .from(E::default())
            .cond_where(old)
            .limit(AT_ONCE)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .to_owned();
        let gone = E::delete_many().filter(key.in_subquery(some));
        let gone = self.written(gone.exec(&self.write)).await?;
        Ok(gone.rows_affected)
    }
}

/// How many steps [`Sql::migrate`] would take; all of them where the file is yet to be made. Nothing is made or changed.
///
/// # Errors
/// [`Outage`] when the URL's file is missing and not to be made, is no database, or the server does not let us in.
pub async fn pending_migrations(url: &str, options: &Options) -> Result<usize, Outage> {
    const DURING: &str = "looking at the database";
    let all = all_migrations();
    let database = match Place::of(url)? {
        Place::Memory => return Ok(all),
        Place::File { path, make: true } if !path.exists() => return Ok(all),
        Place::File { .. } => {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(1)
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(|options| options.read_only(true).create_if_missing(false));
            Database::connect(options)
                .await
                .map_err(Outage::during(DURING))?
        }
        Place::Server => reach(url, options).await?,
    };
    pending(&database).await.map_err(Outage::during(DURING))
}

/// How many steps the schema of a database is behind.
async fn pending(database: &DatabaseConnection) -> Result<usize, DbErr> {
    let taken = if SchemaManager::new(database)
        .has_table("seaql_migrations")
        .await?
    {
        seaql_migrations::Entity::find().all(database).await?.len()
    } else {
        0
    };
    Ok(all_migrations().saturating_sub(taken))
}

fn all_migrations() -> usize {
    Migrator::migrations().len()
}

#[async_trait]
impl Backend for Sql {
    async fn ping(&self) -> Result<(), Outage> {
        // A constant would be answered without a look at the data.
        self.answer(entity::user::Entity::find().limit(1).one(&self.read))
            .await
            .map(drop)
            .map_err(Outage::during("asking the database"))
    }
}

/// What a connection to SQLite is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Write,
    WriteLazily,
}

async fn open_sqlite(
    url: &str,
    connections: u32,
    to: Use,
    limits: &Options,
) -> Result<DatabaseConnection, Outage> {
    let patience = limits.acquire_timeout;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(patience)
        // A connection to a file does not go stale, and closing the last one to a database in memory would lose it.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(match to {
                    // Each commit reaches the disk before it is answered.
                    Use::Read | Use::Write => SqliteSynchronous::Full,
                    // Or with the next one that does. Source: https://sqlite.org/pragma.html#pragma_synchronous
                    Use::WriteLazily => SqliteSynchronous::Normal,
                })
                .busy_timeout(patience)
                .foreign_keys(true)
                .pragma("query_only", if to == Use::Read { "1" } else { "0" })
        });
    Database::connect(options)
        .await
        .map_err(Outage::during("opening the database"))
}

/// The pool of connections to a server that may still be starting.
async fn reach(url: &str, limits: &Options) -> Result<DatabaseConnection, Outage> {
    const DURING: &str = "reaching the database";
    const PAUSE: Duration = Duration::from_millis(100);
    let deadline = Instant::now() + limits.connect_timeout;
    loop {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(limits.pool_size)
            .acquire_timeout(limits.acquire_timeout)
            .test_before_acquire_if_idle_for(FRESH)
            .sqlx_logging(false)
            .record_stmt_in_spans(false);
        match Database::connect(options).await {
            Err(e) if is_absent(&e) && Instant::now() + PAUSE < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            // The pool's own words would be about the pool.
            Err(DbErr::Conn(RuntimeErr::SqlxError(e)))
                if matches!(*e, sqlx::Error::PoolTimedOut) =>
            {
                return Err(Outage::during(DURING)("nobody answers"));
            }
            outcome => return outcome.map_err(Outage::during(DURING)),
        }
    }
}

/// Whether there was nobody to refuse us.
fn is_absent(error: &DbErr) -> bool {
    matches!(
        error,
        DbErr::Conn(RuntimeErr::SqlxError(error))
            if matches!(**error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut)
    ) || matches!(error, DbErr::ConnectionAcquire(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_reaches_the_disk_at_once_but_for_what_may_wait() {
        const SECOND: Duration = Duration::from_secs(1);
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("v.db").display());
        let options = Options {
            pool_size: 1,
            connect_timeout: SECOND,
            acquire_timeout: SECOND,
            answer_timeout: SECOND,
        };
        let sql = Sql::connect(&url, &options).await.unwrap();
        for (connection, level) in [(&sql.write, 2), (&sql.lazy, 1)] {
            let row = connection.query_one_raw(sea_orm::Statement::from_string(
                DbBackend::Sqlite,
                "PRAGMA synchronous",
            ));
            let row = row.await.unwrap().unwrap();
            assert_eq!(row.try_get_by_index::<i32>(0).unwrap(), level);
        }
    }
}
