use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::link::end_choosing;
use crate::ports::{Events, Links, Passwords, Users};
use crate::throttle::Guess;
use crate::{
    Browser, EventKind, LetterKind, NewPassword, NewSession, Notices, Outage, Password, Permit,
    SignIn, Throttle, Throttled, User,
};

/// Choosing another password, by whoever is signed in and knows the one there is.
///
/// Source: OWASP ASVS 5.0 requirements 6.2.2, 6.2.3 and 7.4.3.
pub struct ChangePassword {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What checks the old password and hashes the new one.
    pub passwords: Arc<dyn Passwords>,
    /// What keeps guessing slow, here as at the login.
    pub throttle: Throttle,
    /// Where the outcome is noted.
    pub events: Arc<dyn Events>,
    /// What tells of it.
    pub notices: Notices,
    /// The links for a new password that were sent: they end with the old one.
    pub links: Arc<dyn Links>,
    /// What follows: the browser's session is a new one, and the others end.
    pub sign_in: SignIn,
}

/// Why the password is what it was.
#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The old one is another.
    #[error("This is not your password.")]
    Refused,
    /// Too many wrong passwords: for so long none is looked at.
    #[error("Too many wrong passwords.")]
    TooSoon(Duration),
    /// So many wrong passwords that none is looked at from a browser that the account does not know.
    #[error(
        "After too many wrong passwords, yours counts only in a browser that you have signed in with before."
    )]
    Off,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl From<Throttled> for ChangePasswordError {
    fn from(throttled: Throttled) -> Self {
        match throttled {
            Throttled::TooSoon(wait) => Self::TooSoon(wait),
            Throttled::Off => Self::Off,
            Throttled::Outage(outage) => Self::Outage(outage),
        }
    }
}

/// Somebody who has just given the password of the account that they are signed in to.
#[derive(Debug)]
pub struct Proven {
    pub(crate) user: User,
    /// The right to have the new password judged, too.
    pub permit: Permit,
}

impl ChangePassword {
    /// Checks the password that there is. A wrong one counts as a wrong one at the login does.
    ///
    /// # Errors
    /// [`ChangePasswordError`].
    pub async fn prove(
        &self,
        user: User,
        old: Password,
        browser: &Browser,
    ) -> Result<Proven, ChangePasswordError> {
        let guess = self
            .throttle
            .admit(&user.username, Some(user.id), browser)
            .await?;
        match self.passwords.verify(old, user.password.clone()).await {
            Ok(true) => {
                self.throttle.was_right(&guess).await;
                Ok(Proven {
                    user,
                    permit: Permit::of_member(),
                })
            }
            Ok(false) => {
                self.note_wrong(&user, &guess, browser);
                Err(ChangePasswordError::Refused)
            }
            Err(outage) => {
                self.throttle.was_not_made(&guess).await;
                Err(outage.into())
            }
        }
    }

    fn note_wrong(&self, user: &User, guess: &Guess, browser: &Browser) {
        let kind = EventKind::PasswordChangeFailed;
        let event = self.throttle.event(kind, Some(user.id), browser);
        let facts = vec![("wrong_in_a_row", guess.number.to_string())];
        self.events.record(event.with(facts));
        if self.throttle.was_the_last(guess) {
            let kind = EventKind::PasswordLocked;
            let event = self.throttle.event(kind, Some(user.id), browser);
            self.events.record(event);
        }
    }

