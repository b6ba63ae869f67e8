//! Instances that start: at once, too early, or in vain.

use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::clock::{HEALING, turn};
use super::instance::{Instance, KEY};
use crate::server::program;
use crate::stores::{Fault, Postgres, Redis};

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_at_once_migrate_once() {
    let _turn = turn().await;
    for count in [2, 8] {
        let postgres = Postgres::new();
        let redis = Redis::forgetful();
        let (database, sessions) = (postgres.url(), redis.url());
        let instances: Vec<Instance> = thread::scope(|scope| {
            let start = || Instance::start(&database, Some(&sessions));
            let starts: Vec<_> = (0..count).map(|_| scope.spawn(start)).collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        for instance in &instances {
            assert!(instance.is_ready().await);
        }
        let mut steps = postgres.query("SELECT version FROM seaql_migrations ORDER BY version");
        let all = steps.len();
        assert!(all > 1, "{steps:?}");
        steps.dedup();
        assert_eq!(steps.len(), all, "{steps:?}");
        drop(instances[0].member("ada").await);
        for instance in instances {
            instance.end_in_peace();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_without_the_right_to_change_the_schema() {
    let _turn = turn().await;
    let postgres = Postgres::new();
    let serving = postgres.serving_role();
    // The owner makes the schema, and goes.
    Instance::start(&postgres.url(), None).end_in_peace();

    let instance = Instance::start(&serving, None);
    let mut ada = instance.member("ada").await;
    let page = ada.get("/dashboard").await.unwrap();
    assert!(page.body.contains("Hello, ada"), "{}", page.body);
    instance.end_in_peace();
    let can = "SELECT has_schema_privilege('serving', 'public', 'CREATE')";
    assert_eq!(postgres.query(can), ["f"], "or nothing was shown");
}

/// Starts an instance, lets the store that is not there yet come, and waits until the instance is open.
async fn opens_when_it_comes(database: String, sessions: String, come: impl FnOnce()) {
    let starting = thread::spawn(move || Instance::start(&database, Some(&sessions)));
    // Long enough that a program which gives up at once has done so.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert!(!starting.is_finished());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    come();
    let back = Instant::now();
    let instance = starting.join().unwrap();
    eprintln!("  open after {:?}", back.elapsed());
    assert!(back.elapsed() < HEALING);
    drop(instance.member("ada").await);
    instance.end_in_peace();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_waits_for_a_postgres_that_is_still_starting() {
    let _turn = turn().await;
    for fault in [Fault::Stopped, Fault::Frozen] {
        let redis = Redis::forgetful();
        let mut postgres = Postgres::new();
        postgres.suffer(fault);
        opens_when_it_comes(postgres.url(), redis.url(), || postgres.recover(fault)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_waits_for_a_redis_that_is_still_starting() {
    let _turn = turn().await;
    for fault in [Fault::Stopped, Fault::Frozen] {
        let postgres = Postgres::new();
        let mut redis = Redis::forgetful();
        redis.suffer(fault);
        opens_when_it_comes(postgres.url(), redis.url(), || redis.recover(fault)).await;
    }
}

/// Starts an instance whose patience is a second; what it said when it ended.
fn ends_in_vain(database: &str, sessions: &str) -> String {
    let folder = TempDir::new().unwrap();
    let variables = [
        KEY,
        ("VESTIBULE_DATABASE__URL", database),
        ("VESTIBULE_SESSIONS__URL", sessions),
        ("VESTIBULE_DATABASE__CONNECT_TIMEOUT", "1s"),
    ];
    let start = Instant::now();
    let output = program(folder.path(), &variables).output().unwrap();
    let took = start.elapsed();
    let said = String::from_utf8(output.stderr).unwrap();
    eprintln!("  after {took:?}: {said}");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "it never opened");
    assert!(took < Duration::from_secs(4), "{took:?}");
    for password in [Postgres::PASSWORD, Redis::PASSWORD] {
        assert!(!said.contains(password), "{said}");
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_store_does_not_come_says_so_and_ends() {
    let _turn = turn().await;
    for fault in [Fault::Stopped, Fault::Killed, Fault::Frozen] {
        let (mut postgres, mut redis) = (Postgres::new(), Redis::forgetful());
        // Its tables are there: what is waited for is the other.
        Instance::start(&postgres.url(), None).end_in_peace();
        redis.suffer(fault);
        let said = ends_in_vain(&postgres.url(), &redis.url());
        assert!(said.contains("sessions.url"), "{said}");
        redis.recover(fault);
        postgres.suffer(fault);
        let said = ends_in_vain(&postgres.url(), &redis.url());
        assert!(said.contains("database.url"), "{said}");
    }
}
