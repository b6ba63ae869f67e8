//! What mail is for: addresses that are shown to be somebody's, a new password for whoever forgot theirs, and word of what
//! happens to an account.

mod addresses;
mod notices;
mod reset;
mod verify;

use std::time::Duration;

use rocket::http::Status;

use crate::app::letters::Letter;
use crate::app::{Answer, App, Visitor};

const NEW: &str = "seven dry herons whistle";
const ADA: &str = "ada@example.com";
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

async fn emails(visitor: &mut Visitor<'_>, act: &str, email: &str) -> Answer {
    let fields = [("act", act), ("email", email)];
    visitor.submit("/account/emails", &fields).await
}

/// The one mail that was sent.
async fn mail(app: &App) -> Letter {
    let mut all = app.mail().await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
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

async fn forgot(app: &App, account: &str) -> Answer {
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
async fn reachable<'a>(app: &'a App, name: &str, email: &str) -> Visitor<'a> {
    let mut member = app.member(name).await;
    emails(&mut member, "add", email).await;
    let answer = press(&mut member, &mail(app).await).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    member
}
