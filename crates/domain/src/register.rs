use std::sync::Arc;

use thiserror::Error;

use crate::ports::{AddUserError, Clock, Passwords, Users};
use crate::{Browser, NewPassword, NewSession, Outage, SignIn, User, UserId, Username};

/// Making an account, and signing its owner in.
pub struct Register {
    /// Whether strangers may register at all.
    pub open: bool,
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What hashes the password.
    pub passwords: Arc<dyn Passwords>,
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
    /// Somebody has this username.
    #[error("This username is taken. Choose another one.")]
    UsernameTaken,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl Register {
    /// Makes the account and starts its first session. Of two visitors racing for a username, one gets it.
    ///
    /// # Errors
    /// [`RegisterError`]; no hash is spent on a name that is taken already.
    pub async fn attempt(
        &self,
        username: Username,
        password: NewPassword,
        browser: &Browser,
    ) -> Result<NewSession, RegisterError> {
        if !self.open {
            return Err(RegisterError::Closed);
        }
        if self.users.find_by_username(&username).await?.is_some() {
            return Err(RegisterError::UsernameTaken);
        }

        let user = User {
            id: UserId::new(),
            username,
            password: self.passwords.hash(password.0).await?,
            since: self.clock.now(),
            last_login: None,
            previous_login: None,
        };
        match self.users.add(&user).await {
            Ok(()) => Ok(self.sign_in.start(user.id, browser).await?),
            Err(AddUserError::UsernameTaken) => Err(RegisterError::UsernameTaken),
            Err(AddUserError::Outage(outage)) => Err(outage.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockPasswords, MockSessions, MockUsers};
    use crate::{Password, PasswordHash, SessionLimits};
    use std::time::Duration;
    use time::macros::datetime;

    fn register(users: MockUsers, passwords: MockPasswords, sessions: MockSessions) -> Register {
        let users: Arc<dyn Users> = Arc::new(users);
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-23 12:00 UTC));
        let clock: Arc<dyn Clock> = Arc::new(clock);
        Register {
            open: true,
            users: Arc::clone(&users),
            passwords: Arc::new(passwords),
            clock: Arc::clone(&clock),
            sign_in: SignIn {
                users,
                sessions: Arc::new(sessions),
                clock,
                limits: SessionLimits {
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
        register
            .attempt(username, password, &Browser::default())
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
                    && user.password.as_str() == "hash"
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
                password: PasswordHash::new("hash".into()),
                since: datetime!(2026-01-01 0:00 UTC),
                last_login: None,
                previous_login: None,
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
