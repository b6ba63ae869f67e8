use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::ports::{Clock, Events, Sessions, Users};
use crate::{
    Device, Event, EventKind, Outage, RequestId, SessionLimits, SessionToken, User, UserId, Visit,
};

/// What comes after proof, the same for every proof: a new session starts and the visit is noted.
pub struct SignIn {
    /// Where the visit is noted.
    pub users: Arc<dyn Users>,
    /// Where the session is kept.
    pub sessions: Arc<dyn Sessions>,
    /// Where its start is noted.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long the session lasts.
    pub limits: SessionLimits,
}

/// The browser that asks.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// Its address, where the server saw one.
    pub address: Option<IpAddr>,
    /// What it is, in words, such as "Firefox on Linux"; `None`: it did not say.
    pub agent: Option<String>,
    /// The session token it holds already, live or not. Signing in ends that session, so that none outlives a change
    /// of who is signed in.
    pub session: Option<SessionToken>,
    /// Whether its owner asked to be kept signed in.
    pub remember: bool,
    /// As what it is known to the accounts that it has signed in to before.
    pub devices: Vec<Device>,
    /// The request's name.
    pub request: Option<RequestId>,
}

impl Browser {
    /// As what it is known to an account, if it is at this time.
    pub(crate) fn device(&self, user: UserId, now: OffsetDateTime) -> Option<&Device> {
        let mut devices = self.devices.iter();
        devices.find(|device| device.user == user && now < device.since + Device::KNOWN)
    }

    /// An event of its making, which says what it is.
    pub fn event(&self, kind: EventKind, at: OffsetDateTime, user: Option<UserId>) -> Event {
        Event {
            at,
            kind,
            request: self.request,
            user,
            address: self.address,
            facts: self
                .agent
                .iter()
                .map(|agent| ("browser", agent.clone()))
                .collect(),
        }
    }
}

/// A session that has just started.
#[derive(Debug)]
pub struct NewSession {
    /// What the browser is to hold.
    pub token: SessionToken,
    /// How long it may keep it; `None`: until it is closed.
    pub keep: Option<Duration>,
    /// When it started.
    pub at: OffsetDateTime,
}

impl SignIn {
    /// Signs `user` in. The token is always a new one: what a browser brought along is never adopted. With it comes the
    /// account as it is once the session is there: whoever ended the account's sessions before had changed it already.
    pub(crate) async fn start(
        &self,
        user: UserId,
        browser: &Browser,
    ) -> Result<(NewSession, Option<User>), Outage> {
        let now = self.clock.now();
        if let Some(old) = &browser.session {
            self.sessions.end(old.id()).await?;
        }
        let token = SessionToken::random(user)?;
        let session = self.limits.start(user, now, browser);
        self.sessions.start(token.id(), &session).await?;
        let visit = Visit {
            at: now,
            from: browser.address,
        };
        let found = match self.users.record_login(user, &visit).await {
            Ok(found) => found,
            Err(outage) => {
                // Where that fails, too, nobody gets to know its token.
                let _ = self.sessions.end(token.id()).await;
                return Err(outage);
            }
        };
        self.events
            .record(browser.event(EventKind::SessionCreated, now, Some(user)));
        let session = NewSession {
            token,
            keep: browser.remember.then_some(self.limits.remembered),
            at: now,
        };
        Ok((session, found))
    }
}
