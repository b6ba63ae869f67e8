//! A Redis whose sentinels make its replica the primary.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::clock::{HEALING, healed, in_time, turn};
use super::instance::{Instance, dashboard, logout, was_sent_to_login};
use super::people::People;
use crate::stores::{Fault, Postgres, Sentinel};

/// By this time after a change, all instances know of it.
const KNOWN: Duration = Duration::from_secs(1);

/// By a fault, or by an operator's word with nothing broken.
async fn the_primary_changes(fault: Option<Fault>, replicas: &str) {
    let postgres = Postgres::new();
    let mut sentinel = Sentinel::new();
    let start = || Instance::start_on_many(&postgres.url(), &sentinel.url(), replicas);
    let (busy, idle) = (start(), start());

    let mut people = People::at(&busy).await;
    for _ in 0..8 {
        people.add(&busy).await;
    }
    // Frank leaves at the last moment. Dave leaves when there is a new primary, and erin where that is not yet known.
    let mut frank = busy.member("frank").await;
    let mut dave = idle.member("dave").await;
    let mut erin = idle.member("erin").await;
    let mut copies = [frank.clone(), dave.clone(), erin.clone()];
    dave.move_to(busy.url());
    let erins_page = dashboard(&mut erin).await;
    sentinel.settle();
    assert!(people.ask(&busy).await.all_is_well);
    assert_eq!(logout(&mut frank).await.status, 303);

    let old = sentinel.announced().unwrap();
    match fault {
        Some(fault) => sentinel.suffer(old, fault),
        None => sentinel.fail_over(),
    }
    let start = Instant::now();
    if fault.is_some() {
        assert!(!busy.is_ready().await, "no primary answers");
    }
    let announced = spawn_blocking(move || {
        sentinel.until_primary_is(1 - old);
        (sentinel, Instant::now())
    });
    while !announced.is_finished() {
        people.ask(&busy).await;
        assert_eq!(busy.status("/health/live").await, 200);
    }
    let (mut sentinel, announced) = announced.await.unwrap();
    eprintln!("  a new primary: after {:?}", announced - start);
    healed("all is well", announced, HEALING, async || {
        people.ask(&busy).await.all_is_well && busy.is_ready().await
    })
    .await;
    // Until then an instance may go by what it was told before, and what it does there is lost.
    while announced.elapsed() < KNOWN {
        people.ask(&busy).await;
    }
    copies[0].move_to(busy.url());
    assert!(
        was_sent_to_login(&dashboard(&mut copies[0]).await),
        "frank has left"
    );
    people.all_sign_in(&busy).await;

    // What is back takes itself for the primary until the sentinels say otherwise. Nobody believes it.
    let left = people.undisturbed_by(&busy, logout(&mut dave)).await;
    let dave_left = left.status == 303;
    if let Some(fault) = fault {
        sentinel.recover(old, fault);
    }
    let erins = in_time("/logout", erin.send("/logout", &erins_page, &[])).await;
    let erin_left = erins.status == 303;
    eprintln!("  dave could leave: {dave_left}; erin: {erin_left}");
    let settling = spawn_blocking(move || {
        sentinel.settle();
        sentinel
    });
    loop {
        let is_over = settling.is_finished();
        for (copy, has_left, name) in [(1, dave_left, "dave"), (2, erin_left, "erin")] {
            for instance in [&idle, &busy] {
                copies[copy].move_to(instance.url());
                let page = dashboard(&mut copies[copy].clone()).await;
                assert!(!has_left || page.status != 200, "{name} has left");
            }
        }
        let round = people.ask(&busy).await;
        if is_over {
            assert!(round.all_is_well);
            break;
        }
    }
    let _sentinel = settling.await.unwrap();
    let start = Instant::now();
    healed(
        "the other instance knows, too",
        start,
        HEALING,
        async || people.ask(&idle).await.all_is_well && idle.is_ready().await,
    )
    .await;
    people.all_sign_in(&idle).await;
    busy.end_in_peace();
    idle.end_in_peace();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_primary_is_killed_its_replica_is_found() {
    let _turn = turn().await;
    the_primary_changes(Some(Fault::Killed), "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_primary_is_frozen_its_replica_is_found() {
    let _turn = turn().await;
    the_primary_changes(Some(Fault::Frozen), "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_primary_is_frozen_its_replica_is_found_with_no_replica_to_wait_for() {
    let _turn = turn().await;
    the_primary_changes(Some(Fault::Frozen), "0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_an_operator_changes_the_primary_it_is_found() {
    let _turn = turn().await;
    the_primary_changes(None, "0").await;
}
