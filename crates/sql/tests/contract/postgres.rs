//! The same on Postgres, each test in a database of its own.

use std::sync::Arc;

use vestibule_domain::contract;
use vestibule_domain::ports::Backend;
use vestibule_sql::{Sql, SqlUsers, create_database, pending_migrations};

use crate::{OPTIONS, connect, containers};

#[path = "../../../vestibule/tests/containers/postgres.rs"]
mod server;

/// A new database.
async fn empty() -> (String, Arc<containers::Server>) {
    let server = server::postgres();
    let url = create_database(&server.url).await.unwrap();
    (url, server)
}

async fn migrated() -> (Sql, Arc<containers::Server>) {
    let (url, server) = empty().await;
    let sql = connect(&url).await.unwrap();
    sql.migrate().await.unwrap();
    (sql, server)
}

#[tokio::test]
async fn postgres_keeps_the_users_contract() {
    let (sql, _server) = migrated().await;
    contract::users(&SqlUsers(sql)).await;
}

#[tokio::test]
async fn postgres_keeps_the_sessions_contract() {
    let (sql, _server) = migrated().await;
    crate::keeps_the_sessions_contract(sql).await;
}

#[tokio::test]
async fn the_schema_goes_up_down_and_up() {
    let (sql, _server) = migrated().await;
    crate::up_down_and_up(sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_migrate_at_once_one_does() {
    for _ in 0..10 {
        let (url, _server) = empty().await;
        crate::migrate_at_once(&url).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_claim_a_name_at_once_one_gets_it() {
    let (sql, _server) = migrated().await;
    crate::one_gets_it(sql).await;
}

#[tokio::test]
async fn looking_for_migrations_changes_nothing() {
    let (url, _server) = empty().await;
    let all = pending_migrations(&url, &OPTIONS).await.unwrap();
    assert!(all > 0);
    assert_eq!(pending_migrations(&url, &OPTIONS).await.unwrap(), all);
    let sql = connect(&url).await.unwrap();
    assert!(sql.ping().await.is_err(), "no schema yet");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_at_once_and_not_with_the_password() {
    let (url, _server) = empty().await;
    let (before, host) = url.rsplit_once('@').unwrap();
    let (user, _) = before.rsplit_once(':').unwrap();
    let started = std::time::Instant::now();
    let outage = connect(&format!("{user}:hunter2@{host}")).await.err();
    let said = outage.unwrap().chain();
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(started.elapsed() < OPTIONS.connect_timeout);
}
