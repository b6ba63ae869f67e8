//! Signing out.

use rocket::http::{Header, Status};

use crate::app::App;

#[rocket::async_test]
async fn logout_ends_the_session_on_the_server() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let copy = ada.clone();
    let answer = ada.logout().await;
    assert_eq!(
        (answer.status, answer.location()),
        (Status::SeeOther, "/login")
    );
    assert_eq!(
        answer.header("clear-site-data"),
        Some(r#""cache", "storage""#)
    );
    let removed = answer.cookie("__Host-session").unwrap();
    assert_eq!(removed.max_age(), Some(time::Duration::ZERO));
    assert_eq!(
        removed.secure(),
        Some(true),
        "or browsers ignore the removal"
    );
    assert!(
        !copy.clone().is_signed_in().await,
        "a copy of the token is worth nothing"
    );
}

#[rocket::async_test]
async fn the_login_page_says_so_once_and_makes_the_browser_forget() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    ada.logout().await;
    let page = ada.get("/login").await;
    assert!(page.body.contains("You are signed out."), "{}", page.body);
    assert!(page.body.contains("src=\"/farewell.svg\""), "{}", page.body);
    let mark = ada.get("/farewell.svg").await;
    assert_eq!(mark.header("clear-site-data"), Some(r#""cache""#));
    assert_eq!(mark.header("cache-control"), Some("no-store"));

    let again = ada.get("/login").await.body;
    assert!(
        !again.contains("signed out") && !again.contains("farewell"),
        "{again}"
    );
}

/// What a browser or a proxy may have kept is never said to be good still.
#[rocket::async_test]
async fn asking_whether_a_page_has_changed_does_not_show_it_after_logout() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let before = ada.get("/dashboard").await;
    for validator in ["etag", "last-modified"] {
        assert_eq!(before.header(validator), None);
    }
    let copy = ada.clone();
    ada.logout().await;
    for mut visitor in [ada, copy, app.visitor()] {
        for (name, value) in [
            ("If-None-Match", "*"),
            ("If-None-Match", "\"x\", W/\"x\""),
            ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
            ("If-Range", "\"x\""),
            ("Range", "bytes=0-"),
        ] {
            for path in ["/dashboard", "/"] {
                let request = app.client.get(path).header(Header::new(name, value));
                let answer = visitor.send(request).await;
                assert_eq!(answer.status, Status::SeeOther, "{path} {name}: {value}");
                assert!(answer.location().starts_with("/login"));
            }
        }
    }
}

#[rocket::async_test]
async fn other_browsers_stay_signed_in() {
    let app = App::new().await;
    let mut here = app.member("ada").await;
    let mut there = app.visitor();
    there.login("ada", crate::app::PASSWORD).await;
    here.logout().await;
    assert!(there.is_signed_in().await);
}

#[rocket::async_test]
async fn logging_out_of_a_session_that_has_expired_is_no_error() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let csrf = ada.get("/dashboard").await.csrf();
    app.pass(std::time::Duration::from_hours(2));
    let answer = ada.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (Status::SeeOther, "/login")
    );
}

#[rocket::async_test]
async fn a_link_logs_nobody_out() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    assert_eq!(ada.get("/logout").await.status, Status::NotFound);
    assert!(ada.is_signed_in().await);
}
