use std::sync::Arc;

use thiserror::Error;

use crate::link::end_choosing;
use crate::ports::{Links, Sessions, Users, VerifyEmailError};
use crate::{
    Browser, EventKind, Letter, LetterKind, Link, LinkToken, Notices, Outage, Purpose, Throttle,
    User,
};

/// Taking an account back, by whoever gets its mail and did not do what the mail told.
pub struct Disown {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What ends.
    pub sessions: Arc<dyn Sessions>,
    /// The links that were sent.
    pub links: Arc<dyn Links>,
    /// The addresses, and what sends the link for a new password.
    pub notices: Notices,
    /// Where it is noted, and the time.
    pub throttle: Throttle,
}

/// Why nothing was taken back.
#[derive(Debug, Error)]
pub enum DisownError {
    /// The link was used, is too old, or was none.
    #[error("This link is not valid any more.")]
    Gone,
    /// Another account has shown that it reads the mail of this address.
    #[error("This address belongs to another account by now.")]
    Taken,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl Disown {
    /// What would be taken back, and in whose account; `None`: nothing. Looking changes nothing.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn look(
        &self,
        purpose: Purpose,
        token: &LinkToken,
    ) -> Result<Option<(Link, User)>, Outage> {
        // Another kind of link is no proof for this.
        if !matches!(purpose, Purpose::Undo | Purpose::NotMe) {
            return Ok(None);
        }
        let link = self.links.find(token.id(purpose)).await?;
        let Some(link) = link.filter(|link| self.throttle.clock.now() < link.expires) else {
            return Ok(None);
        };
        let user = self.users.find(link.user).await?;
        Ok(user.map(|user| (link, user)))
    }

    /// Ends every session, takes the password away and with it every address that came since, and sends a link for a new
    /// password to the address that this one came to, which is the account's again.
    ///
    /// # Errors
    /// [`DisownError`].
    pub async fn confirm(
        &self,
        purpose: Purpose,
        token: &LinkToken,
        browser: &Browser,
    ) -> Result<(), DisownError> {
        let found = self.look(purpose, token).await?;
        let (link, user) = found.ok_or(DisownError::Gone)?;
        let address = link.address.ok_or(DisownError::Gone)?;
        // Whoever is in is out first; the link stays good until nobody can come in again.
        self.sessions.end_all(user.id).await?;
        self.users.forget_password(user.id).await?;
        // Nor does it go because somebody else wanted it to.
        if user.leaves.is_some() {
            self.users.set_leaving(user.id, None, &[]).await?;
        }
        end_choosing(self.links.as_ref(), user.id).await?;
        self.sessions.end_all(user.id).await?;
        if !self.links.take(token.id(purpose)).await? {
            return Err(DisownError::Gone);
        }
        let at = self.throttle.clock.now();
        let to = address.clone();
        let letters = [Letter::new(LetterKind::Reset, user.id, to, at, browser)];
        let restored = self
            .notices
            .emails
            .restore(user.id, &address, link.since, at, &letters);
        restored.await.map_err(|e| match e {
            VerifyEmailError::NotThere => DisownError::Gone,
            VerifyEmailError::Taken => DisownError::Taken,
            VerifyEmailError::Outage(outage) => DisownError::Outage(outage),
        })?;
        let event = self
            .throttle
            .event(EventKind::Disowned, Some(user.id), browser);
        let facts = vec![("email", address.masked())];
        self.throttle.events.record(event.with(facts));
        Ok(())
    }
}
