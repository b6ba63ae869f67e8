//! An address counts once it was shown to be somebody's.

use rocket::http::Status;

use super::{ADA, DAY, NEW, emails, mail, press};
use crate::app::{App, PASSWORD};

#[rocket::async_test]
async fn an_address_counts_once_its_link_was_opened_and_the_button_pressed() {
    let app = App::new().await;
    let mut ada = app.visitor();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("email", " Ada@Example.com "),
    ];
    let answer = ada.submit("/register", &fields).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("A mail is on its way."));

    let letter = mail(&app).await;
    assert_eq!(letter.to, "Ada@example.com", "as it was typed");
    assert_eq!(letter.from, "vestibule@localhost");
    assert_eq!(letter.subject, "Is this your e-mail address?");
    assert!(letter.automatic, "nobody's absence answers it");
    assert!(letter.text.contains("Hello ada,"));
    assert!(letter.text.contains("within 24 hours"));
    let page = ada.get("/account/emails").await;
    assert!(page.body.contains("Ada@example.com"));
    assert!(page.body.contains("Not verified yet"));

    // Whoever merely opens it, as scanners do, changes nothing.
    let mut scanner = app.visitor();
    for _ in 0..2 {
        scanner.get(&letter.link()).await;
        assert!(scanner.get("/link").await.body.contains("Ada@example.com"));
    }
    assert!(
        ada.get("/account/emails")
            .await
            .body
            .contains("Not verified yet")
    );

    // It need not be opened where one is signed in.
    let mut phone = app.visitor();
    let answer = press(&mut phone, &letter).await;
    assert_eq!(answer.location(), "/login");
    let page = phone.get("/login").await;
    assert!(
        page.body
            .contains("Your e-mail address counts from now on.")
    );
    let page = ada.get("/account/emails").await;
    assert!(!page.body.contains("Not verified yet"));
    assert!(app.mail().await.is_empty(), "there is nobody else to tell");

    let again = app.visitor().get(&letter.link()).await;
    assert_eq!(again.location(), "/link");
    let mut late = app.visitor();
    late.get(&letter.link()).await;
    let page = late.get("/link").await;
    assert_eq!(page.status, Status::Gone);
    assert!(page.body.contains("This link is not valid any more"));
}

#[rocket::async_test]
async fn the_token_leaves_the_address_at_once() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let link = mail(&app).await.link();
    let token = link.rsplit('/').next().unwrap();
    let answer = app.visitor().get(&link).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(answer.location(), "/link");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.cookie("__Host-link").unwrap();
    assert!(cookie.value().contains(token));
    assert_eq!(cookie.http_only(), Some(true));
    let mut visitor = app.visitor();
    visitor.get(&link).await;
    assert!(!visitor.get("/link").await.body.contains(token));
}

#[rocket::async_test]
async fn links_that_were_never_sent_lead_nowhere() {
    let app = App::new().await;
    let made_up = "A".repeat(43);
    for path in [
        format!("/link/verify/{made_up}"),
        format!("/link/undo/{made_up}"),
        format!("/link/not-me/{made_up}"),
        "/link/verify/x".to_owned(),
        "/link/verify/%00".to_owned(),
    ] {
        let mut visitor = app.visitor();
        assert_eq!(visitor.get(&path).await.location(), "/link", "{path}");
        assert_eq!(visitor.get("/link").await.status, Status::Gone, "{path}");
        let csrf = visitor.get("/login").await.csrf();
        let answer = visitor.post("/link", &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, Status::Gone, "{path}");
    }
    for purpose in ["reset", "invite"] {
        let mut visitor = app.visitor();
        let answer = visitor.get(&format!("/link/{purpose}/{made_up}")).await;
        assert_eq!(answer.location(), "/reset");
        assert_eq!(visitor.get("/reset").await.status, Status::Gone);
        let csrf = visitor.get("/login").await.csrf();
        let fields = [("new", NEW), ("csrf", &csrf)];
        let answer = visitor.post("/reset", &fields).await;
        assert_eq!(answer.status, Status::Gone, "{purpose}");
    }
}

#[rocket::async_test]
async fn a_link_of_one_kind_is_none_of_another() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let verify = mail(&app).await.link();
    for other in ["undo", "not-me", "reset"] {
        let mut visitor = app.visitor();
        visitor.get(&verify.replace("verify", other)).await;
        let page = if other == "reset" { "/reset" } else { "/link" };
        assert_eq!(visitor.get(page).await.status, Status::Gone, "{other}");
    }
    // Nor is one in which a single letter differs.
    let (path, token) = verify.rsplit_once('/').unwrap();
    for at in [0, 20, 41] {
        let mut other = token.as_bytes().to_vec();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        let mut visitor = app.visitor();
        visitor.get(&format!("{path}/{other}")).await;
        assert_eq!(visitor.get("/link").await.status, Status::Gone, "{other}");
    }
}

#[rocket::async_test]
async fn a_removed_address_is_not_verified_by_its_old_link() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let letter = mail(&app).await;
    emails(&mut ada, "remove", ADA).await;
    let answer = press(&mut app.visitor(), &letter).await;
    assert_eq!(answer.status, Status::Gone);
    let page = ada.get("/account/emails").await;
    assert!(!page.body.contains(ADA));
}

#[rocket::async_test]
async fn a_verifying_link_lasts_a_day_and_can_be_sent_again() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let first = mail(&app).await;
    app.pass(DAY);
    let mut visitor = app.visitor();
    visitor.get(&first.link()).await;
    assert_eq!(visitor.get("/link").await.status, Status::Gone);

    ada.login("ada", PASSWORD).await;
    let answer = emails(&mut ada, "send", ADA).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    let second = mail(&app).await;
    assert_ne!(first.id, second.id);
    assert_eq!(press(&mut ada, &second).await.location(), "/dashboard");
    let again = emails(&mut ada, "send", ADA).await;
    assert_eq!(again.status, Status::Conflict);
    assert!(
        again
            .body
            .contains("There is nothing to verify about this address.")
    );
}
