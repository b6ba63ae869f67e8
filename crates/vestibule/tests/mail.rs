//! What mail is for: addresses that are shown to be somebody's, a new password for whoever forgot theirs, and word of what
//! happens to an account.

use std::time::Duration;

use rocket::http::{Header, Status};
use vestibule_domain::EmailRule;

use crate::app::letters::Letter;
use crate::app::{Answer, App, PASSWORD, Visitor, cheap, encode, with_token};

const NEW: &str = "seven dry herons whistle";
const ADA: &str = "ada@example.com";
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

async fn emails(visitor: &mut Visitor<'_>, act: &str, email: &str) -> Answer {
    let fields = [("act", act), ("email", email)];
    visitor.submit("/account/emails", &fields).await
}

/// The one mail that was sent.
async fn mail(app: &App) -> Letter {
    let mut all = app.mail().await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Opens a link in a mail, and presses the button on its page.
async fn press(visitor: &mut Visitor<'_>, letter: &Letter) -> Answer {
    let answer = visitor.get(&letter.link()).await;
    assert_eq!(answer.location(), "/link");
    let page = visitor.get("/link").await;
    assert_eq!(page.status, Status::Ok, "{}", page.body);
    let csrf = page.csrf();
    visitor.post("/link", &[("csrf", &csrf)]).await
}

async fn forgot(app: &App, account: &str) -> Answer {
    app.visitor()
        .submit("/forgot", &[("account", account)])
        .await
}

async fn reset(visitor: &mut Visitor<'_>, letter: &Letter, new: &str) -> Answer {
    let answer = visitor.get(&letter.link()).await;
    assert_eq!(answer.location(), "/reset");
    visitor.submit("/reset", &[("new", new)]).await
}

/// A member whose address counts.
async fn reachable<'a>(app: &'a App, name: &str, email: &str) -> Visitor<'a> {
    let mut member = app.member(name).await;
    emails(&mut member, "add", email).await;
    let answer = press(&mut member, &mail(app).await).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    member
}

#[rocket::async_test]
async fn an_address_counts_once_its_link_was_opened_and_the_button_pressed() {
    let app = App::new().await;
    let mut ada = app.visitor();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("email", " Ada@Example.com "),
    ];
    let answer = ada.submit("/register", &fields).await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("A mail is on its way."));

    let letter = mail(&app).await;
    assert_eq!(letter.to, "Ada@example.com", "as it was typed");
    assert_eq!(letter.from, "vestibule@localhost");
    assert_eq!(letter.subject, "Is this your e-mail address?");
    assert!(letter.automatic, "nobody's absence answers it");
    assert!(letter.text.contains("Hello ada,"));
    assert!(letter.text.contains("within 24 hours"));
    let page = ada.get("/account/emails").await;
    assert!(page.body.contains("Ada@example.com"));
    assert!(page.body.contains("Not verified yet"));

    // Whoever merely opens it, as scanners do, changes nothing.
    let mut scanner = app.visitor();
    for _ in 0..2 {
        scanner.get(&letter.link()).await;
        assert!(scanner.get("/link").await.body.contains("Ada@example.com"));
    }
    assert!(
        ada.get("/account/emails")
            .await
            .body
            .contains("Not verified yet")
    );

    // It need not be opened where one is signed in.
    let mut phone = app.visitor();
    let answer = press(&mut phone, &letter).await;
    assert_eq!(answer.location(), "/login");
    let page = phone.get("/login").await;
    assert!(
        page.body
            .contains("Your e-mail address counts from now on.")
    );
    let page = ada.get("/account/emails").await;
    assert!(!page.body.contains("Not verified yet"));
    assert!(app.mail().await.is_empty(), "there is nobody else to tell");

    let again = app.visitor().get(&letter.link()).await;
    assert_eq!(again.location(), "/link");
    let mut late = app.visitor();
    late.get(&letter.link()).await;
    let page = late.get("/link").await;
    assert_eq!(page.status, Status::Gone);
    assert!(page.body.contains("This link is not valid any more"));
}

