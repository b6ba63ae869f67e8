//! What the commands print: tables for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vestibule_domain::{Account, Session, SessionId, User, Visit};

/// How much of a handle is shown: so much that nobody mistakes it.
pub(super) const SHOWN: usize = 12;

pub(super) fn list_of_users(users: &[User], as_json: bool) -> String {
    if as_json {
        return line(&Value::Array(users.iter().map(user_json).collect()));
    }
    let rows = users.iter().map(|user| {
        [
            user.username.to_string(),
            state(user).to_owned(),
            moment(user.since),
            visit(user.last_login.as_ref()),
        ]
    });
    table(["USERNAME", "STATE", "SINCE", "LAST LOGIN"], rows)
}

pub(super) fn account_text(account: &Account) -> String {
    let user = &account.user;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<16}{value}");
    };
    row("username", user.username.as_str());
    row("id", &user.id.0.to_string());
    row("state", state(user));
    row("since", &moment(user.since));
    row("last login", &visit(user.last_login.as_ref()));
    row("login before", &visit(user.previous_login.as_ref()));
    for email in &account.emails {
        let state = match email.verified {
            Some(at) => format!("{}, verified {}", email.address, moment(at)),
            None => format!("{}, not verified", email.address),
        };
        row("e-mail", &state);
    }
    row("sessions", &account.sessions.len().to_string());
    if !account.sessions.is_empty() {
        text.push('\n');
        text += &table_of_sessions(&account.sessions);
    }
    text
}

pub(super) fn table_of_sessions(sessions: &[(SessionId, Session)]) -> String {
    let rows = sessions.iter().map(|(id, session)| {
        [
            id.handle()[..SHOWN].to_owned(),
            session.agent.clone().unwrap_or_else(|| "-".to_owned()),
            session
                .from
                .map_or_else(|| "-".to_owned(), |from| from.to_string()),
            moment(session.started),
            moment(session.seen),
        ]
    });
    table(["SESSION", "BROWSER", "FROM", "STARTED", "LAST USED"], rows)
}

/// Columns as wide as their widest cell.
pub(super) fn table<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows);
    let width = |n: usize| lines.iter().map(|line| line[n].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(row, "{cell:<width$}  ");
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

fn state(user: &User) -> &'static str {
    match (user.disabled, user.leaves, &user.password) {
        (Some(_), _, _) => "disabled",
        (None, Some(_), _) => "leaving",
        (None, None, None) => "no password",
        (None, None, Some(_)) => "active",
    }
}

fn visit(visit: Option<&Visit>) -> String {
    visit.map_or_else(|| "-".to_owned(), |visit| moment(visit.at))
}

pub(super) fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

pub(super) fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id.0.to_string(),
        "username": user.username.as_str(),
        "state": state(user),
        "created_at": moment(user.since),
        "disabled_at": user.disabled.map(moment),
        "leaves_at": user.leaves.map(moment),
        "last_login_at": user.last_login.as_ref().map(|visit| moment(visit.at)),
        "last_login_from": from_json(user.last_login.as_ref()),
        "previous_login_at": user.previous_login.as_ref().map(|visit| moment(visit.at)),
        "previous_login_from": from_json(user.previous_login.as_ref()),
    })
}

fn from_json(visit: Option<&Visit>) -> Option<String> {
    visit
        .and_then(|visit| visit.from)
        .map(|from| from.to_string())
}

pub(super) fn account_json(account: &Account) -> Value {
    let emails = account.emails.iter().map(|email| {
        json!({
            "address": email.address.as_str(),
            "added_at": moment(email.added),
            "verified_at": email.verified.map(moment),
        })
    });
    let mut value = user_json(&account.user);
    value["emails"] = emails.collect();
    value["sessions"] = account.sessions.iter().map(session_json).collect();
    value
}

pub(super) fn session_json((id, session): &(SessionId, Session)) -> Value {
    json!({
        "id": id.handle(),
        "browser": session.agent,
        "from": session.from.map(|from| from.to_string()),
        "started_at": moment(session.started),
        "seen_at": moment(session.seen),
        "expires_at": moment(session.expires),
        "ends_at": moment(session.ends),
        "remembered": session.remembered,
    })
}
