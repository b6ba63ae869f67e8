//! What a balancer asks, and what happens when the database is gone.

use rocket::http::Status;
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use crate::app::{App, PASSWORD, cheap};

#[rocket::async_test]
async fn a_healthy_instance_is_live_and_ready() {
    let app = App::new().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = app.visitor().get(path).await;
        assert_eq!(answer.status, Status::Ok);
        assert!(answer.cookies.is_empty());
    }
}

#[rocket::async_test]
async fn without_its_database_it_says_so_and_lets_nobody_in() {
    let folder = TempDir::new().unwrap();
    let mut config = cheap();
    config.database.url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display()).into();
    config.sessions.url = None;
    let app = App::with(&config).await;
    let mut ada = app.member("ada").await;
    let csrf = ada.get("/dashboard").await.csrf();
    let mut stranger = app.visitor();
    let page = stranger.get("/login").await;

    // Whoever is writing when the file -shm is cut, which is shared memory, goes down with it.
    app.events_are_kept().await;
    // What is left is no database any more.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension != "key") {
            std::fs::write(path, "gone").unwrap();
        }
    }

    let mut answers = Vec::new();
    for path in ["/dashboard", "/login", "/register", "/", "/health/ready"] {
        answers.push((path, ada.get(path).await));
    }
    answers.push(("logout", ada.post("/logout", &[("csrf", &csrf)]).await));
    let csrf = page.csrf();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("csrf", csrf.as_str()),
    ];
    answers.push(("login", stranger.post("/login", &fields).await));
    for (what, answer) in answers {
        assert_eq!(answer.status, Status::ServiceUnavailable, "{what}");
        assert_eq!(answer.header("retry-after"), Some("5"), "{what}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
        assert!(answer.body.contains("We cannot answer just now"), "{what}");
        assert!(
            !answer.body.contains("sessions") && !answer.body.contains("database"),
            "{what}"
        );
    }
    assert_eq!(stranger.get("/health/live").await.status, Status::Ok);
    assert!(stranger.session().is_none());
    assert!(ada.session().is_some(), "nobody is logged out by an outage");
}

#[rocket::async_test]
async fn a_damaged_session_signs_nobody_in() {
    let folder = TempDir::new().unwrap();
    let mut config = cheap();
    let url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display());
    config.database.url = url.clone().into();
    config.sessions.url = None;
    let app = App::with(&config).await;
    let ada = app.member("ada").await;
    let by_hand = Database::connect(url).await.unwrap();
    for column in ["expires_at", "ends_at", "started_at"] {
        let damage = format!("UPDATE sessions SET {column} = 'nonsense'");
        by_hand.execute_unprepared(&damage).await.unwrap();
        let answer = ada.clone().get("/dashboard").await;
        assert_eq!(answer.status, Status::ServiceUnavailable, "{column}");
        assert!(answer.body.contains("We cannot answer just now"));
    }
    let damage = "UPDATE sessions SET id = x'00'";
    by_hand.execute_unprepared(damage).await.unwrap();
    let answer = ada.clone().get("/dashboard").await;
    assert_eq!(answer.status, Status::SeeOther, "it is no session any more");
}
