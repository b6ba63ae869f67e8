//! Guessing gets slow, and its victim does not.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rocket::futures::future::join_all;
use rocket::http::{SameSite, Status};
use tempfile::TempDir;
use vestibule::Config;
use vestibule::admin::AdminFailed;
use vestibule::unlock::unlock;

use crate::app::{Answer, App, PASSWORD, Visitor, cheap, with_token};

const WRONG: &str = "nine wet sparrows ham";
const DEVICE: &str = "__Host-device";

/// One of many.
fn address(n: u32) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + n).into()
}

/// A wrong password from a browser that has never been there.
async fn wrong(app: &App, name: &str, n: u32) -> Answer {
    app.visitor_at(address(n)).login(name, WRONG).await
}

/// Everybody sends at once; how many answers there were of each status. A hash was spent on each 303 and 401.
async fn at_once(people: Vec<(Visitor<'_>, String, &str)>) -> BTreeMap<u16, usize> {
    let logins = people
        .into_iter()
        .map(async |(mut person, name, password)| {
            let csrf = person.get("/login").await.csrf();
            let fields = [("username", name.as_str()), ("password", password)];
            let fields = with_token(&fields, &csrf);
            person.post("/login", &fields).await.status.code
        });
    let mut counts = BTreeMap::new();
    for status in join_all(logins).await {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

fn in_a_file(folder: &TempDir) -> Config {
    let mut config = cheap();
    let path = folder.path().join("v.db");
    config.database.url = format!("sqlite://{}?mode=rwc", path.display()).into();
    config.sessions.url = None;
    config
}

/// A wrong password whenever one is allowed, until so many were looked at.
async fn guess_until(app: &App, person: &Visitor<'_>, name: &str, count: u32) {
    for _ in 0..count {
        let answer = person.clone().login(name, WRONG).await;
        if answer.status == Status::TooManyRequests {
            app.pass(retry_after(&answer));
            let answer = person.clone().login(name, WRONG).await;
            assert_eq!(answer.status, Status::Unauthorized);
        }
    }
}

fn retry_after(answer: &Answer) -> Duration {
    let secs = answer.header("retry-after").expect("a time to wait");
    Duration::from_secs(secs.parse().unwrap())
}

#[rocket::async_test]
async fn neither_a_refusal_nor_a_wait_tells_whether_the_account_is_there() {
    let app = App::new().await;
    app.member("ada").await;
    let mut seen = Vec::new();
    for (name, from) in [("ada", 0), ("eve", 50)] {
        let mut answers = Vec::new();
        for n in 0..6 {
            let answer = wrong(&app, name, from + n).await;
            assert_eq!(answer.cookies.len(), 0);
            assert_eq!(answer.value_of("username").as_deref(), Some(name));
            let body = answer
                .body
                .replace(&answer.csrf(), "")
                .replace(&answer.code().unwrap(), "");
            let body = body.replace(&format!("value=\"{name}\""), "");
            answers.push((answer.status, body, answer.nameless_headers()));
        }
        assert_eq!(answers[4].0, Status::Unauthorized);
        assert_eq!(answers[5].0, Status::TooManyRequests);
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
}

#[rocket::async_test]
async fn waits_grow_to_an_hour_and_the_right_password_works_after_each() {
    let app = App::new().await;
    app.member("ada").await;
    for n in 0..5 {
        assert_eq!(
            wrong(&app, "ada", 1).await.status,
            Status::Unauthorized,
            "{n}"
        );
    }
    for secs in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        let wait = Duration::from_secs(secs);
        for password in [WRONG, PASSWORD] {
            let answer = app.visitor_at(address(1)).login("ada", password).await;
            assert_eq!(answer.status, Status::TooManyRequests);
            assert_eq!(retry_after(&answer), wait);
        }
        app.pass(wait);
        assert_eq!(wrong(&app, "ada", 1).await.status, Status::Unauthorized);
    }
    app.pass(Duration::from_hours(1));
    let mut ada = app.visitor_at(address(1));
    assert_eq!(ada.login("ada", PASSWORD).await.status, Status::SeeOther);
    for _ in 0..5 {
        let answer = wrong(&app, "ada", 1).await;
        assert_eq!(answer.status, Status::Unauthorized, "all is forgotten");
    }
}

#[rocket::async_test]
async fn the_page_says_in_words_when_to_try_again_and_keeps_the_name() {
    let app = App::new().await;
    for _ in 0..6 {
        wrong(&app, "ada", 1).await;
    }
    app.pass(Duration::from_secs(30));
    wrong(&app, "ada", 1).await;
    app.pass(Duration::from_mins(1));
    wrong(&app, "ada", 1).await;
    let page = wrong(&app, "ada", 1).await;
    let words = "Too many wrong passwords. Try again in 2 minutes. That is at \
                 <time datetime=\"2026-11-23T12:03:30Z\">23 November 2026, 12:03:30\u{a0}UTC</time>.";
    assert!(page.body.contains(words), "{}", page.body);
    assert_eq!(page.value_of("username").as_deref(), Some("ada"));
    assert_eq!(page.value_of("password"), None);
}

#[rocket::async_test]
async fn from_many_addresses_guesses_at_one_name_are_one_count() {
    let app = App::new().await;
    app.member("ada").await;
    let people = (0..50).map(|n| (app.visitor_at(address(n)), "ada".to_owned(), WRONG));
    let counts = at_once(people.collect()).await;
    assert_eq!(counts, BTreeMap::from([(401, 5), (429, 45)]));
    let mut ada = app.visitor_at(address(99));
    let early = ada.login("ada", PASSWORD).await;
    assert_eq!(retry_after(&early), Duration::from_secs(30));
    app.pass(Duration::from_secs(30));
    assert_eq!(ada.login("ada", PASSWORD).await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn of_fifty_at_once_from_one_address_at_one_name_five_are_looked_at() {
    let app = App::new().await;
    let people = (0..50).map(|_| (app.visitor_at(address(1)), "ada".to_owned(), WRONG));
    let counts = at_once(people.collect()).await;
    assert_eq!(counts, BTreeMap::from([(401, 5), (429, 45)]));
}

#[rocket::async_test]
async fn from_one_address_guesses_at_many_names_are_cut_off() {
    let app = App::new().await;
    let people = (0..150).map(|n| (app.visitor_at(address(1)), format!("user{n}"), WRONG));
    let counts = at_once(people.collect()).await;
    assert_eq!(counts, BTreeMap::from([(401, 100), (429, 50)]));
    for secs in [30, 60, 120] {
        let refused = wrong(&app, "ada", 1).await;
        assert_eq!(retry_after(&refused), Duration::from_secs(secs));
        app.pass(retry_after(&refused));
        assert_eq!(wrong(&app, "ada", 1).await.status, Status::Unauthorized);
    }
    let next_door = wrong(&app, "ada", 2).await;
    assert_eq!(next_door.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn an_own_account_does_not_make_guessing_at_others_free() {
    let mut config = cheap();
    config.throttle.address_free = 10;
    let app = App::with(&config).await;
    app.member("eve").await;
    let mut looked_at = 0;
    for n in 0..20 {
        let answer = wrong(&app, &format!("user{n}"), 1).await;
        looked_at += u32::from(answer.status == Status::Unauthorized);
        app.visitor_at(address(1)).login("eve", PASSWORD).await;
    }
    assert_eq!(looked_at, 10);
}

#[rocket::async_test]
async fn sixty_four_people_behind_one_address_sign_in_at_once() {
    let mut config = cheap();
    config.throttle.registrations_free = 64;
    let app = App::with(&config).await;
    for n in 0..64 {
        app.member(&format!("user{n}")).await;
    }
    for _ in 0..3 {
        let people = (0..64).map(|n| (app.visitor_at(address(1)), format!("user{n}"), PASSWORD));
        let counts = at_once(people.collect()).await;
        assert_eq!(counts, BTreeMap::from([(303, 64)]));
    }
}

#[rocket::async_test]
async fn no_storm_keeps_a_browser_out_that_the_account_knows() {
    let mut config = cheap();
    config.throttle.address_free = 20;
    let app = App::with(&config).await;
    app.member("ada").await;
    let mut ada = app.visitor_at(address(1));
    assert_eq!(ada.login("ada", PASSWORD).await.status, Status::SeeOther);
    ada.logout().await;

    // At the account, from elsewhere; and from her own address, at everybody.
    for n in 0..30 {
        wrong(&app, "ada", 100 + n).await;
        wrong(&app, &format!("user{n}"), 1).await;
    }
    for from in [1, 2, 100] {
        let mut stranger = app.visitor_at(address(from));
        let refused = stranger.login("ada", PASSWORD).await;
        assert_eq!(refused.status, Status::TooManyRequests);
        ada.address = Some(address(from));
        assert_eq!(ada.login("ada", PASSWORD).await.status, Status::SeeOther);
        ada.logout().await;
    }
}

#[rocket::async_test]
async fn the_device_cookie_is_closed_lasts_and_names_nobody() {
    let app = App::new().await;
    let mut ada = app.visitor();
    let answer = ada.register("ada", PASSWORD).await;
    let cookie = answer.cookie(DEVICE).expect("a device cookie");
    assert_eq!(cookie.secure(), Some(true));
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.same_site(), Some(SameSite::Lax));
    assert_eq!(cookie.path(), Some("/"));
    assert_eq!(cookie.domain(), None);
    let days = cookie.max_age().unwrap().whole_days();
    assert!((365..=400).contains(&days), "{days}");
    assert!(!cookie.value().contains("ada"));

    let before = ada.cookies[DEVICE].clone();
    ada.logout().await;
    assert_eq!(ada.cookies[DEVICE], before, "it outlives the session");
    ada.login("ada", PASSWORD).await;
    assert_ne!(ada.cookies[DEVICE], before, "each sign-in has a new one");
}

#[rocket::async_test]
async fn five_accounts_are_known_in_one_browser_the_latest_ones() {
    let app = App::new().await;
    let names = ["ada", "bob", "cleo", "dora", "emil", "fred"];
    let mut browser = app.visitor();
    for name in names {
        browser.register(name, PASSWORD).await;
        browser.logout().await;
    }
    assert_eq!(browser.cookies[DEVICE].split('~').count(), 5);
    for name in names {
        for n in 0..6 {
            wrong(&app, name, n).await;
        }
    }
    for name in &names[1..] {
        let mut copy = browser.clone();
        assert_eq!(copy.login(name, PASSWORD).await.status, Status::SeeOther);
    }
    let forgotten = browser.login("ada", PASSWORD).await;
    assert_eq!(forgotten.status, Status::TooManyRequests);
}

#[rocket::async_test]
async fn a_device_cookie_of_somebody_else_or_of_ones_own_making_is_worth_nothing() {
    let app = App::new().await;
    let ada = app.member("ada").await.cookies[DEVICE].clone();
    let eve = app.member("eve").await.cookies[DEVICE].clone();
    for n in 0..6 {
        wrong(&app, "ada", n).await;
    }
    let (ada_id, ada_tag) = ada.split_once('.').unwrap();
    let (eve_id, eve_tag) = eve.split_once('.').unwrap();
    let twice = format!("{ada}; {DEVICE}={ada}");
    for made_up in [
        eve.clone(),
        format!("{ada_id}.{eve_tag}"),
        format!("{eve_id}.{ada_tag}"),
        ada_id.to_owned(),
        ada.replace('.', ""),
        ada[1..].to_owned(),
        format!("{eve}~{eve}~{eve}~{eve}~{eve}~{ada}"),
        twice,
        String::new(),
    ] {
        let mut thief = app.visitor_at(address(99));
        thief.cookies.insert(DEVICE.to_owned(), made_up.clone());
        let answer = thief.login("ada", PASSWORD).await;
        assert_eq!(answer.status, Status::TooManyRequests, "{made_up}");
    }
    let mut owner = app.visitor_at(address(99));
    owner.cookies.insert(DEVICE.to_owned(), ada);
    assert_eq!(owner.login("ada", PASSWORD).await.status, Status::SeeOther);
}

/// A name is free for others when its owner takes another: the browsers of the one are not known to the other.
#[rocket::async_test]
async fn whoever_had_a_name_before_is_a_stranger_to_whoever_has_it_now() {
    let app = App::new().await;
    let mut eve = app.member("ada").await;
    eve.submit("/account/username", &[("username", "eve")])
        .await;
    eve.logout().await;
    app.member("ada").await;
    for name in ["ada", "eve"] {
        for n in 0..6 {
            wrong(&app, name, n).await;
        }
    }
    let refused = eve.clone().login("ada", PASSWORD).await;
    assert_eq!(refused.status, Status::TooManyRequests);
    let own = eve.login("eve", PASSWORD).await;
    assert_eq!(own.status, Status::SeeOther, "her account knows it still");
}

#[rocket::async_test]
async fn after_four_hundred_days_a_browser_is_new_to_its_account() {
    let app = App::new().await;
    let device = app.member("ada").await.cookies[DEVICE].clone();
    for (days, status) in [(399, Status::SeeOther), (1, Status::TooManyRequests)] {
        app.pass(Duration::from_hours(24 * days));
        for n in 0..6 {
            wrong(&app, "ada", n).await;
        }
        let mut copy = app.visitor();
        copy.cookies.insert(DEVICE.to_owned(), device.clone());
        assert_eq!(copy.login("ada", PASSWORD).await.status, status, "{days}");
    }
}

#[rocket::async_test]
async fn twenty_names_may_be_tried_and_then_one_waits() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    app.member("bob").await;
    let rename = async |ada: &mut Visitor<'_>, name: &str| {
        ada.submit("/account/username", &[("username", name)]).await
    };
    for n in 0..10 {
        assert_eq!(rename(&mut ada, "bob").await.status, Status::Conflict);
        let free = rename(&mut ada, &format!("ada{n}")).await;
        assert_eq!(free.status, Status::SeeOther);
    }
    let refused = rename(&mut ada, "Ada.L").await;
    assert_eq!(refused.status, Status::TooManyRequests);
    assert!(
        refused
            .body
            .contains("You have changed your username too often. Try again in")
    );
    assert_eq!(refused.value_of("username").as_deref(), Some("Ada.L"));
    app.pass(retry_after(&refused));
    assert_eq!(rename(&mut ada, "Ada.L").await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn a_stolen_device_cookie_brings_its_own_small_count_and_no_more() {
    let mut config = cheap();
    config.throttle.off_after = 10;
    let app = App::with(&config).await;
    let mut ada = app.member("ada").await;
    let mut thief = app.visitor_at(address(7));
    let stolen = ada.cookies[DEVICE].clone();
    thief.cookies.insert(DEVICE.to_owned(), stolen);
    ada.logout().await;
    ada.login("ada", PASSWORD).await;
    ada.logout().await;

    let people = (0..50).map(|_| (thief.clone(), "ada".to_owned(), WRONG));
    let counts = at_once(people.collect()).await;
    assert_eq!(counts, BTreeMap::from([(401, 5), (429, 45)]));
    for _ in 0..5 {
        app.pass(retry_after(&thief.clone().login("ada", WRONG).await));
        let answer = thief.clone().login("ada", WRONG).await;
        assert_eq!(answer.status, Status::Unauthorized);
    }
    // Its ten are used up: from now on it is a stranger's, for good.
    app.pass(Duration::from_hours(1));
    let people = (0..50).map(|_| (thief.clone(), "ada".to_owned(), WRONG));
    let counts = at_once(people.collect()).await;
    assert_eq!(counts, BTreeMap::from([(401, 5), (429, 45)]));
    assert_eq!(ada.login("ada", PASSWORD).await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn after_a_hundred_the_password_is_off_for_strangers_until_it_is_unlocked() {
    let folder = TempDir::new().unwrap();
    let config = in_a_file(&folder);
    let app = App::with(&config).await;
    let mut ada = app.member("ada").await;
    ada.logout().await;
    let stranger = app.visitor_at(address(1));
    guess_until(&app, &stranger, "ada", 100).await;
    guess_until(&app, &stranger, "nobody", 100).await;

    let mut bodies = Vec::new();
    for later in [1, 24, 24 * 365] {
        app.pass(Duration::from_hours(later));
        for name in ["ada", "nobody"] {
            let answer = stranger.clone().login(name, PASSWORD).await;
            assert_eq!(answer.status, Status::TooManyRequests);
            assert!(answer.body.contains("whoever runs this site"));
            let body = answer
                .body
                .replace(&answer.csrf(), "")
                .replace(&answer.code().unwrap(), "");
            bodies.push(body.replace(&format!("value=\"{name}\""), ""));
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "whether it is there is not told");
    assert_eq!(ada.login("ada", PASSWORD).await.status, Status::SeeOther);

    let unknown = unlock(&config, "nobody").await;
    assert!(matches!(unknown, Err(AdminFailed::Unknown(_))));
    unlock(&config, " ADA ").await.unwrap();
    let again = stranger.clone().login("ada", PASSWORD).await;
    assert_eq!(again.status, Status::SeeOther, "while the server runs");
}

#[rocket::async_test]
async fn a_restart_forgets_nothing() {
    let folder = TempDir::new().unwrap();
    let config = in_a_file(&folder);
    let app = App::with(&config).await;
    for _ in 0..5 {
        wrong(&app, "ada", 1).await;
    }
    drop(app);
    let app = App::with(&config).await;
    assert_eq!(retry_after(&wrong(&app, "ada", 2).await).as_secs(), 30);
}

#[rocket::async_test]
async fn what_cannot_be_a_login_is_no_attempt() {
    let app = App::new().await;
    for _ in 0..20 {
        let answer = app.visitor_at(address(1)).login("ada", "").await;
        assert_eq!(answer.status, Status::UnprocessableEntity);
    }
    assert_eq!(wrong(&app, "ada", 1).await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn guesses_at_a_name_that_was_free_are_not_its_new_owner_s() {
    let app = App::new().await;
    for n in 0..6 {
        wrong(&app, "ada", n).await;
    }
    app.member("ada").await;
    let mut elsewhere = app.visitor_at(address(99));
    let answer = elsewhere.login("ada", PASSWORD).await;
    assert_eq!(answer.status, Status::SeeOther);
}

#[rocket::async_test]
async fn registrations_of_one_address_wait_after_twenty_taken_or_not() {
    let app = App::new().await;
    let register = async |name: &str, n, password| {
        let mut visitor = app.visitor_at(address(n));
        visitor.register(name, password).await
    };
    assert_eq!(register("ada", 1, PASSWORD).await.status, Status::SeeOther);
    for n in 0..19 {
        let (name, password, status) = match n % 2 {
            0 => ("ada", PASSWORD, Status::Conflict),
            _ => ("bob", "passwordpassword", Status::UnprocessableEntity),
        };
        assert_eq!(register(name, 1, password).await.status, status);
    }
    let refused = register("bob", 1, PASSWORD).await;
    assert_eq!(refused.status, Status::TooManyRequests);
    assert_eq!(retry_after(&refused), Duration::from_secs(30));
    assert!(refused.body.contains("Try again in 30 seconds."));
    assert_eq!(refused.value_of("username").as_deref(), Some("bob"));
    assert_eq!(register("cleo", 2, PASSWORD).await.status, Status::SeeOther);
    app.pass(Duration::from_secs(30));
    assert_eq!(register("bob", 1, PASSWORD).await.status, Status::SeeOther);
}
