use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::ports::{AddUserError, Clock, Events, Invitations, JoinError, Passwords, Users};
use crate::throttle::TooOften;
use crate::{
    Admission, Browser, EmailAddress, EventKind, Invitation, LinkToken, NewPassword, NewSession,
    Outage, OwnEmails, Permit, Purpose, Registration, SignIn, Throttle, User, UserId, Username,
};

/// Making an account, and signing its owner in.
pub struct Register {
    /// Who may register.
    pub mode: Registration,
    /// The invitations, where they are needed.
    pub invitations: Arc<dyn Invitations>,
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
    /// Nobody may register here.
    #[error("Registration is closed.")]
    Closed,
    /// Whoever registers here has to be invited.
    #[error("Registration is by invitation.")]
    NotInvited,
    /// The invitation was used, withdrawn, is too old, or was none.
    #[error("This invitation is not valid any more.")]
    Gone,
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

impl From<AddUserError> for RegisterError {
    fn from(e: AddUserError) -> Self {
        match e {
            AddUserError::UsernameTaken => Self::UsernameTaken,
            AddUserError::Outage(outage) => Self::Outage(outage),
        }
    }
}

impl From<JoinError> for RegisterError {
    fn from(e: JoinError) -> Self {
        match e {
            JoinError::NotInvited => Self::Gone,
            JoinError::UsernameTaken => Self::UsernameTaken,
            JoinError::Outage(outage) => Self::Outage(outage),
        }
    }
}

/// A new account, whose owner is signed in.
#[derive(Debug)]
pub struct Registered {
    /// The first session.
    pub session: NewSession,
    /// Whether a mail is on its way to the address that was given.
    pub is_mailed: bool,
}

impl Register {
    /// Whether somebody may make an account here, who may have an invitation. Looking uses none up.
    ///
    /// # Errors
    /// [`RegisterError::Closed`], [`RegisterError::NotInvited`], [`RegisterError::Gone`], [`RegisterError::Outage`].
    pub async fn admit(&self, token: Option<&LinkToken>) -> Result<Admission, RegisterError> {
        let invitation = match self.mode {
            Registration::Closed => return Err(RegisterError::Closed),
            Registration::Open => None,
            Registration::Invited => {
                let id = token.ok_or(RegisterError::NotInvited)?.id(Purpose::Join);
                let found = self.invitations.find(id).await?;
                let is_good = |found: &Invitation| self.clock.now() < found.expires;
                found.filter(is_good).ok_or(RegisterError::Gone)?;
                Some(id)
            }
        };
        Ok(Admission { invitation })
    }

    /// Lets somebody ask for an account, which costs work: judging the password, and hashing it.
    ///
    /// # Errors
    /// [`RegisterError::TooSoon`], [`RegisterError::Outage`].
    pub async fn permit(
        &self,
        _admission: &Admission,
        browser: &Browser,
    ) -> Result<Permit, RegisterError> {
        self.throttle.permit(browser).await.map_err(|e| match e {
            TooOften::Wait(wait) => RegisterError::TooSoon(wait),
            TooOften::Outage(outage) => RegisterError::Outage(outage),
        })
    }

