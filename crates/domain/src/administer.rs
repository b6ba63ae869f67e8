use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::link::end_choosing;
use crate::ports::{AddUserError, Invitations, Links, Sessions, Users};
use crate::{
    Browser, Email, EmailAddress, EventKind, Invitation, Letter, LetterKind, Link, LinkId,
    LinkToken, Notices, Outage, Purpose, Session, SessionId, Throttle, User, UserId, Username,
};

/// Looking after other people's accounts, by whoever runs the site. Nobody's password is ever set, or seen.
///
/// Source: OWASP ASVS 5.0 requirements 6.4.6, 7.4.2 and 7.4.5.
pub struct Administer {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// What ends.
    pub sessions: Arc<dyn Sessions>,
    /// The links that are handed over.
    pub links: Arc<dyn Links>,
    /// The invitations that are.
    pub invitations: Arc<dyn Invitations>,
    /// The addresses, and what sends links there.
    pub notices: Notices,
    /// Where changes are noted, and the time.
    pub throttle: Throttle,
}

/// Why there is no new account.
#[derive(Debug, Error)]
pub enum NotInvited {
    /// Somebody has this username.
    #[error("this username is taken")]
    UsernameTaken,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// How an account's owner comes to a new password.
#[derive(Debug)]
pub enum WayIn {
    /// A link is on its way to this address.
    Mail(EmailAddress),
    /// This is to be handed to them, and to nobody else.
    Link(Purpose, LinkToken),
}

/// An account, with all that belongs to it.
#[derive(Debug)]
pub struct Account {
    /// The account.
    pub user: User,
    /// Its addresses, the oldest first.
    pub emails: Vec<Email>,
    /// Its live sessions, the one that was used last first.
    pub sessions: Vec<(SessionId, Session)>,
}

impl Administer {
    /// The account of this name, with what belongs to it.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn show(&self, username: &Username) -> Result<Option<Account>, Outage> {
        let Some(user) = self.users.find_by_username(username).await? else {
            return Ok(None);
        };
        let now = self.now();
        let mut sessions = self.sessions.of(user.id).await?;
        sessions.retain(|(_, session)| session.is_live(now));
        sessions.sort_by_key(|(id, session)| (std::cmp::Reverse(session.seen), id.digest));
        Ok(Some(Account {
            emails: self.notices.emails.of(user.id).await?,
            sessions,
            user,
        }))
    }

    /// Makes an account without a password, and the link by which its owner chooses one.
    ///
    /// # Errors
    /// [`NotInvited`].
    pub async fn add(&self, username: Username) -> Result<WayIn, NotInvited> {
        let user = User {
            id: UserId::new(),
            username,
            password: None,
            since: self.now(),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        };
        self.users.add(&user).await.map_err(|e| match e {
            AddUserError::UsernameTaken => NotInvited::UsernameTaken,
            AddUserError::Outage(outage) => NotInvited::Outage(outage),
        })?;
        self.note(EventKind::UserCreated, user.id, None);
        self.throttle.begin(&user.username).await;
        Ok(self.hand_over(user.id, Purpose::Invite).await?)
    }

    /// Keeps an account's owner out, and whoever is in: their next request is a stranger's.
    ///
    /// # Errors
    /// [`Outage`] when a session may still be running; done again, it ends.
    pub async fn disable(&self, user: &User) -> Result<(), Outage> {
        // A sign-in that is under way looks at the account once more when its session has started.
        if self.users.set_disabled(user.id, Some(self.now())).await? && user.disabled.is_none() {
            self.note(EventKind::UserDisabled, user.id, None);
        }
        self.sessions.end_all(user.id).await
    }

