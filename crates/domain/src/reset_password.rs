use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::link::end_choosing;
use crate::ports::{Links, Passwords, Sessions, Users};
use crate::throttle::TooOften;
use crate::{
    Browser, Bucket, EmailAddress, EventKind, LetterId, LetterKind, Link, LinkToken, NewPassword,
    Notices, Outage, Permit, Purpose, Throttle, User, Username, Waiting,
};

/// Choosing another password without the one there is, by whoever reads the account's mail.
///
/// Source: OWASP Forgot Password Cheat Sheet; OWASP ASVS 5.0 requirement 6.4.3.
pub struct ResetPassword {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What hashes the new password.
    pub passwords: Arc<dyn Passwords>,
    /// What ends with the old password.
    pub sessions: Arc<dyn Sessions>,
    /// The links that were sent.
    pub links: Arc<dyn Links>,
    /// What sends links, and tells of the new password.
    pub notices: Notices,
    /// What keeps people from sending mail to others by the thousand, where changes are noted, and the time.
    pub throttle: Throttle,
}

/// Why nobody will get a link, or no new password was taken.
#[derive(Debug, Error)]
pub enum ResetError {
    /// What was typed is nobody's name.
    #[error("Enter your username or your e-mail address.")]
    NobodysName,
    /// Too many mails were asked for: for so long there is none.
    #[error("Too many mails were asked for.")]
    TooSoon(Duration),
    /// The link was used, is too old, or was none.
    #[error("This link is not valid any more.")]
    Gone,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl From<TooOften> for ResetError {
    fn from(refusal: TooOften) -> Self {
        match refusal {
            TooOften::Wait(wait) => Self::TooSoon(wait),
            TooOften::Outage(outage) => Self::Outage(outage),
        }
    }
}

impl ResetPassword {
    /// Notes that somebody wants a link. Whose account it is, if anybody's, is looked for by [`SendMail`](crate::SendMail): the
    /// answer says the same and takes as long for everyone, but for a browser that the very account knows.
    ///
    /// # Errors
    /// [`ResetError::NobodysName`], [`ResetError::TooSoon`], [`ResetError::Outage`].
    pub async fn ask(&self, typed: &str, browser: &Browser) -> Result<(), ResetError> {
        let (typed, owner) = if typed.contains('@') {
            let address = EmailAddress::parse(typed).map_err(|_| ResetError::NobodysName)?;
            (address.folded(), self.notices.emails.owner(&address).await?)
        } else {
            let username = Username::parse(typed).map_err(|_| ResetError::NobodysName)?;
            let user = self.users.find_by_username(&username).await?;
            (username.as_str().to_owned(), user.map(|user| user.id))
        };
        match owner.and_then(|user| browser.device(user, self.throttle.clock.now())) {
            Some(device) => self.throttle.own_mail(device, browser).await?,
            None => self.throttle.mail(Bucket::reset(&typed), browser).await?,
        }
        let wish = Waiting::Wish {
            id: LetterId::new(),
            typed,
            at: self.throttle.clock.now(),
            browser: browser.agent.clone(),
            from: browser.address.map(|address| address.to_string()),
        };
        Ok(self.notices.outbox.put(&wish).await?)
    }

    /// Whose password a token resets, and the right to have a new one judged; `None`: nobody's. Looking changes nothing: mail
    /// scanners open links, too.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn look(
        &self,
        purpose: Purpose,
        token: &LinkToken,
    ) -> Result<Option<(Username, Permit)>, Outage> {
        let found = self.find(purpose, token).await?;
        Ok(found.map(|(_, user)| (user.username, Permit::of_member())))
    }

