use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::ports::{Events, Passwords, Users};
use crate::{
    Browser, EventKind, LetterKind, NewSession, Notices, Outage, Password, PasswordHash, SignIn,
    Throttle, Throttled, User, UserId, Username,
};

/// Signing in with a password.
pub struct Login {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What checks the password.
    pub passwords: Arc<dyn Passwords>,
    /// What keeps guessing slow.
    pub throttle: Throttle,
    /// Where the outcome is noted.
    pub events: Arc<dyn Events>,
    /// What tells people of browsers that their account did not know.
    pub notices: Notices,
    /// What follows once the password is right.
    pub sign_in: SignIn,
}

/// Why nobody was signed in.
#[derive(Debug, Error)]
pub enum LoginError {
    /// Wrong password, or nobody by that name. Which of the two, the visitor is not told.
    #[error("Wrong username or password.")]
    Refused,
    /// Too many wrong passwords: for so long none is looked at.
    #[error("Too many wrong passwords.")]
    TooSoon(Duration),
    /// So many wrong passwords that none is looked at from a browser that the account does not know.
    #[error(
        "After too many wrong passwords, this name can be signed in to only from a browser that was used for it before. A \
         new password, by the link for those who forgot theirs, allows others again; so does whoever runs this site."
    )]
    Off,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl From<Throttled> for LoginError {
    fn from(throttled: Throttled) -> Self {
        match throttled {
            Throttled::TooSoon(wait) => Self::TooSoon(wait),
            Throttled::Off => Self::Off,
            Throttled::Outage(outage) => Self::Outage(outage),
        }
    }
}

impl Login {
    /// Starts a session for whoever knows this account's password. A hash that was made at another cost than today's is
    /// made anew.
    ///
    /// # Errors
    /// [`LoginError::Refused`] takes as long for a stranger as for a wrong password (see [`Passwords::verify`]);
    /// [`LoginError::TooSoon`] and [`LoginError::Off`] cost no hash.
    pub async fn attempt(
        &self,
        username: &Username,
        password: Password,
        browser: &Browser,
    ) -> Result<NewSession, LoginError> {
        let found = self.users.find_by_username(username).await?;
        let user = found.as_ref().map(|user| user.id);
        let guess = self.throttle.admit(username, user, browser).await?;
        let outcome = self.check(found, password, browser).await;
        let note = |kind, facts: Vec<(&'static str, String)>| {
            let event = self.throttle.event(kind, user, browser);
            self.events.record(event.with(facts));
        };
        match &outcome {
            Ok(_) => {
                self.throttle.was_right(&guess).await;
                match guess.number - 1 {
                    0 => note(EventKind::LoginSucceeded, Vec::new()),
                    wrong => {
                        let facts = vec![("wrong_before", wrong.to_string())];
                        note(EventKind::LoginSucceededAfterFailures, facts);
                    }
                }
            }
            Err(LoginError::Outage(_)) => self.throttle.was_not_made(&guess).await,
            Err(_) => {
                let facts = vec![("wrong_in_a_row", guess.number.to_string())];
                note(EventKind::LoginFailed, facts);
                if self.throttle.was_the_last(&guess) {
                    note(EventKind::PasswordLocked, Vec::new());
                }
            }
        }
        outcome
    }

    async fn check(
        &self,
        user: Option<User>,
        password: Password,
        browser: &Browser,
    ) -> Result<NewSession, LoginError> {
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let matches = self.passwords.verify(password.clone(), hash).await?;
        // Of an account that is disabled nobody is told more than of one that is not there.
        let user = user.filter(|user| matches && user.disabled.is_none());
        let Some((user, hash)) = user.and_then(|user| Some((user.id, user.password?))) else {
            return Err(LoginError::Refused);
        };

        let hash = self.renew_hash(user, hash, &password).await?;
        self.tell(user, browser).await?;
        let (session, now) = self.sign_in.start(user, browser).await?;
        if self.still_opens(now, password, &hash).await? {
            Ok(session)
        } else {
            self.sign_in.sessions.end(session.token.id()).await?;
            Err(LoginError::Refused)
        }
    }