    /// Makes `new` the password, ends every session, and starts a new one for this browser.
    ///
    /// # Errors
    /// [`ChangePasswordError::Refused`] when somebody else has changed the password meanwhile.
    pub async fn change(
        &self,
        proven: Proven,
        new: NewPassword,
        browser: &Browser,
    ) -> Result<NewSession, ChangePasswordError> {
        let user = proven.user;
        let hash = self.passwords.hash(new.0).await?;
        let at = self.throttle.clock.now();
        let letters = self
            .notices
            .letters(LetterKind::PasswordChanged, user.id, at, browser)
            .await?;
        // Before as well as after: a store that cannot end them changes nothing, and one that fails in the middle leaves
        // nobody in but who came in that moment.
        self.sign_in.sessions.end_all(user.id).await?;
        let replaced = self
            .users
            .change_password(user.id, user.password, &hash, &letters)
            .await?;
        if !replaced {
            return Err(ChangePasswordError::Refused);
        }
        let event = self
            .throttle
            .event(EventKind::PasswordChanged, Some(user.id), browser);
        self.events.record(event);
        end_choosing(self.links.as_ref(), user.id).await?;
        self.sign_in.sessions.end_all(user.id).await?;
        let (session, _) = self.sign_in.start(user.id, browser).await?;
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::testing::silent;
    use crate::ports::{MockClock, MockEvents, MockLinks, MockPasswords, MockSessions, MockUsers};
    use crate::throttle::testing::{granting, throttle};
    use crate::{PasswordHash, SessionLimits, UserId, Username};
    use mockall::Sequence;
    use time::macros::datetime;

    fn ada() -> User {
        User {
            id: UserId::new(),
            username: Username::parse("ada").unwrap(),
            password: Some(PasswordHash::new("old".into())),
            since: datetime!(2026-01-01 0:00 UTC),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        }
    }

    /// A mock without an expectation panics when it is called: what a test does not name must not happen.
    fn act(
        users: MockUsers,
        sessions: MockSessions,
        passwords: MockPasswords,
        kinds: &'static [EventKind],
    ) -> ChangePassword {
        let mut events = MockEvents::new();
        for kind in kinds {
            events
                .expect_record()
                .withf(move |event| event.kind == *kind)
                .once()
                .return_const(());
        }
        let mut links = MockLinks::new();
        links.expect_end().returning(|_, _| Ok(()));
        let users: Arc<dyn Users> = Arc::new(users);
        let events: Arc<dyn Events> = Arc::new(events);
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-25 12:00 UTC));
        ChangePassword {
            users: Arc::clone(&users),
            passwords: Arc::new(passwords),
            throttle: throttle(granting(), Arc::clone(&events)),
            events: Arc::clone(&events),
            notices: silent(),
            links: Arc::new(links),
            sign_in: SignIn {
                users,
                sessions: Arc::new(sessions),
                events,
                clock: Arc::new(clock),
                limits: SessionLimits {
                    idle: Duration::from_hours(1),
                    lifetime: Duration::from_hours(24),
                    remembered: Duration::from_hours(24),
                    recent: Duration::from_mins(10),
                },
            },
        }
    }

    fn answering(matches: bool) -> MockPasswords {
        let mut passwords = MockPasswords::new();
        passwords
            .expect_verify()
            .withf(|_, hash| hash.as_ref().is_some_and(|hash| hash.as_str() == "old"))
            .once()
            .return_once(move |_, _| Ok(matches));
        passwords
    }

    fn typed(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_wrong_password_proves_nothing_and_is_noted() {
        let kinds = &[EventKind::PasswordChangeFailed];
        let (users, sessions) = (MockUsers::new(), MockSessions::new());
        let act = act(users, sessions, answering(false), kinds);
        let outcome = act.prove(ada(), typed("x"), &Browser::default()).await;
        assert!(matches!(outcome, Err(ChangePasswordError::Refused)));
    }

    #[tokio::test]
    async fn every_session_ends_before_the_new_one_starts() {
        let mut users = MockUsers::new();
        let mut sessions = MockSessions::new();
        let mut order = Sequence::new();
        sessions
            .expect_end_all()
            .once()
            .in_sequence(&mut order)
            .return_once(|_| Ok(()));
        users
            .expect_change_password()
            .withf(|_, old, new, _| {
                old.as_ref().is_some_and(|old| old.as_str() == "old") && new.as_str() == "new"
            })
            .once()
            .in_sequence(&mut order)
            .return_once(|_, _, _, _| Ok(true));
        sessions
            .expect_end_all()
            .once()
            .in_sequence(&mut order)
            .return_once(|_| Ok(()));
        users.expect_record_login().return_once(|_, _| Ok(None));
        sessions
            .expect_start()
            .once()
            .in_sequence(&mut order)
            .return_once(|_, _| Ok(()));
        let kinds = &[EventKind::PasswordChanged, EventKind::SessionCreated];
        let act = act(users, sessions, hashing(), kinds);
        let browser = Browser::default();
        let proven = act.prove(ada(), typed("x"), &browser).await.unwrap();
        let new = NewPassword(typed("y"));
        act.change(proven, new, &browser).await.unwrap();
    }

    #[tokio::test]
    async fn of_two_changes_at_once_the_second_changes_nothing() {
        let mut users = MockUsers::new();
        users
            .expect_change_password()
            .return_once(|_, _, _, _| Ok(false));
        let mut sessions = MockSessions::new();
        sessions.expect_end_all().once().return_once(|_| Ok(()));
        let act = act(users, sessions, hashing(), &[]);
        let browser = Browser::default();
        let proven = act.prove(ada(), typed("x"), &browser).await.unwrap();
        let outcome = act.change(proven, NewPassword(typed("y")), &browser).await;
        assert!(matches!(outcome, Err(ChangePasswordError::Refused)));
    }

    #[tokio::test]
    async fn where_sessions_cannot_be_ended_the_password_stays() {
        let mut sessions = MockSessions::new();
        sessions
            .expect_end_all()
            .once()
            .return_once(|_| Err(Outage::during("ending all sessions of a user")("gone")));
        let act = act(MockUsers::new(), sessions, hashing(), &[]);
        let browser = Browser::default();
        let proven = act.prove(ada(), typed("x"), &browser).await.unwrap();
        let outcome = act.change(proven, NewPassword(typed("y")), &browser).await;
        assert!(matches!(outcome, Err(ChangePasswordError::Outage(_))));
    }

    fn hashing() -> MockPasswords {
        let mut passwords = answering(true);
        passwords
            .expect_hash()
            .once()
            .return_once(|_| Ok(PasswordHash::new("new".into())));
        passwords
    }
}
