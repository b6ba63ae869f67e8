//! The private page.

use std::collections::BTreeSet;
use std::time::Duration;

use rocket::http::{Header, Method, Status};

use crate::app::{Answer, App, PASSWORD, Visitor, routes, value_of};

#[rocket::async_test]
async fn it_says_since_when_and_where_from() {
    let app = App::new().await;
    app.member("ada").await;
    app.pass(Duration::from_hours(26));

    let mut ada = app.visitor();
    let csrf = ada.get("/login").await.csrf();
    let form = crate::app::encode(&[("username", "ada"), ("password", PASSWORD), ("csrf", &csrf)]);
    let request = app
        .client
        .post("/login")
        .header(rocket::http::ContentType::Form)
        .remote("203.0.113.7:4711".parse().unwrap())
        // Anybody can write these: they count for nothing.
        .header(Header::new("X-Real-IP", "198.51.100.1"))
        .header(Header::new("X-Forwarded-For", "198.51.100.1"))
        .body(form);
    assert_eq!(ada.send(request).await.status, Status::SeeOther);

    let page = ada.get("/dashboard").await.body;
    assert!(page.contains("Hello, ada"), "{page}");
    assert!(
        page.contains("23 November 2026</time>"),
        "a member since: {page}"
    );
    assert!(
        page.contains("24 November 2026, 14:00\u{a0}UTC</time>"),
        "the last login: {page}"
    );
    assert!(page.contains("203.0.113.7"), "{page}");
    assert!(
        page.contains("23 November 2026, 12:00\u{a0}UTC</time>"),
        "the one before: {page}"
    );
    assert!(page.contains("an unknown address"), "{page}");
    assert!(!page.contains("198.51.100.1"), "{page}");
    assert!(page.contains("datetime=\"2026-11-24T14:00:00Z\""), "{page}");
}

/// On every private page, also where it asks for the password again; and it leads out.
#[rocket::async_test]
async fn the_way_out_is_on_it() {
    let app = App::new().await;
    let mut pages = BTreeSet::new();
    for (method, path) in routes(&app) {
        let as_stranger = app.visitor().get(&path).await;
        if method != Method::Get || !as_stranger.location().starts_with("/login?next=") {
            continue;
        }
        let name = format!("ada{}", pages.len());
        let mut ada = app.member(&name).await;
        let answer = ada.get(&path).await;
        assert_eq!(answer.status, Status::Ok, "{path}");
        let kind = answer.header("content-type").unwrap_or_default();
        if !kind.starts_with("text/html") {
            assert_eq!(path, "/account/export", "no page: {kind}");
            continue;
        }
        leads_out(&path, &mut ada, &answer).await;

        assert_eq!(ada.login(&name, PASSWORD).await.status, Status::SeeOther);
        app.pass(Duration::from_mins(11));
        let mut answer = ada.get(&path).await;
        if answer.status == Status::SeeOther {
            answer = ada.get(answer.location()).await;
        }
        leads_out(&path, &mut ada, &answer).await;
        pages.insert(path);
    }
    assert!(pages.contains("/dashboard") && pages.contains("/confirm"));
    assert!(pages.len() >= 8, "{pages:?}");
}

async fn leads_out(path: &str, ada: &mut Visitor<'_>, answer: &Answer) {
    let page = &answer.body;
    let forms: Vec<_> = page.split("method=\"post\" action=\"/logout\"").collect();
    assert_eq!(forms.len(), 2, "one form for it on {path}: {page}");
    let (form, _) = forms[1].split_once("</form>").unwrap();
    let csrf = value_of(form, "csrf").unwrap_or_else(|| panic!("its token on {path}: {form}"));
    let mut elsewhere = ada.clone();
    assert_eq!(
        ada.post("/logout", &[("csrf", &csrf)]).await.status,
        Status::SeeOther,
        "{path}"
    );
    assert!(!elsewhere.is_signed_in().await, "{path}");
}

#[rocket::async_test]
async fn a_look_alike_of_its_address_is_not_it() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for path in [
        "/dashboard.css",
        "/dashboard;.js",
        "/dashboard/x.css",
        "/Dashboard",
    ] {
        let answer = ada.get(path).await;
        assert_ne!(answer.status, Status::Ok, "{path}");
        assert!(!answer.body.contains("Hello"), "{path}");
    }
}
