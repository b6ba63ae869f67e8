//! What somebody takes along.

use std::collections::BTreeMap;
use std::time::Duration;

use rocket::http::{Cookie, Status};
use serde_json::Value;

use crate::app::{App, PASSWORD, Visitor};
use crate::archive::unzip;

/// The files in the download, by name.
async fn export(app: &App, visitor: &Visitor<'_>) -> BTreeMap<String, String> {
    let jar = visitor.cookies.iter();
    let jar: Vec<_> = jar
        .map(|(name, value)| Cookie::new(name.clone(), value.clone()))
        .collect();
    let line: Vec<_> = jar.iter().map(ToString::to_string).collect();
    let header = rocket::http::Header::new("Cookie", line.join("; "));
    let request = app
        .client
        .get("/account/export")
        .header(header)
        .cookies(jar);
    let response = request.dispatch().await;
    assert_eq!(response.status(), Status::Ok);
    let header = |name| response.headers().get_one(name).unwrap().to_owned();
    assert_eq!(header("content-type"), "application/zip");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"ada.zip\""
    );
    assert_eq!(header("cache-control"), "no-store");
    unzip(response.into_bytes().await.unwrap())
}

#[rocket::async_test]
async fn one_download_has_all_that_is_kept_about_somebody_and_nobody_else() {
    let app = App::new().await;
    let mut ada = app.visitor_at([203, 0, 113, 7].into());
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("email", "ada@example.com"),
    ];
    ada.submit("/register", &fields).await;
    app.visitor().login("ada", "a wrong one").await;
    app.member("bob").await;
    app.events_are_kept().await;

    let files = export(&app, &ada).await;
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "account.json",
            "emails.json",
            "events.json",
            "readme.txt",
            "sessions.json"
        ]
    );
    for name in &names {
        assert!(files["readme.txt"].contains(name) || *name == "readme.txt");
    }
    let json = |name: &str| -> Value { serde_json::from_str(&files[name]).unwrap() };
    let account = json("account.json");
    assert_eq!(account["username"], "ada");
    assert_eq!(account["created_at"], "2026-11-23T12:00:00Z");
    assert_eq!(account["last_login"]["from"], "203.0.113.7");
    assert_eq!(json("emails.json")[0]["address"], "ada@example.com");
    assert_eq!(json("emails.json")[0]["verified_at"], Value::Null);
    assert_eq!(json("sessions.json").as_array().unwrap().len(), 1);
    let events = json("events.json");
    let kinds: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "user_created",
        "session_created",
        "user_email_added",
        "authn_login_fail",
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let all = files.values().cloned().collect::<String>();
    let token = ada.session().unwrap();
    for secret in ["argon2", token.as_str(), PASSWORD, "bob"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[rocket::async_test]
async fn it_takes_a_recent_password() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    app.pass(Duration::from_mins(10));
    let answer = ada.get("/account/export").await;
    assert_eq!(answer.location(), "/confirm?next=%2Faccount%2Fexport");
}
