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
    const LEASE: Duration = Duration::from_mins(1);
    /// The pause after the first failure; each one after that is twice as long.
    const FIRST_PAUSE: Duration = Duration::from_secs(5);
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
            match self.notices.emails.owner(&address).await? {
                Some(owner) => self.users.find(owner).await?,
                None => None,
            }
        } else if let Ok(username) = Username::parse(typed) {
            self.users.find_by_username(&username).await?
        } else {
            None
        };
        let Some(user) = user.filter(|user| user.disabled.is_none()) else {
            return Ok(None);
        };
        let user = user.id;
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
            address: Some(letter.to.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{
        MockClock, MockEmails, MockEvents, MockLinks, MockMailer, MockOutbox, MockUsers,
    };
    use crate::{Browser, Email, EmailRule, LetterId, PasswordHash, Purpose, User};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-28 12:00 UTC);

    fn ada() -> User {
        User {
            id: UserId::new(),
            username: Username::parse("ada").unwrap(),
            password: Some(PasswordHash::new("hash".into())),
            since: NOW,
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        }
    }

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    fn letter(kind: LetterKind, user: &User, age: Duration) -> Letter {
        let to = address("ada@example.com");
        Letter::new(kind, user.id, to, NOW - age, &Browser::default())
    }

    fn taking(waiting: Waiting, tries: u32) -> MockOutbox {
        let mut outbox = MockOutbox::new();
        outbox
            .expect_take()
            .withf(|now, until| *now == NOW && *until == NOW + Duration::from_mins(1))
            .once()
            .return_once(move |_, _| Ok(Some((waiting, tries))));
        outbox
    }

    fn removed(outbox: &mut MockOutbox, id: LetterId) {
        outbox
            .expect_remove()
            .withf(move |removed| *removed == id)
            .once()
            .return_once(|_| Ok(()));
    }

    /// A mock without an expectation panics when it is called: what a test does not name must not happen.
    fn act(users: MockUsers, emails: MockEmails, outbox: MockOutbox) -> SendMail {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(NOW);
        SendMail {
            users: Arc::new(users),
            links: Arc::new(MockLinks::new()),
            notices: Notices {
                rule: EmailRule::Optional,
                emails: Arc::new(emails),
                outbox: Arc::new(outbox),
            },
            mailer: Arc::new(MockMailer::new()),
            events: Arc::new(MockEvents::new()),
            clock: Arc::new(clock),
        }
    }

    fn found(user: &User) -> MockUsers {
        let (mut users, user) = (MockUsers::new(), user.clone());
        users.expect_find().return_once(|_| Ok(Some(user)));
        users
    }

    fn sending(outcome: Result<(), SendError>) -> Arc<MockMailer> {
        let mut mailer = MockMailer::new();
        mailer.expect_send().once().return_once(|_| outcome);
        Arc::new(mailer)
    }

    fn linking(purpose: Purpose) -> Arc<MockLinks> {
        let mut links = MockLinks::new();
        links
            .expect_add()
            .withf(move |_, link| link.purpose == purpose && link.expires == NOW + purpose.lasts())
            .once()
            .return_once(|_, _| Ok(()));
        Arc::new(links)
    }

    fn outage() -> Outage {
        Outage::during("sending a mail")("no")
    }

    fn noting(kind: EventKind) -> Arc<MockEvents> {
        let mut events = MockEvents::new();
        events
            .expect_record()
            .withf(move |event| event.kind == kind)
            .once()
            .return_const(());
        Arc::new(events)
    }

    #[tokio::test]
    async fn a_letter_that_went_is_taken_out_and_its_link_counts_from_now() {
        let ada = ada();
        let letter = letter(LetterKind::Reset, &ada, Duration::from_hours(20));
        let mut outbox = taking(Waiting::Letter(letter.clone()), 0);
        removed(&mut outbox, letter.id);
        let mut act = act(found(&ada), MockEmails::new(), outbox);
        act.links = linking(Purpose::Reset);
        act.mailer = sending(Ok(()));
        assert!(act.send_one().await.unwrap());
    }

    #[tokio::test]
    async fn what_does_not_go_waits_twice_as_long_each_time_and_an_hour_at_most() {
        for (tries, secs) in [
            (0, 5),
            (1, 10),
            (5, 160),
            (9, 2560),
            (10, 3600),
            (4000, 3600),
        ] {
            let ada = ada();
            let letter = letter(LetterKind::NewBrowser, &ada, Duration::ZERO);
            let mut outbox = taking(Waiting::Letter(letter.clone()), tries);
            outbox
                .expect_put_off()
                .withf(move |id, until| {
                    *id == letter.id && *until == NOW + Duration::from_secs(secs)
                })
                .once()
                .return_once(|_, _| Ok(()));
            let mut act = act(found(&ada), MockEmails::new(), outbox);
            act.links = linking(Purpose::NotMe);
            act.mailer = sending(Err(SendError::NotNow(outage())));
            assert!(act.send_one().await.is_err(), "whoever runs it is told");
        }
    }

    #[tokio::test]
    async fn what_never_goes_or_not_for_days_is_given_up_and_noted() {
        for (kind, age, error) in [
            (LetterKind::NewBrowser, 0, SendError::Never(outage())),
            (LetterKind::NewBrowser, 4 * 24, SendError::NotNow(outage())),
            (LetterKind::Reset, 24, SendError::NotNow(outage())),
            (LetterKind::Verify, 24, SendError::NotNow(outage())),
        ] {
            let ada = ada();
            let letter = letter(kind, &ada, Duration::from_hours(age));
            let mut outbox = taking(Waiting::Letter(letter.clone()), 9);
            removed(&mut outbox, letter.id);
            let mut act = act(found(&ada), MockEmails::new(), outbox);
            act.links = linking(kind.purpose());
            act.mailer = sending(Err(error));
            act.events = noting(EventKind::MailRefused);
            assert!(act.send_one().await.is_err());
        }
    }

    #[tokio::test]
    async fn a_letter_of_an_account_that_is_gone_is_not_sent() {
        let letter = letter(LetterKind::Verify, &ada(), Duration::ZERO);
        let mut outbox = taking(Waiting::Letter(letter.clone()), 0);
        removed(&mut outbox, letter.id);
        let mut users = MockUsers::new();
        users.expect_find().return_once(|_| Ok(None));
        let act = act(users, MockEmails::new(), outbox);
        assert!(act.send_one().await.unwrap());
    }

    fn wish(typed: &str) -> Waiting {
        Waiting::Wish {
            id: LetterId::new(),
            typed: typed.to_owned(),
            at: NOW,
            browser: None,
            from: None,
        }
    }

    fn emails(of: &[(&str, bool)]) -> MockEmails {
        let all: Vec<_> = of
            .iter()
            .map(|(text, counts)| Email {
                address: address(text),
                added: NOW,
                verified: counts.then_some(NOW),
            })
            .collect();
        let mut emails = MockEmails::new();
        emails.expect_of().return_once(|_| Ok(all));
        emails
    }

    #[tokio::test]
    async fn a_wish_becomes_a_letter_to_the_address_that_was_named_or_the_first_that_counts() {
        for (typed, to) in [
            ("ada", "first@example.com"),
            ("second@example.com", "Second@example.com"),
        ] {
            let ada = ada();
            let wish = wish(typed);
            let id = wish.id();
            let mut emails = emails(&[
                ("old@example.com", false),
                ("first@example.com", true),
                ("Second@example.com", true),
            ]);
            let owner = ada.id;
            emails.expect_owner().return_once(move |_| Ok(Some(owner)));
            let mut users = found(&ada);
            let user = ada.clone();
            users
                .expect_find_by_username()
                .return_once(|_| Ok(Some(user)));
            let mut outbox = taking(wish, 0);
            outbox
                .expect_put()
                .withf(move |put| {
                    matches!(put, Waiting::Letter(letter)
                        if letter.id == id
                            && letter.kind == LetterKind::Reset
                            && letter.user == ada.id
                            && letter.to.as_str() == to)
                })
                .once()
                .return_once(|_| Ok(()));
            let mut act = act(users, emails, outbox);
            act.events = noting(EventKind::ResetAsked);
            assert!(act.send_one().await.unwrap(), "{typed}");
        }
    }

    #[tokio::test]
    async fn a_wish_that_fits_nobody_or_nobody_who_can_be_reached_is_forgotten() {
        let disabled = User {
            disabled: Some(NOW),
            ..ada()
        };
        for (user, of) in [
            (None, &[][..]),
            (Some(ada()), &[]),
            (Some(ada()), &[("ada@example.com", false)]),
            (Some(disabled), &[("ada@example.com", true)]),
        ] {
            let wish = wish("ada");
            let id = wish.id();
            let mut users = MockUsers::new();
            users.expect_find_by_username().return_once(|_| Ok(user));
            let mut outbox = taking(wish, 0);
            removed(&mut outbox, id);
            let act = act(users, emails(of), outbox);
            assert!(act.send_one().await.unwrap());
        }
    }

    #[tokio::test]
    async fn an_empty_outbox_is_no_work() {
        let mut outbox = MockOutbox::new();
        outbox.expect_take().return_once(|_, _| Ok(None));
        let act = act(MockUsers::new(), MockEmails::new(), outbox);
        assert!(!act.send_one().await.unwrap());
    }
}
