use std::sync::Arc;

use crate::ports::{Clock, Events, Sessions};
use crate::{Browser, Event, EventKind, Outage};

/// Signing out of one session.
pub struct Logout {
    /// Where the session is kept.
    pub sessions: Arc<dyn Sessions>,
    /// Where its end is noted.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Logout {
    /// Ends the browser's session on the server, where it has one: a copy of its token is worth nothing from here on.
    ///
    /// # Errors
    /// [`Outage`] when the session may still be running.
    pub async fn end(&self, browser: &Browser) -> Result<(), Outage> {
        let Some(token) = &browser.session else {
            return Ok(());
        };
        // Whose session it is, a made-up token only claims.
        let session = self.sessions.find(token.id()).await?;
        self.sessions.end(token.id()).await?;
        if let Some(session) = session {
            let event = browser.event(
                EventKind::SessionEnded,
                self.clock.now(),
                Some(session.user),
            );
            self.events.record(Event {
                facts: vec![("reason", "logout".to_owned())],
                ..event
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockEvents, MockSessions};
    use crate::{Session, SessionToken, UserId};
    use time::macros::datetime;

    async fn log_out(found: Option<Session>, token: SessionToken, events: MockEvents) {
        let id = token.id();
        let mut sessions = MockSessions::new();
        sessions.expect_find().return_once(|_| Ok(found));
        sessions
            .expect_end()
            .withf(move |ended| *ended == id)
            .once()
            .return_once(|_| Ok(()));
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-25 12:00 UTC));
        let logout = Logout {
            sessions: Arc::new(sessions),
            events: Arc::new(events),
            clock: Arc::new(clock),
        };
        let browser = Browser {
            session: Some(token),
            ..Browser::default()
        };
        logout.end(&browser).await.unwrap();
    }

    #[tokio::test]
    async fn the_session_of_this_token_is_ended_and_that_is_noted() {
        let user = UserId::new();
        let now = datetime!(2026-11-25 11:00 UTC);
        let session = Session {
            user,
            started: now,
            expires: now,
            ends: now,
        };
        let mut events = MockEvents::new();
        events
            .expect_record()
            .withf(move |event| event.kind == EventKind::SessionEnded && event.user == Some(user))
            .once()
            .return_const(());
        log_out(Some(session), SessionToken::random(user).unwrap(), events).await;
    }

    #[tokio::test]
    async fn a_token_that_is_nobody_s_is_nobody_s_logout() {
        let token = SessionToken::random(UserId::new()).unwrap();
        log_out(None, token, MockEvents::new()).await;
    }
}
