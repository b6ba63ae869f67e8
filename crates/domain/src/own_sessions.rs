use std::sync::Arc;

use crate::ports::{Clock, Events, Sessions};
use crate::{Browser, EventKind, Outage, Session, SessionId, UserId};

/// Seeing where one is signed in, and putting an end to that.
///
/// Source: OWASP ASVS 5.0 requirement 7.5.2.
pub struct OwnSessions {
    /// Where the sessions are kept.
    pub sessions: Arc<dyn Sessions>,
    /// Where it is noted that one is over.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl OwnSessions {
    /// The live sessions of `user`, the one that was used last first.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    pub async fn list(&self, user: UserId) -> Result<Vec<(SessionId, Session)>, Outage> {
        let now = self.clock.now();
        let mut sessions = self.sessions.of(user).await?;
        sessions.retain(|(_, session)| session.is_live(now));
        sessions.sort_by_key(|(id, session)| {
            (
                std::cmp::Reverse((session.seen, session.started)),
                id.digest,
            )
        });
        Ok(sessions)
    }

    /// Ends one session; its browser is a stranger's on its next request. `false` when there is no such session any more.
    ///
    /// # Errors
    /// [`Outage`] when the session may still be running.
    pub async fn end(&self, id: SessionId, browser: &Browser) -> Result<bool, Outage> {
        if self.sessions.find(id).await?.is_none() {
            return Ok(false);
        }
        self.sessions.end(id).await?;
        self.note(id.user, browser, "ended by its owner, elsewhere");
        Ok(true)
    }

    /// Ends all sessions of a user but the one that is named.
    ///
    /// # Errors
    /// [`Outage`] when any of them may still be running.
    pub async fn end_others(&self, keep: SessionId, browser: &Browser) -> Result<(), Outage> {
        self.sessions.end_others(keep).await?;
        self.note(keep.user, browser, "all others ended by their owner");
        Ok(())
    }

    fn note(&self, user: UserId, browser: &Browser, reason: &str) {
        let event = browser.event(EventKind::SessionEnded, self.clock.now(), Some(user));
        self.events
            .record(event.with([("reason", reason.to_owned())]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockEvents, MockSessions};
    use std::time::Duration;
    use time::OffsetDateTime;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-25 12:00 UTC);

    fn own(sessions: MockSessions, noted: usize) -> OwnSessions {
        let mut events = MockEvents::new();
        events
            .expect_record()
            .withf(|event| event.kind == EventKind::SessionEnded)
            .times(noted)
            .return_const(());
        let mut clock = MockClock::new();
        clock.expect_now().return_const(NOW);
        OwnSessions {
            sessions: Arc::new(sessions),
            events: Arc::new(events),
            clock: Arc::new(clock),
        }
    }

    /// Used so many minutes ago, and over in an hour.
    fn session(user: UserId, minutes: u64) -> (SessionId, Session) {
        let id = crate::SessionToken::random(user).unwrap().id();
        let session = Session {
            user,
            started: NOW - Duration::from_hours(5),
            seen: NOW - Duration::from_mins(minutes),
            expires: NOW + Duration::from_hours(1),
            ends: NOW + Duration::from_hours(1),
            remembered: false,
            from: None,
            agent: None,
        };
        (id, session)
    }

    #[tokio::test]
    async fn what_is_over_is_not_shown_and_the_last_used_comes_first() {
        let user = UserId::new();
        let (early, late, mut over) = (session(user, 9), session(user, 1), session(user, 3));
        over.1.expires = NOW;
        let mut sessions = MockSessions::new();
        let all = vec![early.clone(), over, late.clone()];
        sessions.expect_of().return_once(|_| Ok(all));
        let listed = own(sessions, 0).list(user).await.unwrap();
        assert_eq!(listed, [late, early]);
    }

    #[tokio::test]
    async fn ending_what_is_there_no_more_is_no_event() {
        let (id, session) = session(UserId::new(), 1);
        for there in [true, false] {
            let mut sessions = MockSessions::new();
            let found = there.then(|| session.clone());
            sessions.expect_find().return_once(|_| Ok(found));
            sessions
                .expect_end()
                .times(usize::from(there))
                .returning(|_| Ok(()));
            let own = own(sessions, there.into());
            let ended = own.end(id, &Browser::default()).await.unwrap();
            assert_eq!(ended, there);
        }
    }
}
