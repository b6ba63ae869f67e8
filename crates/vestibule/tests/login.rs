//! Signing in.

use rocket::http::Status;
use tempfile::TempDir;
use vestibule_domain::Username;
use vestibule_domain::ports::Users;
use vestibule_sql::{Sql, SqlUsers};

use crate::app::{App, PASSWORD, cheap, with_token};

#[rocket::async_test]
async fn the_right_password_leads_to_the_dashboard() {
    let app = App::new().await;
    app.member("ada").await;
    let mut ada = app.visitor();
    let answer = ada.login(" ADA ", PASSWORD).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(answer.location(), "/dashboard");
    assert!(ada.get("/dashboard").await.body.contains("ada"));
}

#[rocket::async_test]
async fn a_wrong_password_and_a_stranger_get_the_same_answer() {
    let app = App::new().await;
    app.member("ada").await;
    let mut answers = Vec::new();
    for username in ["ada", "eve"] {
        let mut visitor = app.visitor();
        let mut answer = visitor.login(username, "nine wet sparrows ham").await;
        assert_eq!(answer.status, Status::Unauthorized);
        assert!(answer.body.contains("Wrong username or password."));
        assert_eq!(answer.value_of("username").as_deref(), Some(username));
        assert!(visitor.session().is_none());
        answer.headers.remove("x-request-id").unwrap();
        let body = answer
            .body
            .replace(&answer.csrf(), "")
            .replace(&answer.code().unwrap(), "")
            .replace(&format!("value=\"{username}\""), "");
        answers.push((body, answer.headers));
    }
    assert_eq!(answers[0], answers[1]);
}

#[rocket::async_test]
async fn passwords_are_compared_to_the_letter() {
    let app = App::new().await;
    app.member("ada").await;
    let shorter = &PASSWORD[..PASSWORD.len() - 1];
    let longer = format!("{PASSWORD}x");
    let spaced = format!("{PASSWORD} ");
    for wrong in [shorter, &longer, &spaced, &PASSWORD.to_uppercase()] {
        let answer = app.visitor().login("ada", wrong).await;
        assert_eq!(answer.status, Status::Unauthorized, "{wrong:?}");
    }
}

#[rocket::async_test]
async fn a_password_is_the_same_however_its_accents_are_typed() {
    let app = App::new().await;
    let composed = "neuf moineaux mouill\u{e9}s";
    let combining = "neuf moineaux mouille\u{301}s";
    app.visitor().register("ada", composed).await;
    let answer = app.visitor().login("ada", combining).await;
    assert_eq!(answer.status, Status::SeeOther);
}

#[rocket::async_test]
async fn what_cannot_be_used_is_said_beside_its_field() {
    let app = App::new().await;
    let long = "p".repeat(1025);
    let cases = [
        ("", PASSWORD, "username", "Enter a username."),
        ("a b", PASSWORD, "username", "letters a to z"),
        ("ab", PASSWORD, "username", "3 to 32 characters"),
        ("ada\0", PASSWORD, "username", "letters a to z"),
        ("ada", "", "password", "Enter a password."),
        (
            "ada",
            "with\0nul in the middle",
            "password",
            "control characters",
        ),
        ("ada", long.as_str(), "password", "at most 1024 bytes"),
    ];
    for (username, password, field, words) in cases {
        let answer = app.visitor().login(username, password).await;
        assert_eq!(answer.status, Status::UnprocessableEntity, "{words}");
        assert!(
            answer.said_of(field).contains(words),
            "{}",
            answer.said_of(field)
        );
        let summary = answer
            .body
            .split_once("role=\"alert\"")
            .expect("a summary")
            .1;
        assert!(summary.contains(words), "the summary says it too");
        assert_eq!(
            answer.value_of("username").as_deref(),
            Some(username),
            "the name is kept"
        );
        assert_eq!(answer.value_of("password"), None, "the password is not");
        assert!(password.is_empty() || !answer.body.contains(password));
    }
}

