use std::sync::Arc;

use crate::ports::{Emails, History, Sessions, Users};
use crate::{Email, EventKind, Kept, Outage, Session, SessionId, User, UserId};

/// Taking along all that is kept about oneself.
pub struct Export {
    /// The accounts.
    pub users: Arc<dyn Users>,
    /// Their addresses.
    pub emails: Arc<dyn Emails>,
    /// Where they are signed in.
    pub sessions: Arc<dyn Sessions>,
    /// What happened to them.
    pub history: Arc<dyn History>,
}

/// All that is kept about an account's owner, but for what would let somebody in: the password's hash, and links.
#[derive(Debug)]
pub struct Everything {
    /// The account.
    pub user: User,
    /// Its addresses, the oldest first.
    pub emails: Vec<Email>,
    /// Its sessions, in no order.
    pub sessions: Vec<(SessionId, Session)>,
    /// What happened to it, the newest first.
    pub events: Vec<Kept>,
}

impl Export {
    /// How many events are read at once.
    const PAGE: u64 = 500;
    /// The newest ones, should an account be under attack for months: some tens of MiB.
    const MOST: usize = 100_000;

    /// All of it; `None` when the account is gone.
    ///
    /// # Errors
    /// [`Outage`] when a store cannot be reached.
    pub async fn everything(&self, user: UserId) -> Result<Option<Everything>, Outage> {
        let Some(user) = self.users.find(user).await? else {
            return Ok(None);
        };
        Ok(Some(Everything {
            emails: self.emails.of(user.id).await?,
            sessions: self.sessions.of(user.id).await?,
            events: self.events(user.id).await?,
            user,
        }))
    }

    async fn events(&self, user: UserId) -> Result<Vec<Kept>, Outage> {
        let mut events: Vec<Kept> = Vec::new();
        while events.len() < Self::MOST {
            let before = events.last().map(|last| last.seq);
            let kinds = &EventKind::ALL;
            let page = self.history.of(user, kinds, before, Self::PAGE).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockEmails, MockHistory, MockSessions, MockUsers};
    use std::collections::BTreeMap;
    use time::macros::datetime;

    #[tokio::test]
    async fn every_page_of_what_happened_comes_along() {
        let event = |seq| Kept {
            seq,
            at: datetime!(2026-11-28 12:00 UTC),
            kind: "authn_login_success".to_owned(),
            user: None,
            address: None,
            facts: BTreeMap::new(),
        };
        let mut history = MockHistory::new();
        history
            .expect_of()
            .returning(move |_, kinds, before, most| {
                assert_eq!((kinds.len(), most), (EventKind::ALL.len(), 500));
                Ok(match before {
                    None => vec![event(9), event(5)],
                    Some(5) => vec![event(2)],
                    _ => Vec::new(),
                })
            });
        let export = Export {
            users: Arc::new(MockUsers::new()),
            emails: Arc::new(MockEmails::new()),
            sessions: Arc::new(MockSessions::new()),
            history: Arc::new(history),
        };
        let events = export.events(UserId::new()).await.unwrap();
        let all: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(all, [9, 5, 2]);
    }
}
