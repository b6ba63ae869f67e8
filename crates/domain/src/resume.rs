use std::sync::Arc;

use crate::ports::{Clock, Events, Sessions};
use crate::{Browser, EventKind, Outage, Session, SessionLimits};

/// Taking a session up again, on each request that brings its token.
pub struct Resume {
    /// Where the sessions are kept.
    pub sessions: Arc<dyn Sessions>,
    /// Where it is noted that a session is over.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long sessions last.
    pub limits: SessionLimits,
}

impl Resume {
    /// The live session of whoever asks; `None` when there is none: never started, ended, or expired. Its use counts.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot say: nobody is let in on a doubt.
    pub async fn session(&self, browser: &Browser) -> Result<Option<Session>, Outage> {
        let Some(token) = &browser.session else {
            return Ok(None);
        };
        let id = token.id();
        let found = self.sessions.find(id).await?;
        let now = self.clock.now();
        let note = |kind, user, fact| {
            let event = browser.event(kind, now, user);
            self.events.record(event.with([fact]));
        };
        let Some(mut session) = found else {
            // Whose it was is what the token says, and anybody can make one up.
            let claimed = ("claimed_account", id.user.0.to_string());
            note(EventKind::SessionUsedAfterEnd, None, claimed);
            return Ok(None);
        };

        // What is only written down fails on the safe side: a session that expires too early, or that is found dead again.
        // A store that can be read but not written, just now, keeps nobody from reading.
        if !session.is_live(now) {
            let _ = self.sessions.end(id).await;
            let reason = ("reason", "expired".to_owned());
            note(EventKind::SessionEnded, Some(session.user), reason);
            return Ok(None);
        }
        if let Some(expires) = self.limits.extended(&session, now)
            && self.sessions.extend(id, now, expires).await.is_ok()
        {
            (session.seen, session.expires) = (now, expires);
        }
        Ok(Some(session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockEvents, MockSessions};
    use crate::{RequestId, SessionToken, UserId};
    use std::time::Duration;
    use time::OffsetDateTime;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);
    const LIMITS: SessionLimits = SessionLimits {
        recent: Duration::from_mins(10),
        idle: Duration::from_hours(1),
        lifetime: Duration::from_hours(24),
        remembered: Duration::from_hours(30 * 24),
    };

    fn holding(session: Option<Session>) -> MockSessions {
        let mut sessions = MockSessions::new();
        sessions.expect_find().once().return_once(|_| Ok(session));
        sessions
    }

    async fn resume(sessions: MockSessions, now: OffsetDateTime) -> Option<Session> {
        resume_noting(sessions, now, None).await
    }

    /// What is noted is `kind`, or nothing.
    async fn resume_noting(
        sessions: MockSessions,
        now: OffsetDateTime,
        kind: Option<EventKind>,
    ) -> Option<Session> {
        let browser = Browser {
            session: Some(SessionToken::random(UserId::new()).unwrap()),
            request: Some(RequestId::random().unwrap()),
            ..Browser::default()
        };
        let request = browser.request;
        let mut events = MockEvents::new();
        events
            .expect_record()
            .withf(move |event| Some(event.kind) == kind && event.request == request)
            .times(usize::from(kind.is_some()))
            .return_const(());
        let mut clock = MockClock::new();
        clock.expect_now().return_const(now);
        let resume = Resume {
            sessions: Arc::new(sessions),
            events: Arc::new(events),
            clock: Arc::new(clock),
            limits: LIMITS,
        };
        resume.session(&browser).await.unwrap()
    }

    #[tokio::test]
    async fn a_made_up_token_is_nobody_and_starts_nothing() {
        let kind = Some(EventKind::SessionUsedAfterEnd);
        assert_eq!(resume_noting(holding(None), START, kind).await, None);
    }

    #[tokio::test]
    async fn a_fresh_session_is_taken_up_without_a_write() {
        let session = LIMITS.start(UserId::new(), START, &Browser::default());
        let found = resume(holding(Some(session.clone())), START).await;
        assert_eq!(found, Some(session));
    }

    #[tokio::test]
    async fn use_moves_the_expiry() {
        let session = LIMITS.start(UserId::new(), START, &Browser::default());
        let now = START + Duration::from_secs(3599);
        let mut sessions = holding(Some(session));
        sessions
            .expect_extend()
            .withf(move |_, seen, expires| *seen == now && *expires == now + LIMITS.idle)
            .once()
            .return_once(|_, _, _| Ok(()));
        assert!(resume(sessions, now).await.is_some());
    }

    #[tokio::test]
    async fn a_use_that_cannot_be_written_down_is_allowed_all_the_same() {
        let session = LIMITS.start(UserId::new(), START, &Browser::default());
        let mut sessions = holding(Some(session.clone()));
        sessions
            .expect_extend()
            .once()
            .return_once(|_, _, _| Err(Outage::during("extending a session")("busy")));
        let found = resume(sessions, START + Duration::from_mins(2)).await;
        assert_eq!(found, Some(session));
    }

    #[tokio::test]
    async fn an_expired_session_is_ended_and_lets_nobody_in() {
        let session = LIMITS.start(UserId::new(), START, &Browser::default());
        let mut sessions = holding(Some(session));
        sessions.expect_end().once().return_once(|_| Ok(()));
        let now = START + Duration::from_hours(1);
        let kind = Some(EventKind::SessionEnded);
        assert_eq!(resume_noting(sessions, now, kind).await, None);
    }
}
