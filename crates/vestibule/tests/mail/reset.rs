//! A new password for whoever forgot theirs.

use rocket::http::Status;

use super::{ADA, MINUTE, NEW, emails, forgot, mail, reachable, reset};
use crate::app::letters::Letter;
use crate::app::{App, PASSWORD, Visitor, cheap};

#[rocket::async_test]
async fn whoever_forgot_a_password_chooses_another_by_mail() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    for name in ["ada", "ADA@example.com"] {
        let answer = forgot(&app, name).await;
        assert_eq!(answer.location(), "/forgot", "{}", answer.body);
        assert_eq!(mail(&app).await.to, ADA, "{name}");
    }
    forgot(&app, "ada").await;
    let letter = mail(&app).await;
    assert_eq!(letter.subject, "A new password for ada");
    assert!(letter.text.contains("within 30 minutes"));

    let mut visitor = app.visitor();
    visitor.get(&letter.link()).await;
    let page = visitor.get("/reset").await;
    assert!(page.body.contains("value=\"ada\""), "whose it is");
    let weak = visitor.submit("/reset", &[("new", "password")]).await;
    assert_eq!(weak.status, Status::UnprocessableEntity);
    assert!(weak.said_of("new").contains("at least 15"), "{}", weak.body);
    assert!(ada.is_signed_in().await, "nothing was changed so far");

    let answer = visitor.submit("/reset", &[("new", NEW)]).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    assert!(visitor.session().is_none(), "nobody is signed in by it");
    let page = visitor.get("/login").await;
    assert!(page.body.contains("Sign in with the new one."));
    assert!(!ada.is_signed_in().await, "every session has ended");
    let told = mail(&app).await;
    assert_eq!(told.subject, "Your password was changed");
    let old = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(old.status, Status::Unauthorized);
    let new = app.visitor().login("ada", NEW).await;
    assert_eq!(new.status, Status::SeeOther);

    let mut again = app.visitor();
    again.get(&letter.link()).await;
    assert_eq!(again.get("/reset").await.status, Status::Gone, "once");
}

#[rocket::async_test]
async fn of_links_for_a_new_password_the_newest_alone_is_good_and_not_for_long() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    forgot(&app, "ada").await;
    let first = mail(&app).await;
    forgot(&app, "ada").await;
    let second = mail(&app).await;
    let page = async |letter: &Letter| {
        let mut visitor = app.visitor();
        visitor.get(&letter.link()).await;
        visitor.get("/reset").await.status
    };
    assert_eq!(page(&first).await, Status::Gone);
    assert_eq!(page(&second).await, Status::Ok);
    app.pass(MINUTE * 29);
    assert_eq!(page(&second).await, Status::Ok);
    app.pass(MINUTE);
    assert_eq!(page(&second).await, Status::Gone);

    // Who remembers after all, and changes it, leaves no link behind.
    forgot(&app, "ada").await;
    let third = mail(&app).await;
    let fields = [("old", PASSWORD), ("new", NEW)];
    let answer = ada.submit("/account/password", &fields).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    assert_eq!(page(&third).await, Status::Gone);
}

#[rocket::async_test]
async fn of_any_number_who_come_with_one_link_at_once_one_chooses() {
    let app = App::new().await;
    reachable(&app, "ada", ADA).await;
    forgot(&app, "ada").await;
    let letter = mail(&app).await;
    let mut visitor = app.visitor();
    visitor.get(&letter.link()).await;
    let csrf = visitor.get("/reset").await.csrf();
    let fields = [("new", NEW), ("csrf", csrf.as_str())];
    let all = (0..8).map(|_| {
        let mut visitor = visitor.clone();
        async move { visitor.post("/reset", &fields).await.status }
    });
    let all = rocket::futures::future::join_all(all).await;
    let count = |wanted| all.iter().filter(|status| **status == wanted).count();
    let (done, gone) = (count(Status::SeeOther), count(Status::Gone));
    assert_eq!((done, gone), (1, 7), "{all:?}");
}

#[rocket::async_test]
async fn a_new_password_ends_what_strangers_guesses_began() {
    let mut config = cheap();
    config.throttle.free = 1;
    let app = App::with(&config).await;
    reachable(&app, "ada", ADA).await;
    app.visitor().login("ada", "a wrong one").await;
    let waits = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(waits.status, Status::TooManyRequests);
    forgot(&app, "ada").await;
    let letter = mail(&app).await;
    reset(&mut app.visitor(), &letter, NEW).await;
    let new = app.visitor().login("ada", NEW).await;
    assert_eq!(new.status, Status::SeeOther);
}

