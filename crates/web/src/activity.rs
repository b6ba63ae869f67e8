use std::sync::Arc;

use rocket::serde::Serialize;
use rocket::{State, get, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::ports::History;
use vestibule_domain::{EventKind, Kept};

use crate::csrf::Csrf;
use crate::dashboard::Moment;
use crate::guard::Recent;
use crate::refusal::Refusal;

/// How many events a page has.
const PAGE: usize = 20;

/// What the owner of an account is shown. That a session starts is the same news as the login.
const SHOWN: [EventKind; 21] = [
    EventKind::LoginSucceeded,
    EventKind::LoginSucceededAfterFailures,
    EventKind::LoginFailed,
    EventKind::PasswordLocked,
    EventKind::PasswordUnlocked,
    EventKind::PasswordChanged,
    EventKind::UsernameChanged,
    EventKind::PasswordChangeFailed,
    EventKind::ResetAsked,
    EventKind::PasswordReset,
    EventKind::Disowned,
    EventKind::EmailAdded,
    EventKind::EmailVerified,
    EventKind::EmailRemoved,
    EventKind::UserCreated,
    EventKind::UserDisabled,
    EventKind::UserEnabled,
    EventKind::PasswordRevoked,
    EventKind::DeletionAsked,
    EventKind::DeletionUndone,
    EventKind::SessionEnded,
];

/// An event as the owner of the account reads it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Row {
    what: String,
    at: Moment,
    /// The browser and the address, as far as they are known.
    with: String,
}

/// `before` is a place in the chain, from the link to the page before.
#[get("/account/activity?<before>")]
pub(crate) async fn get(
    recent: Recent,
    csrf: Csrf,
    before: Option<i64>,
    history: &State<Arc<dyn History>>,
) -> Result<Template, Refusal> {
    // One more than is shown: then there is another page.
    let most = PAGE as u64 + 1;
    let user = recent.session.user;
    let mut events = history.of(user, &SHOWN, before, most).await?;
    let is_more = events.len() > PAGE;
    events.truncate(PAGE);
    let older = events.last().filter(|_| is_more);
    let older = older.map(|last| uri!(get(before = Some(last.seq))).to_string());
    let rows: Vec<_> = events.iter().map(row).collect();
    Ok(Template::render(
        "activity.html",
        context! { csrf: csrf.0, events: rows, older, is_first: before.is_none() },
    ))
}

fn row(event: &Kept) -> Row {
    let browser = event.facts.get("browser");
    let email = event.facts.get("email");
    let with: Vec<_> = email
        .into_iter()
        .chain(browser)
        .chain(&event.address)
        .collect();
    let with = with.into_iter().map(String::as_str).collect::<Vec<_>>();
    Row {
        what: in_words(event),
        at: Moment::minute(event.at),
        with: with.join(", "),
    }
}

fn in_words(event: &Kept) -> String {
    let Some(kind) = EventKind::parse(&event.kind) else {
        return "Something happened".to_owned();
    };
    let reason = event.facts.get("reason").map_or("", String::as_str);
    let words = match kind {
        EventKind::LoginSucceeded => "Signed in",
        EventKind::LoginSucceededAfterFailures => "Signed in after wrong passwords",
        EventKind::LoginFailed => "A wrong password was tried",
        EventKind::PasswordLocked => {
            "After too many wrong passwords, yours counts only in browsers that you have used before"
        }
        EventKind::PasswordUnlocked => "Your password counts in every browser again",
        EventKind::PasswordChanged => "Password changed",
        EventKind::UsernameChanged => "Username changed",
        EventKind::PasswordChangeFailed => "A wrong password was given to change yours",
        EventKind::ResetAsked => "A link for a new password was asked for",
        EventKind::PasswordReset => "Password changed by a link in a mail",
        EventKind::Disowned => {
            "Taken back by a link in a mail: everybody was signed out, and the password is gone"
        }
        EventKind::EmailAdded => "E-mail address added",
        EventKind::EmailVerified => "E-mail address shown to be yours",
        EventKind::EmailRemoved => "E-mail address removed",
        EventKind::MailRefused => "A mail to you could not be sent",
        EventKind::UserCreated => "Account made",
        EventKind::SessionEnded => match reason {
            "ended by an administrator" => "An administrator signed you out",
            "expired" => "A session had expired",
            "signed out" => "Signed out",
            "ended by its owner, elsewhere" => "Another browser was signed out",
            _ => "All other browsers were signed out",
        },
        EventKind::UserDisabled => "An administrator disabled your account",
        EventKind::UserEnabled => "An administrator enabled your account again",
        EventKind::PasswordRevoked => "An administrator took your password away",
        EventKind::DeletionAsked => "You wanted your account deleted",
        EventKind::DeletionUndone => "You wanted your account to stay after all",
        EventKind::LoginOverLimit
        | EventKind::UserDeleted
        | EventKind::InvitationCreated
        | EventKind::InvitationEnded
        | EventKind::LimitExceeded
        | EventKind::SessionCreated
        | EventKind::SessionUsedAfterEnd
        | EventKind::ForeignForm
        | EventKind::OddRequest
        | EventKind::Forbidden
        | EventKind::Started
        | EventKind::Stopped => "Something happened",
    };
    words.to_owned()
}
