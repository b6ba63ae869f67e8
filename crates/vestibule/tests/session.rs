//! Being signed in: the cookie, how long it lasts, and what does not pass for it.

use std::time::Duration;

use rocket::http::{SameSite, Status};
use tempfile::TempDir;

use crate::app::{App, PASSWORD, Visitor, cheap, with_token};

const HOUR: Duration = Duration::from_hours(1);
const MONTH: Duration = Duration::from_hours(30 * 24);
const SECOND: Duration = Duration::from_secs(1);
const ALMOST_AN_HOUR: Duration = Duration::from_secs(3599);
const ALMOST_A_MONTH: Duration = Duration::from_secs(30 * 24 * 3600 - 1);

#[rocket::async_test]
async fn the_session_cookie_is_as_closed_as_cookies_can_be() {
    let app = App::new().await;
    app.member("ada").await;
    let mut ada = app.visitor();
    let answer = ada.login("ada", PASSWORD).await;
    let cookie = answer.cookie("__Host-session").unwrap();
    assert_eq!(cookie.secure(), Some(true));
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.same_site(), Some(SameSite::Lax));
    assert_eq!(cookie.path(), Some("/"));
    assert_eq!(cookie.domain(), None);
    assert_eq!(cookie.max_age(), None, "gone with the browser");
    assert_eq!(cookie.expires(), None);
    assert!(
        !ada.cookies.contains_key("__Host-visitor"),
        "no longer a stranger"
    );
}

#[rocket::async_test]
async fn on_plain_http_elsewhere_cookies_work_without_the_prefix() {
    let mut config = cheap();
    config.server.public_url = Some("http://192.168.1.5:8000".parse().unwrap());
    let app = App::with(&config).await;
    let mut ada = app.member("ada").await;
    let names: Vec<_> = ada.cookies.keys().collect();
    assert_eq!(names, ["device", "session"]);
    assert!(ada.is_signed_in().await);
}

#[rocket::async_test]
async fn keep_me_signed_in_lasts_thirty_days_and_no_longer() {
    let app = App::new().await;
    app.member("ada").await;
    let mut ada = app.visitor();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("remember", "on"),
    ];
    let answer = ada.submit("/login", &fields).await;
    let kept = answer.cookie("__Host-session").unwrap().max_age();
    assert_eq!(kept, Some(MONTH.try_into().unwrap()));

    app.pass(ALMOST_A_MONTH);
    assert!(ada.is_signed_in().await);
    app.pass(SECOND);
    assert!(!ada.is_signed_in().await);
}

#[rocket::async_test]
async fn a_session_ends_an_hour_after_its_last_use() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    app.pass(ALMOST_AN_HOUR);
    assert!(ada.is_signed_in().await);
    app.pass(ALMOST_AN_HOUR);
    assert!(ada.is_signed_in().await, "the use in between counts");
    app.pass(HOUR);
    let answer = ada.get("/dashboard").await;
    assert_eq!(answer.location(), "/login?next=%2Fdashboard");
    assert!(ada.session().is_none(), "the dead cookie is taken away");
}

#[rocket::async_test]
async fn a_session_ends_after_a_day_however_busy() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for _ in 0..47 {
        app.pass(HOUR / 2);
        assert!(ada.is_signed_in().await);
    }
    app.pass(HOUR / 2);
    assert!(!ada.is_signed_in().await);
}

#[rocket::async_test]
async fn each_sign_in_has_a_token_of_its_own_and_ends_the_one_before() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let before = ada.clone();
    let csrf = ada.get("/dashboard").await.csrf();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let answer = ada.post("/login", &with_token(&fields, &csrf)).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_ne!(ada.session(), before.session());
    assert!(ada.is_signed_in().await);
    assert!(
        !before.clone().is_signed_in().await,
        "a copy of the old token is dead"
    );
}

#[rocket::async_test]
async fn a_made_up_session_is_never_adopted() {
    let app = App::new().await;
    app.member("ada").await;
    let made_up = "A".repeat(64);
    let mut eve: Visitor<'_> = app.visitor();
    eve.cookies.insert("__Host-session".into(), made_up.clone());
    assert!(!eve.is_signed_in().await);
    eve.cookies.insert("__Host-session".into(), made_up.clone());
    assert_eq!(eve.login("ada", PASSWORD).await.status, Status::SeeOther);
    assert_ne!(eve.session(), Some(&made_up));
}

#[rocket::async_test]
async fn only_the_exact_cookie_signs_in() {
    let app = App::new().await;
    let ada = app.member("ada").await;
    let token = ada.session().unwrap().clone();
    let flipped = if token.starts_with('A') { "B" } else { "A" };
    for (name, value) in [
        ("__Host-session", format!("{flipped}{}", &token[1..])),
        ("__Host-session", token.to_lowercase()),
        ("__Host-session", format!("{token}=")),
        ("__Host-session", token[1..].to_owned()),
        ("__host-session", token.clone()),
        ("session", token.clone()),
        ("__Host-visitor", token.clone()),
    ] {
        let mut eve = app.visitor();
        eve.cookies.insert(name.into(), value.clone());
        assert!(!eve.is_signed_in().await, "{name}={value}");
    }
}

/// A site next door can set cookies of names that `__Host-` does not protect, and which Rocket's own jar would take for
/// ours.
#[rocket::async_test]
async fn no_other_name_passes_for_the_cookie() {
    let app = App::new().await;
    let (ada, bob) = (app.member("ada").await, app.member("bob").await);
    let (ada, bob) = (ada.session().unwrap(), bob.session().unwrap());
    let own = format!("__Host-session={ada}");
    for tossed in [
        format!("__%48ost-session={bob}"),
        format!("\u{2000}__Host-session={bob}"),
        format!("__Host-session\u{a0}={bob}"),
        format!("__host-session={bob}"),
    ] {
        let dashboard = || app.client.get("/dashboard");
        let alone = app.visitor().send_with(dashboard(), &tossed).await;
        assert_eq!(alone.status, Status::SeeOther, "{tossed}");
        for both in [format!("{own}; {tossed}"), format!("{tossed}; {own}")] {
            let page = app.visitor().send_with(dashboard(), &both).await;
            assert!(page.body.contains("Hello, ada"), "{both}");
        }
    }
    let twice = format!("{own}; __Host-session={bob}");
    let page = app
        .visitor()
        .send_with(app.client.get("/dashboard"), &twice)
        .await;
    assert_eq!(page.status, Status::SeeOther, "two of them are none");
}

#[rocket::async_test]
async fn sessions_outlive_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut config = cheap();
    config.database.url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display()).into();
    config.secret_key = None;
    let before = App::with(&config).await;
    let mut ada = before.member("ada").await;
    let csrf = ada.get("/dashboard").await.csrf();
    let cookies = ada.cookies.clone();
    drop(before);

    let after = App::with(&config).await;
    let mut ada = after.visitor();
    ada.cookies = cookies;
    assert!(ada.is_signed_in().await);
    let answer = ada.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, Status::SeeOther, "forms outlive it too");
}
