//! One store is stopped, killed or frozen, and brought back.

use std::time::Instant;

use super::clock::turn;
use super::instance::Instance;
use super::scene::{Gone, Scene};
use crate::stores::{Fault, Postgres, Redis};

async fn redis_goes(fault: Fault, mut redis: Redis, kept: bool) {
    let postgres = Postgres::new();
    let mut scene = Scene::at(Instance::start(&postgres.url(), Some(&redis.url()))).await;
    redis.suffer(fault);
    scene.nobody_gets_in(Gone::Sessions).await;
    redis.recover(fault);
    scene.all_heals(Gone::Sessions, Instant::now(), kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_redis_keeps_all_out_until_it_is_back() {
    let _turn = turn().await;
    redis_goes(Fault::Stopped, Redis::forgetful(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_costs_the_sessions_that_it_did_not_write_down_and_no_more() {
    let _turn = turn().await;
    redis_goes(Fault::Killed, Redis::forgetful(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_that_wrote_sessions_down_still_has_them() {
    let _turn = turn().await;
    redis_goes(Fault::Killed, Redis::lasting(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_keeps_all_out_and_all_sessions() {
    let _turn = turn().await;
    redis_goes(Fault::Frozen, Redis::forgetful(), true).await;
}

async fn postgres_goes(fault: Fault, redis: Option<Redis>) {
    let mut postgres = Postgres::new();
    let sessions = redis.as_ref().map(Redis::url);
    let gone = if redis.is_some() {
        Gone::Accounts
    } else {
        Gone::Both
    };
    let mut scene = Scene::at(Instance::start(&postgres.url(), sessions.as_deref())).await;
    postgres.suffer(fault);
    scene.nobody_gets_in(gone).await;
    postgres.recover(fault);
    scene.all_heals(gone, Instant::now(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_postgres_keeps_all_out_until_it_is_back() {
    let _turn = turn().await;
    postgres_goes(Fault::Stopped, Some(Redis::forgetful())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_keeps_all_out_until_it_is_back() {
    let _turn = turn().await;
    postgres_goes(Fault::Killed, Some(Redis::forgetful())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_postgres_keeps_all_out_until_it_is_back() {
    let _turn = turn().await;
    postgres_goes(Fault::Frozen, Some(Redis::forgetful())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_postgres_that_holds_sessions_too_keeps_them() {
    let _turn = turn().await;
    postgres_goes(Fault::Stopped, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_that_holds_sessions_too_keeps_them() {
    let _turn = turn().await;
    postgres_goes(Fault::Killed, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_postgres_that_holds_sessions_too_keeps_them() {
    let _turn = turn().await;
    postgres_goes(Fault::Frozen, None).await;
}
