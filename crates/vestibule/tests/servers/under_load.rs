//! Postgres goes away and comes back while many people register at two instances.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::clock::{HEALING, healed, turn};
use super::instance::{Instance, dashboard, login, register};
use crate::http::Person;
use crate::stores::{Fault, Postgres, Redis};

/// What was answered at one instance.
#[derive(Default)]
struct Answers {
    welcomed: AtomicUsize,
    refused: AtomicUsize,
}

struct Load {
    urls: [String; 2],
    answers: [Answers; 2],
    /// The usernames that were answered 303, and the browsers that were.
    accounts: Mutex<Vec<(String, Person)>>,
    over: AtomicBool,
}

impl Load {
    /// Registers one after the other until it is over.
    async fn register(&self, who: usize) {
        let at = who % 2;
        for n in 0.. {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let name = format!("user{who}x{n}");
            let mut person = Person::at(&self.urls[at]);
            match register(&mut person, &name).await.status {
                303 => {
                    self.accounts.lock().unwrap().push((name, person));
                    self.answers[at].welcomed.fetch_add(1, Ordering::SeqCst);
                }
                503 => {
                    self.answers[at].refused.fetch_add(1, Ordering::SeqCst);
                }
                status => panic!("{name}: {status}"),
            }
        }
    }

    /// Waits until each instance has answered so `more` times than now.
    async fn until(
        &self,
        what: &str,
        of: fn(&Answers) -> &AtomicUsize,
        more: usize,
        limit: Duration,
    ) {
        let counts = || [0, 1].map(|at| of(&self.answers[at]).load(Ordering::SeqCst));
        let before = counts();
        healed(what, Instant::now(), limit, async || {
            let now = counts();
            [0, 1].into_iter().all(|at| now[at] >= before[at] + more)
        })
        .await;
    }
}

async fn postgres_goes(fault: Fault) {
    const LOADING: Duration = Duration::from_secs(30);
    let mut postgres = Postgres::new();
    let redis = Redis::forgetful();
    let start = || Instance::start(&postgres.url(), Some(&redis.url()));
    let instances = [start(), start()];
    let load = Arc::new(Load {
        urls: [0, 1].map(|at: usize| instances[at].url().to_owned()),
        answers: Default::default(),
        accounts: Mutex::default(),
        over: AtomicBool::new(false),
    });
    let mut people = JoinSet::new();
    // As many as there are threads that hash: it is for the store that they wait, not for one another.
    for who in 0..4 {
        let load = Arc::clone(&load);
        people.spawn(async move { load.register(who).await });
    }
    load.until("twenty accounts at each", |a| &a.welcomed, 20, LOADING)
        .await;

    postgres.suffer(fault);
    load.until("three refusals at each", |a| &a.refused, 3, LOADING)
        .await;
    postgres.recover(fault);
    load.until("an account at each again", |a| &a.welcomed, 1, HEALING)
        .await;
    load.until("ten more at each", |a| &a.welcomed, 10, LOADING)
        .await;

    // Gone and back before anybody has finished waiting.
    postgres.suffer(fault);
    postgres.recover(fault);
    load.until("ten more at each", |a| &a.welcomed, 10, LOADING)
        .await;

    load.over.store(true, Ordering::SeqCst);
    people.join_all().await;
    for instance in &instances {
        assert!(instance.is_ready().await);
    }

    let accounts = std::mem::take(&mut *load.accounts.lock().unwrap());
    let rows = postgres.query("SELECT username FROM users");
    let refused: usize = load
        .answers
        .iter()
        .map(|a| a.refused.load(Ordering::SeqCst))
        .sum();
    eprintln!(
        "  {} accounts, {refused} refusals, {} rows",
        accounts.len(),
        rows.len()
    );
    for (name, mut person) in accounts {
        assert!(rows.contains(&name), "the account of {name} is lost");
        assert_eq!(
            dashboard(&mut person).await.status,
            200,
            "the session of {name}"
        );
        let again = login(&mut instances[0].visitor(), &name).await;
        assert_eq!(again.status, 303, "{name} cannot sign in: {}", again.body);
    }
    instances.into_iter().for_each(Instance::end_in_peace);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_restarted_under_load_loses_no_account() {
    let _turn = turn().await;
    postgres_goes(Fault::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_killed_under_load_loses_no_account() {
    let _turn = turn().await;
    postgres_goes(Fault::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_frozen_under_load_loses_no_account() {
    let _turn = turn().await;
    postgres_goes(Fault::Frozen).await;
}
