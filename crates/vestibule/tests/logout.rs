//! Signing out.

use rocket::http::Status;

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
