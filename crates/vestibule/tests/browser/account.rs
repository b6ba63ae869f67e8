//! What is refused, and what a browser is left with.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::chromium::Scripts;
use super::person::{PASSWORD, Person};
use crate::archive::unzip;
use crate::server::Server;

#[tokio::test]
async fn a_weak_password_is_refused_beside_its_field() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("ada", "passwordpassword").await;
    ada.is_told_of("password", "known from leaks").await;
    assert_eq!(ada.status().await, 422);
    assert_eq!(ada.has_in("username").await, "ada");
    assert_eq!(ada.has_in("password").await, "");

    ada.fill("password", PASSWORD).await;
    ada.press("Create account").await;
    ada.sees("Hello, ada").await;
}

#[tokio::test]
async fn a_wrong_password_and_a_stranger_read_the_same() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    ada.press("Sign out").await;

    let mut pages = Vec::new();
    for username in ["ada", "bob"] {
        ada.open("/login").await;
        ada.sign_in(username, "ten dry sparrows hum").await;
        ada.is_told("Wrong username or password.").await;
        assert_eq!(ada.status().await, 401);
        assert_eq!(ada.has_in("username").await, username);
        assert_eq!(ada.has_in("password").await, "");
        let page = ada.reads().await;
        let (before, code) = page.split_once("give this code: ").unwrap();
        // Each refusal has a code of its own.
        let after = code.split_once('\n').unwrap().1;
        pages.push(format!("{before}{after}"));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn a_taken_name_is_refused_beside_its_field() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    ada.press("Sign out").await;
    ada.sees("Sign in").await;

    ada.register("Ada", "twelve dry herons sing").await;
    ada.is_told_of("username", "This username is taken.").await;
    assert_eq!(ada.status().await, 409);
    assert_eq!(ada.has_in("username").await, "Ada");
    assert_eq!(ada.has_in("password").await, "");
}

#[tokio::test]
async fn an_account_is_deleted_and_kept_after_all() {
    for scripts in [Scripts::On, Scripts::Off] {
        let (server, _folder) = Server::start_afresh(&[]);
        let ada = Person::with(scripts, &server.url).await;
        ada.register("ada", PASSWORD).await;
        ada.sees("Hello, ada").await;
        ada.follow("Delete your account").await;
        ada.sees("Delete your account").await;
        ada.fill("username", "ada").await;
        ada.fill("password", "ten dry sparrows hum").await;
        ada.press("Delete my account").await;
        ada.is_told_of("password", "This is not your password.")
            .await;
        ada.fill("password", PASSWORD).await;
        ada.press("Delete my account").await;
        ada.sees("Sign in").await;
        assert!(ada.reads().await.contains("you are signed out"));
        ada.sign_in("ada", PASSWORD).await;
        ada.sees("Hello, ada").await;
        assert!(ada.reads().await.contains("Your account will be deleted"));
        ada.press("Keep my account").await;
        ada.sees("Hello, ada").await;
        assert!(ada.reads().await.contains("Your account stays."));
    }
}

#[tokio::test]
async fn closed_registration_is_said_and_not_offered() {
    let closed = [("VESTIBULE_REGISTRATION__MODE", "closed")];
    let (server, _folder) = Server::start_afresh(&closed);
    let ada = Person::at(&server.url).await;
    ada.open("/login").await;
    ada.sees("Sign in").await;
    assert_eq!(
        ada.counts("main a[href^='/register']").await,
        0,
        "nowhere to go for that"
    );
    ada.open("/register").await;
    ada.sees("Registration is closed").await;
    assert_eq!(ada.status().await, 403);
    assert_eq!(ada.counts("input").await, 0);
}

#[tokio::test]
async fn whoever_is_invited_makes_one_account() {
    for scripts in [Scripts::On, Scripts::Off] {
        let by_invitation = [("VESTIBULE_REGISTRATION__MODE", "invite")];
        let (server, folder) = Server::start_afresh(&by_invitation);
        let grace = Person::with(scripts, &server.url).await;
        grace.open("/login").await;
        grace.sees("Sign in").await;
        assert_eq!(grace.counts("main a[href^='/register']").await, 0);
        grace.open("/register").await;
        grace.sees("Registration is by invitation").await;

        let link = invitation(&server, &folder);
        grace.open(&link).await;
        grace.sees("Create an account").await;
        grace.is_at("/register").await;
        assert!(grace.reads().await.contains("You are invited."));
        grace.fill("username", "grace").await;
        grace.fill("password", "password").await;
        grace.press("Create account").await;
        grace.is_told_of("password", "at least 15").await;
        assert_eq!(grace.has_in("username").await, "grace");
        grace.fill("password", PASSWORD).await;
        grace.press("Create account").await;
        grace.sees("Hello, grace").await;

        let other = Person::with(scripts, &server.url).await;
        other.open(&link).await;
        other.sees("This invitation is not valid any more").await;
        assert_eq!(other.status().await, 410);
    }
}

