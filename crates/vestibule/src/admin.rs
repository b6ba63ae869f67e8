//! Looking after accounts from the command line, while instances run or not.

mod invitation;
mod report;
mod session;
mod user;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;
use vestibule_domain::ports::{Clock, Events};
use vestibule_domain::{
    Account, Administer, LinkToken, NotAUsername, Notices, Outage, Purpose, Throttle, User,
    Username,
};
use vestibule_redis::RedisSessions;
use vestibule_sql::{
    Place, SqlEmails, SqlEvents, SqlInvitations, SqlLinks, SqlOutbox, SqlSessions, SqlUsers,
};

use crate::stores::{database, pending_migrations, place, redis};
use crate::{BadConfig, Config, Recorder, SystemClock, attempts};

pub use invitation::{InvitationCommand, invitation};
pub use session::{SessionCommand, session};
pub use user::{UserCommand, user};

/// How long the database may take to keep that something was done.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum AdminFailed {
    /// The configured stores cannot be used.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// Nobody can have such a name.
    #[error("{0}")]
    NotAUsername(#[from] NotAUsername),
    /// Nobody has this name.
    #[error("no account has the username {0}")]
    Unknown(Username),
    /// Somebody has this name.
    #[error("an account has the username {0} already, or had it until lately")]
    Taken(Username),
    /// None of the account's sessions begins so, or more than one does.
    #[error("{0} sessions of {1} begin so: see `vestibule session list {1}`")]
    NotOneSession(usize, Username),
    /// None of the invitations begins so, or more than one does.
    #[error("{0} invitations begin so: see `vestibule invitation list`")]
    NotOneInvitation(usize),
    /// Nobody could use one.
    #[error("nobody needs an invitation: registration.mode is not invite")]
    NotByInvitation,
    /// What cannot be undone was not said twice.
    #[error("--confirm is not {0}: nothing was deleted")]
    NotConfirmed(Username),
    /// The database is not one of this version.
    #[error("the schema of the database is {0} steps behind: run `vestibule migrate` first")]
    Behind(usize),
    /// A store stopped answering.
    #[error("{}", .0.chain())]
    Outage(#[from] Outage),
}

/// The stores that the config names, and what can be done with them.
pub(crate) struct Office {
    pub(crate) administer: Administer,
    recorder: Arc<Recorder>,
    /// Links begin with it.
    site_url: String,
    grace: Duration,
    reserved: Duration,
}

impl Office {
    /// Opens the stores.
    ///
    /// # Errors
    /// [`AdminFailed`] when they are not there, or not of this version.
    pub(crate) async fn open(config: &Config) -> Result<Self, AdminFailed> {
        if place(config)? == Place::Memory {
            let what = "a database in memory, which nobody else can see";
            return Err(config.bad("database.url", what, "one that stays").into());
        }
        match pending_migrations(config).await? {
            0 => {}
            steps => return Err(AdminFailed::Behind(steps)),
        }
        let sql = database(config).await?;
        let redis = redis(config).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let recorder = Recorder::start(SqlEvents(sql.clone()), Arc::clone(&clock));
        Ok(Self {
            administer: Administer {
                users: Arc::new(SqlUsers(sql.clone())),
                links: Arc::new(SqlLinks(sql.clone())),
                invitations: Arc::new(SqlInvitations(sql.clone())),
                notices: Notices {
                    rule: config.accounts.email,
                    emails: Arc::new(SqlEmails(sql.clone())),
                    outbox: Arc::new(SqlOutbox(sql.clone())),
                },
                throttle: Throttle {
                    attempts: attempts(&sql, redis.as_ref()).await?,
                    events: Arc::clone(&recorder) as Arc<dyn Events>,
                    clock,
                    limits: config.throttle.limits(),
                },
                sessions: match redis {
                    Some(redis) => Arc::new(RedisSessions::new(redis, config.sessions.replicas)),
                    None => Arc::new(SqlSessions(sql)),
                },
            },
            recorder,
            site_url: config.public_url().origin().ascii_serialization(),
            grace: config.accounts.grace,
            reserved: config.accounts.reserved,
        })
    }

    /// Waits until what was done is kept as events; what cannot be is in the log.
    pub(crate) async fn close(self) {
        let _ = timeout(PATIENCE, self.recorder.settled()).await;
    }

    /// # Errors
    /// [`AdminFailed::NotAUsername`], [`AdminFailed::Unknown`], [`AdminFailed::Outage`].
    pub(crate) async fn find(&self, name: &str) -> Result<User, AdminFailed> {
        let username = Username::parse(name)?;
        let found = self.administer.users.find_by_username(&username).await?;
        found.ok_or(AdminFailed::Unknown(username))
    }

    async fn show(&self, name: &str) -> Result<Account, AdminFailed> {
        let username = Username::parse(name)?;
        let found = self.administer.show(&username).await?;
        found.ok_or(AdminFailed::Unknown(username))
    }

    fn link(&self, purpose: Purpose, token: &LinkToken) -> String {
        let url = &self.site_url;
        format!("{url}/link/{}/{}", purpose.as_str(), token.expose())
    }
}

/// The one whose handle begins so; how many there are where it is not one.
fn only<'a, T>(all: &'a [T], handle: fn(&T) -> String, start: &str) -> Result<&'a T, usize> {
    let begins_so = |it: &&T| !start.is_empty() && handle(it).starts_with(start);
    let named: Vec<_> = all.iter().filter(begins_so).collect();
    match named[..] {
        [one] => Ok(one),
        _ => Err(named.len()),
    }
}
