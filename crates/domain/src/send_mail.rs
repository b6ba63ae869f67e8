use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::ports::{Clock, Events, Links, Mailer, Outbox, SendError, Users};
use crate::{
    EmailAddress, Event, EventKind, Letter, LetterKind, Link, LinkToken, Mail, Notices, Outage,
    UserId, Username, Waiting,
};

/// Sending what waits in the outbox.
pub struct SendMail {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// Where links are kept that are sent.
    pub links: Arc<dyn Links>,
    /// What waits, and the addresses.
    pub notices: Notices,
    /// What carries letters.
    pub mailer: Arc<dyn Mailer>,
    /// Where it is noted what was not sent.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl SendMail {
    /// Nobody else sends a letter for so long once it was taken: longer than a mail server may take.
    const LEASE: Duration = Duration::from_mins(5);
    /// The pause after the first failure; each one after that is twice as long.
    const FIRST_PAUSE: Duration = Duration::from_secs(30);
    const LONGEST_PAUSE: Duration = Duration::from_hours(1);
    /// Nobody waits longer for a link that they asked for.
    const LINK_PATIENCE: Duration = Duration::from_hours(24);
    /// Source: RFC 5321 section 4.5.4.1, 4 to 5 days.
    const PATIENCE: Duration = Duration::from_hours(4 * 24);

    /// Sends the letter that is due longest; `false`: none was due.
    ///
    /// # Errors
    /// [`Outage`] when a store does not answer, or the mail server does not: the letter waits, and others may go.
    pub async fn send_one(&self) -> Result<bool, Outage> {
        let now = self.clock.now();
        let taken = self.outbox().take(now, now + Self::LEASE).await?;
        let Some((waiting, tries)) = taken else {
            return Ok(false);
        };
        let letter = match waiting {
            Waiting::Letter(letter) => Some(letter),
            Waiting::Wish { .. } => self.grant(waiting).await?,
        };
        if let Some(letter) = letter {
            self.send(letter, tries, now).await?;
        }
        Ok(true)
    }

    fn outbox(&self) -> &dyn Outbox {
        self.notices.outbox.as_ref()
    }

    /// Makes a letter of a wish, where there is an account that it fits.
    async fn grant(&self, wish: Waiting) -> Result<Option<Letter>, Outage> {
        let id = wish.id();
        let Waiting::Wish {
            typed,
            at,
            browser,
            from,
            ..
        } = wish
        else {
            return Ok(None);
        };
        let Some((user, to)) = self.whose(&typed).await? else {
            self.outbox().remove(id).await?;
            return Ok(None);
        };
        self.events.record(Event {
            at: self.clock.now(),
            kind: EventKind::ResetAsked,
            request: None,
            user: Some(user),
            address: None,
            facts: Vec::new(),
        });
        let letter = Letter {
            id,
            kind: LetterKind::Reset,
            user,
            to,
            at,
            since: at,
            browser,
            from,
            about: None,
        };
        // From here on it is that: whoever tries again sends it.
        self.outbox().put(&Waiting::Letter(letter)).await?;
        Ok(None)
    }

    /// The account that somebody meant, and where its mail goes: to the address that they know, or the one that has been the
    /// account's for longest.
    async fn whose(&self, typed: &str) -> Result<Option<(UserId, EmailAddress)>, Outage> {
        let user = if let Ok(address) = EmailAddress::parse(typed) {
            self.notices.emails.owner(&address).await?
        } else if let Ok(username) = Username::parse(typed) {
            let user = self.users.find_by_username(&username).await?;
            user.map(|user| user.id)
        } else {
            None
        };
        let Some(user) = user else {
            return Ok(None);
        };
        let verified = self.notices.verified(user).await?;
        let named = verified.iter().find(|address| address.folded() == typed);
        let to = named.or(verified.first()).cloned();
        Ok(to.map(|to| (user, to)))
    }

    async fn send(&self, letter: Letter, tries: u32, now: OffsetDateTime) -> Result<(), Outage> {
        let Some(user) = self.users.find(letter.user).await? else {
            return self.outbox().remove(letter.id).await;
        };
        let purpose = letter.kind.purpose();
        let token = LinkToken::random()?;
        let link = Link {
            purpose,
            user: user.id,
            address: letter.to.clone(),
            since: letter.since,
            expires: now + purpose.lasts(),
        };
        self.links.add(token.id(purpose), &link).await?;
        let mail = Mail {
            letter: letter.clone(),
            username: user.username,
            link: token,
        };
        match self.mailer.send(&mail).await {
            Ok(()) => self.outbox().remove(letter.id).await,
            Err(SendError::NotNow(outage)) if now - letter.at < Self::patience(letter.kind) => {
                let pause = Self::FIRST_PAUSE.saturating_mul(1 << tries.min(10));
                let until = now + pause.min(Self::LONGEST_PAUSE);
                self.outbox().put_off(letter.id, until).await?;
                Err(outage)
            }
            Err(SendError::NotNow(outage) | SendError::Never(outage)) => {
                self.events.record(Event {
                    at: now,
                    kind: EventKind::MailRefused,
                    request: None,
                    user: Some(letter.user),
                    address: None,
                    facts: vec![
                        ("email", letter.to.masked()),
                        ("letter", letter.kind.as_str().to_owned()),
                    ],
                });
                self.outbox().remove(letter.id).await?;
                Err(outage)
            }
        }
    }

    fn patience(kind: LetterKind) -> Duration {
        match kind {
            LetterKind::Verify | LetterKind::Reset => Self::LINK_PATIENCE,
            _ => Self::PATIENCE,
        }
    }
}
