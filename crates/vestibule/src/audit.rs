//! What an operator asks of the kept events.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vestibule_domain::ports::Users;
use vestibule_domain::{EventKind, Kept, Outage, RequestId};
use vestibule_sql::audit::{Broken, Head, Whole, verify};
use vestibule_sql::{SqlEvents, SqlUsers};

use crate::stores::{database, unusable};
use crate::{BadConfig, Config};

/// Walks the chain of the events; what is to be said of it. `noted` is a head that an earlier walk told.
///
/// # Errors
/// [`BadConfig`] when the database cannot be used; within it, the first row that was changed or removed.
pub async fn verify_events(
    config: &Config,
    noted: Option<&Head>,
) -> Result<Result<String, Broken>, BadConfig> {
    let sql = database(config).await?;
    let outcome = verify(&sql, noted).await;
    let outcome = outcome.map_err(|e| unusable(config, &e))?;
    Ok(outcome.map(|whole| told(&whole, noted)))
}

fn told(whole: &Whole, noted: Option<&Head>) -> String {
    let mut text = match whole.span {
        None => "The chain is whole; no events are kept.".to_owned(),
        Some((first, last)) => format!(
            "The chain is whole: {} events, from {} to {}.",
            whole.rows,
            stamp(first),
            stamp(last)
        ),
    };
    if whole.pruned > 0 {
        let _ = write!(text, "\n{} older ones were pruned.", whole.pruned);
    }
    if whole.emptied > 0 {
        let _ = write!(
            text,
            "\nOut of {} of them it was taken whom they were about, since their account was deleted.",
            whole.emptied
        );
    }
    if noted.is_some() {
        text.push_str("\nThe head that was noted is in it: nothing before it was changed since.");
    }
    let _ = write!(
        text,
        "\nHead {}\nNote it elsewhere: `vestibule audit verify --head` with it tells later that nothing before it was \
         changed.",
        whole.head
    );
    text
}

/// What happened in answer to a request, in words; `None` when nothing is kept of it.
///
/// # Errors
/// [`BadConfig`] when the database cannot be used.
pub async fn explain(config: &Config, request: RequestId) -> Result<Option<String>, BadConfig> {
    let sql = database(config).await?;
    let lost = |e: Outage| unusable(config, &e);
    let events = SqlEvents(sql.clone()).of_request(request).await;
    let events = events.map_err(lost)?;
    if events.is_empty() {
        return Ok(None);
    }
    let users = SqlUsers(sql);
    let mut text = format!("Request {request}\n");
    for event in &events {
        let account = match event.user {
            None => None,
            Some(id) => Some(match users.find(id).await.map_err(lost)? {
                Some(user) => format!("{} ({})", user.username.as_str(), id.0),
                None => format!("{}, which is gone", id.0),
            }),
        };
        describe(&mut text, event, account);
    }
    Ok(Some(text))
}

fn describe(text: &mut String, event: &Kept, account: Option<String>) {
    let shown = |value: &str| value.escape_debug().to_string();
    let kind = EventKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == event.kind);
    let _ = writeln!(
        text,
        "\n{}  {} ({})",
        stamp(event.at),
        kind.map_or("Something that this version does not know", in_words),
        shown(&event.kind)
    );
    let address = event
        .address
        .as_deref()
        .map_or("none was seen".to_owned(), shown);
    let account = account.unwrap_or_else(|| "none".to_owned());
    let mut rows = vec![("address", address), ("account", account)];
    rows.extend(
        event
            .facts
            .iter()
            .map(|(name, value)| (name.as_str(), shown(value))),
    );
    rows.push(("row", event.seq.to_string()));
    for (name, value) in rows {
        let _ = writeln!(text, "  {:<12} {value}", name.replace('_', " "));
    }
}

/// What happened, to somebody who has not read the vocabulary.
fn in_words(kind: EventKind) -> &'static str {
    match kind {
        EventKind::LoginSucceeded => "Somebody signed in",
        EventKind::LoginSucceededAfterFailures => "Somebody signed in after wrong passwords",
        EventKind::LoginFailed => "A login was refused: a wrong password, or nobody by that name",
        EventKind::LoginOverLimit => {
            "A login was refused unseen: there were too many wrong passwords before it"
        }
        EventKind::PasswordLocked => {
            "The account's password was switched off for browsers that are not known to it"
        }
        EventKind::PasswordUnlocked => "The account's password was switched on again",
        EventKind::PasswordChanged => "The account's owner chose another password",
        EventKind::PasswordChangeFailed => {
            "A change of password was refused: the password there is was wrong"
        }
        EventKind::UsernameChanged => "The account's owner took another name",
        EventKind::ResetAsked => "A link for a new password was asked for, and is sent",
        EventKind::PasswordReset => {
            "A new password was chosen by a link in a mail; every session ended"
        }
        EventKind::Disowned => {
            "The account's owner disowned what was done: every session ended, and the password is gone"
        }
        EventKind::EmailAdded => "An e-mail address was added, which does not count yet",
        EventKind::EmailVerified => "An e-mail address was shown to be its owner's",
        EventKind::EmailRemoved => "An e-mail address was removed",
        EventKind::MailRefused => {
            "A mail will not be sent: it was refused for good, or for too long"
        }
        EventKind::LimitExceeded => "Refused: it was asked for too often, or by too many at once",
        EventKind::UserCreated => "An account was made",
        EventKind::UserDisabled => "An administrator disabled the account",
        EventKind::UserEnabled => "An administrator enabled the account again",
        EventKind::InvitationCreated => "An administrator made an invitation",
        EventKind::InvitationEnded => "An administrator ended an invitation",
        EventKind::PasswordRevoked => "An administrator took the account's password away",
        EventKind::DeletionAsked => "The account's owner wants it deleted",
        EventKind::DeletionUndone => "The account's owner wants it to stay after all",
        EventKind::UserDeleted => "An account was deleted, with all that was kept of it",
        EventKind::SessionCreated => "A session started",
        EventKind::SessionEnded => "A session ended",
        EventKind::SessionUsedAfterEnd => {
            "A session's token was worth nothing: its session has ended, or it was made up"
        }
        EventKind::ForeignForm => "A form was refused: it did not come from one of our pages",
        EventKind::OddRequest => "Refused: no page of ours sends such a thing",
        EventKind::Forbidden => "Refused: it is not for whoever asked",
        EventKind::Started => "The program began to serve",
        EventKind::Stopped => "The program stopped serving",
    }
}

fn stamp(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
