//! Addresses that are added, removed and brought back.

use rocket::http::Status;
use vestibule_domain::EmailRule;

use super::{ADA, DAY, MINUTE, NEW, emails, forgot, mail, press, reachable, reset};
use crate::app::{App, PASSWORD, cheap};

#[rocket::async_test]
async fn what_is_wrong_with_an_address_is_said_beside_it_and_it_stays() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for (typed, words) in [
        ("", "Enter an e-mail address."),
        (
            "ada@nowhere",
            "An e-mail address looks like name@example.com.",
        ),
        (
            "a@b.c\r\nBcc: eve@example.com",
            "looks like name@example.com",
        ),
    ] {
        let answer = emails(&mut ada, "add", typed).await;
        assert_eq!(answer.status, Status::UnprocessableEntity, "{typed}");
        assert!(answer.said_of("email").contains(words), "{typed}");
    }
    let answer = emails(&mut ada, "add", "<b>@example").await;
    let mut typed = answer.body.split("id=\"email\"");
    assert!(
        typed
            .nth(1)
            .unwrap()
            .contains("value=\"&lt;b&gt;@example\"")
    );

    emails(&mut ada, "add", ADA).await;
    let answer = emails(&mut ada, "add", "ADA@example.com").await;
    assert_eq!(answer.status, Status::Conflict);
    assert!(
        answer
            .body
            .contains("Your account has this address already.")
    );
    emails(&mut ada, "add", "ada@example.org").await;
    let page = ada.get("/account/emails").await;
    assert!(page.body.contains("at most two addresses"));
    let csrf = page.csrf();
    let fields = [
        ("act", "add"),
        ("email", "third@example.com"),
        ("csrf", &csrf),
    ];
    let answer = ada.post("/account/emails", &fields).await;
    assert_eq!(answer.status, Status::Conflict);
    assert!(
        answer
            .body
            .contains("An account has at most two addresses.")
    );
    assert_eq!(
        app.mail().await.len(),
        2,
        "one each for those that are there"
    );

    let register = [
        ("username", "bob"),
        ("password", "short"),
        ("email", "bob@nowhere"),
    ];
    let answer = app.visitor().submit("/register", &register).await;
    assert_eq!(answer.status, Status::UnprocessableEntity);
    assert!(answer.said_of("email").contains("looks like"));
    assert_eq!(answer.value_of("email").as_deref(), Some("bob@nowhere"));
}

#[rocket::async_test]
async fn an_address_of_somebody_else_cannot_be_told_from_a_free_one_until_its_mail_is_read() {
    let app = App::new().await;
    reachable(&app, "ada", ADA).await;
    let mut eve = app.member("eve").await;
    let free = emails(&mut eve, "add", "free@example.com").await;
    let taken = emails(&mut eve, "add", "ADA@example.com").await;
    assert_eq!(free.status, taken.status);
    assert_eq!(free.location(), taken.location());
    let sent = app.mail().await;
    assert_eq!(sent.len(), 2, "as many mails for either");

    // Eve cannot read the second; Ada, who can, is told what is wrong.
    let answer = press(&mut eve, &sent[1]).await;
    assert_eq!(answer.status, Status::Gone);
    assert!(answer.body.contains("This address is another account"));
    let page = eve.get("/account/emails").await;
    assert!(page.body.contains("Not verified yet"));

    let register = |name: &'static str, email: &'static str| {
        let fields = [("username", name), ("password", PASSWORD), ("email", email)];
        let mut visitor = app.visitor();
        async move { visitor.submit("/register", &fields).await }
    };
    let free = register("mallory", "mallory@example.com").await;
    let taken = register("trudy", ADA).await;
    assert_eq!(free.status, taken.status);
    assert_eq!(free.location(), taken.location());
    assert_eq!(app.mail().await.len(), 2);
}

