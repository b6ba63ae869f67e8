use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::ports::{AddUserError, Clock, Events, Passwords, Users};
use crate::{
    Browser, EmailAddress, EventKind, NewPassword, NewSession, Outage, OwnEmails, Permit, SignIn,
    Throttle, Throttled, User, UserId, Username,
};

/// Making an account, and signing its owner in.
pub struct Register {
    /// Whether strangers may register at all.
    pub open: bool,
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What hashes the password.
    pub passwords: Arc<dyn Passwords>,
    /// What keeps its address, where it gives one.
    pub emails: OwnEmails,
    /// What keeps accounts from being made by the thousand.
    pub throttle: Throttle,
    /// Where the new account is noted.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What follows once the account is there.
    pub sign_in: SignIn,
}

/// Why there is no new account.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// Strangers may not register here.
    #[error("Registration is closed.")]
    Closed,
    /// Too many accounts were asked for from there: for so long there is none.
    #[error("Too many new accounts were asked for from where you are.")]
    TooSoon(Duration),
    /// Too many mails were asked for, to the address that was given or by whoever gave it: for so long there is none.
    #[error("Too many mails were asked for.")]
    TooManyMails(Duration),
    /// Somebody has this username.
    #[error("This username is taken. Choose another one.")]
    UsernameTaken,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl Register {
    /// Lets somebody ask for an account, which costs work: judging the password, and hashing it.
    ///
    /// # Errors
    /// [`RegisterError::Closed`], [`RegisterError::TooSoon`], [`RegisterError::Outage`].
    pub async fn permit(&self, browser: &Browser) -> Result<Permit, RegisterError> {
        if !self.open {
            return Err(RegisterError::Closed);
        }
        self.throttle.permit(browser).await.map_err(|e| match e {
            Throttled::TooSoon(wait) => RegisterError::TooSoon(wait),
            // There is no such limit.
            Throttled::Off => RegisterError::Closed,
            Throttled::Outage(outage) => RegisterError::Outage(outage),
        })
    }

    /// Makes the account and starts its first session. Of two visitors racing for a username, one gets it.
    ///
    /// # Errors
    /// [`RegisterError`]; no hash is spent on a name that is taken already.
    pub async fn attempt(
        &self,
        _permit: Permit,
        username: Username,
        email: Option<EmailAddress>,
        password: NewPassword,
        browser: &Browser,
    ) -> Result<NewSession, RegisterError> {
        if self.users.find_by_username(&username).await?.is_some() {
            return Err(RegisterError::UsernameTaken);
        }
        if let Some(email) = &email {
            self.emails
                .admit(email, browser)
                .await
                .map_err(|e| match e {
                    Throttled::TooSoon(wait) => RegisterError::TooManyMails(wait),
                    // There is no such limit.
                    Throttled::Off => RegisterError::TooManyMails(Duration::ZERO),
                    Throttled::Outage(outage) => RegisterError::Outage(outage),
                })?;
        }

        let user = User {
            id: UserId::new(),
            username,
            password: Some(self.passwords.hash(password.0).await?),
            since: self.clock.now(),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        };
        match self.users.add(&user).await {
            Ok(()) => {
                let event = browser.event(EventKind::UserCreated, user.since, Some(user.id));
                self.events.record(event);
                self.throttle.begin(&user.username).await;
                if let Some(email) = email {
                    // It cannot be there already. The account is: whoever made it sees on its page that the address is missing.
                    let _ = self.emails.keep(user.id, &email, browser).await;
                }
                Ok(self.sign_in.start(user.id, browser).await?)
            }
            Err(AddUserError::UsernameTaken) => Err(RegisterError::UsernameTaken),
            Err(AddUserError::Outage(outage)) => Err(outage.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::testing::silent;
    use crate::ports::{MockClock, MockEvents, MockLinks, MockPasswords, MockSessions, MockUsers};
    use crate::throttle::testing::{granting, throttle};
    use crate::{Password, PasswordHash, SessionLimits};
    use time::macros::datetime;

    fn register(users: MockUsers, passwords: MockPasswords, sessions: MockSessions) -> Register {
        let users: Arc<dyn Users> = Arc::new(users);
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-23 12:00 UTC));
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let mut events = MockEvents::new();
        events.expect_record().return_const(());
        let events: Arc<dyn Events> = Arc::new(events);
        Register {
            open: true,
            users: Arc::clone(&users),
            passwords: Arc::new(passwords),
            emails: OwnEmails {
                notices: silent(),
                links: Arc::new(MockLinks::new()),
                throttle: throttle(granting(), Arc::clone(&events)),
            },
            throttle: throttle(granting(), Arc::clone(&events)),
            events: Arc::clone(&events),
            clock: Arc::clone(&clock),
            sign_in: SignIn {
                users,
                sessions: Arc::new(sessions),
                events,
                clock,
                limits: SessionLimits {
                    recent: Duration::from_mins(10),
                    idle: Duration::from_hours(1),
                    lifetime: Duration::from_hours(24),
                    remembered: Duration::from_hours(30 * 24),
                },
            },
        }
    }

    async fn attempt(register: &Register) -> Result<NewSession, RegisterError> {
        let username = Username::parse("ada").unwrap();
        let password = NewPassword(Password::parse("correct horse battery").unwrap());
        let permit = register.permit(&Browser::default()).await?;
        register
            .attempt(permit, username, None, password, &Browser::default())
            .await
    }

    fn nobody() -> MockUsers {
        let mut users = MockUsers::new();
        users.expect_find_by_username().return_once(|_| Ok(None));
        users
    }

    fn hashing() -> MockPasswords {
        let mut passwords = MockPasswords::new();
        passwords
            .expect_hash()
            .once()
            .return_once(|_| Ok(PasswordHash::new("hash".into())));
        passwords
    }

    #[tokio::test]
    async fn a_new_account_is_kept_with_its_hash_and_signed_in() {
        let mut users = nobody();
        users
            .expect_add()
            .withf(|user| {
                user.username.as_str() == "ada"
                    && user.password == Some(PasswordHash::new("hash".into()))
                    && user.since == datetime!(2026-11-23 12:00 UTC)
            })
            .once()
            .return_once(|_| Ok(()));
        users
            .expect_record_login()
            .once()
            .return_once(|_, _| Ok(()));
        let mut sessions = MockSessions::new();
        sessions.expect_start().once().return_once(|_, _| Ok(()));

        let register = register(users, hashing(), sessions);
        assert!(attempt(&register).await.is_ok());
    }

    #[tokio::test]
    async fn a_taken_name_costs_no_hash() {
        let mut users = MockUsers::new();
        users.expect_find_by_username().return_once(|username| {
            Ok(Some(User {
                id: UserId::new(),
                username: username.clone(),
                password: Some(PasswordHash::new("hash".into())),
                since: datetime!(2026-01-01 0:00 UTC),
                last_login: None,
                previous_login: None,
                disabled: None,
                leaves: None,
            }))
        });
        let register = register(users, MockPasswords::new(), MockSessions::new());
        let outcome = attempt(&register).await;
        assert!(matches!(outcome, Err(RegisterError::UsernameTaken)));
    }

    #[tokio::test]
    async fn who_loses_the_race_for_a_name_is_not_signed_in() {
        let mut users = nobody();
        users
            .expect_add()
            .return_once(|_| Err(AddUserError::UsernameTaken));
        let register = register(users, hashing(), MockSessions::new());
        let outcome = attempt(&register).await;
        assert!(matches!(outcome, Err(RegisterError::UsernameTaken)));
    }

    #[tokio::test]
    async fn closed_is_closed() {
        let mut register = register(MockUsers::new(), MockPasswords::new(), MockSessions::new());
        register.open = false;
        let outcome = attempt(&register).await;
        assert!(matches!(outcome, Err(RegisterError::Closed)));
    }
}