    /// Lets an account's owner in again.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn enable(&self, user: &User) -> Result<(), Outage> {
        if self.users.set_disabled(user.id, None).await? && user.disabled.is_some() {
            self.note(EventKind::UserEnabled, user.id, None);
        }
        Ok(())
    }

    /// Ends all sessions of an account.
    ///
    /// # Errors
    /// [`Outage`] when a session may still be running.
    pub async fn end_sessions(&self, user: UserId) -> Result<(), Outage> {
        self.sessions.end_all(user).await?;
        self.note(EventKind::SessionEnded, user, Some(BY_ADMINISTRATOR));
        Ok(())
    }

    /// Ends one session; `false`: it was not there.
    ///
    /// # Errors
    /// [`Outage`] when the session may still be running.
    pub async fn end_session(&self, id: SessionId) -> Result<bool, Outage> {
        if self.sessions.find(id).await?.is_none() {
            return Ok(false);
        }
        self.sessions.end(id).await?;
        self.note(EventKind::SessionEnded, id.user, Some(BY_ADMINISTRATOR));
        Ok(true)
    }

    /// Takes an account's password away, ends its sessions, and has a link for a new one sent, or gives it where the account
    /// has no address that counts.
    ///
    /// # Errors
    /// [`Outage`]; done again, it ends.
    pub async fn reset_password(&self, user: &User) -> Result<WayIn, Outage> {
        self.sessions.end_all(user.id).await?;
        self.users.forget_password(user.id).await?;
        end_choosing(self.links.as_ref(), user.id).await?;
        self.note(EventKind::PasswordRevoked, user.id, None);
        self.sessions.end_all(user.id).await?;
        self.throttle.begin(&user.username).await;
        let Some(to) = self.notices.verified(user.id).await?.into_iter().next() else {
            return self.hand_over(user.id, Purpose::Reset).await;
        };
        let (kind, at) = (LetterKind::Reset, self.now());
        let letter = Letter::new(kind, user.id, to.clone(), at, &Browser::default());
        self.notices.put(vec![letter]).await?;
        Ok(WayIn::Mail(to))
    }

    /// Makes an invitation that is good for `lasts`, and the token for its link.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn invite(&self, lasts: Duration) -> Result<(LinkId, Invitation, LinkToken), Outage> {
        let token = LinkToken::random()?;
        let id = token.id(Purpose::Join);
        let since = self.now();
        let invitation = Invitation {
            since,
            expires: since + lasts,
        };
        self.invitations.add(id, &invitation).await?;
        self.note_invitation(EventKind::InvitationCreated, id);
        Ok((id, invitation, token))
    }

    /// The invitations that are still good, the oldest first.
    ///
    /// # Errors
    /// [`Outage`].
    pub async fn invitations(&self) -> Result<Vec<(LinkId, Invitation)>, Outage> {
        let now = self.now();
        let mut invitations = self.invitations.list().await?;
        invitations.retain(|(_, invitation)| now < invitation.expires);
        Ok(invitations)
    }

    /// Ends an invitation; `false`: it was not there any more.
    ///
    /// # Errors
    /// [`Outage`] when it may still be good.
    pub async fn end_invitation(&self, id: LinkId) -> Result<bool, Outage> {
        let is_ended = self.invitations.end(id).await?;
        if is_ended {
            self.note_invitation(EventKind::InvitationEnded, id);
        }
        Ok(is_ended)
    }

    fn note_invitation(&self, kind: EventKind, id: LinkId) {
        let event = self.throttle.event(kind, None, &Browser::default());
        let facts = [("invitation", id.handle())];
        self.throttle.events.record(event.with(facts));
    }

    async fn hand_over(&self, user: UserId, purpose: Purpose) -> Result<WayIn, Outage> {
        let token = LinkToken::random()?;
        let now = self.now();
        let link = Link {
            purpose,
            user,
            address: None,
            since: now,
            expires: now + purpose.lasts(),
        };
        self.links.add(token.id(purpose), &link).await?;
        Ok(WayIn::Link(purpose, token))
    }

    fn note(&self, kind: EventKind, user: UserId, reason: Option<&str>) {
        let event = self.throttle.event(kind, Some(user), &Browser::default());
        let facts = reason.map(|reason| ("reason", reason.to_owned()));
        self.throttle.events.record(event.with(facts));
    }

    fn now(&self) -> OffsetDateTime {
        self.throttle.clock.now()
    }
}

/// Why a session ended, in words for whoever reads events.
const BY_ADMINISTRATOR: &str = "ended by an administrator";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PasswordHash;
    use crate::notices::testing::silent;
    use crate::ports::{Events, MockEvents, MockInvitations, MockLinks, MockSessions, MockUsers};
    use crate::throttle::testing::{granting, throttle};
    use mockall::Sequence;
    use time::macros::datetime;

    fn ada() -> User {
        User {
            id: UserId::new(),
            username: Username::parse("ada").unwrap(),
            password: Some(PasswordHash::new("hash".into())),
            since: datetime!(2026-01-01 0:00 UTC),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        }
    }

    /// A mock without an expectation panics when it is called: what a test does not name must not happen.
    fn act(
        users: MockUsers,
        sessions: MockSessions,
        links: MockLinks,
        kind: Option<EventKind>,
    ) -> Administer {
        let mut events = MockEvents::new();
        if let Some(kind) = kind {
            events
                .expect_record()
                .withf(move |event| event.kind == kind && event.address.is_none())
                .once()
                .return_const(());
        }
        let events: Arc<dyn Events> = Arc::new(events);
        Administer {
            users: Arc::new(users),
            sessions: Arc::new(sessions),
            links: Arc::new(links),
            invitations: Arc::new(MockInvitations::new()),
            notices: silent(),
            throttle: throttle(granting(), events),
        }
    }

    /// The other way round a sign-in could start a session behind the ending and find the account as it was.
    #[tokio::test]
    async fn an_account_is_disabled_before_its_sessions_end() {
        let ada = ada();
        let mut order = Sequence::new();
        let mut users = MockUsers::new();
        users
            .expect_set_disabled()
            .withf(|_, disabled| disabled.is_some())
            .once()
            .in_sequence(&mut order)
            .return_once(|_, _| Ok(true));
        let mut sessions = MockSessions::new();
        sessions
            .expect_end_all()
            .once()
            .in_sequence(&mut order)
            .return_once(|_| Ok(()));
        let act = act(
            users,
            sessions,
            MockLinks::new(),
            Some(EventKind::UserDisabled),
        );
        act.disable(&ada).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_disabled_already_is_no_news_but_its_sessions_end() {
        let ada = User {
            disabled: Some(datetime!(2026-02-01 0:00 UTC)),
            ..ada()
        };
        let mut users = MockUsers::new();
        users.expect_set_disabled().return_once(|_, _| Ok(true));
        let mut sessions = MockSessions::new();
        sessions.expect_end_all().once().return_once(|_| Ok(()));
        let act = act(users, sessions, MockLinks::new(), None);
        act.disable(&ada).await.unwrap();
    }

    #[tokio::test]
    async fn a_new_account_has_no_password_and_a_link_that_is_handed_over() {
        let mut users = MockUsers::new();
        users
            .expect_add()
            .withf(|user| user.password.is_none() && user.username.as_str() == "ada")
            .once()
            .return_once(|_| Ok(()));
        let mut links = MockLinks::new();
        links
            .expect_add()
            .withf(|_, link| link.purpose == Purpose::Invite && link.address.is_none())
            .once()
            .return_once(|_, _| Ok(()));
        let act = act(
            users,
            MockSessions::new(),
            links,
            Some(EventKind::UserCreated),
        );
        let way = act.add(Username::parse("ada").unwrap()).await.unwrap();
        assert!(matches!(way, WayIn::Link(Purpose::Invite, _)));
    }
}
