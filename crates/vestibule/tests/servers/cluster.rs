//! A Redis Cluster that loses a primary.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::clock::{HEALING, healed, turn};
use super::instance::{Instance, dashboard, logout, was_sent_to_login};
use super::people::People;
use crate::http::Person;
use crate::stores::{Cluster, Fault, Postgres};

/// From the loss until all is well: a second until the nodes notice, a vote, and five seconds to heal.
const FAIL_OVER: Duration = Duration::from_secs(8);

/// How many keys each primary has.
fn keys(cluster: &Cluster) -> Vec<(usize, usize)> {
    let primaries = cluster.primaries().into_iter();
    primaries.map(|node| (node, cluster.keys(node))).collect()
}

/// The one node that has got more since `before`.
fn grown(cluster: &Cluster, before: &[(usize, usize)]) -> usize {
    let after = keys(cluster);
    let pairs = after.iter().zip(before);
    let grown: Vec<usize> = pairs
        .filter(|(after, before)| after.1 > before.1)
        .map(|(after, _)| after.0)
        .collect();
    assert_eq!(
        grown.len(),
        1,
        "one session is on one node: {before:?} {after:?}"
    );
    grown[0]
}

/// Somebody whose session is on this node.
async fn member_on(cluster: &Cluster, node: usize, instance: &Instance, name: &str) -> Person {
    for n in 0.. {
        let before = keys(cluster);
        let person = instance.member(&format!("{name}{n}")).await;
        if grown(cluster, &before) == node {
            return person;
        }
    }
    unreachable!("there is a next number")
}

async fn a_primary_goes(fault: Fault, replicas: &str) {
    let postgres = Postgres::new();
    let mut cluster = Cluster::new();
    let urls = (postgres.url(), cluster.url());
    let start_one = || Instance::start_on_many(&urls.0, &urls.1, replicas);
    let (busy, idle) = (start_one(), start_one());
    let lost = cluster.primaries()[0];

    let mut people = People::at(&busy).await;
    let mut elsewhere = Vec::new();
    // Chance says who is on which node.
    while elsewhere.len() < 18 || !elsewhere.contains(&true) || !elsewhere.contains(&false) {
        let before = keys(&cluster);
        people.add(&busy).await;
        elsewhere.push(grown(&cluster, &before) != lost);
    }
    // Both are on the node that goes. Frank leaves at the last moment, dave when a replica has taken over.
    let mut frank = member_on(&cluster, lost, &busy, "frank").await;
    let mut dave = member_on(&cluster, lost, &idle, "dave").await;
    let (mut franks_copy, mut daves_copy) = (frank.clone(), dave.clone());
    dave.move_to(busy.url());
    cluster.settle();
    assert!(people.ask(&busy).await.all_is_well);
    assert_eq!(logout(&mut frank).await.status, 303);

    cluster.suffer(lost, fault);
    let start = Instant::now();
    assert!(!busy.is_ready().await, "a third is missing");
    let mut disturbed = Vec::new();
    healed(
        "a replica took over and all is well",
        start,
        FAIL_OVER,
        async || {
            let round = people.ask(&busy).await;
            let rest = round.let_in.iter().zip(&elsewhere).enumerate();
            let shut_out = rest.filter(|(_, (is_in, elsewhere))| **elsewhere && !**is_in);
            let at = start.elapsed();
            disturbed.extend(shut_out.map(|(n, _)| (at, n)));
            assert_eq!(busy.status("/health/live").await, 200);
            round.all_is_well && busy.is_ready().await
        },
    )
    .await;
    assert!(
        disturbed.is_empty(),
        "on nodes that were there all the time: {disturbed:?}"
    );
    assert!(
        was_sent_to_login(&dashboard(&mut franks_copy).await),
        "frank has left"
    );
    people.all_sign_in(&busy).await;
    let new = start_one();
    assert!(
        people.ask(&new).await.all_is_well,
        "who starts now knows it all"
    );
    new.end_in_peace();

    // What is back takes itself for a primary until it hears of the other. One that was frozen may answer an instance that
    // has not heard of the other either, before it looks at its clock: docs/operations.md says so.
    let left = people.undisturbed_by(&busy, logout(&mut dave)).await;
    let has_left = left.status == 303;
    eprintln!("  dave could leave without a replica: {has_left}");
    cluster.recover(lost, fault);
    let settling = spawn_blocking(move || {
        cluster.settle();
        cluster
    });
    loop {
        let is_over = settling.is_finished();
        let page = dashboard(&mut daves_copy).await;
        let may_err = fault == Fault::Frozen && !is_over;
        assert!(!has_left || may_err || page.status != 200, "dave has left");
        let round = people.ask(&busy).await;
        if is_over {
            assert!(round.all_is_well, "not let in: {:?}", round.let_in);
            break;
        }
    }
    let _cluster = settling.await.unwrap();
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
async fn a_cluster_whose_primary_is_killed_heals_by_itself() {
    let _turn = turn().await;
    a_primary_goes(Fault::Killed, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_primary_is_frozen_heals_by_itself() {
    let _turn = turn().await;
    a_primary_goes(Fault::Frozen, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_primary_is_frozen_heals_by_itself_with_no_replica_to_wait_for() {
    let _turn = turn().await;
    a_primary_goes(Fault::Frozen, "0").await;
}
