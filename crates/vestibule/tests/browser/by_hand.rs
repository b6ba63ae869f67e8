//! Keys, focus, and the one button that a script adds.

use fantoccini::key::Key;
use serde_json::Value;

use super::person::{PASSWORD, Person};
use crate::server::Server;

#[tokio::test]
async fn the_keyboard_alone_is_enough() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.open("/register").await;
    assert_eq!(focused(&ada).await, "username");
    types(&ada, "ada").await;
    tab(&ada).await;
    assert_eq!(focused(&ada).await, "email");
    tab(&ada).await;
    assert_eq!(focused(&ada).await, "password");
    types(&ada, PASSWORD).await;
    enter(&ada).await;
    ada.sees("Hello, ada").await;

    ada.open("/dashboard").await;
    for expected in [
        "Vestibule",
        "Sign out",
        "Where you are signed in",
        "What happened",
        "Your e-mail addresses",
        "Change your username",
        "Change your password",
        "Delete your account",
    ] {
        tab(&ada).await;
        assert_eq!(focused(&ada).await, expected);
    }
    ada.open("/account/activity").await;
    tab(&ada).await;
    tab(&ada).await;
    assert_eq!(focused(&ada).await, "Sign out");
    assert_ring(&ada).await;
    enter(&ada).await;
    ada.sees("Sign in").await;
    ada.is_at("/login").await;

    types(&ada, "ada").await;
    for expected in ["password", "Show password", "remember", "Sign in"] {
        tab(&ada).await;
        assert_eq!(focused(&ada).await, expected);
        assert_ring(&ada).await;
        if expected == "password" {
            types(&ada, PASSWORD).await;
        }
    }
    enter(&ada).await;
    ada.sees("Hello, ada").await;
}

#[tokio::test]
async fn focus_is_seen_where_typing_begins() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    for path in ["/login", "/register"] {
        ada.open(path).await;
        assert_eq!(focused(&ada).await, "username");
        assert_ring(&ada).await;
    }
    ada.register("ada", "passwordpassword").await;
    ada.is_told_of("password", "known from leaks").await;
    assert_eq!(focused(&ada).await, "password");
    assert_ring(&ada).await;
}

#[tokio::test]
async fn the_summary_leads_to_the_field() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("", "").await;
    ada.is_told_of("username", "Enter a username.").await;
    ada.is_told_of("password", "Enter a password.").await;
    assert_eq!(focused(&ada).await, "username");
    for (problem, field) in [
        ("Enter a password.", "password"),
        ("Enter a username.", "username"),
    ] {
        ada.follow(problem).await;
        assert_eq!(focused(&ada).await, field);
    }
}

#[tokio::test]
async fn a_button_shows_and_hides_the_password() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    for path in ["/login", "/register"] {
        ada.open(path).await;
        ada.fill("password", PASSWORD).await;
        assert_eq!(kind(&ada).await, "password");
        ada.press("Show").await;
        assert_eq!(kind(&ada).await, "text");
        assert_eq!(ada.has_in("password").await, PASSWORD);
        ada.press("Hide").await;
        assert_eq!(kind(&ada).await, "password");
    }
}

async fn kind(person: &Person) -> String {
    let field = person.field("password").await;
    field.attr("type").await.unwrap().unwrap()
}

/// The name of the field, or what the button or the link is called.
async fn focused(person: &Person) -> Value {
    let names = "(e => e.name || e.ariaLabel || e.textContent.trim())(document.activeElement)";
    person.asks(names).await
}

/// What has the focus shows it.
async fn assert_ring(person: &Person) {
    let ring = "(e => e.matches(':focus-visible') && getComputedStyle(e).outlineStyle === 'solid' \
                && parseFloat(getComputedStyle(e).outlineWidth) >= 2)(document.activeElement)";
    assert_eq!(person.asks(ring).await, true, "{}", focused(person).await);
}

async fn types(person: &Person, keys: &str) {
    let element = person.client.active_element().await.unwrap();
    element.send_keys(keys).await.unwrap();
}

async fn tab(person: &Person) {
    types(person, &char::from(Key::Tab).to_string()).await;
}

async fn enter(person: &Person) {
    types(person, &char::from(Key::Enter).to_string()).await;
}
