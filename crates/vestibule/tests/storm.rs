//! Many at once, against the program itself.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::app::PASSWORD;
use crate::http::Person;
use crate::server::Server;

/// All of them come from this machine.
const MANY: [(&str, &str); 2] = [
    ("VESTIBULE_THROTTLE__ADDRESS_FREE", "1000"),
    ("VESTIBULE_THROTTLE__REGISTRATIONS_FREE", "1000"),
];

/// How many answers there were of each status.
async fn statuses(tasks: JoinSet<u16>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in tasks.join_all().await {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_register_one_name_at_once_one_gets_it() {
    let (server, _folder) = Server::start_afresh(&MANY);
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let mut person = Person::at(&server.url);
        tasks.spawn(async move {
            let fields = [("username", "ada"), ("password", PASSWORD)];
            person.submit("/register", &fields).await.unwrap().status
        });
    }
    assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 1), (409, 49)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_logins_at_once_find_no_locked_database() {
    let (server, _folder) = Server::start_afresh(&MANY);
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let mut person = Person::at(&server.url);
        tasks.spawn(async move {
            let name = format!("user{n}");
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            person.submit("/register", &fields).await.unwrap().status
        });
    }
    assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 50)]));

    let mut tasks = JoinSet::new();
    for n in 0..200 {
        let mut person = Person::at(&server.url);
        tasks.spawn(async move {
            // Of one account, no more at once than need not wait.
            let name = format!("user{}", n % 50);
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            let status = person.submit("/login", &fields).await.unwrap().status;
            assert_eq!(person.get("/dashboard").await.unwrap().status, 200);
            status
        });
    }
    assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 200)]));
}