#[rocket::async_test]
async fn a_form_that_is_refused_keeps_what_was_chosen() {
    let app = App::new().await;
    let fields = [
        ("username", "ada"),
        ("password", ""),
        ("remember", "on"),
        ("next", "/a?b=c"),
    ];
    let answer = app.visitor().submit("/login", &fields).await;
    assert_eq!(answer.value_of("next").as_deref(), Some("/a?b=c"));
    assert!(
        answer.body.contains("value=\"on\" checked"),
        "{}",
        answer.body
    );
}

#[rocket::async_test]
async fn whoever_came_by_a_deep_link_gets_there() {
    let app = App::new().await;
    app.member("ada").await;
    let mut ada = app.visitor();
    let door = ada.get("/dashboard?tab=a%26b").await;
    assert_eq!(door.status, Status::SeeOther);
    assert_eq!(door.location(), "/login?next=%2Fdashboard%3Ftab%3Da%2526b");

    let page = ada.get(door.location()).await;
    let next = page.value_of("next").unwrap();
    assert_eq!(next, "/dashboard?tab=a%26b");
    let csrf = page.csrf();
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", &next)];
    let answer = ada.post("/login", &with_token(&fields, &csrf)).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(answer.location(), "/dashboard?tab=a%26b");
}

#[rocket::async_test]
async fn nobody_is_sent_elsewhere() {
    let app = App::new().await;
    app.member("ada").await;
    for next in [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "/.//evil.test",
        "javascript:alert(1)",
        "/a\r\nLocation: https://evil.test",
        "",
    ] {
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", next)];
        let mut ada = app.visitor();
        let answer = ada.submit("/login", &fields).await;
        assert_eq!(answer.location(), "/dashboard", "{next:?}");
        let link = format!(
            "/login?next={}",
            url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()
        );
        assert_eq!(ada.get(&link).await.location(), "/dashboard", "{next:?}");
        assert_eq!(
            app.visitor().get(&link).await.value_of("next"),
            None,
            "{next:?}"
        );
    }
}

#[rocket::async_test]
async fn who_is_signed_in_is_led_past_the_forms() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for page in ["/", "/login", "/register"] {
        let answer = ada.get(page).await;
        assert_eq!(
            (answer.status, answer.location()),
            (Status::SeeOther, "/dashboard"),
            "{page}"
        );
    }
    assert_eq!(app.visitor().get("/").await.location(), "/login");
    assert_eq!(ada.get("/login?next=/a").await.location(), "/a");
}

#[rocket::async_test]
async fn a_hash_of_another_cost_is_made_anew_at_login() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display());
    let mut config = cheap();
    config.database.url = url.clone().into();
    App::with(&config).await.member("ada").await;
    config.passwords.iterations = 3;
    let app = App::with(&config).await;

    let options = config.database.options();
    let users = SqlUsers(Sql::connect(&url, &options).await.unwrap());
    let username = Username::parse("ada").unwrap();
    let hash = async || {
        users
            .find_by_username(&username)
            .await
            .unwrap()
            .unwrap()
            .password
            .unwrap()
    };
    assert!(
        hash()
            .await
            .as_str()
            .starts_with("$argon2id$v=19$m=8,t=1,p=1$")
    );
    app.visitor().login("ada", "nine wet sparrows ham").await;
    assert!(
        hash().await.as_str().contains("t=1"),
        "a wrong password changes nothing"
    );

    assert_eq!(
        app.visitor().login("ada", PASSWORD).await.status,
        Status::SeeOther
    );
    let renewed = hash().await;
    assert!(renewed.as_str().starts_with("$argon2id$v=19$m=8,t=3,p=1$"));
    assert_eq!(
        app.visitor().login("ada", PASSWORD).await.status,
        Status::SeeOther
    );
    assert_eq!(hash().await, renewed, "once is enough");
}
