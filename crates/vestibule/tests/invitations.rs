//! Where registration is by invitation: a link from the command line is good for one account.

use rocket::futures::future::join_all;
use serde_json::Value;

use crate::admin::Operator;
use crate::app::{PASSWORD, value_of};
use crate::http::{Page, Person};

const BY_INVITATION: &[(&str, &str)] = &[("VESTIBULE_REGISTRATION__MODE", "invite")];

fn path(operator: &Operator, invitation: &Value) -> String {
    let link = invitation["link"].as_str().unwrap();
    let path = link.strip_prefix(&operator.server.url).unwrap();
    assert!(path.starts_with("/link/join/"), "{path}");
    path.to_owned()
}

/// Somebody who has opened the link.
async fn invited(operator: &Operator, path: &str) -> Person {
    let mut person = operator.visitor();
    let answer = person.get(path).await.unwrap();
    assert_eq!((answer.status, answer.location()), (303, "/register"));
    person
}

async fn register(person: &mut Person, username: &str, password: &str) -> Page {
    let fields = [("username", username), ("password", password)];
    person.submit("/register", &fields).await.unwrap()
}

#[tokio::test]
async fn a_link_makes_one_account_under_a_name_of_its_bearers_choice() {
    let operator = Operator::with(BY_INVITATION);
    let told = operator.says("invitation add");
    assert!(told.contains("Hand this link to one person."), "{told}");
    let link = told.lines().last().unwrap();
    let path = link.strip_prefix(&operator.server.url).unwrap();
    let mut grace = invited(&operator, path).await;
    let page = grace.get("/register").await.unwrap();
    assert!(page.body.contains("You are invited."), "{}", page.body);

    // Mistakes use nothing up.
    let weak = register(&mut grace, "Grace", "password").await;
    assert_eq!(weak.status, 422);
    assert!(weak.body.contains("You are invited."));
    assert_eq!(value_of(&weak.body, "username").as_deref(), Some("Grace"));
    let done = register(&mut grace, "grace", PASSWORD).await;
    assert_eq!(
        (done.status, done.location()),
        (303, "/dashboard"),
        "{}",
        done.body
    );
    assert_eq!(grace.get("/dashboard").await.unwrap().status, 200);

    let mut second = operator.visitor();
    second.get(path).await.unwrap();
    let page = second.get("/register").await.unwrap();
    assert_eq!(page.status, 410, "once");
    assert!(page.body.contains("This invitation is not valid any more"));

    let mut third = invited(
        &operator,
        &self::path(&operator, &operator.says_json("invitation add")),
    )
    .await;
    let taken = register(&mut third, "grace", PASSWORD).await;
    assert_eq!(taken.status, 409, "{}", taken.body);
    assert_eq!(register(&mut third, "linus", PASSWORD).await.status, 303);
    assert_eq!(
        third.get("/register").await.unwrap().location(),
        "/dashboard"
    );
}

#[tokio::test]
async fn nobody_registers_without_one() {
    let operator = Operator::with(BY_INVITATION);
    let mut stranger = operator.visitor();
    let login = stranger.get("/login").await.unwrap();
    assert!(!login.body.contains("/register"), "no link to it");
    let page = stranger.get("/register").await.unwrap();
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Registration is by invitation"));

    // The form is sent by hand, with a token of the site.
    let fields = [("username", "eve"), ("password", PASSWORD)];
    let refused = stranger.send("/register", &login, &fields).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.body.contains("Registration is by invitation"));
    let why = operator.explains(&refused);
    assert!(why.contains("registration is by invitation"), "{why}");

    // So is one with a link that was never made, or is for something else.
    let made_up = format!("/link/join/{}", "A".repeat(43));
    stranger.get(&made_up).await.unwrap();
    let refused = stranger.send("/register", &login, &fields).await.unwrap();
    assert_eq!(refused.status, 410);
    let added = operator.says_json("user add grace");
    let other = added["link"].as_str().unwrap();
    let other = other.strip_prefix(&operator.server.url).unwrap();
    stranger
        .get(&other.replace("/invite/", "/join/"))
        .await
        .unwrap();
    assert_eq!(stranger.get("/register").await.unwrap().status, 410);
    stranger.get(other).await.unwrap();
    assert_eq!(stranger.get("/register").await.unwrap().status, 403);
    let list = operator.says("user list");
    assert!(!list.contains("eve"), "{list}");
}

#[tokio::test]
async fn of_five_with_one_link_at_once_one_gets_an_account() {
    let operator = Operator::with(BY_INVITATION);
    let path = path(&operator, &operator.says_json("invitation add"));
    let mut people = Vec::new();
    for name in ["ada", "bob", "carol", "dan", "eve"] {
        let mut person = invited(&operator, &path).await;
        let page = person.get("/register").await.unwrap();
        people.push((name, person, page));
    }
    let answers = people.iter_mut().map(async |(name, person, page)| {
        let fields = [("username", *name), ("password", PASSWORD)];
        person
            .send("/register", page, &fields)
            .await
            .unwrap()
            .status
    });
    let mut statuses = join_all(answers).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410, 410, 410, 410]);
    let users = operator.says_json("user list");
    assert_eq!(users.as_array().unwrap().len(), 1);
}

/// A digit with which neither handle begins.
fn of_neither(first: &Value, second: &Value) -> char {
    let begins = |made: &Value, digit| made["id"].as_str().unwrap().starts_with(digit);
    "012"
        .chars()
        .find(|digit| !begins(first, *digit) && !begins(second, *digit))
        .unwrap()
}

#[tokio::test]
async fn invitations_are_listed_ended_and_over_in_time() {
    let operator = Operator::with(BY_INVITATION);
    let first = operator.says_json("invitation add --expires-in 90d");
    let second = operator.says_json("invitation add");
    let list = operator.says_json("invitation list");
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["id"], first["id"]);
    assert!(list[0]["expires_at"].as_str() > list[1]["expires_at"].as_str());
    assert!(list[0].get("link").is_none(), "what is kept opens nothing");

    let id = first["id"].as_str().unwrap();
    let table = operator.says("invitation list");
    assert!(table.contains(&id[..12]), "{table}");
    let of_none = of_neither(&first, &second);
    let told = operator.is_told(&format!("invitation end {of_none}"));
    assert!(told.contains("0 invitations begin so"), "{told}");
    operator.says(&format!("invitation end {}", &id[..12]));
    let mut late = operator.visitor();
    late.get(&path(&operator, &first)).await.unwrap();
    assert_eq!(late.get("/register").await.unwrap().status, 410);
    assert!(
        operator
            .is_told(&format!("invitation end {id}"))
            .contains("0 invitations begin so")
    );

    // Who used one is told by the events.
    let mut grace = invited(&operator, &path(&operator, &second)).await;
    let done = register(&mut grace, "grace", PASSWORD).await;
    let told = operator.explains(&done);
    assert!(told.contains(second["id"].as_str().unwrap()), "{told}");
    assert_eq!(operator.says_json("invitation list"), serde_json::json!([]));

    for odd in ["1s", "91d", "soon"] {
        let (code, said, _) = operator.runs(&format!("invitation add --expires-in {odd}"));
        assert_eq!((code, said.as_str()), (Some(2), ""), "{odd}");
    }
}

#[tokio::test]
async fn where_nobody_needs_one_none_is_made() {
    let operator = Operator::with(&[]);
    let told = operator.is_told("invitation add");
    assert!(told.contains("registration.mode is not invite"), "{told}");
}