#[rocket::async_test]
async fn the_token_leaves_the_address_at_once() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let link = mail(&app).await.link();
    let token = link.rsplit('/').next().unwrap();
    let answer = app.visitor().get(&link).await;
    assert_eq!(answer.status, Status::SeeOther);
    assert_eq!(answer.location(), "/link");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.cookie("__Host-link").unwrap();
    assert!(cookie.value().contains(token));
    assert_eq!(cookie.http_only(), Some(true));
    let mut visitor = app.visitor();
    visitor.get(&link).await;
    assert!(!visitor.get("/link").await.body.contains(token));
}

#[rocket::async_test]
async fn links_that_were_never_sent_lead_nowhere() {
    let app = App::new().await;
    let made_up = "A".repeat(43);
    for path in [
        format!("/link/verify/{made_up}"),
        format!("/link/undo/{made_up}"),
        format!("/link/not-me/{made_up}"),
        "/link/verify/x".to_owned(),
        "/link/verify/%00".to_owned(),
    ] {
        let mut visitor = app.visitor();
        assert_eq!(visitor.get(&path).await.location(), "/link", "{path}");
        assert_eq!(visitor.get("/link").await.status, Status::Gone, "{path}");
        let csrf = visitor.get("/login").await.csrf();
        let answer = visitor.post("/link", &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, Status::Gone, "{path}");
    }
    for purpose in ["reset", "invite"] {
        let mut visitor = app.visitor();
        let answer = visitor.get(&format!("/link/{purpose}/{made_up}")).await;
        assert_eq!(answer.location(), "/reset");
        assert_eq!(visitor.get("/reset").await.status, Status::Gone);
        let csrf = visitor.get("/login").await.csrf();
        let fields = [("new", NEW), ("csrf", &csrf)];
        let answer = visitor.post("/reset", &fields).await;
        assert_eq!(answer.status, Status::Gone, "{purpose}");
    }
}

#[rocket::async_test]
async fn a_link_of_one_kind_is_none_of_another() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let verify = mail(&app).await.link();
    for other in ["undo", "not-me", "reset"] {
        let mut visitor = app.visitor();
        visitor.get(&verify.replace("verify", other)).await;
        let page = if other == "reset" { "/reset" } else { "/link" };
        assert_eq!(visitor.get(page).await.status, Status::Gone, "{other}");
    }
    // Nor is one in which a single letter differs.
    let (path, token) = verify.rsplit_once('/').unwrap();
    for at in [0, 20, 41] {
        let mut other = token.as_bytes().to_vec();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        let mut visitor = app.visitor();
        visitor.get(&format!("{path}/{other}")).await;
        assert_eq!(visitor.get("/link").await.status, Status::Gone, "{other}");
    }
}

#[rocket::async_test]
async fn a_removed_address_is_not_verified_by_its_old_link() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let letter = mail(&app).await;
    emails(&mut ada, "remove", ADA).await;
    let answer = press(&mut app.visitor(), &letter).await;
    assert_eq!(answer.status, Status::Gone);
    let page = ada.get("/account/emails").await;
    assert!(!page.body.contains(ADA));
}

#[rocket::async_test]
async fn a_verifying_link_lasts_a_day_and_can_be_sent_again() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    emails(&mut ada, "add", ADA).await;
    let first = mail(&app).await;
    app.pass(DAY);
    let mut visitor = app.visitor();
    visitor.get(&first.link()).await;
    assert_eq!(visitor.get("/link").await.status, Status::Gone);

    ada.login("ada", PASSWORD).await;
    let answer = emails(&mut ada, "send", ADA).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    let second = mail(&app).await;
    assert_ne!(first.id, second.id);
    assert_eq!(press(&mut ada, &second).await.location(), "/dashboard");
    let again = emails(&mut ada, "send", ADA).await;
    assert_eq!(again.status, Status::Conflict);
    assert!(
        again
            .body
            .contains("There is nothing to verify about this address.")
    );
}

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

