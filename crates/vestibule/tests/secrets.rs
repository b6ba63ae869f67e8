//! Secrets that are replaced while visitors are there.

use rocket::http::Status;

use crate::app::{App, PASSWORD, cheap, with_token};

async fn app(secret_key: &str) -> App {
    let mut config = cheap();
    config.secret_key = vestibule::config::Secrets::parse(secret_key);
    App::with(&config).await
}

#[rocket::async_test]
async fn a_form_opened_before_the_secret_key_was_replaced_is_taken_until_the_old_key_is_dropped() {
    let (new, old) = ("n".repeat(32), "o".repeat(32));
    let before = app(&old).await;
    let mut visitor = before.visitor();
    let csrf = visitor.get("/register").await.csrf();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let fields = with_token(&fields, &csrf);

    let rotated = app(&format!("{new},{old}")).await;
    let mut there = rotated.visitor();
    there.cookies.clone_from(&visitor.cookies);
    let answer = there.post("/register", &fields).await;
    assert_eq!(answer.status, Status::SeeOther);

    let dropped = app(&new).await;
    let mut there = dropped.visitor();
    there.cookies.clone_from(&visitor.cookies);
    let answer = there.post("/register", &fields).await;
    assert_eq!(answer.status, Status::Forbidden);

    let csrf = there.get("/register").await.csrf();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let answer = there.post("/register", &with_token(&fields, &csrf)).await;
    assert_eq!(answer.status, Status::SeeOther, "a reload is all it takes");
}
