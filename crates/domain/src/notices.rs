use std::sync::Arc;

use time::OffsetDateTime;

use crate::ports::{Emails, Outbox};
use crate::{Browser, EmailAddress, EmailRule, Letter, LetterKind, Outage, UserId, Waiting};

/// What tells people by mail what was done to their account.
#[derive(Clone)]
pub struct Notices {
    /// Whether there is mail at all.
    pub rule: EmailRule,
    /// Where to.
    pub emails: Arc<dyn Emails>,
    /// What sends them.
    pub outbox: Arc<dyn Outbox>,
}

impl Notices {
    /// A letter to each verified address of an account, to be put in the step that it tells of.
    pub(crate) async fn letters(
        &self,
        kind: LetterKind,
        user: UserId,
        at: OffsetDateTime,
        browser: &Browser,
    ) -> Result<Vec<Letter>, Outage> {
        let addresses = self.verified(user).await?.into_iter();
        Ok(addresses
            .map(|to| Letter::new(kind, user, to, at, browser))
            .collect())
    }

    /// The verified addresses of an account, the oldest first; none where there is no mail.
    pub(crate) async fn verified(&self, user: UserId) -> Result<Vec<EmailAddress>, Outage> {
        if self.rule == EmailRule::Off {
            return Ok(Vec::new());
        }
        let emails = self.emails.of(user).await?.into_iter();
        Ok(emails
            .filter(|email| email.verified.is_some())
            .map(|email| email.address)
            .collect())
    }

    /// Has letters sent that tell of nothing that is kept.
    pub(crate) async fn put(&self, letters: Vec<Letter>) -> Result<(), Outage> {
        for letter in letters {
            self.outbox.put(&Waiting::Letter(letter)).await?;
        }
        Ok(())
    }
}

/// For the tests of the acts.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::ports::{MockEmails, MockOutbox};

    /// Those of a site without mail.
    pub(crate) fn silent() -> Notices {
        Notices {
            rule: EmailRule::Off,
            emails: Arc::new(MockEmails::new()),
            outbox: Arc::new(MockOutbox::new()),
        }
    }
}