#[rocket::async_test]
async fn a_second_address_is_told_to_the_first_and_a_removed_one_can_come_back() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    let mut elsewhere = app.visitor();
    elsewhere.login("ada", PASSWORD).await;
    app.mail().await;

    // Somebody at the open screen puts an address of theirs in the place of hers.
    app.pass(MINUTE);
    emails(&mut ada, "add", "thief@example.org").await;
    let letter = mail(&app).await;
    press(&mut ada, &letter).await;
    let told = mail(&app).await;
    assert_eq!(told.to, ADA);
    assert_eq!(told.subject, "An address was added to your account");
    assert!(told.text.contains("thief@example.org"));
    let answer = emails(&mut ada, "remove", ADA).await;
    assert_eq!(answer.status, Status::SeeOther);
    let page = ada.get("/account/emails").await;
    assert!(page.body.contains("The address is removed."));
    assert!(!page.body.contains(ADA));
    let told = mail(&app).await;
    assert_eq!(told.to, ADA);
    assert_eq!(told.subject, "This address was removed from your account");
    assert!(told.link().starts_with("/link/undo/"));

    app.pass(DAY * 6);
    let mut owner = app.visitor();
    let answer = press(&mut owner, &told).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    assert!(
        owner
            .get("/login")
            .await
            .body
            .contains("Everybody is signed out")
    );
    assert!(!ada.is_signed_in().await && !elsewhere.is_signed_in().await);
    let refused = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(refused.status, Status::Unauthorized, "the password is gone");

    // The thief's address gets nothing; hers gets the link for a new password.
    let letter = mail(&app).await;
    assert_eq!(letter.to, ADA);
    forgot(&app, "thief@example.org").await;
    assert!(app.mail().await.is_empty());
    let answer = reset(&mut owner, &letter, NEW).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    owner.login("ada", NEW).await;
    let page = owner.get("/account/emails").await;
    assert!(page.body.contains(ADA) && !page.body.contains("thief"));
    let mut late = app.visitor();
    late.get(&told.link()).await;
    assert_eq!(late.get("/link").await.status, Status::Gone, "once");
}

#[rocket::async_test]
async fn an_undoing_link_lasts_seven_days() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    emails(&mut ada, "remove", ADA).await;
    let told = mail(&app).await;
    app.pass(DAY * 7);
    let mut visitor = app.visitor();
    visitor.get(&told.link()).await;
    assert_eq!(visitor.get("/link").await.status, Status::Gone);
}

#[rocket::async_test]
async fn an_unverified_address_goes_without_a_word() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    app.mail().await;
    emails(&mut ada, "remove", ADA).await;
    assert!(app.mail().await.is_empty(), "it may be a stranger's");
}

#[rocket::async_test]
async fn where_addresses_are_required_the_last_one_stays() {
    let mut config = cheap();
    config.accounts.email = EmailRule::Required;
    let app = App::with(&config).await;
    let none = app.visitor().register("ada", PASSWORD).await;
    assert_eq!(none.status, Status::UnprocessableEntity);
    assert!(none.said_of("email").contains("Enter an e-mail address."));
    let fields = [("username", "ada"), ("password", PASSWORD), ("email", ADA)];
    let mut ada = app.visitor();
    let answer = ada.submit("/register", &fields).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    press(&mut ada, &mail(&app).await).await;
    emails(&mut ada, "remove", ADA).await;
    let page = ada.get("/account/emails").await;
    assert!(page.body.contains("Nothing was removed"));
    assert!(page.body.contains(ADA));
}

#[rocket::async_test]
async fn where_mail_is_off_there_is_none_of_it() {
    let mut config = cheap();
    config.accounts.email = EmailRule::Off;
    let app = App::with(&config).await;
    let mut ada = app.member("ada").await;
    for path in ["/forgot", "/account/emails"] {
        assert_eq!(ada.get(path).await.status, Status::NotFound, "{path}");
    }
    assert!(!ada.get("/dashboard").await.body.contains("e-mail"));
    assert!(!app.visitor().get("/login").await.body.contains("/forgot"));
    assert!(!app.visitor().get("/register").await.body.contains("E-mail"));
    app.visitor().login("ada", PASSWORD).await;
    assert!(app.mail().await.is_empty());
}