    /// The account's hash, made anew where that is due.
    async fn renew_hash(
        &self,
        user: UserId,
        hash: PasswordHash,
        password: &Password,
    ) -> Result<PasswordHash, Outage> {
        if self.passwords.is_current(&hash) {
            return Ok(hash);
        }
        let new = self.passwords.hash(password.clone()).await?;
        self.users.replace_hash(user, &hash, &new).await?;
        Ok(new)
    }

    /// Tells the account's owner of a browser that had not signed in to it before. It comes first: what cannot be told is not
    /// done.
    async fn tell(&self, user: UserId, browser: &Browser) -> Result<(), Outage> {
        let at = self.sign_in.clock.now();
        if browser.device(user, at).is_some() {
            return Ok(());
        }
        let kind = LetterKind::NewBrowser;
        let letters = self.notices.letters(kind, user, at, browser).await?;
        self.notices.put(letters).await
    }

    /// Whether the password is the account's even `now`. Somebody may have changed it and ended all sessions while this one
    /// was about to start: seen from there it would start afterwards, and stay.
    async fn still_opens(
        &self,
        now: Option<User>,
        password: Password,
        hash: &PasswordHash,
    ) -> Result<bool, Outage> {
        match now {
            None => Ok(false),
            Some(user) if user.disabled.is_some() => Ok(false),
            Some(user) if user.password.as_ref() == Some(hash) => Ok(true),
            // Another login may have renewed the hash.
            Some(user) => self.passwords.verify(password, user.password).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::testing::silent;
    use crate::ports::{
        MockAttempts, MockClock, MockEvents, MockPasswords, MockSessions, MockUsers,
    };
    use crate::throttle::testing::{granting, throttle};
    use crate::{Claims, Refusal, SessionLimits, SessionToken};
    use std::time::Duration;
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
    fn login(users: MockUsers, passwords: MockPasswords, sessions: MockSessions) -> Login {
        let mut events = MockEvents::new();
        events.expect_record().return_const(());
        noted(users, passwords, sessions, granting(), events)
    }

    fn noted(
        users: MockUsers,
        passwords: MockPasswords,
        sessions: MockSessions,
        attempts: MockAttempts,
        events: MockEvents,
    ) -> Login {
        let users: Arc<dyn Users> = Arc::new(users);
        let events: Arc<dyn Events> = Arc::new(events);
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-23 12:00 UTC));
        Login {
            users: Arc::clone(&users),
            passwords: Arc::new(passwords),
            throttle: throttle(attempts, Arc::clone(&events)),
            events: Arc::clone(&events),
            notices: silent(),
            sign_in: SignIn {
                users,
                sessions: Arc::new(sessions),
                events,
                clock: Arc::new(clock),
                limits: SessionLimits {
                    recent: Duration::from_mins(10),
                    idle: Duration::from_hours(1),
                    lifetime: Duration::from_hours(24),
                    remembered: Duration::from_hours(30 * 24),
                },
            },
        }
    }

    async fn attempt(login: &Login, browser: &Browser) -> Result<NewSession, LoginError> {
        let username = Username::parse("ada").unwrap();
        let password = Password::parse("correct horse battery").unwrap();
        login.attempt(&username, password, browser).await
    }

    fn knows(user: &User) -> MockUsers {
        let user = user.clone();
        let mut users = MockUsers::new();
        users
            .expect_find_by_username()
            .return_once(move |_| Ok(Some(user)));
        users
    }

    /// Once the session has started, the account is `now`.
    fn becomes(users: &mut MockUsers, now: Option<User>) {
        users
            .expect_record_login()
            .once()
            .return_once(|_, _| Ok(now));
    }

    fn answering(matches: bool) -> MockPasswords {
        let mut passwords = MockPasswords::new();
        passwords
            .expect_verify()
            .withf(|_, hash| hash.is_some())
            .once()
            .return_once(move |_, _| Ok(matches));
        passwords
    }

    #[tokio::test]
    async fn a_stranger_costs_one_verification_and_gets_no_session() {
        let mut users = MockUsers::new();
        users.expect_find_by_username().return_once(|_| Ok(None));
        let mut passwords = MockPasswords::new();
        passwords
            .expect_verify()
            .withf(|_, hash| hash.is_none())
            .once()
            .return_once(|_, _| Ok(false));

        let login = login(users, passwords, MockSessions::new());
        let outcome = attempt(&login, &Browser::default()).await;
        assert!(matches!(outcome, Err(LoginError::Refused)));
    }

