//! Every page at two widths, light and dark; the pictures are kept.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::account::invitation;
use super::mail::mail;
use super::person::{PASSWORD, Person};
use crate::server::Server;

const WIDTHS: [u32; 2] = [320, 1440];
const HEIGHT: u64 = 800;

#[tokio::test]
async fn every_page_is_sound_at_every_width_light_and_dark() {
    let (server, _folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;

    ada.open("/login").await;
    looks_right(&ada, "login").await;
    ada.sign_in("ada", "ten dry sparrows hum").await;
    ada.is_told("Wrong username or password.").await;
    looks_right(&ada, "login-error").await;
    for _ in 0..5 {
        ada.sign_in("eve", "ten dry sparrows hum").await;
        ada.is_told("Wrong username or password.").await;
    }
    ada.sign_in("eve", "ten dry sparrows hum").await;
    ada.is_told("Too many wrong passwords.").await;
    looks_right(&ada, "login-wait").await;

    ada.open("/register").await;
    looks_right(&ada, "register").await;
    ada.register("a", "passwordpassword").await;
    ada.is_told_of("username", "3 to 32 characters").await;
    looks_right(&ada, "register-errors").await;
    ada.register("ada", "aaaaabbbbbccccc1").await;
    ada.is_told_of("password", "known from leaks").await;
    looks_right(&ada, "register-known").await;

    // As wide as a name gets.
    ada.register("ada-of-the-very-long-name-w-w-ww", PASSWORD)
        .await;
    ada.sees("Hello, ada-of-the-very-long-name-w-w-ww").await;
    looks_right(&ada, "dashboard").await;

    ada.open("/account/username").await;
    looks_right(&ada, "username").await;
    ada.fill("username", "a").await;
    ada.press("Change username").await;
    ada.is_told_of("username", "3 to 32 characters").await;
    looks_right(&ada, "username-error").await;
    ada.open("/account/password").await;
    looks_right(&ada, "password").await;
    ada.fill("old", "ten dry sparrows hum").await;
    ada.fill("new", "seven dry herons whistle").await;
    ada.press("Change password").await;
    ada.is_told_of("old", "This is not your password.").await;
    looks_right(&ada, "password-error").await;
    ada.open("/confirm?next=/account/sessions").await;
    looks_right(&ada, "confirm").await;
    let phone = Person::at(&server.url).await;
    phone.open("/login").await;
    phone
        .sign_in("ada-of-the-very-long-name-w-w-ww", PASSWORD)
        .await;
    phone.sees("Hello, ada-of-the-very-long-name-w-w-ww").await;
    ada.open("/account/sessions").await;
    looks_right(&ada, "sessions").await;
    ada.open("/account/activity").await;
    looks_right(&ada, "activity").await;
    phone.open("/account/sessions").await;
    phone.press("Sign it out").await;
    phone.sees("Where you are signed in").await;
    looks_right(&phone, "sessions-alone").await;

    phone.open("/account/delete").await;
    looks_right(&phone, "delete").await;
    phone.press("Delete my account").await;
    phone
        .is_told_of("username", "This is not your username.")
        .await;
    looks_right(&phone, "delete-error").await;
    phone
        .fill("username", "ada-of-the-very-long-name-w-w-ww")
        .await;
    phone.fill("password", PASSWORD).await;
    phone.press("Delete my account").await;
    phone.sees("Sign in").await;
    looks_right(&phone, "login-leaving").await;
    phone
        .sign_in("ada-of-the-very-long-name-w-w-ww", PASSWORD)
        .await;
    phone.sees("Hello, ada-of-the-very-long-name-w-w-ww").await;
    looks_right(&phone, "dashboard-leaving").await;

    phone.open("/nowhere").await;
    phone.sees("There is no such page").await;
    looks_right(&phone, "error-404").await;
}

#[tokio::test]
async fn every_page_of_mail_is_sound_at_every_width_light_and_dark() {
    let (server, folder) = Server::start_afresh(&[]);
    let ada = Person::at(&server.url).await;
    ada.open("/forgot").await;
    looks_right(&ada, "forgot").await;
    ada.press("Send a link").await;
    ada.is_told_of("account", "Enter your username").await;
    looks_right(&ada, "forgot-error").await;
    ada.fill("account", "nobody").await;
    ada.press("Send a link").await;
    ada.sees("A new password").await;
    looks_right(&ada, "forgot-sent").await;
    ada.open("/link/verify/x").await;
    ada.sees("This link is not valid any more").await;
    looks_right(&ada, "link-gone").await;

    ada.register("ada", PASSWORD).await;
    ada.sees("Hello, ada").await;
    ada.open("/account/emails").await;
    looks_right(&ada, "emails-none").await;
    ada.fill("email", "ada").await;
    ada.press("Add address").await;
    ada.is_told_of("email", "looks like name@example.com").await;
    looks_right(&ada, "emails-error").await;
    ada.fill("email", "ada@example.com").await;
    ada.press("Add address").await;
    ada.sees("Your e-mail addresses").await;
    ada.open(&mail(&folder).await.link_to(&server.url)).await;
    ada.sees("Is this address yours?").await;
    looks_right(&ada, "link-verify").await;
    ada.press("This address is mine").await;
    ada.sees("Hello, ada").await;
    looks_right(&ada, "dashboard-notice").await;

    // As long as an address gets.
    let long = format!(
        "{}@{}.example",
        "w".repeat(64),
        ["m".repeat(60), "m".repeat(60), "m".repeat(56)].join(".")
    );
    ada.open("/account/emails").await;
    ada.fill("email", &long).await;
    ada.press("Add address").await;
    ada.sees("Your e-mail addresses").await;
    looks_right(&ada, "emails").await;
    ada.open(&mail(&folder).await.link_to(&server.url)).await;
    ada.sees("Is this address yours?").await;
    looks_right(&ada, "link-verify-long").await;

    ada.open("/account/emails").await;
    ada.press_labelled("Remove ada@example.com").await;
    ada.sees("Your e-mail addresses").await;
    ada.open(&mail(&folder).await.link_to(&server.url)).await;
    ada.sees("Bring this address back?").await;
    looks_right(&ada, "link-undo").await;
    ada.press("Undo it").await;
    ada.sees("Sign in").await;
    looks_right(&ada, "login-disowned").await;
    ada.open(&mail(&folder).await.link_to(&server.url)).await;
    ada.sees("Choose a new password").await;
    looks_right(&ada, "reset").await;
    ada.fill("new", "password").await;
    ada.press("Change password").await;
    ada.is_told_of("new", "at least 15").await;
    looks_right(&ada, "reset-error").await;
    ada.fill("new", "seven dry herons whistle").await;
    ada.press("Change password").await;
    ada.sees("Sign in").await;
    ada.open(&mail(&folder).await.link_to(&server.url)).await;
    ada.sees("Was this not you?").await;
    looks_right(&ada, "link-not-me").await;
}

#[tokio::test]
async fn every_page_of_invitations_is_sound_at_every_width_light_and_dark() {
    let by_invitation = [("VESTIBULE_REGISTRATION__MODE", "invite")];
    let (server, folder) = Server::start_afresh(&by_invitation);
    let grace = Person::at(&server.url).await;
    grace.open("/register").await;
    grace.sees("Registration is by invitation").await;
    looks_right(&grace, "register-by-invitation").await;
    grace.open(&invitation(&server, &folder)).await;
    grace.sees("Create an account").await;
    looks_right(&grace, "register-invited").await;
    grace.register("grace", PASSWORD).await;
    grace.sees("Hello, grace").await;
    let late = Person::at(&server.url).await;
    late.open(&format!("/link/join/{}", "A".repeat(43))).await;
    late.sees("This invitation is not valid any more").await;
    looks_right(&late, "register-gone").await;
}

async fn looks_right(person: &Person, page: &str) {
    let mut grounds = Vec::new();
    for width in WIDTHS {
        for scheme in ["light", "dark"] {
            let look = format!("{page}-{width}-{scheme}");
            wears(person, scheme).await;
            is_wide(person, width, HEIGHT).await;
            let flaws = person.asks(FLAWS).await;
            assert_eq!(flaws, json!([]), "{look}");
            assert_eq!(person.barriers().await, json!([]), "{look}");
            let height = person.asks("document.documentElement.scrollHeight").await;
            is_wide(person, width, height.as_u64().unwrap().max(HEIGHT)).await;
            keep_picture(person, &look).await;
            let ground = person
                .asks("getComputedStyle(document.body).backgroundColor")
                .await;
            grounds.push(ground);
        }
    }
    assert_eq!((&grounds[0], &grounds[1]), (&grounds[2], &grounds[3]));
    assert_ne!(grounds[0], grounds[1], "{page} is as light in the dark");
    assert_eq!(person.complaints().await, Vec::<String>::new(), "{page}");
}

/// What is wrong with the page, in words. The page cuts off what is too wide, so that what sticks out of it is looked for
/// as well as the scroll bar.
const FLAWS: &str = "[
    [document.documentElement.scrollWidth <= document.documentElement.clientWidth, 'it scrolls sideways'],
    [(() => {
        const all = document.createRange();
        all.selectNodeContents(document.body);
        return [...all.getClientRects()].every(
            box => box.left >= -0.5 && box.right <= document.documentElement.clientWidth + 0.5);
    })(), 'something sticks out'],
    [document.querySelectorAll('h1').length === 1, 'not one h1'],
    [document.querySelectorAll('main').length === 1, 'not one main'],
    [document.querySelector('main h1') !== null, 'its h1 is outside of main'],
    [document.title.trim() !== '', 'no title'],
    [document.documentElement.lang !== '', 'no language'],
    [[...document.querySelectorAll('input:not([type=hidden])')].every(
        input => [...input.labels].some(label => label.textContent.trim() !== '')), 'an input without a label'],
    [[...document.querySelectorAll('a, button')].every(
        one => (one.ariaLabel || one.textContent).trim() !== ''), 'a link or button without a name'],
].filter(([right]) => !right).map(([, flaw]) => flaw)";

async fn wears(person: &Person, scheme: &str) {
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }] });
    person
        .tells_chromium("Emulation.setEmulatedMedia", &media)
        .await;
}

async fn is_wide(person: &Person, width: u32, height: u64) {
    let screen: Value =
        json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    person
        .tells_chromium("Emulation.setDeviceMetricsOverride", &screen)
        .await;
}

async fn keep_picture(person: &Person, look: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    let picture = person.client.screenshot().await.unwrap();
    fs::write(folder.join(format!("{look}.png")), picture).unwrap();
}
