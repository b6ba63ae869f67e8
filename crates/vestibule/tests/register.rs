//! Making an account.

use rocket::http::Status;

use crate::app::{App, PASSWORD, cheap};

#[rocket::async_test]
async fn a_new_account_is_signed_in_at_once() {
    let app = App::new().await;
    let mut ada = app.visitor();
    let answer = ada.register("Ada.L", PASSWORD).await;
    assert_eq!(
        (answer.status, answer.location()),
        (Status::SeeOther, "/dashboard")
    );
    let page = ada.get("/dashboard").await.body;
    assert!(page.contains("Hello, ada.l"), "{page}");
}

#[rocket::async_test]
async fn a_taken_name_is_said_beside_its_field() {
    let app = App::new().await;
    app.member("ada").await;
    for twin in ["ada", "ADA", " Ada "] {
        let mut visitor = app.visitor();
        let answer = visitor.register(twin, PASSWORD).await;
        assert_eq!(answer.status, Status::Conflict, "{twin}");
        assert!(
            answer
                .said_of("username")
                .contains("This username is taken.")
        );
        assert_eq!(answer.value_of("username").as_deref(), Some(twin));
        assert_eq!(answer.value_of("password"), None);
        assert!(visitor.session().is_none());
    }
}

#[rocket::async_test]
async fn weak_passwords_are_refused_with_the_reason() {
    let app = App::new().await;
    for (password, words) in [
        ("qzjxkwvfyhbgmp", "at least 15 characters"),
        ("passwordpassword", "known from leaks"),
        ("abcabcabcabcabcabcabc", "easy to guess"),
        (
            "zebra-crossings-zebra-crossings",
            "too much like your username",
        ),
    ] {
        let answer = app.visitor().register("zebra-crossings", password).await;
        assert_eq!(answer.status, Status::UnprocessableEntity, "{password}");
        let said = answer.said_of("password");
        assert!(said.contains(words), "{said}");
        assert_eq!(
            answer.value_of("username").as_deref(),
            Some("zebra-crossings")
        );
        assert!(
            !answer.body.contains(password),
            "the password is never sent back"
        );
    }
}

#[rocket::async_test]
async fn all_that_is_wrong_is_said_at_once() {
    let app = App::new().await;
    let answer = app.visitor().register("a b", "short").await;
    assert_eq!(answer.status, Status::UnprocessableEntity);
    assert!(answer.said_of("username").contains("letters a to z"));
    assert!(answer.said_of("password").contains("this password has 5"));
}

#[rocket::async_test]
async fn fifteen_characters_are_enough_and_the_config_may_say_otherwise() {
    let app = App::new().await;
    let answer = app.visitor().register("ada", "qzjxkwvfyhbgmpt").await;
    assert_eq!(answer.status, Status::SeeOther);

    let mut config = cheap();
    config.passwords.min_length = 20;
    let app = App::with(&config).await;
    let page = app.visitor().get("/register").await;
    assert!(page.said_of("password").contains("At least 20 characters"));
    let answer = app.visitor().register("ada", "qzjxkwvfyhbgmptrlcd").await;
    assert!(
        answer
            .said_of("password")
            .contains("at least 20 characters; this password has 19")
    );
}

#[rocket::async_test]
async fn long_passwords_of_any_script_work_to_the_last_byte() {
    let app = App::new().await;
    let long = "ж🦀é ".repeat(113);
    assert_eq!(long.len(), 1017);
    let long = format!("{long}1234567");
    let answer = app.visitor().register("ada", &long).await;
    assert_eq!(
        answer.status,
        Status::UnprocessableEntity,
        "a repetition is easy to guess"
    );

    let long: String = (0..256u32)
        .filter_map(|n| char::from_u32(0x4e00 + (n * 7919) % 20_000))
        .collect();
    let answer = app.visitor().register("ada", &long).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(
        app.visitor().login("ada", &long).await.status,
        Status::SeeOther
    );
    let cut: String = long.chars().take(255).collect();
    assert_eq!(
        app.visitor().login("ada", &cut).await.status,
        Status::Unauthorized
    );
}

#[rocket::async_test]
async fn what_was_typed_is_shown_as_it_was_typed_and_does_nothing() {
    let app = App::new().await;
    for odd in [
        r#""><svg/onload=alert(1)>"#,
        "{{ 77777 * 77777 }}{% set x = 1 %}",
        "a' or '1'='1",
        "<b>&amp;",
    ] {
        let answer = app.visitor().register(odd, PASSWORD).await;
        assert_eq!(answer.status, Status::UnprocessableEntity);
        assert_eq!(answer.value_of("username").as_deref(), Some(odd));
        assert!(!answer.body.contains("<svg") && !answer.body.contains("<b>"));
        assert!(!answer.body.contains("6049261729"));
    }
}

#[rocket::async_test]
async fn closed_registration_is_said_and_not_offered() {
    let mut config = cheap();
    config.registration.mode = vestibule_domain::Registration::Closed;
    let app = App::with(&config).await;
    let mut visitor = app.visitor();
    let login = visitor.get("/login").await;
    assert!(!login.body.contains("register"), "no link to it");

    let page = visitor.get("/register").await;
    assert_eq!(page.status, Status::Forbidden);
    assert!(page.body.contains("Registration is closed"));

    let csrf = login.csrf();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("csrf", csrf.as_str()),
    ];
    assert_eq!(
        visitor.post("/register", &fields).await.status,
        Status::Forbidden
    );
    assert_eq!(
        app.visitor().login("ada", PASSWORD).await.status,
        Status::Unauthorized
    );
}

#[rocket::async_test]
async fn a_newcomer_with_a_deep_link_gets_there_too() {
    let app = App::new().await;
    let mut ada = app.visitor();
    let login = ada.get("/login?next=/dashboard?a%3Db").await.body;
    assert!(login.contains("register?next="), "{login}");
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("next", "/dashboard?a=b"),
    ];
    let answer = ada.submit("/register", &fields).await;
    assert_eq!(answer.location(), "/dashboard?a=b");
}
