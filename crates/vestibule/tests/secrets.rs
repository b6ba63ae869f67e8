//! Secrets: replaced while visitors are there, kept apart from the database, and in no dump.

use rocket::http::Status;

use tempfile::TempDir;
use vestibule::config::Secrets;

use crate::app::{App, PASSWORD, cheap, with_token};
use crate::server::Server;

async fn app(secret_key: &str) -> App {
    let mut config = cheap();
    config.secret_key = Secrets::parse(secret_key);
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

/// The app on the accounts in `folder`, with these peppers.
async fn with_pepper(folder: &TempDir, pepper: Option<&str>) -> App {
    let mut config = cheap();
    config.database.url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display()).into();
    config.sessions.url = None;
    config.passwords.pepper = pepper.map(|text| Secrets::parse(text).unwrap());
    App::with(&config).await
}

#[rocket::async_test]
async fn a_pepper_comes_in_and_is_replaced_and_everybody_signs_in_all_the_while() {
    let folder = TempDir::new().unwrap();
    let (new, old) = ("n".repeat(32), "o".repeat(32));
    let both = format!("{new},{old}");
    with_pepper(&folder, None).await.member("ada").await;
    for pepper in [None, Some(&old), Some(&both), Some(&new)] {
        let app = with_pepper(&folder, pepper.map(String::as_str)).await;
        let answer = app.visitor().login("ada", PASSWORD).await;
        assert_eq!(answer.status, Status::SeeOther, "{pepper:?}");
        let answer = app.visitor().login("ada", "another one of these").await;
        assert_eq!(answer.status, Status::Unauthorized, "{pepper:?}");
    }
    // By now the hash is one of the last pepper, which the last login made.
    for pepper in [None, Some(old.as_str())] {
        let app = with_pepper(&folder, pepper).await;
        let answer = app.visitor().login("ada", PASSWORD).await;
        assert_eq!(answer.status, Status::ServiceUnavailable, "{pepper:?}");
    }
}

#[rocket::async_test]
async fn the_database_without_the_pepper_lets_nobody_in_and_calls_no_password_wrong() {
    let folder = TempDir::new().unwrap();
    let (right, wrong) = ("r".repeat(32), "w".repeat(32));
    with_pepper(&folder, Some(&right)).await.member("ada").await;
    for pepper in [None, Some(wrong.as_str())] {
        let app = with_pepper(&folder, pepper).await;
        let answer = app.visitor().login("ada", PASSWORD).await;
        assert_eq!(answer.status, Status::ServiceUnavailable);
    }
    let app = with_pepper(&folder, Some(&right)).await;
    let answer = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(answer.status, Status::SeeOther);
}

#[cfg(target_os = "linux")]
#[test]
fn no_core_is_dumped() {
    let (server, _folder) = Server::start_afresh(&[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(core, ["0", "0", "bytes"]);
}