    /// Makes the account and starts its first session. Of two visitors racing for a username, one gets it.
    ///
    /// # Errors
    /// [`RegisterError`]; no hash is spent on a name that is taken already.
    pub async fn attempt(
        &self,
        admission: Admission,
        _permit: Permit,
        username: Username,
        email: Option<EmailAddress>,
        password: NewPassword,
        browser: &Browser,
    ) -> Result<Registered, RegisterError> {
        if self.users.find_by_username(&username).await?.is_some() {
            return Err(RegisterError::UsernameTaken);
        }
        if let Some(email) = &email {
            self.emails
                .admit(email, browser)
                .await
                .map_err(|e| match e {
                    TooOften::Wait(wait) => RegisterError::TooManyMails(wait),
                    TooOften::Outage(outage) => RegisterError::Outage(outage),
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
        match admission.invitation {
            None => self.users.add(&user).await?,
            Some(invitation) => self.users.join(&user, invitation).await?,
        }
        let event = browser.event(EventKind::UserCreated, user.since, Some(user.id));
        let invitation = admission.invitation.map(|id| ("invitation", id.handle()));
        self.events.record(event.with(invitation));
        self.throttle.begin(&user.username).await;
        let is_mailed = match email {
            // It cannot be there already. The account is: whoever made it sees on its page that the address is missing.
            Some(email) => self.emails.keep(user.id, &email, browser).await.is_ok(),
            None => false,
        };
        let (session, _) = self.sign_in.start(user.id, browser).await?;
        Ok(Registered { session, is_mailed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::testing::silent;
    use crate::ports::{
        MockClock, MockEvents, MockInvitations, MockLinks, MockPasswords, MockSessions, MockUsers,
    };
    use crate::throttle::testing::{granting, throttle};
    use crate::{Password, PasswordHash, SessionLimits};
    use time::OffsetDateTime;
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
            mode: Registration::Open,
            invitations: Arc::new(MockInvitations::new()),
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

    async fn attempt(register: &Register) -> Result<Registered, RegisterError> {
        attempt_with(register, None).await
    }

    async fn attempt_with(
        register: &Register,
        token: Option<&LinkToken>,
    ) -> Result<Registered, RegisterError> {
        let username = Username::parse("ada").unwrap();
        let password = NewPassword(Password::parse("correct horse battery").unwrap());
        let admission = register.admit(token).await?;
        let permit = register.permit(&admission, &Browser::default()).await?;
        register
            .attempt(
                admission,
                permit,
                username,
                None,
                password,
                &Browser::default(),
            )
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
            .return_once(|_, _| Ok(None));
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
        register.mode = Registration::Closed;
        // An invitation from before opens nothing.
        let token = LinkToken::random().unwrap();
        let outcome = attempt_with(&register, Some(&token)).await;
        assert!(matches!(outcome, Err(RegisterError::Closed)));
    }

    fn by_invitation(
        users: MockUsers,
        passwords: MockPasswords,
        expires: OffsetDateTime,
    ) -> Register {
        let mut sessions = MockSessions::new();
        sessions.expect_start().returning(|_, _| Ok(()));
        let mut register = register(users, passwords, sessions);
        let mut invitations = MockInvitations::new();
        invitations.expect_find().returning(move |_| {
            let since = datetime!(2026-11-20 12:00 UTC);
            Ok(Some(Invitation { since, expires }))
        });
        register.mode = Registration::Invited;
        register.invitations = Arc::new(invitations);
        register
    }

    #[tokio::test]
    async fn an_invitation_is_used_up_by_the_account() {
        let token = LinkToken::random().unwrap();
        let id = token.id(Purpose::Join);
        let mut users = nobody();
        users
            .expect_join()
            .withf(move |user, invitation| user.username.as_str() == "ada" && *invitation == id)
            .once()
            .return_once(|_, _| Ok(()));
        users.expect_record_login().return_once(|_, _| Ok(None));
        let register = by_invitation(users, hashing(), datetime!(2026-11-23 12:00:01 UTC));
        assert!(attempt_with(&register, Some(&token)).await.is_ok());
    }

    #[tokio::test]
    async fn without_an_invitation_that_is_good_no_work_is_done() {
        let token = LinkToken::random().unwrap();
        let expired = datetime!(2026-11-23 12:00 UTC);
        let register = by_invitation(MockUsers::new(), MockPasswords::new(), expired);
        let outcome = attempt_with(&register, Some(&token)).await;
        assert!(matches!(outcome, Err(RegisterError::Gone)));
        let outcome = attempt_with(&register, None).await;
        assert!(matches!(outcome, Err(RegisterError::NotInvited)));
    }

    #[tokio::test]
    async fn who_is_second_with_an_invitation_gets_nothing() {
        let token = LinkToken::random().unwrap();
        let mut users = nobody();
        users
            .expect_join()
            .once()
            .return_once(|_, _| Err(JoinError::NotInvited));
        let register = by_invitation(users, hashing(), datetime!(2026-11-23 12:00:01 UTC));
        let outcome = attempt_with(&register, Some(&token)).await;
        assert!(matches!(outcome, Err(RegisterError::Gone)));
    }
}
