//! What an operator asks of the kept events.

use std::fmt::{self, Write};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vestibule_domain::ports::Users;
use vestibule_domain::{Outage, RequestId};
use vestibule_sql::events::{Audit, Kept};
use vestibule_sql::{SqlEvents, SqlUsers};

use crate::stores::database;
use crate::{BadConfig, Config};

/// What became of a request, in words.
#[derive(Debug)]
pub struct Explanation {
    request: RequestId,
    events: Vec<(Kept, Option<String>)>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AuditFailed {
    /// The database that the config names cannot be used.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// It did not answer.
    #[error("{}", .0.chain())]
    Outage(#[from] Outage),
}

/// What is kept of a request.
///
/// # Errors
/// [`AuditFailed`].
pub async fn explain(config: &Config, request: RequestId) -> Result<Explanation, AuditFailed> {
    let sql = database(config).await?;
    let users = SqlUsers(sql.clone());
    let mut events = Vec::new();
    for event in SqlEvents(sql).of_request(request).await? {
        let user = match event.user {
            Some(id) => users.find(id).await?,
            None => None,
        };
        let name = user.map(|user| user.username.as_str().to_owned());
        events.push((event, name));
    }
    Ok(Explanation { request, events })
}

/// Walks along the chain of events; `noted` is the hash of a head that was noted down before.
///
/// # Errors
/// [`AuditFailed`].
pub async fn audit(config: &Config, noted: Option<&[u8]>) -> Result<Audit, AuditFailed> {
    let sql = database(config).await?;
    Ok(SqlEvents(sql).audit(noted).await?)
}

/// An audit that found nothing wrong, in words.
pub fn told(audit: &Audit) -> String {
    let mut text = match audit.rows {
        1 => "1 event is as it was written".to_owned(),
        rows => format!("{rows} events are as they were written"),
    };
    if let Some(since) = audit.since {
        let _ = write!(text, ", since {}", moment(since));
    }
    if audit.pruned > 0 {
        let _ = write!(text, "; {} older ones were pruned", audit.pruned);
    }
    let _ = write!(text, ".\nhead {}", hex(&audit.head));
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads what [`told`] calls the head; `None` for anything else.
pub fn head(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

impl Explanation {
    /// Whether nothing is known of the request.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            return writeln!(
                f,
                "Nothing is kept of {}: no security event belongs to it, it is not written yet, or it is too old.",
                self.request
            );
        }
        for (event, name) in &self.events {
            writeln!(f, "{}  {}", moment(event.at), event.kind)?;
            writeln!(f, "  {}", meaning(&event.kind))?;
            if let Some(user) = event.user {
                let name = name.as_deref().unwrap_or("which is gone");
                writeln!(f, "  account: {} ({name})", user.0)?;
            }
            let address = event.address.as_deref().unwrap_or("none was seen");
            writeln!(f, "  client address: {address}")?;
            for (name, value) in &event.facts {
                writeln!(f, "  {name}: {value}")?;
            }
        }
        Ok(())
    }
}

/// What a kind of event means to an operator.
fn meaning(kind: &str) -> &'static str {
    match kind {
        "authn_login_success" => "Signed in.",
        "authn_login_successafterfail" => "Signed in, after wrong passwords.",
        "authn_login_fail" => {
            "Refused: the password is wrong, or nobody has that name. No account below means the latter."
        }
        "authn_login_fail_max" => {
            "Refused unseen, by the rule below: the password was not looked at. `vestibule unlock <name>` ends an account's wait."
        }
        "authn_login_lock" => {
            "So many wrong passwords in a row that only known browsers may sign in, until `vestibule unlock <name>`."
        }
        "authn_login_unlock" => {
            "The account's password counts again for browsers that it does not know."
        }
        "excess_rate_limit_exceeded" => "Refused: asked for too often, by the rule below.",
        "user_created" => "The account was made.",
        "session_created" => "A session started.",
        "session_expired" => "A session ended.",
        "session_use_after_expire" => {
            "A session cookie came that is worth nothing: ended, expired, or made up."
        }
        "malicious_csrf" => {
            "Refused: the form did not come from one of our pages, or its page was open for too long, or cookies are blocked. \
             If it happens to everybody, server.public_url is not what visitors type."
        }
        "input_validation_fail" => "Refused: no page of ours sends such a request.",
        "authz_fail" => "Refused: not for whoever asked.",
        "sys_startup" => "An instance began to serve.",
        "sys_shutdown" => "An instance stopped serving.",
        _ => "Not an event of this version.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule_domain::EventKind;

    #[test]
    fn every_kind_of_event_has_a_meaning() {
        for kind in EventKind::ALL {
            assert!(!meaning(kind.as_str()).contains("this version"), "{kind:?}");
        }
    }

    #[test]
    fn a_head_is_read_as_it_was_told() {
        let hash: Vec<u8> = (0..32).collect();
        assert_eq!(head(&hex(&hash)), Some(hash));
        for odd in ["", "00", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(head(odd), None, "{odd}");
        }
    }
}
