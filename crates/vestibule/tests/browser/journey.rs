//! The way through the house, with scripts and without.

use super::chromium::Scripts;
use super::person::{PASSWORD, Person};
use crate::server::Server;

#[tokio::test]
async fn ada_registers_mistypes_comes_back_and_leaves() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    through_the_house(&ada).await;
    assert_eq!(ada.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_scripts_ada_registers_mistypes_comes_back_and_leaves() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::with(Scripts::Off, &server.url).await;

    let page = "data:text/html,<h1>off</h1><script>document.querySelector('h1').textContent = 'on'</script>";
    ada.client.goto(page).await.unwrap();
    ada.sees("off").await;
    for path in ["/login", "/register"] {
        ada.open(path).await;
        assert_eq!(ada.counts("input[type=password]").await, 1);
        assert_eq!(ada.counts("button").await, 1, "none that does nothing");
    }

    through_the_house(&ada).await;
}

async fn through_the_house(ada: &Person) {
    ada.open("/").await;
    ada.sees("Sign in").await;
    ada.follow("Create an account").await;
    ada.sees("Create an account").await;
    ada.fill("username", "ada").await;
    ada.fill("password", PASSWORD).await;
    ada.press("Create account").await;
    ada.sees("Hello, ada").await;
    ada.is_at("/dashboard").await;
    ada.press("Sign out").await;
    ada.sees("Sign in").await;
    ada.is_at("/login").await;

    ada.sign_in("ada", "ten dry sparrows hum").await;
    ada.is_told("Wrong username or password.").await;
    assert_eq!(ada.has_in("username").await, "ada");
    assert_eq!(ada.has_in("password").await, "");
    ada.fill("password", PASSWORD).await;
    ada.press("Sign in").await;
    ada.sees("Hello, ada").await;
    let page = ada.reads().await;
    for words in ["Member since", "Last login", "from 127.0.0.1"] {
        assert!(page.contains(words), "no {words}: {page}");
    }
    ada.press("Sign out").await;
    ada.sees("Sign in").await;

    ada.open("/dashboard?from=mail").await;
    ada.sees("Sign in").await;
    ada.is_at("/login?next=%2Fdashboard%3Ffrom%3Dmail").await;
    ada.sign_in("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    ada.is_at("/dashboard?from=mail").await;

    ada.press("Sign out").await;
    ada.sees("Sign in").await;
    ada.client.back().await.unwrap();
    let page = ada.reads().await;
    assert!(!page.contains("Hello"), "Back shows a private page: {page}");
    ada.sees("Sign in").await;
}

#[tokio::test]
async fn back_after_a_first_visit_shows_no_private_page() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    ada.press("Sign out").await;
    ada.sees("Sign in").await;
    ada.client.back().await.unwrap();
    let page = ada.reads().await;
    assert!(!page.contains("Hello"), "Back shows a private page: {page}");
    ada.sees("Sign in").await;
}

#[tokio::test]
async fn a_link_to_a_page_that_is_gone_ends_at_a_friendly_page() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.register("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    ada.press("Sign out").await;
    ada.sees("Sign in").await;

    ada.open("/login?next=%2Freports%3Fyear%3D2026").await;
    ada.sign_in("ada", PASSWORD).await;
    ada.sees("There is no such page").await;
    ada.is_at("/reports?year=2026").await;
    assert_eq!(ada.status().await, 404);
    ada.follow("Back to the start").await;
    ada.sees("Hello, ada").await;
}
