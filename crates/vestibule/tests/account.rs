//! What people do about the safety of their own account: another password, and where they are signed in.

use std::time::Duration;

use rocket::http::{Header, Status};

use crate::app::{Answer, App, PASSWORD, Visitor};

const NEW: &str = "seven dry herons whistle";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const TEN_MINUTES: Duration = Duration::from_mins(10);

async fn change(visitor: &mut Visitor<'_>, old: &str, new: &str) -> Answer {
    let fields = [("old", old), ("new", new)];
    visitor.submit("/account/password", &fields).await
}

#[rocket::async_test]
async fn a_new_password_counts_at_once_and_ends_every_other_session() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let mut elsewhere = app.visitor();
    elsewhere.login("ada", PASSWORD).await;
    let mut bob = app.member("bob").await;
    let before = ada.session().cloned();
    let stolen = ada.clone();

    let answer = change(&mut ada, PASSWORD, NEW).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    assert_eq!(answer.location(), "/dashboard");
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("Your password is changed."));
    let again = ada.get("/dashboard").await;
    assert!(!again.body.contains("Your password is changed."), "once");

    assert_ne!(ada.session().cloned(), before, "a new token");
    assert!(
        !stolen.clone().is_signed_in().await,
        "and the old one is dead"
    );
    assert!(!elsewhere.is_signed_in().await);
    assert!(bob.is_signed_in().await, "nobody else's session");

    let old = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(old.status, Status::Unauthorized);
    let new = app.visitor().login("ada", NEW).await;
    assert_eq!(new.status, Status::SeeOther);
}

#[rocket::async_test]
async fn whoever_was_asked_to_be_kept_signed_in_stays_so_with_a_new_password() {
    let app = App::new().await;
    app.member("ada").await;
    let mut ada = app.visitor();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("remember", "on"),
    ];
    ada.submit("/login", &fields).await;
    let answer = change(&mut ada, PASSWORD, NEW).await;
    let cookie = answer.cookie("__Host-session").unwrap();
    assert_eq!(cookie.max_age(), Some(time::Duration::days(30)));
}

#[rocket::async_test]
async fn a_wrong_old_password_changes_nothing_and_counts_as_a_guess() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    // A stranger at her desk, to whom the account does not know the browser.
    ada.cookies.remove("__Host-device");
    for _ in 0..5 {
        let answer = change(&mut ada, "ten dry sparrows hum", NEW).await;
        assert_eq!(answer.status, Status::UnprocessableEntity);
        assert!(answer.said_of("old").contains("This is not your password."));
        assert!(!answer.body.contains(NEW), "no password comes back");
    }
    let answer = change(&mut ada, PASSWORD, NEW).await;
    assert_eq!(answer.status, Status::TooManyRequests, "right or wrong");
    assert_eq!(answer.header("retry-after"), Some("30"));
    let login = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(login.status, Status::TooManyRequests, "one count for both");
    app.pass(Duration::from_secs(30));
    let answer = change(&mut ada, PASSWORD, NEW).await;
    assert_eq!(answer.status, Status::SeeOther);
}

#[rocket::async_test]
async fn a_weak_new_password_is_refused_in_words() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for (new, words) in [
        ("", "Enter a password."),
        ("short", "at least 15 characters"),
        ("aaaaabbbbbccccc1", "known from leaks"),
    ] {
        let answer = change(&mut ada, PASSWORD, new).await;
        assert_eq!(answer.status, Status::UnprocessableEntity, "{new}");
        assert!(
            answer.said_of("new").contains(words),
            "{new}: {}",
            answer.body
        );
    }
    let old = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(old.status, Status::SeeOther);
}

#[rocket::async_test]
async fn one_session_is_ended_from_another_and_no_other_is_touched() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let mut bob = app.member("bob").await;
    let mut phone = app.visitor();
    phone.login("ada", PASSWORD).await;
    let mut desk = app.visitor_at([203, 0, 113, 7].into());
    let csrf = desk.get("/login").await.csrf();
    let body = crate::app::encode(&[("username", "ada"), ("password", PASSWORD), ("csrf", &csrf)]);
    let request = app
        .client
        .post("/login")
        .header(rocket::http::ContentType::Form);
    let request = request.header(Header::new("Sec-Fetch-Site", "same-origin"));
    let request = request
        .header(Header::new("User-Agent", FIREFOX))
        .body(body);
    assert_eq!(desk.send(request).await.status, Status::SeeOther);

    let page = ada.get("/account/sessions").await;
    assert_eq!(
        page.body.matches("name=\"session\"").count(),
        3,
        "two, and all"
    );
    assert_eq!(page.body.matches("This browser").count(), 1);
    let at = page.body.find("Firefox on Linux").expect("in words");
    assert!(page.body[at..].contains("from 203.0.113.7"));
    assert!(!page.body.contains(FIREFOX));
    let theirs = bob.get("/account/sessions").await;
    assert_eq!(theirs.body.matches("<li>").count(), 1, "only one's own");

    let handle = crate::app::value_of(&page.body[at..], "session").unwrap();
    not_there(&mut bob, &handle).await;
    not_there(&mut ada, "0000").await;
    not_there(&mut ada, "").await;
    assert!(desk.is_signed_in().await, "by nobody else, by no odd name");

    end(&mut ada, &handle).await;
    let page = ada.get("/account/sessions").await;
    assert!(page.body.contains("That browser is signed out."));
    assert!(!desk.is_signed_in().await, "dead on the next request");
    assert!(phone.is_signed_in().await && ada.is_signed_in().await);

    end(&mut ada, "others").await;
    assert!(!phone.is_signed_in().await);
    assert!(ada.is_signed_in().await && bob.is_signed_in().await);
    let page = ada.get("/account/sessions").await;
    assert!(page.body.contains("You are signed in nowhere else."));
}