    #[tokio::test]
    async fn a_wrong_password_costs_one_verification_and_gets_no_session() {
        let login = login(knows(&ada()), answering(false), MockSessions::new());
        let outcome = attempt(&login, &Browser::default()).await;
        assert!(matches!(outcome, Err(LoginError::Refused)));
    }

    /// Nor does anybody hear of a browser that did not get in.
    #[tokio::test]
    async fn a_disabled_account_costs_one_verification_and_gets_no_session() {
        let ada = User {
            disabled: Some(datetime!(2026-11-22 12:00 UTC)),
            ..ada()
        };
        let login = login(knows(&ada), answering(true), MockSessions::new());
        let outcome = attempt(&login, &Browser::default()).await;
        assert!(matches!(outcome, Err(LoginError::Refused)));
    }

    #[tokio::test]
    async fn the_right_password_notes_the_visit_and_starts_a_session_of_its_own() {
        let ada = ada();
        let id = ada.id;
        let mut users = knows(&ada);
        let mut order = mockall::Sequence::new();
        let mut passwords = answering(true);
        passwords.expect_is_current().return_const(true);
        let brought = SessionToken::random(UserId::new()).unwrap();
        let old = brought.id();
        let mut sessions = MockSessions::new();
        sessions
            .expect_end()
            .withf(move |ended| *ended == old)
            .once()
            .return_once(|_| Ok(()));
        sessions
            .expect_start()
            .withf(move |started, session| *started != old && session.user == id)
            .once()
            .in_sequence(&mut order)
            .return_once(|_, _| Ok(()));
        // Whoever ended all sessions before that had changed the account already.
        users
            .expect_record_login()
            .withf(move |user, visit| {
                *user == id
                    && visit.at == datetime!(2026-11-23 12:00 UTC)
                    && visit.from == Some([203, 0, 113, 7].into())
            })
            .once()
            .in_sequence(&mut order)
            .return_once(|_, _| Ok(Some(ada)));

        let login = login(users, passwords, sessions);
        let browser = Browser {
            address: Some([203, 0, 113, 7].into()),
            session: Some(brought),
            remember: false,
            ..Browser::default()
        };
        let session = attempt(&login, &browser).await.unwrap();
        assert_ne!(session.token.id(), old);
        assert_eq!(session.keep, None);
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_made_anew() {
        let ada = ada();
        let mut users = knows(&ada);
        users
            .expect_replace_hash()
            .withf(|_, old, new| old.as_str() == "old" && new.as_str() == "new")
            .once()
            .return_once(|_, _, _| Ok(true));
        let password = PasswordHash::new("new".into());
        becomes(
            &mut users,
            Some(User {
                password: Some(password),
                ..ada
            }),
        );
        let mut passwords = answering(true);
        passwords.expect_is_current().return_const(false);
        passwords
            .expect_hash()
            .once()
            .return_once(|_| Ok(PasswordHash::new("new".into())));
        let mut sessions = MockSessions::new();
        sessions.expect_start().once().return_once(|_, _| Ok(()));

        let login = login(users, passwords, sessions);
        let browser = Browser {
            remember: true,
            ..Browser::default()
        };
        let session = attempt(&login, &browser).await.unwrap();
        assert_eq!(session.keep, Some(Duration::from_hours(30 * 24)));
    }

    /// A login during which the account becomes `now`, and the password then `matches` its new hash or not.
    async fn overtaken(now: Option<User>, matches: bool) -> Result<NewSession, LoginError> {
        let mut users = knows(&ada());
        let changed = now.as_ref().is_some_and(|now| now.disabled.is_none());
        becomes(&mut users, now);
        let mut passwords = answering(true);
        passwords.expect_is_current().return_const(true);
        passwords
            .expect_verify()
            .withf(|_, hash| hash.as_ref().is_some_and(|hash| hash.as_str() == "changed"))
            .times(usize::from(changed))
            .returning(move |_, _| Ok(matches));
        let mut sessions = MockSessions::new();
        sessions.expect_start().once().return_once(|_, _| Ok(()));
        sessions
            .expect_end()
            .times(usize::from(!matches))
            .returning(|_| Ok(()));
        attempt(&login(users, passwords, sessions), &Browser::default()).await
    }

    #[tokio::test]
    async fn a_login_that_a_change_of_password_overtakes_leaves_no_session() {
        let password = PasswordHash::new("changed".into());
        let changed = User {
            password: Some(password),
            ..ada()
        };
        let outcome = overtaken(Some(changed.clone()), false).await;
        assert!(matches!(outcome, Err(LoginError::Refused)));
        let outcome = overtaken(None, false).await;
        assert!(matches!(outcome, Err(LoginError::Refused)), "account gone");
        let disabled = User {
            disabled: Some(datetime!(2026-11-23 12:00 UTC)),
            ..ada()
        };
        let outcome = overtaken(Some(disabled), false).await;
        assert!(matches!(outcome, Err(LoginError::Refused)), "disabled");
        overtaken(Some(changed), true).await.unwrap();
    }

    #[tokio::test]
    async fn no_session_stays_when_the_visit_cannot_be_noted() {
        let mut users = knows(&ada());
        users
            .expect_record_login()
            .return_once(|_, _| Err(Outage::during("noting a login")("gone")));
        let mut passwords = answering(true);
        passwords.expect_is_current().return_const(true);
        let mut sessions = MockSessions::new();
        sessions.expect_start().once().return_once(|_, _| Ok(()));
        sessions.expect_end().once().return_once(|_| Ok(()));

        let login = login(users, passwords, sessions);
        let outcome = attempt(&login, &Browser::default()).await;
        assert!(matches!(outcome, Err(LoginError::Outage(_))));
    }

    /// Events that are noted in this order, and no others.
    fn noting(kinds: &'static [EventKind]) -> MockEvents {
        let mut events = MockEvents::new();
        let mut order = mockall::Sequence::new();
        for kind in kinds {
            events
                .expect_record()
                .withf(move |event| event.kind == *kind)
                .once()
                .in_sequence(&mut order)
                .return_const(());
        }
        events
    }

    fn claiming(claims: Claims) -> MockAttempts {
        let mut attempts = MockAttempts::new();
        attempts
            .expect_claim_both()
            .returning(move |_, _, _| Ok(claims));
        attempts
    }

    #[tokio::test]
    async fn who_has_to_wait_costs_no_hash() {
        let wait = Duration::from_secs(30);
        for refusal in [Refusal::Wait(wait), Refusal::Off] {
            let login = noted(
                knows(&ada()),
                MockPasswords::new(),
                MockSessions::new(),
                claiming(Claims::Second(refusal)),
                noting(&[EventKind::LoginOverLimit]),
            );
            let outcome = attempt(&login, &Browser::default()).await;
            assert!(matches!(
                (refusal, outcome),
                (Refusal::Wait(_), Err(LoginError::TooSoon(_)))
                    | (Refusal::Off, Err(LoginError::Off))
            ));
        }
    }

    #[tokio::test]
    async fn a_guess_that_could_not_be_looked_at_is_not_counted() {
        let mut passwords = MockPasswords::new();
        passwords
            .expect_verify()
            .return_once(|_, _| Err(Outage::during("hashing")("busy")));
        let mut attempts = claiming(Claims::Granted(1));
        attempts
            .expect_take_back()
            .times(2)
            .returning(|_, _| Ok(()));
        let login = noted(
            knows(&ada()),
            passwords,
            MockSessions::new(),
            attempts,
            MockEvents::new(),
        );
        let outcome = attempt(&login, &Browser::default()).await;
        assert!(matches!(outcome, Err(LoginError::Outage(_))));
    }

    #[tokio::test]
    async fn the_last_wrong_password_that_there_is_is_noted_as_such() {
        let login = noted(
            knows(&ada()),
            answering(false),
            MockSessions::new(),
            claiming(Claims::Granted(100)),
            noting(&[EventKind::LoginFailed, EventKind::PasswordLocked]),
        );
        let outcome = attempt(&login, &Browser::default()).await;
        assert!(matches!(outcome, Err(LoginError::Refused)));
    }
}
