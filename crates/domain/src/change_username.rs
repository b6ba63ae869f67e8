use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::ports::{AddUserError, Users};
use crate::throttle::TooOften;
use crate::{Browser, EventKind, Letter, LetterKind, Notices, Outage, Throttle, User, Username};

/// Taking another name.
pub struct ChangeUsername {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What tells of it.
    pub notices: Notices,
    /// Where it is noted, and the time.
    pub throttle: Throttle,
}

/// Why the name is what it was.
#[derive(Debug, Error)]
pub enum ChangeUsernameError {
    /// Somebody has this username.
    #[error("This username is taken. Choose another one.")]
    UsernameTaken,
    /// Too many were taken: for so long there is none.
    #[error("You have changed your username too often.")]
    TooSoon(Duration),
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl From<TooOften> for ChangeUsernameError {
    fn from(refusal: TooOften) -> Self {
        match refusal {
            TooOften::Wait(wait) => Self::TooSoon(wait),
            TooOften::Outage(outage) => Self::Outage(outage),
        }
    }
}

impl ChangeUsername {
    /// Makes `new` the name of an account. Its sessions stay, and its old name is free.
    ///
    /// # Errors
    /// [`ChangeUsernameError`].
    pub async fn change(
        &self,
        user: &User,
        new: &Username,
        browser: &Browser,
    ) -> Result<(), ChangeUsernameError> {
        if user.username == *new {
            return Ok(());
        }
        self.throttle.renaming(user.id, browser).await?;
        let at = self.throttle.clock.now();
        let kind = LetterKind::UsernameChanged;
        let letters: Vec<Letter> = self.notices.letters(kind, user.id, at, browser).await?;
        let renamed = self.users.rename(user.id, new, at, &letters).await;
        renamed.map_err(|e| match e {
            AddUserError::UsernameTaken => ChangeUsernameError::UsernameTaken,
            AddUserError::Outage(outage) => ChangeUsernameError::Outage(outage),
        })?;
        let event = self
            .throttle
            .event(EventKind::UsernameChanged, Some(user.id), browser);
        self.throttle.events.record(event);
        // Wrong passwords for a name that nobody had are not this account's, nor are its own somebody else's.
        for name in [&user.username, new] {
            self.throttle.begin(name).await;
        }
        Ok(())
    }
}
