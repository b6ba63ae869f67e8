//! The private page.

use std::time::Duration;

use rocket::http::{Header, Status};

use crate::app::{App, PASSWORD};

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

#[rocket::async_test]
async fn the_way_out_is_on_it() {
    let app = App::new().await;
    let page = app.member("ada").await.get("/dashboard").await.body;
    assert!(
        page.contains("method=\"post\" action=\"/logout\""),
        "{page}"
    );
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
