//! All that is kept about somebody, in one file that programs can read, and people.

use std::io::{Cursor, Write as _};

use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{State, get, tokio};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vestibule_domain::{Everything, Export, Kept, Outage, Session, SessionId, Visit};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::guard::Recent;
use crate::refusal::Refusal;

/// A file that a browser keeps rather than shows.
#[derive(Responder)]
pub(crate) struct Download {
    bytes: (ContentType, Vec<u8>),
    name: Header<'static>,
}

const README: &str = "\
This is all that is kept about your account, but for what would let somebody in: the hash of your
password, and links that were mailed to you. Times are in UTC.

account.json   your account, and your last two logins
emails.json    your e-mail addresses
sessions.json  where you are signed in
events.json    what happened to your account, the newest first, at most 100000; older ones are
               deleted after some time
";

#[get("/account/export")]
pub(crate) async fn get(recent: Recent, export: &State<Export>) -> Result<Download, Refusal> {
    const DURING: &str = "packing what is kept about somebody";
    let found = export.everything(recent.session.user).await?;
    let everything = found.ok_or(Refusal::Page(rocket::http::Status::Unauthorized))?;
    // A username needs no quotes.
    let name = format!("attachment; filename=\"{}.zip\"", everything.user.username);
    let packed = tokio::task::spawn_blocking(move || pack(&everything)).await;
    let bytes = packed
        .map_err(Outage::during(DURING))?
        .map_err(Outage::during(DURING))?;
    Ok(Download {
        bytes: (ContentType::ZIP, bytes),
        name: Header::new("Content-Disposition", name),
    })
}

fn pack(everything: &Everything) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("readme.txt", README.to_owned()),
        ("account.json", pretty(&account(everything))),
        ("emails.json", pretty(&emails(everything))),
        (
            "sessions.json",
            pretty(&everything.sessions.iter().map(session).collect()),
        ),
        (
            "events.json",
            pretty(&everything.events.iter().map(event).collect()),
        ),
    ] {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn account(everything: &Everything) -> Value {
    let user = &everything.user;
    json!({
        "id": user.id.0.to_string(),
        "username": user.username.as_str(),
        "created_at": moment(user.since),
        "last_login": user.last_login.as_ref().map(visit),
        "previous_login": user.previous_login.as_ref().map(visit),
        "disabled_at": user.disabled.map(moment),
        "deleted_at": user.leaves.map(moment),
    })
}

fn visit(visit: &Visit) -> Value {
    json!({ "at": moment(visit.at), "from": visit.from.map(|from| from.to_string()) })
}

fn emails(everything: &Everything) -> Value {
    let emails = everything.emails.iter().map(|email| {
        json!({
            "address": email.address.as_str(),
            "added_at": moment(email.added),
            "verified_at": email.verified.map(moment),
        })
    });
    emails.collect()
}

fn session((id, session): &(SessionId, Session)) -> Value {
    json!({
        "id": id.handle(),
        "browser": session.agent,
        "from": session.from.map(|from| from.to_string()),
        "started_at": moment(session.started),
        "last_used_at": moment(session.seen),
        "expires_at": moment(session.expires),
        "ends_at": moment(session.ends),
        "remembered": session.remembered,
    })
}

fn event(event: &Kept) -> Value {
    json!({
        "at": moment(event.at),
        "kind": event.kind,
        "from": event.address,
        "facts": event.facts,
    })
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
