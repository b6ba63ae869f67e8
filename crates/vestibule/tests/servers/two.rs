//! Two instances over one Postgres and one Redis.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::clock::turn;
use super::instance::{Instance, dashboard, login, logout, was_sent_to_login};
use crate::app::PASSWORD;
use crate::stores::{Postgres, Redis};

struct Pair {
    a: Instance,
    b: Instance,
    postgres: Postgres,
    _redis: Option<Redis>,
}

impl Pair {
    fn start(redis: Option<Redis>) -> Self {
        let postgres = Postgres::new();
        let sessions = redis.as_ref().map(Redis::url);
        let start = || Instance::start(&postgres.url(), sessions.as_deref());
        Self {
            a: start(),
            b: start(),
            postgres,
            _redis: redis,
        }
    }
}

/// Sessions in Redis, and in Postgres.
fn pairs() -> impl Iterator<Item = Pair> {
    [true, false]
        .into_iter()
        .map(|redis| Pair::start(redis.then(Redis::forgetful)))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_at_one_is_signed_in_at_the_other() {
    let _turn = turn().await;
    for pair in pairs() {
        let mut ada = pair.a.member("ada").await;
        ada.move_to(pair.b.url());
        let page = dashboard(&mut ada).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Hello, ada"));
        assert_eq!(login(&mut pair.b.visitor(), "ada").await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_out_at_one_is_signed_out_at_both() {
    let _turn = turn().await;
    for pair in pairs() {
        let mut ada = pair.a.member("ada").await;
        let mut copies = [ada.clone(), ada.clone()];
        copies[1].move_to(pair.b.url());
        for copy in &mut copies {
            assert_eq!(dashboard(copy).await.status, 200);
        }
        ada.move_to(pair.b.url());
        assert_eq!(logout(&mut ada).await.status, 303);
        for copy in &mut copies {
            assert!(was_sent_to_login(&dashboard(copy).await));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_register_one_name_at_two_instances_one_gets_it() {
    let _turn = turn().await;
    for pair in pairs() {
        let mut tasks = JoinSet::new();
        for n in 0..50 {
            let instance = if n % 2 == 0 { &pair.a } else { &pair.b };
            let mut person = instance.visitor();
            // They wait for one another's hashes, so that time says nothing here.
            tasks.spawn(async move {
                let fields = [("username", "ada"), ("password", PASSWORD)];
                person.submit("/register", &fields).await.unwrap().status
            });
        }
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for status in tasks.join_all().await {
            *counts.entry(status).or_default() += 1;
        }
        assert_eq!(counts, BTreeMap::from([(303, 1), (409, 49)]));
        assert_eq!(pair.postgres.query("SELECT username FROM users"), ["ada"]);
        assert_eq!(login(&mut pair.b.visitor(), "ada").await.status, 303);
    }
}