#[rocket::async_test]
async fn an_old_password_is_asked_for_again_before_a_session_is_ended() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let csrf = ada.get("/dashboard").await.csrf();
    app.pass(TEN_MINUTES.saturating_sub(Duration::from_secs(1)));
    assert_eq!(ada.get("/account/sessions").await.status, Status::Ok);
    app.pass(Duration::from_secs(1));
    let mut other = app.visitor();
    other.login("ada", PASSWORD).await;

    let confirm = "/confirm?next=%2Faccount%2Fsessions";
    let page = ada.get("/account/sessions").await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, confirm));
    let fields = [("session", "others"), ("csrf", csrf.as_str())];
    let answer = ada.post("/account/sessions", &fields).await;
    assert_eq!(
        (answer.status, answer.location()),
        (Status::SeeOther, confirm)
    );
    assert!(other.is_signed_in().await, "nothing was ended");

    let before = ada.clone();
    for (password, words) in [
        ("", "Enter a password."),
        ("ten dry sparrows hum", "This is not your password."),
    ] {
        let answer = ada.submit(confirm, &[("password", password)]).await;
        assert_eq!(answer.status, Status::UnprocessableEntity);
        assert!(answer.said_of("password").contains(words));
    }
    let next = ("next", "/account/sessions");
    let answer = ada
        .submit("/confirm", &[("password", PASSWORD), next])
        .await;
    let seen = (answer.status, answer.location());
    assert_eq!(seen, (Status::SeeOther, "/account/sessions"));
    assert_eq!(ada.get("/account/sessions").await.status, Status::Ok);
    assert!(
        !before.clone().is_signed_in().await,
        "the token is a new one"
    );
}

#[rocket::async_test]
async fn confirming_is_guessing_like_any_other() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    ada.cookies.remove("__Host-device");
    for _ in 0..5 {
        ada.submit("/confirm", &[("password", "ten dry sparrows hum")])
            .await;
    }
    let answer = ada.submit("/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(answer.status, Status::TooManyRequests);
    assert!(answer.body.contains("Too many wrong passwords."));
    assert!(ada.is_signed_in().await, "and still signed in");
}

async fn end(visitor: &mut Visitor<'_>, handle: &str) {
    let csrf = visitor.get("/dashboard").await.csrf();
    let fields = [("session", handle), ("csrf", csrf.as_str())];
    let answer = visitor.post("/account/sessions", &fields).await;
    let seen = (answer.status, answer.location());
    assert_eq!(seen, (Status::SeeOther, "/account/sessions"));
}

#[rocket::async_test]
async fn what_happened_is_told_to_its_owner_alone_the_newest_first() {
    let app = App::new().await;
    let mut ada = app.visitor_at([203, 0, 113, 7].into());
    ada.register("ada", PASSWORD).await;
    let mut bob = app.member("bob").await;
    app.visitor().login("ada", "ten dry sparrows hum").await;
    change(&mut ada, PASSWORD, NEW).await;
    app.events_are_kept().await;

    let page = ada.get("/account/activity").await;
    let told: Vec<_> = page.body.split("<h2>").skip(1).collect();
    let heads: Vec<_> = told
        .iter()
        .map(|row| row.split_once('<').unwrap().0)
        .collect();
    let expected = [
        "Password changed",
        "A wrong password was tried",
        "Account made",
    ];
    assert_eq!(heads, expected);
    assert!(told[0].contains("203.0.113.7") && !told[1].contains("203.0.113.7"));
    assert!(!page.body.contains("Older"));
    let theirs = bob.get("/account/activity").await;
    assert_eq!(theirs.body.matches("<h2>").count(), 1, "{}", theirs.body);

    app.pass(TEN_MINUTES);
    let answer = ada.get("/account/activity").await;
    assert_eq!(answer.location(), "/confirm?next=%2Faccount%2Factivity");
}

#[rocket::async_test]
async fn what_happened_is_told_page_by_page_and_nothing_twice() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for _ in 0..44 {
        ada.logout().await;
        ada.login("ada", PASSWORD).await;
    }
    app.events_are_kept().await;
    let mut next = "/account/activity".to_owned();
    let mut counts = Vec::new();
    loop {
        let page = ada.get(&next).await;
        assert_eq!(page.status, Status::Ok);
        counts.push(page.body.matches("<h2>").count());
        let Some((before, _)) = page.body.split_once("\">Older") else {
            break;
        };
        next = before
            .rsplit_once("href=\"")
            .unwrap()
            .1
            .replace("&#x2F;", "/");
    }
    assert_eq!(counts, [20, 20, 20, 20, 9], "one, and two for each round");
    let odd = ada.get("/account/activity?before=x").await;
    assert_eq!(odd.status, Status::Ok, "what cannot be read is not there");
    let empty = ada.get("/account/activity?before=0").await;
    assert!(empty.body.contains("There is nothing before that."));
}

/// Tries to end a session that is not one of the visitor's own.
async fn not_there(visitor: &mut Visitor<'_>, handle: &str) {
    end(visitor, handle).await;
    let page = visitor.get("/account/sessions").await;
    assert!(page.body.contains("was signed out already"), "{handle}");
}
