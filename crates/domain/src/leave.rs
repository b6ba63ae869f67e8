use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;
use time::OffsetDateTime;

use crate::ports::{Expiring, Sessions, Users};
use crate::{
    Browser, EventKind, LetterKind, Notices, Outage, Proven, Throttle, User, UserId, Username,
};

/// Deleting one's account: some time after one wanted it, so that a mistake, or a thief, costs nothing.
pub struct Leave {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What ends.
    pub sessions: Arc<dyn Sessions>,
    /// What tells of it.
    pub notices: Notices,
    /// Where it is noted, and the time.
    pub throttle: Throttle,
    /// How long after it was wanted an account goes.
    pub grace: Duration,
    /// How long after it went nobody gets its name: mail and links that name it lead to nobody else.
    pub reserved: Duration,
}

/// Why an account stays.
#[derive(Debug, Error)]
pub enum LeaveError {
    /// The name that was typed is not the account's.
    #[error("This is not your username.")]
    OtherName,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl Leave {
    /// How many accounts go at once.
    const AT_ONCE: u64 = 20;

    /// An event of an account may be kept so long after it happened, the account being gone by then.
    pub const LATE: Duration = Duration::from_hours(1);

    /// Whether somebody who wants an account to go knows its name.
    ///
    /// # Errors
    /// [`LeaveError::OtherName`].
    pub fn check_name(user: &User, typed: &str) -> Result<(), LeaveError> {
        match Username::parse(typed) {
            Ok(username) if username == user.username => Ok(()),
            _ => Err(LeaveError::OtherName),
        }
    }

    /// Has the account of somebody who has just given its password go when the grace is over, and ends its sessions; the moment
    /// in which it goes.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn ask(&self, proven: Proven, browser: &Browser) -> Result<OffsetDateTime, Outage> {
        let user = proven.user.id;
        let at = self.now();
        let leaves = at + self.grace;
        let letters = self
            .notices
            .letters(LetterKind::Leaving, user, at, browser)
            .await?;
        // Before as well as after: a store that cannot end them changes nothing.
        self.sessions.end_all(user).await?;
        self.users.set_leaving(user, Some(leaves), &letters).await?;
        self.note(EventKind::DeletionAsked, user, browser);
        self.sessions.end_all(user).await?;
        Ok(leaves)
    }

    /// Has an account stay after all.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn stay(&self, user: &User, browser: &Browser) -> Result<(), Outage> {
        if user.leaves.is_some() && self.users.set_leaving(user.id, None, &[]).await? {
            self.note(EventKind::DeletionUndone, user.id, browser);
        }
        Ok(())
    }

    /// Takes an account away at once, with all that is kept of it.
    ///
    /// # Errors
    /// [`Outage`]; done again, it ends.
    pub async fn delete(&self, user: &User) -> Result<(), Outage> {
        self.sessions.end_all(user.id).await?;
        let at = self.now();
        let removed = self.users.remove(user, at, at + self.reserved).await?;
        if removed.is_none() {
            return Ok(());
        }
        // A session that started meanwhile is nobody's.
        self.sessions.end_all(user.id).await?;
        self.throttle.begin(&user.username).await;
        Ok(())
    }

    fn note(&self, kind: EventKind, user: UserId, browser: &Browser) {
        let event = self.throttle.event(kind, Some(user), browser);
        self.throttle.events.record(event);
    }

    fn now(&self) -> OffsetDateTime {
        self.throttle.clock.now()
    }
}

/// Accounts whose time has come.
#[async_trait]
impl Expiring for Leave {
    fn name(&self) -> &'static str {
        "accounts that their owners wanted to go"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        let leaving = self.users.leaving(now, Self::AT_ONCE).await?;
        let mut gone = 0;
        for user in &leaving {
            self.delete(user).await?;
            gone += 1;
        }
        self.users.empty_again(now - Self::LATE, now).await?;
        Ok(gone)
    }
}
