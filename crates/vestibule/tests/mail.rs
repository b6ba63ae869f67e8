//! What mail is for: addresses that are shown to be somebody's, a new password for whoever forgot theirs, and word of what
//! happens to an account.

mod addresses;
mod notices;
mod reset;
mod verify;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rocket::http::Status;

use crate::app::letters::{self, Letter};
use crate::app::{Answer, App, Visitor};
use crate::server::Server;

const NEW: &str = "seven dry herons whistle";
const ADA: &str = "ada@example.com";
const PATIENCE: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

async fn emails(visitor: &mut Visitor<'_>, act: &str, email: &str) -> Answer {
    let fields = [("act", act), ("email", email)];
    visitor.submit("/account/emails", &fields).await
}

/// The one mail that was sent.
pub(crate) async fn mail(app: &App) -> Letter {
    let mut all = app.mail().await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The path of the link in the next mail for this purpose, of a program that runs in `folder`. Mails before it are dropped.
pub(crate) fn mailed_link(folder: &Path, server: &Server, purpose: &str) -> String {
    mailed(folder, server, purpose).link_to(&server.url)
}

/// The same, but the whole mail.
pub(crate) fn mailed(folder: &Path, server: &Server, purpose: &str) -> Letter {
    let start = Instant::now();
    loop {
        let wanted = format!("/link/{purpose}/");
        let mut all = letters::take(&folder.join("data/outbox")).into_iter();
        let found = all.find(|letter| letter.link_to(&server.url).starts_with(&wanted));
        if let Some(letter) = found {
            return letter;
        }
        assert!(start.elapsed() < PATIENCE, "no mail came");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Opens a link in a mail, and presses the button on its page.
async fn press(visitor: &mut Visitor<'_>, letter: &Letter) -> Answer {
    let answer = visitor.get(&letter.link()).await;
    assert_eq!(answer.location(), "/link");
    let page = visitor.get("/link").await;
    assert_eq!(page.status, Status::Ok, "{}", page.body);
    let csrf = page.csrf();
    visitor.post("/link", &[("csrf", &csrf)]).await
}

pub(crate) async fn forgot(app: &App, account: &str) -> Answer {
    app.visitor()
        .submit("/forgot", &[("account", account)])
        .await
}

async fn reset(visitor: &mut Visitor<'_>, letter: &Letter, new: &str) -> Answer {
    let answer = visitor.get(&letter.link()).await;
    assert_eq!(answer.location(), "/reset");
    visitor.submit("/reset", &[("new", new)]).await
}

/// A member whose address counts.
pub(crate) async fn reachable<'a>(app: &'a App, name: &str, email: &str) -> Visitor<'a> {
    let mut member = app.member(name).await;
    emails(&mut member, "add", email).await;
    let answer = press(&mut member, &mail(app).await).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    member
}