    async fn find(
        &self,
        purpose: Purpose,
        token: &LinkToken,
    ) -> Result<Option<(Link, User)>, Outage> {
        // Another kind of link is no proof for this.
        if !matches!(purpose, Purpose::Reset | Purpose::Invite) {
            return Ok(None);
        }
        let link = self.links.find(token.id(purpose)).await?;
        let Some(link) = link.filter(|link| self.throttle.clock.now() < link.expires) else {
            return Ok(None);
        };
        let user = self.users.find(link.user).await?;
        let user = user.filter(|user| user.disabled.is_none());
        Ok(user.map(|user| (link, user)))
    }

    /// Makes `new` the password. Every session ends, and wrong passwords before are forgotten. Nobody is signed in.
    ///
    /// # Errors
    /// [`ResetError::Gone`], also for all but one of those who come with one link at once; [`ResetError::Outage`].
    pub async fn change(
        &self,
        purpose: Purpose,
        token: &LinkToken,
        new: NewPassword,
        browser: &Browser,
    ) -> Result<Username, ResetError> {
        let hash = self.passwords.hash(new.0).await?;
        let (_, user) = self.find(purpose, token).await?.ok_or(ResetError::Gone)?;
        let at = self.throttle.clock.now();
        let letters = self
            .notices
            .letters(LetterKind::PasswordChanged, user.id, at, browser)
            .await?;
        // A store that cannot end them leaves the link good.
        self.sessions.end_all(user.id).await?;
        if !self.links.take(token.id(purpose)).await? {
            return Err(ResetError::Gone);
        }
        let changed = self
            .users
            .change_password(user.id, user.password, &hash, &letters)
            .await?;
        if !changed {
            return Err(ResetError::Gone);
        }
        let event = self
            .throttle
            .event(EventKind::PasswordReset, Some(user.id), browser);
        self.throttle.events.record(event);
        end_choosing(self.links.as_ref(), user.id).await?;
        self.sessions.end_all(user.id).await?;
        self.throttle.begin(&user.username).await;
        Ok(user.username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::testing::silent;
    use crate::ports::{Events, MockEvents, MockLinks, MockPasswords, MockSessions, MockUsers};
    use crate::throttle::testing::{granting, throttle};
    use crate::{Password, PasswordHash, UserId};
    use time::macros::datetime;

    /// Somebody was faster between the look at the link and the taking of it. That the password is another by then is no
    /// proof that it may be changed once more.
    #[tokio::test]
    async fn a_link_that_is_taken_meanwhile_changes_nothing() {
        let user = User {
            id: UserId::new(),
            username: Username::parse("ada").unwrap(),
            password: Some(PasswordHash::new("changed".into())),
            since: datetime!(2026-01-01 0:00 UTC),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        };
        let since = datetime!(2026-11-28 12:00 UTC);
        let link = Link {
            purpose: Purpose::Reset,
            user: user.id,
            address: None,
            since,
            expires: datetime!(9999-01-01 0:00 UTC),
        };
        let mut links = MockLinks::new();
        links.expect_find().return_once(|_| Ok(Some(link)));
        links.expect_take().once().return_once(|_| Ok(false));
        let mut users = MockUsers::new();
        users.expect_find().return_once(|_| Ok(Some(user)));
        let mut passwords = MockPasswords::new();
        passwords
            .expect_hash()
            .return_once(|_| Ok(PasswordHash::new("new".into())));
        let mut sessions = MockSessions::new();
        sessions.expect_end_all().return_once(|_| Ok(()));
        let events: Arc<dyn Events> = Arc::new(MockEvents::new());
        let act = ResetPassword {
            users: Arc::new(users),
            passwords: Arc::new(passwords),
            sessions: Arc::new(sessions),
            links: Arc::new(links),
            notices: silent(),
            throttle: throttle(granting(), events),
        };
        let token = LinkToken::random().unwrap();
        let new = NewPassword(Password::parse("correct horse battery").unwrap());
        let browser = Browser::default();
        let outcome = act.change(Purpose::Reset, &token, new, &browser).await;
        assert!(matches!(outcome, Err(ResetError::Gone)));
    }
}
