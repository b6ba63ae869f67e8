use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::ports::{AddEmailError, Links, VerifyEmailError};
use crate::throttle::TooOften;
use crate::{
    Browser, Bucket, Email, EmailAddress, EventKind, Letter, LetterKind, Link, LinkToken, Notices,
    Outage, Purpose, Throttle, UserId,
};

/// Whether accounts have e-mail addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmailRule {
    /// None has, and no mail is sent.
    Off,
    /// Those whose owners want it.
    #[default]
    Optional,
    /// A new account gives one, and the last verified one stays.
    Required,
}

/// The e-mail addresses of whoever is signed in.
pub struct OwnEmails {
    /// The addresses, and what tells of them.
    pub notices: Notices,
    /// The links that were sent to them.
    pub links: Arc<dyn Links>,
    /// What keeps people from sending mail to others by the thousand, where changes are noted, and the time.
    pub throttle: Throttle,
}

/// Why an address was not added, or no mail was sent to it.
#[derive(Debug, Error)]
pub enum NotAdded {
    /// The account has it.
    #[error("Your account has this address already.")]
    There,
    /// The account has as many as it may.
    #[error("An account has at most two addresses. Remove one first.")]
    TooMany,
    /// The account does not have it, or its owner has shown already that it is theirs.
    #[error("There is nothing to verify about this address.")]
    NothingToVerify,
    /// Too many mails were asked for: for so long there is none.
    #[error("Too many mails were asked for.")]
    TooSoon(Duration),
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl From<AddEmailError> for NotAdded {
    fn from(error: AddEmailError) -> Self {
        match error {
            AddEmailError::There => Self::There,
            AddEmailError::TooMany => Self::TooMany,
            AddEmailError::Outage(outage) => Self::Outage(outage),
        }
    }
}

impl From<TooOften> for NotAdded {
    fn from(refusal: TooOften) -> Self {
        match refusal {
            TooOften::Wait(wait) => Self::TooSoon(wait),
            TooOften::Outage(outage) => Self::Outage(outage),
        }
    }
}

/// Why an address does not count.
#[derive(Debug, Error)]
pub enum NotVerified {
    /// The link was used, is too old, or was none; or the account no longer has the address.
    #[error("This link is not valid any more.")]
    Gone,
    /// Somebody else has shown that the address is theirs.
    #[error("This address belongs to another account.")]
    Taken,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl From<VerifyEmailError> for NotVerified {
    fn from(error: VerifyEmailError) -> Self {
        match error {
            VerifyEmailError::NotThere => Self::Gone,
            VerifyEmailError::Taken => Self::Taken,
            VerifyEmailError::Outage(outage) => Self::Outage(outage),
        }
    }
}

impl OwnEmails {
    /// Whether accounts have addresses here.
    pub fn rule(&self) -> EmailRule {
        self.notices.rule
    }

    /// Those of an account, the oldest first.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn list(&self, user: UserId) -> Result<Vec<Email>, Outage> {
        self.notices.emails.of(user).await
    }

    /// Adds an address, and sends a mail there with a link that shows whose it is. Who has it already is not told.
    ///
    /// # Errors
    /// [`NotAdded`].
    pub async fn add(
        &self,
        user: UserId,
        address: &EmailAddress,
        browser: &Browser,
    ) -> Result<(), NotAdded> {
        self.admit(address, browser).await?;
        Ok(self.keep(user, address, browser).await?)
    }

    /// Counts the mail that is about to be sent.
    pub(crate) async fn admit(
        &self,
        address: &EmailAddress,
        browser: &Browser,
    ) -> Result<(), TooOften> {
        let target = Bucket::verification(&address.folded());
        self.throttle.mail(target, browser).await
    }

    /// Adds an address whose mail was counted.
    pub(crate) async fn keep(
        &self,
        user: UserId,
        address: &EmailAddress,
        browser: &Browser,
    ) -> Result<(), AddEmailError> {
        let at = self.now();
        let letter = Letter::new(LetterKind::Verify, user, address.clone(), at, browser);
        self.notices
            .emails
            .add(user, address, at, &[letter])
            .await?;
        self.note(EventKind::EmailAdded, user, address, browser);
        Ok(())
    }

    /// Sends the mail with the link once more.
    ///
    /// # Errors
    /// [`NotAdded`].
    pub async fn send_again(
        &self,
        user: UserId,
        address: &EmailAddress,
        browser: &Browser,
    ) -> Result<(), NotAdded> {
        let emails = self.list(user).await?;
        let waits = |email: &&Email| email.address == *address && email.verified.is_none();
        let Some(email) = emails.iter().find(waits) else {
            return Err(NotAdded::NothingToVerify);
        };
        self.admit(&email.address, browser).await?;
        let to = email.address.clone();
        let letter = Letter::new(LetterKind::Verify, user, to, self.now(), browser);
        Ok(self.notices.put(vec![letter]).await?)
    }

    /// Takes an address away. One that was verified gets a mail with a link that undoes it. `false`: it was not there, or is
    /// the last one that counts where accounts have to have one.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn remove(
        &self,
        user: UserId,
        address: &EmailAddress,
        browser: &Browser,
    ) -> Result<bool, Outage> {
        let emails = self.list(user).await?;
        let Some(email) = emails.iter().find(|email| email.address == *address) else {
            return Ok(false);
        };
        let counting = emails.iter().filter(|email| email.verified.is_some());
        let is_last = email.verified.is_some() && counting.count() == 1;
        if is_last && self.rule() == EmailRule::Required {
            return Ok(false);
        }
        let letter = email.verified.map(|_| Letter {
            since: email.added,
            ..Letter::new(
                LetterKind::AddressRemoved,
                user,
                email.address.clone(),
                self.now(),
                browser,
            )
        });
        let letters: Vec<_> = letter.into_iter().collect();
        let removed = self.notices.emails.remove(user, address, &letters).await?;
        if removed {
            self.note(EventKind::EmailRemoved, user, address, browser);
        }
        Ok(removed)
    }

    /// The link of a token, while it is good.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn look(&self, token: &LinkToken) -> Result<Option<Link>, Outage> {
        let link = self.links.find(token.id(Purpose::Verify)).await?;
        Ok(link.filter(|link| self.now() < link.expires))
    }

    /// Makes an address count. The account's others hear of it.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub async fn verify(
        &self,
        token: &LinkToken,
        browser: &Browser,
    ) -> Result<EmailAddress, NotVerified> {
        let link = self.look(token).await?.ok_or(NotVerified::Gone)?;
        let at = self.now();
        let mut letters = self
            .notices
            .letters(LetterKind::AddressAdded, link.user, at, browser)
            .await?;
        let address = link.address.ok_or(NotVerified::Gone)?;
        letters.retain(|letter| letter.to != address);
        for letter in &mut letters {
            letter.about = Some(address.clone());
            // The link has been on its way for a while: the address came before.
            letter.since = link.since;
        }
        if !self.links.take(token.id(Purpose::Verify)).await? {
            return Err(NotVerified::Gone);
        }
        self.notices
            .emails
            .verify(link.user, &address, at, &letters)
            .await?;
        self.note(EventKind::EmailVerified, link.user, &address, browser);
        Ok(address)
    }

    fn note(&self, kind: EventKind, user: UserId, address: &EmailAddress, browser: &Browser) {
        let event = self.throttle.event(kind, Some(user), browser);
        let facts = vec![("email", address.masked())];
        self.throttle.events.record(event.with(facts));
    }

    fn now(&self) -> OffsetDateTime {
        self.throttle.clock.now()
    }
}
