use std::net::IpAddr;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{PasswordHash, Username};

/// An account's name inside the system; never shown, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

impl UserId {
    /// A new one. Version 7, so that neighbours in time are neighbours in an index; it is no secret.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for UserId {
    fn default() -> Self {
        Self::new()
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who, for the system.
    pub id: UserId,
    /// Who, for people.
    pub username: Username,
    /// What their password is checked against. `None`: no password is right, until its owner chooses one by a link.
    pub password: Option<PasswordHash>,
    /// When the account was made.
    pub since: OffsetDateTime,
    /// The login that came last: while somebody is signed in in one place alone, this very one.
    pub last_login: Option<Visit>,
    /// The login before that.
    pub previous_login: Option<Visit>,
    /// Since when an administrator keeps its owner out. `None`: nobody does.
    pub disabled: Option<OffsetDateTime>,
    /// When the account goes, as its owner wanted, unless they want it back before. `None`: it stays.
    pub leaves: Option<OffsetDateTime>,
}

/// When somebody came, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// When, to the second.
    pub at: OffsetDateTime,
    /// The address that the server saw, where it saw one.
    pub from: Option<IpAddr>,
}