/// By message, by the headers, by the number of mails and by what is done while somebody waits.
#[rocket::async_test]
async fn whether_there_is_an_account_cannot_be_told_from_asking_for_a_new_password() {
    let app = App::new().await;
    reachable(&app, "ada", ADA).await;
    let mut bob = app.member("bob").await;
    emails(&mut bob, "add", "bob@example.com").await;
    app.member("mute").await;
    app.mail().await;

    let mut answers = Vec::new();
    for account in [
        "ada",
        "nobody",
        "mute",
        "bob",
        ADA,
        "bob@example.com",
        "no@example.com",
    ] {
        let mut visitor = app.visitor();
        let answer = visitor.submit("/forgot", &[("account", account)]).await;
        let page = visitor.get("/forgot").await;
        assert!(page.body.contains("a mail with a link is on its way"));
        let mut headers = answer.nameless_headers();
        headers.remove("set-cookie");
        answers.push((answer.status, headers, page.status));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let sent: Vec<_> = app
        .mail()
        .await
        .into_iter()
        .map(|letter| letter.to)
        .collect();
    assert_eq!(sent, [ADA, ADA], "an address that does not count gets none");
}

/// What strangers ask for in its name is theirs, and what its owner asks for is counted by the browser.
#[rocket::async_test]
async fn strangers_who_ask_for_links_keep_no_owner_from_one() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    ada.logout().await;
    for account in ["ada", ADA] {
        for _ in 0..5 {
            forgot(&app, account).await;
        }
        let stranger = forgot(&app, account).await;
        assert_eq!(stranger.status, Status::TooManyRequests, "{account}");
    }
    app.mail().await;
    let ask = async |person: &mut Visitor<'_>, account: &str| {
        let answer = person.submit("/forgot", &[("account", account)]).await;
        answer.status
    };
    let mut bob = app.member("bob").await;
    assert_eq!(ask(&mut bob, "ada").await, Status::TooManyRequests);
    for account in ["ada", ADA, "ada", ADA, "ada"] {
        assert_eq!(ask(&mut ada, account).await, Status::SeeOther);
    }
    assert_eq!(app.mail().await.len(), 5);
    assert_eq!(ask(&mut ada, "ada").await, Status::TooManyRequests);
}

/// The mail that verifies an address is not one of those that anybody can ask for.
#[rocket::async_test]
async fn asking_in_the_name_of_an_address_keeps_nobody_from_verifying_it() {
    let app = App::new().await;
    for _ in 0..6 {
        forgot(&app, ADA).await;
    }
    reachable(&app, "ada", ADA).await;
}

#[rocket::async_test]
async fn mails_cannot_be_asked_for_by_the_hundred_and_nobody_is_told_whose_they_are() {
    let app = App::new().await;
    reachable(&app, "ada", ADA).await;
    for account in ["ada", "nobody"] {
        for _ in 0..5 {
            assert_eq!(forgot(&app, account).await.status, Status::SeeOther);
        }
        let answer = forgot(&app, account).await;
        assert_eq!(answer.status, Status::TooManyRequests, "{account}");
        assert_eq!(answer.header("retry-after"), Some("30"));
        assert!(answer.body.contains("Too many mails were asked for."));
        assert_eq!(answer.value_of("account").as_deref(), Some(account));
    }
    assert_eq!(app.mail().await.len(), 5);
    // Nor by the accounts that name one address.
    let mut statuses = Vec::new();
    for name in ["eve-1", "eve-2", "eve-3", "eve-4", "eve-5", "eve-6"] {
        let fields = [
            ("username", name),
            ("password", PASSWORD),
            ("email", "victim@example.com"),
        ];
        let answer = app.visitor().submit("/register", &fields).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses[4], Status::SeeOther);
    assert_eq!(statuses[5], Status::TooManyRequests);
    assert_eq!(app.mail().await.len(), 5);

    let bob = app.visitor_at([203, 0, 113, 7].into());
    let mut statuses = Vec::new();
    for n in 0..25 {
        let account = format!("name-{n}");
        let answer = bob
            .clone()
            .submit("/forgot", &[("account", &account)])
            .await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], Status::SeeOther);
    assert_eq!(
        statuses[24],
        Status::TooManyRequests,
        "one who asks for many"
    );
}

#[rocket::async_test]
async fn what_is_nobodys_name_is_said_to_be_so() {
    let app = App::new().await;
    for typed in ["", "a b", "ada@", "\u{430}da"] {
        let answer = forgot(&app, typed).await;
        assert_eq!(answer.status, Status::UnprocessableEntity, "{typed}");
        let said = answer.said_of("account");
        assert!(said.contains("Enter your username or your e-mail address."));
        assert_eq!(answer.value_of("account").as_deref(), Some(typed));
    }
}
