//! What a password may be, at the door as much as at registration.

use std::collections::BTreeSet;
use std::time::Duration;

use rocket::http::{Method, Status};

use crate::app::{App, PASSWORD, routes};
use crate::mail::{forgot, mail, reachable};

#[rocket::async_test]
async fn every_printable_character_and_every_length_signs_in_again() {
    let app = App::new().await;
    // All of ASCII that prints, and the space, in three parts, and in an order that nobody would guess first.
    let printable: Vec<char> = (' '..='~').collect();
    let shuffled = (0..printable.len()).map(|n| printable[n * 37 % printable.len()]);
    let shuffled: Vec<char> = shuffled.collect();
    let mut cases: Vec<String> = shuffled.chunks(32).map(String::from_iter).collect();
    let mixed = "qzjx kwvf 🦀 yhbg ÄÖÜ mptn 平仮名 ";
    for length in [15, 64, 128, 200] {
        cases.push(mixed.chars().cycle().take(length).collect());
    }
    for (number, password) in cases.iter().enumerate() {
        let name = format!("user{number}");
        let answer = app.visitor().register(&name, password).await;
        assert_eq!(
            answer.status,
            Status::SeeOther,
            "{password}: {}",
            answer.body
        );
        let answer = app.visitor().login(&name, password).await;
        assert_eq!(answer.status, Status::SeeOther, "{password}");
    }
}

#[rocket::async_test]
async fn no_part_of_a_password_and_no_other_case_is_the_password() {
    let long: String = "nine wet sparrows hum Along the river bank "
        .chars()
        .cycle()
        .take(100)
        .collect();
    let other_case = |c: char| {
        if c.is_uppercase() {
            c.to_ascii_lowercase()
        } else {
            c.to_ascii_uppercase()
        }
    };
    // Each with an account of its own, so that no number of attempts plays a part.
    for (number, wrong) in [
        long[..99].to_owned(),
        long[..72].to_owned(),
        long[1..].to_owned(),
        format!("{long}x"),
        format!("{long} "),
        format!(" {long}"),
        long.chars().map(other_case).collect(),
        long.replace('n', "\u{ff4e}"),
    ]
    .into_iter()
    .enumerate()
    {
        let app = App::new().await;
        let name = format!("user{number}");
        let answer = app.visitor().register(&name, &long).await;
        assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
        let answer = app.visitor().login(&name, &wrong).await;
        assert_eq!(answer.status, Status::Unauthorized, "{wrong:?}");
        let answer = app.visitor().login(&name, &long).await;
        assert_eq!(answer.status, Status::SeeOther);
    }
}

#[rocket::async_test]
async fn a_password_is_good_ten_years_later() {
    let app = App::new().await;
    app.member("ada").await;
    app.pass(Duration::from_hours(24 * 3653));
    let answer = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(
        (answer.status, answer.location()),
        (Status::SeeOther, "/dashboard")
    );
}

#[rocket::async_test]
async fn a_fresh_database_lets_nobody_in() {
    for (name, password) in [
        ("admin", "admin"),
        ("root", "root"),
        ("admin", PASSWORD),
        ("vestibule", "vestibule"),
        ("test", "test"),
    ] {
        let app = App::new().await;
        let answer = app.visitor().login(name, password).await;
        assert_eq!(answer.status, Status::Unauthorized, "{name}");
    }
}

/// What an attribute of a tag holds.
fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let (_, value) = tag.split_once(&format!(" {name}=\"")).unwrap_or_default();
    value.split_once('"').unwrap_or_default().0
}

#[rocket::async_test]
async fn password_fields_hide_and_let_managers_fill_in() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", "ada@example.com").await;
    forgot(&app, "ada").await;
    ada.get(&mail(&app).await.link()).await;

    let mut fields = BTreeSet::new();
    for (method, path) in routes(&app) {
        for mut visitor in [app.visitor(), ada.clone()] {
            if method != Method::Get {
                continue;
            }
            let body = visitor.get(&path).await.body;
            let tags = body.split('<').filter(|tag| tag.starts_with("input "));
            for tag in tags.filter(|tag| tag.contains("password\"")) {
                assert_eq!(attribute(tag, "type"), "password", "{path}: {tag}");
                for odd in ["value=", "readonly", "disabled", "maxlength", "pattern"] {
                    assert!(!tag.contains(odd), "{path}: {tag}");
                }
                assert!(body.contains("show-password.js"), "{path}: a button");
                // Where the name is typed by hand to show that it is meant, none fills it in.
                let is_named = body.contains("autocomplete=\"username\"");
                assert_eq!(is_named, path != "/account/delete", "{path}");
                assert!(!body.contains("onpaste"), "{path}");
                let (name, kind) = (attribute(tag, "name"), attribute(tag, "autocomplete"));
                fields.insert(format!("{path} {name}: {kind}"));
            }
        }
    }
    let all = [
        "/account/delete password: current-password",
        "/account/password new: new-password",
        "/account/password old: current-password",
        "/confirm password: current-password",
        "/login password: current-password",
        "/register password: new-password",
        "/reset new: new-password",
    ];
    assert_eq!(fields, all.map(str::to_owned).into());
    let script = app.visitor().get("/static/show-password.js").await.body;
    assert!(!script.is_empty() && !script.contains("paste"));
}