#[rocket::async_test]
async fn a_browser_that_was_never_here_before_is_told_of_and_can_be_disowned() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    ada.logout().await;
    ada.login("ada", PASSWORD).await;
    assert!(app.mail().await.is_empty(), "hers is known");

    app.pass(MINUTE);
    let mut thief = app.visitor_at([203, 0, 113, 7].into());
    let csrf = thief.get("/login").await.csrf();
    let fields = with_token(&[("username", "ada"), ("password", PASSWORD)], &csrf);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let request = app
        .client
        .post("/login")
        .header(rocket::http::ContentType::Form)
        .header(Header::new("Sec-Fetch-Site", "same-origin"))
        .header(Header::new("User-Agent", agent))
        .body(encode(&fields));
    thief.send(request).await;
    let told = mail(&app).await;
    assert_eq!(told.subject, "A new browser signed in to your account");
    let words = "on 23 November 2026, 12:01 UTC, with Firefox on Linux, from 203.0.113.7.";
    assert!(told.text.contains(words), "{}", told.text);
    assert!(
        told.html
            .contains("with Firefox on Linux, from 203.0.113.7")
    );

    // What the thief has done by then is undone, too.
    emails(&mut thief, "add", "thief@example.org").await;
    let letter = mail(&app).await;
    press(&mut thief, &letter).await;
    app.mail().await;
    let mut owner = app.visitor();
    let answer = press(&mut owner, &told).await;
    assert_eq!(answer.location(), "/login", "{}", answer.body);
    assert!(!thief.is_signed_in().await && !ada.is_signed_in().await);
    let letter = mail(&app).await;
    assert_eq!(
        (letter.to.as_str(), letter.subject.as_str()),
        (ADA, "A new password for ada")
    );
    assert_eq!(reset(&mut owner, &letter, NEW).await.location(), "/login");
    owner.login("ada", NEW).await;
    let page = owner.get("/account/emails").await;
    assert!(!page.body.contains("thief@example.org"));
    app.events_are_kept().await;
    let page = owner.get("/account/activity").await;
    assert!(page.body.contains("Taken back by a link in a mail"));
    assert!(page.body.contains("a…@example.com"));
}

#[rocket::async_test]
async fn a_wrong_password_tells_nobody_by_mail() {
    let app = App::new().await;
    reachable(&app, "ada", ADA).await;
    app.visitor().login("ada", "a wrong one").await;
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn another_name_counts_at_once_and_is_told_to_its_owner() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    app.member("bob").await;
    let rename = async |ada: &mut Visitor<'_>, name: &str| {
        ada.submit("/account/username", &[("username", name)]).await
    };
    let taken = rename(&mut ada, "Bob").await;
    assert_eq!(taken.status, Status::Conflict);
    assert!(
        taken
            .said_of("username")
            .contains("This username is taken.")
    );
    let odd = rename(&mut ada, "a b").await;
    assert_eq!(odd.status, Status::UnprocessableEntity);
    assert_eq!(odd.value_of("username").as_deref(), Some("a b"));
    assert!(app.mail().await.is_empty());

    let answer = rename(&mut ada, "Ada.L").await;
    assert_eq!(answer.location(), "/dashboard", "{}", answer.body);
    let page = ada.get("/dashboard").await;
    assert!(page.body.contains("Hello, ada.l"), "{}", page.body);
    assert!(page.body.contains("Your username is changed."));
    let told = mail(&app).await;
    assert_eq!(told.subject, "Your username was changed");
    assert!(told.text.contains("is called ada.l from now on"));
    let old = app.visitor().login("ada", PASSWORD).await;
    assert_eq!(old.status, Status::Unauthorized);
    ada.logout().await;
    ada.login("ada.l", PASSWORD).await;
    assert!(ada.is_signed_in().await);
    assert!(app.mail().await.is_empty(), "its browser is known by it");
    app.member("ada").await;
}

#[rocket::async_test]
async fn every_address_that_counts_hears_of_a_new_password() {
    let app = App::new().await;
    let mut ada = reachable(&app, "ada", ADA).await;
    emails(&mut ada, "add", "ada@example.org").await;
    let letter = mail(&app).await;
    press(&mut ada, &letter).await;
    app.mail().await;
    let fields = [("old", PASSWORD), ("new", NEW)];
    ada.submit("/account/password", &fields).await;
    let mut told = app.mail().await;
    told.sort_by(|a, b| a.to.cmp(&b.to));
    let to: Vec<_> = told.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(to, [ADA, "ada@example.org"]);
    assert!(
        told.iter()
            .all(|l| l.subject == "Your password was changed")
    );
    // Each has a link of its own.
    assert_ne!(told[0].link(), told[1].link());
}
