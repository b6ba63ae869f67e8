use std::sync::Arc;

use crate::ports::Sessions;
use crate::{Outage, SessionToken};

/// Signing out of one session.
pub struct Logout {
    /// Where the session is kept.
    pub sessions: Arc<dyn Sessions>,
}

impl Logout {
    /// Ends the session on the server: a copy of its token is worth nothing from here on.
    ///
    /// # Errors
    /// [`Outage`] when the session may still be running.
    pub async fn end(&self, token: &SessionToken) -> Result<(), Outage> {
        self.sessions.end(token.id()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use crate::ports::MockSessions;

    #[tokio::test]
    async fn the_session_of_this_token_is_ended() {
        let token = SessionToken::random(UserId::new()).unwrap();
        let id = token.id();
        let mut sessions = MockSessions::new();
        sessions
            .expect_end()
            .withf(move |ended| *ended == id)
            .once()
            .return_once(|_| Ok(()));
        let logout = Logout {
            sessions: Arc::new(sessions),
        };
        logout.end(&token).await.unwrap();
    }
}
