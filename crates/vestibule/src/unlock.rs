//! Making an account's password count again after too many wrong ones.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;
use vestibule_domain::ports::{Clock, Events, Users};
use vestibule_domain::{NotAUsername, Outage, Throttle, Username};
use vestibule_sql::{Place, SqlEvents, SqlUsers};

use crate::Recorder;
use crate::stores::{database, pending_migrations, place, redis};
use crate::{BadConfig, Config, SystemClock, attempts};

/// How long the database may take to keep that it was done.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why nothing was unlocked.
#[derive(Debug, Error)]
pub enum UnlockFailed {
    /// The configured stores cannot be used.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// Nobody can have such a name.
    #[error("{0}")]
    NotAUsername(#[from] NotAUsername),
    /// Nobody has this name.
    #[error("no account has the username {0}")]
    Unknown(Username),
    /// The database is not one of this version.
    #[error("the schema of the database is {0} steps behind: run `vestibule migrate` first")]
    Behind(usize),
    /// A store stopped answering.
    #[error("{}", .0.chain())]
    Outage(#[from] Outage),
}

/// Forgets the wrong passwords for the account of this name, so that browsers that it does not know may try again.
/// Instances that run meanwhile see it at once.
///
/// # Errors
/// [`UnlockFailed`]; then nothing was changed.
pub async fn unlock(config: &Config, name: &str) -> Result<Username, UnlockFailed> {
    let username = Username::parse(name)?;
    if place(config)? == Place::Memory {
        let what = "a database in memory, which nobody else can see";
        return Err(config.bad("database.url", what, "one that stays").into());
    }
    match pending_migrations(config).await? {
        0 => {}
        steps => return Err(UnlockFailed::Behind(steps)),
    }
    let sql = database(config).await?;
    let users = SqlUsers(sql.clone());
    let Some(user) = users.find_by_username(&username).await? else {
        return Err(UnlockFailed::Unknown(username));
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let recorder = Recorder::start(SqlEvents(sql.clone()), Arc::clone(&clock));
    let throttle = Throttle {
        attempts: attempts(&sql, redis(config).await?.as_ref()).await?,
        events: Arc::clone(&recorder) as Arc<dyn Events>,
        clock,
        limits: config.throttle.limits(),
    };
    throttle.unlock(&username, user.id).await?;
    // What cannot be kept is in the log.
    let _ = timeout(PATIENCE, recorder.settled()).await;
    Ok(username)
}
