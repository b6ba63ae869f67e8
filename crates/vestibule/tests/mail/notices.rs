//! Word of what happens to an account.

use rocket::http::{Header, Status};

use super::{ADA, MINUTE, NEW, emails, mail, press, reachable, reset};
use crate::app::{App, PASSWORD, Visitor, encode, with_token};

#[rocket::async_test]
async fn a_browser_that_was_never_here_before_is_told_of_and_can_be_disowned() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    ada.logout().await;
    ada.login("ada", PASSWORD).await;
    assert!(app.mail().await.is_empty(), "hers is known");

    app.pass(MINUTE);
    let mut thief = app.visitor_at([203, 0, 113, 7].into());
    let csrf = thief.get("/login").await.csrf();
    let fields = with_token(&[("username", "ada"), ("password", PASSWORD)], &csrf);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let request = app
        .client
        .post("/login")
        .header(rocket::http::ContentType::Form)
        .header(Header::new("Sec-Fetch-Site", "same-origin"))
        .header(Header::new("User-Agent", agent))
        .body(encode(&fields));
    thief.send(request).await;
    let told = mail(&app).await;
    assert_eq!(told.subject, "A new browser signed in to your account");
    let words = "on 23 November 2026, 12:01 UTC, with Firefox on Linux, from 203.0.113.7.";
    assert!(told.text.contains(words), "{}", told.text);
    assert!(
        told.html
            .contains("with Firefox on Linux, from 203.0.113.7")
    );

    // What the thief has done by then is undone, too.
    emails(&mut thief, "add", "thief@example.org").await;
    let letter = mail(&app).await;
    press(&mut thief, &letter).await;
    app.mail().await;
    let mut owner = app.visitor();
    let answer = press(&mut owner, &told).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    assert!(!thief.is_signed_in().await && !ada.is_signed_in().await);
    let letter = mail(&app).await;
    assert_eq!(
        (letter.to.as_str(), letter.subject.as_str()),
        (ADA, "A new password for ada")
    );
    assert_eq!(reset(&mut owner, &letter, NEW).await.location(), "/login");
    owner.login("ada", NEW).await;
    let page = owner.get("/account/emails").await;
    assert!(!page.body.contains("thief@example.org"));
    app.events_are_kept().await;
    let page = owner.get("/account/activity").await;
    assert!(page.body.contains("Taken back by a link in a mail"));
    assert!(page.body.contains("a…@example.com"));
}

#[rocket::async_test]
async fn a_wrong_password_tells_nobody_by_mail() {
    let app = App::new().await;
    reachable(&app, "ada", ADA).await;
    app.visitor().login("ada", "a wrong one").await;
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn another_name_counts_at_once_and_is_told_to_its_owner() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    app.member("bob").await;
    let rename = async |ada: &mut Visitor<'_>, name: &str| {
        ada.submit("/account/username", &[("username", name)]).await
    };
    let taken = rename(&mut ada, "Bob").await;
    assert_eq!(taken.status, Status::Conflict);
    assert!(
        taken
            .said_of("username")
            .contains("This username is taken.")
    );
    let odd = rename(&mut ada, "a b").await;
    assert_eq!(odd.status, Status::UnprocessableEntity);
    assert_eq!(odd.value_of("username").as_deref(), Some("a b"));
    assert!(app.mail().await.is_empty());

    let answer = rename(&mut ada, "Ada.L").await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("Hello, ada.l"), "{}", page.body);
    assert!(page.body.contains("Your username is changed."));
    let told = mail(&app).await;
    assert_eq!(told.subject, "Your username was changed");
    assert!(told.text.contains("is called ada.l from now on"));
    let old = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(old.status, Status::Unauthorized);
    ada.logout().await;
    ada.login("ada.l", PASSWORD).await;
    assert!(ada.is_signed_in().await);
    assert!(app.mail().await.is_empty(), "its browser is known by it");
    app.member("ada").await;
}

#[rocket::async_test]
async fn every_address_that_counts_hears_of_a_new_password() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    emails(&mut ada, "add", "ada@example.org").await;
    let letter = mail(&app).await;
    press(&mut ada, &letter).await;
    app.mail().await;
    let fields = [("old", PASSWORD), ("new", NEW)];
    ada.submit("/account/password", &fields).await;
    let mut told = app.mail().await;
    told.sort_by(|a, b| a.to.cmp(&b.to));
    let to: Vec<_> = told.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(to, [ADA, "ada@example.org"]);
    assert!(
        told.iter()
            .all(|l| l.subject == "Your password was changed")
    );
    // Each has a link of its own.
    assert_ne!(told[0].link(), told[1].link());
}
