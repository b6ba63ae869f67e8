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
        let (mut gone, mut failed) = (0, None);
        for user in &leaving {
            // One that cannot go keeps none of the others.
            match self.delete(user).await {
                Ok(()) => gone += 1,
                Err(outage) => failed = Some(outage),
            }
        }
        self.users.empty_again(now - Self::LATE, now).await?;
        failed.map_or(Ok(gone), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::testing::silent;
    use crate::ports::{MockEvents, MockSessions, MockUsers};
    use crate::throttle::testing::{granting, throttle};
    use time::macros::datetime;

    #[tokio::test]
    async fn one_that_cannot_go_keeps_none_of_the_others() {
        let now = datetime!(2026-11-25 12:00 UTC);
        let [ada, bob] = ["ada", "bob"].map(crate::contract::user);
        let (stuck, goes) = (ada.id, bob.id);
        let mut users = MockUsers::new();
        users
            .expect_leaving()
            .return_once(move |_, _| Ok(vec![ada, bob]));
        users
            .expect_remove()
            .withf(move |user, _, _| user.id == stuck)
            .return_once(|_, _, _| Err(Outage::during("deleting a user")("busy")));
        users
            .expect_remove()
            .withf(move |user, _, _| user.id == goes)
            .once()
            .return_once(|_, _, _| Ok(Some(0)));
        users.expect_empty_again().once().return_once(|_, _| Ok(0));
        let mut sessions = MockSessions::new();
        sessions.expect_end_all().returning(|_| Ok(()));
        let leave = Leave {
            users: Arc::new(users),
            sessions: Arc::new(sessions),
            notices: silent(),
            throttle: throttle(granting(), Arc::new(MockEvents::new())),
            grace: Duration::ZERO,
            reserved: Duration::ZERO,
        };
        assert!(leave.forget(now).await.is_err(), "it is told");
    }
}
