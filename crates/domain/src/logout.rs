use std::sync::Arc;

use crate::ports::{Clock, Events, Sessions};
use crate::{Browser, EventKind, Outage};

/// Signing out of one session.
pub struct Logout {
    /// Where the session is kept.
    pub sessions: Arc<dyn Sessions>,
    /// Where it is noted.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Logout {
    /// Ends the session of whoever asks, on the server: a copy of its token is worth nothing from here on.
    ///
    /// # Errors
    /// [`Outage`] when the session may still be running.
    pub async fn end(&self, browser: &Browser) -> Result<(), Outage> {
        let Some(token) = &browser.session else {
            return Ok(());
        };
        let id = token.id();
        // A token of no session ends none, and so is not worth a note; whose it is, a made-up one only claims.
        let ended = self.sessions.find(id).await?;
        self.sessions.end(id).await?;
        if let Some(session) = ended {
            let now = self.clock.now();
            let event = browser.event(EventKind::SessionEnded, now, Some(session.user));
            self.events
                .record(event.with([("reason", "signed out".to_owned())]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockEvents, MockSessions};
    use crate::{RequestId, Session, SessionToken, UserId};
    use time::macros::datetime;

    /// Signs out with a token whose session is this, and says whether that is noted.
    async fn sign_out(found: Option<Session>, noted: bool) {
        let token = SessionToken::random(UserId::new()).unwrap();
        let id = token.id();
        let browser = Browser {
            session: Some(token),
            request: Some(RequestId::random().unwrap()),
            ..Browser::default()
        };
        let mut sessions = MockSessions::new();
        sessions.expect_find().return_once(|_| Ok(found));
        sessions
            .expect_end()
            .withf(move |ended| *ended == id)
            .once()
            .return_once(|_| Ok(()));
        let request = browser.request;
        let mut events = MockEvents::new();
        events
            .expect_record()
            .withf(move |event| event.kind == EventKind::SessionEnded && event.request == request)
            .times(usize::from(noted))
            .return_const(());
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-25 8:00 UTC));
        let logout = Logout {
            sessions: Arc::new(sessions),
            events: Arc::new(events),
            clock: Arc::new(clock),
        };
        logout.end(&browser).await.unwrap();
    }

    #[tokio::test]
    async fn the_session_of_this_token_is_ended_and_that_is_noted() {
        let started = datetime!(2026-11-25 7:00 UTC);
        let session = Session {
            user: UserId::new(),
            started,
            seen: started,
            expires: started,
            ends: started,
            remembered: false,
            from: None,
            agent: None,
        };
        sign_out(Some(session), true).await;
    }

    #[tokio::test]
    async fn a_token_of_no_session_is_nobody_s_logout() {
        sign_out(None, false).await;
    }
}
