//! The door out: an account goes some days after its owner wanted it, and until then they may keep it.

use std::time::Duration;

use rocket::http::Status;
use vestibule_domain::ports::History;

use crate::app::{Answer, App, PASSWORD, Visitor};

const DAY: Duration = Duration::from_hours(24);

async fn delete(visitor: &mut Visitor<'_>, username: &str, password: &str) -> Answer {
    let fields = [("username", username), ("password", password)];
    visitor.submit("/account/delete", &fields).await
}

async fn keep(visitor: &mut Visitor<'_>) -> Answer {
    let csrf = visitor.get("/dashboard").await.csrf();
    visitor.post("/account/keep", &[("csrf", &csrf)]).await
}

#[rocket::async_test]
async fn an_account_goes_after_seven_days_with_all_that_is_kept_of_it() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let mut bob = app.member("bob").await;
    let mut elsewhere = app.visitor();
    elsewhere.login("ada", PASSWORD).await;
    let page = ada.get("/account/delete").await;
    assert!(
        page.body.contains("30 November 2026, 12:00"),
        "{}",
        page.body
    );
    let answer = delete(&mut ada, "ADA", PASSWORD).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    assert!(ada.session().is_none());
    let page = ada.get("/login").await;
    assert!(page.body.contains("Your account will be deleted"));
    assert!(!elsewhere.is_signed_in().await, "at once");

    app.pass(Duration::from_secs(7 * 24 * 3600 - 1));
    assert_eq!(app.sweep().await, 0);
    app.pass(Duration::from_secs(1));
    app.events_are_kept().await;
    assert_eq!(app.sweep().await, 1);
    assert_eq!(app.sweep().await, 0);
    let gone = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(gone.status, Status::Unauthorized);
    assert_eq!(bob.login("bob", PASSWORD).await.status, Status::SeeOther);

    // Its name is nobody's for 90 days.
    let taken = app.visitor().register("ada", PASSWORD).await;
    assert_eq!(taken.status, Status::Conflict);
    assert!(
        taken
            .said_of("username")
            .contains("This username is taken.")
    );
    app.pass(DAY * 90);
    let new = app.visitor().register("ada", PASSWORD).await;
    assert_eq!(new.status, Status::SeeOther, "{}", new.body);
}

#[rocket::async_test]
async fn whoever_signs_in_before_may_keep_the_account() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    delete(&mut ada, "ada", PASSWORD).await;
    app.pass(DAY * 6);
    assert_eq!(ada.login("ada", PASSWORD).await.location(), "/dashboard");
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("Your account will be deleted"));
    assert!(page.body.contains("30 November 2026, 12:00"));
    let answer = keep(&mut ada).await;
    assert_eq!(answer.location(), "/dashboard");
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("Your account stays."));
    assert!(!page.body.contains("will be deleted"));
    app.pass(DAY * 2);
    assert_eq!(app.sweep().await, 0);
    ada.login("ada", PASSWORD).await;
    assert!(ada.is_signed_in().await);
    keep(&mut ada).await;
    app.events_are_kept().await;
    let page = ada.get("/account/activity").await.body;
    let times = page.matches("You wanted your account to stay").count();
    assert_eq!(times, 1, "keeping what stays is no news");
}

#[rocket::async_test]
async fn merely_signing_in_keeps_nothing() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    delete(&mut ada, "ada", PASSWORD).await;
    app.pass(Duration::from_mins(7 * 24 * 60 - 1));
    ada.login("ada", PASSWORD).await;
    assert!(ada.is_signed_in().await);
    app.pass(Duration::from_mins(1));
    app.sweep().await;
    assert!(
        !ada.is_signed_in().await,
        "with the account its session goes"
    );
}

#[rocket::async_test]
async fn it_takes_the_name_and_the_password() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    app.member("bob").await;
    let answer = delete(&mut ada, "bob", PASSWORD).await;
    assert_eq!(answer.status, Status::UnprocessableEntity);
    assert!(
        answer
            .said_of("username")
            .contains("This is not your username.")
    );
    assert_eq!(answer.value_of("username").as_deref(), Some("bob"));
    let answer = delete(&mut ada, "ada", "a wrong one").await;
    assert_eq!(answer.status, Status::UnprocessableEntity);
    assert!(
        answer
            .said_of("password")
            .contains("This is not your password.")
    );
    let answer = delete(&mut ada, "", "").await;
    assert!(
        answer
            .said_of("username")
            .contains("This is not your username.")
    );
    assert!(ada.is_signed_in().await);
    app.pass(DAY * 30);
    assert_eq!(app.sweep().await, 0);
}

#[rocket::async_test]
async fn its_owner_hears_of_it_and_can_say_that_it_was_not_them() {
    let app = App::new().await;
    let mut ada = app.visitor();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("email", "ada@example.com"),
    ];
    ada.submit("/register", &fields).await;
    let press = async |link: String| {
        let mut visitor = app.visitor();
        visitor.get(&link).await;
        let csrf = visitor.get("/link").await.csrf();
        visitor.post("/link", &[("csrf", &csrf)]).await
    };
    press(app.mail().await[0].link()).await;
    delete(&mut ada, "ada", PASSWORD).await;
    let told = app.mail().await;
    assert_eq!(told[0].subject, "Your account will be deleted");
    let answer = press(told[0].link()).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    app.pass(DAY * 8);
    assert_eq!(app.sweep().await, 0, "it stays");
    let letter = app.mail().await;
    assert_eq!(letter[0].subject, "A new password for ada");
}

/// What happened is still kept, and to whom no more.
#[rocket::async_test]
async fn nothing_that_was_kept_names_whoever_is_gone() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    app.visitor().login("ada", "a wrong one").await;
    delete(&mut ada, "ada", PASSWORD).await;
    app.events_are_kept().await;
    let history = app.history();
    let users = app.users();
    let username = vestibule_domain::Username::parse("ada").unwrap();
    let id = users.find_by_username(&username).await.unwrap().unwrap().id;
    let kinds = vestibule_domain::EventKind::ALL;
    let before = History::of(history, id, &kinds, None, 99).await.unwrap();
    assert!(before.len() >= 4, "{before:?}");
    app.pass(DAY * 7);
    app.sweep().await;
    let after = History::of(history, id, &kinds, None, 99).await.unwrap();
    assert!(after.is_empty(), "{after:?}");
    assert!(users.find(id).await.unwrap().is_none());
}
