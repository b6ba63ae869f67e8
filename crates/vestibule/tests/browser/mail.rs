//! What links in mail do, followed in a browser.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::chromium::Scripts;
use super::person::{PASSWORD, Person};
use crate::letters::{self, Letter};
use crate::server::Server;

const NEW: &str = "seven dry herons whistle";
const PATIENCE: Duration = Duration::from_secs(20);

/// The next mail of a server that runs in `folder`.
pub(crate) async fn mail(folder: &TempDir) -> Letter {
    let start = Instant::now();
    loop {
        let mut letters = letters::take(&folder.path().join("data/outbox"));
        if let Some(letter) = letters.pop() {
            assert!(letters.is_empty(), "one at a time: {letters:?}");
            return letter;
        }
        assert!(start.elapsed() < PATIENCE, "no mail came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes an account whose address counts.
pub(crate) async fn register(person: &Person, server: &Server, folder: &TempDir, name: &str) {
    person.open("/register").await;
    person.fill("username", name).await;
    person.fill("email", &format!("{name}@example.com")).await;
    person.fill("password", PASSWORD).await;
    person.press("Create account").await;
    person.sees(&format!("Hello, {name}")).await;
    assert!(person.reads().await.contains("A mail is on its way."));
    person.open(&mail(folder).await.link_to(&server.url)).await;
    person.sees("Is this address yours?").await;
    person.is_at("/link").await;
    person.press("This address is mine").await;
    person.sees(&format!("Hello, {name}")).await;
}

#[tokio::test]
async fn ada_forgets_her_password_and_chooses_another_by_mail() {
    for scripts in [Scripts::On, Scripts::Off] {
        let (server, folder) = Server::start_afresh(&[]);
        let ada = Person::with(scripts, &server.url).await;
        register(&ada, &server, &folder, "ada").await;
        ada.press("Sign out").await;
        ada.sees("Sign in").await;

        ada.follow("Forgot your password?").await;
        ada.sees("A new password").await;
        ada.fill("account", "ada@").await;
        ada.press("Send a link").await;
        ada.is_told_of("account", "Enter your username").await;
        ada.fill("account", "ada@example.com").await;
        ada.press("Send a link").await;
        ada.sees("A new password").await;
        assert!(
            ada.reads()
                .await
                .contains("a mail with a link is on its way")
        );

        ada.open(&mail(&folder).await.link_to(&server.url)).await;
        ada.sees("Choose a new password").await;
        ada.is_at("/reset").await;
        ada.fill("new", "too short").await;
        ada.press("Change password").await;
        ada.is_told_of("new", "at least 15").await;
        ada.fill("new", NEW).await;
        ada.press("Change password").await;
        ada.sees("Sign in").await;
        assert!(ada.reads().await.contains("Your password is changed"));
        ada.sign_in("ada", NEW).await;
        ada.sees("Hello, ada").await;
        assert_eq!(mail(&folder).await.subject, "Your password was changed");
    }
}

#[tokio::test]
async fn ada_is_told_of_a_browser_that_is_not_hers_and_takes_her_account_back() {
    for scripts in [Scripts::On, Scripts::Off] {
        let (server, folder) = Server::start_afresh(&[]);
        let ada = Person::with(scripts, &server.url).await;
        register(&ada, &server, &folder, "ada").await;
        let thief = Person::with(scripts, &server.url).await;
        thief.open("/login").await;
        thief.sign_in("ada", PASSWORD).await;
        thief.sees("Hello, ada").await;

        let told = mail(&folder).await;
        assert_eq!(told.subject, "A new browser signed in to your account");
        assert!(told.text.contains("with Chrome on Linux, from 127.0.0.1"));
        ada.open(&told.link_to(&server.url)).await;
        ada.sees("Was this not you?").await;
        ada.press("This was not me").await;
        ada.sees("Sign in").await;
        assert!(ada.reads().await.contains("Everybody is signed out"));
        thief.open("/dashboard").await;
        thief.sees("Sign in").await;
        thief.sign_in("ada", PASSWORD).await;
        thief.is_told("Wrong username or password.").await;

        ada.open(&mail(&folder).await.link_to(&server.url)).await;
        ada.sees("Choose a new password").await;
        ada.fill("new", NEW).await;
        ada.press("Change password").await;
        ada.sees("Sign in").await;
        ada.sign_in("ada", NEW).await;
        ada.sees("Hello, ada").await;
    }
}