/// A link that makes one account.
pub(crate) fn invitation(server: &Server, folder: &TempDir) -> String {
    let by_invitation = [("VESTIBULE_REGISTRATION__MODE", "invite")];
    let mut command = server.beside(folder.path(), &by_invitation);
    let output = command.args(["invitation", "add"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    told.lines().last().unwrap().to_owned()
}

#[tokio::test]
async fn all_that_is_kept_is_downloaded() {
    for scripts in [Scripts::On, Scripts::Off] {
        let (server, _folder) = Server::start_afresh(&[]);
        let ada = Person::with(scripts, &server.url).await;
        let downloads = TempDir::new().unwrap();
        let allowed = json!({ "behavior": "allow", "downloadPath": downloads.path() });
        ada.tells_chromium("Browser.setDownloadBehavior", &allowed)
            .await;
        ada.register("ada", PASSWORD).await;
        ada.sees("Hello, ada").await;
        ada.open("/account/activity").await;
        ada.follow("download all that is kept about you").await;
        let file = downloads.path().join("ada.zip");
        let begin = Instant::now();
        // Chromium puts an empty file there, and moves the whole one over it.
        while !std::fs::metadata(&file).is_ok_and(|found| found.len() > 0) {
            assert!(begin.elapsed() < Duration::from_secs(20), "nothing came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let files = unzip(std::fs::read(&file).unwrap());
        assert!(files["readme.txt"].contains("all that is kept about your account"));
        let account: Value = serde_json::from_str(&files["account.json"]).unwrap();
        assert_eq!(account["username"], "ada");
        let sessions: Value = serde_json::from_str(&files["sessions.json"]).unwrap();
        assert_eq!(sessions[0]["browser"], "Chrome on Linux");
        ada.is_at("/account/activity").await;
    }
}

#[tokio::test]
async fn the_browser_forgets_unless_asked_to_keep_ada_signed_in() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    assert_eq!(kept_until(&ada).await, None);
    ada.press("Sign out").await;
    ada.sees("Sign in").await;

    ada.sign_in("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    assert_eq!(kept_until(&ada).await, None);
    ada.press("Sign out").await;
    ada.sees("Sign in").await;

    ada.field("remember").await.click().await.unwrap();
    ada.sign_in("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    let left = kept_until(&ada).await.unwrap() - OffsetDateTime::now_utc();
    let (hour, days) = (Duration::from_hours(1), time::Duration::days(30));
    assert!(left > days - hour && left < days + hour, "{left}");
}

/// When the browser drops the session; `None` when it is closed.
async fn kept_until(person: &Person) -> Option<OffsetDateTime> {
    let cookie = person.client.get_named_cookie("__Host-session").await;
    let cookie = cookie.unwrap();
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.secure(), Some(true));
    cookie.expires_datetime()
}

/// Another password, and another browser that is signed out by it.
async fn changes_the_password(scripts: Scripts) {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::with(scripts, &server.url).await;
    let phone = Person::with(scripts, &server.url).await;
    ada.register("ada", PASSWORD).await;
    phone.open("/login").await;
    phone.sign_in("ada", PASSWORD).await;
    phone.sees("Hello, ada").await;

    ada.follow("Change your password").await;
    ada.sees("Change your password").await;
    ada.fill("old", "ten dry sparrows hum").await;
    ada.fill("new", "seven dry herons whistle").await;
    ada.press("Change password").await;
    ada.is_told_of("old", "This is not your password.").await;
    assert_eq!(ada.has_in("new").await, "");
    ada.fill("old", PASSWORD).await;
    ada.fill("new", "short").await;
    ada.press("Change password").await;
    ada.is_told_of("new", "at least 15 characters").await;
    ada.fill("old", PASSWORD).await;
    ada.fill("new", "seven dry herons whistle").await;
    ada.press("Change password").await;
    ada.sees("Hello, ada").await;
    assert!(ada.reads().await.contains("Your password is changed."));

    phone.open("/dashboard").await;
    phone.sees("Sign in").await;
    phone.sign_in("ada", "seven dry herons whistle").await;
    phone.sees("Hello, ada").await;
}

#[tokio::test]
async fn a_new_password_signs_the_other_browser_out() {
    changes_the_password(Scripts::On).await;
}

#[tokio::test]
async fn without_scripts_a_new_password_signs_the_other_browser_out() {
    changes_the_password(Scripts::Off).await;
}

async fn ends_a_session(scripts: Scripts) {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::with(scripts, &server.url).await;
    let phone = Person::with(scripts, &server.url).await;
    let desk = Person::with(scripts, &server.url).await;
    ada.register("ada", PASSWORD).await;
    for other in [&phone, &desk] {
        other.open("/login").await;
        other.sign_in("ada", PASSWORD).await;
        other.sees("Hello, ada").await;
    }

    ada.follow("Where you are signed in").await;
    ada.sees("Where you are signed in").await;
    let page = ada.reads().await;
    assert_eq!(page.matches("Chrome on Linux").count(), 3, "{page}");
    assert_eq!(page.matches("This browser").count(), 1, "{page}");
    ada.press("Sign it out").await;
    ada.sees("Where you are signed in").await;
    let page = ada.reads().await;
    assert!(page.contains("That browser is signed out."), "{page}");
    assert_eq!(page.matches("Chrome on Linux").count(), 2, "{page}");
    ada.press("Sign out all other browsers").await;
    ada.sees("Where you are signed in").await;
    let page = ada.reads().await;
    assert!(page.contains("You are signed in nowhere else."), "{page}");

    for other in [&phone, &desk] {
        other.open("/dashboard").await;
        other.sees("Sign in").await;
    }
    ada.open("/dashboard").await;
    ada.sees("Hello, ada").await;
}

#[tokio::test]
async fn one_browser_is_signed_out_from_another() {
    ends_a_session(Scripts::On).await;
}

#[tokio::test]
async fn without_scripts_one_browser_is_signed_out_from_another() {
    ends_a_session(Scripts::Off).await;
}
