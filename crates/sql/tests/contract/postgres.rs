//! The same on Postgres, each test in a database of its own.

use std::sync::Arc;

use vestibule_domain::ports::{Backend, Users};
use vestibule_domain::{PasswordHash, Visit, contract};
use vestibule_sql::transfer::{TransferError, transfer};
use vestibule_sql::{Sql, SqlAttempts, SqlUsers, create_database, pending_migrations};

use crate::transfer::{Places, fill, there_and_back};
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
async fn postgres_keeps_the_contracts_of_mail() {
    let (emails, links, outbox) = (migrated().await, migrated().await, migrated().await);
    crate::keep_the_contracts_of_mail([&emails.0, &links.0, &outbox.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_account_breaks_no_chain_on_postgres() {
    let (url, _server) = empty().await;
    let sql = connect(&url).await.unwrap();
    sql.migrate().await.unwrap();
    crate::events::deleting_an_account_breaks_no_chain(sql, &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_many_events_goes_with_all_of_them_on_postgres() {
    let (url, _server) = empty().await;
    let sql = connect(&url).await.unwrap();
    sql.migrate().await.unwrap();
    crate::events::an_account_with_many_events_goes_with_all_of_them(sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_chain_and_names_each_change() {
    let (url, _server) = empty().await;
    let sql = connect(&url).await.unwrap();
    sql.migrate().await.unwrap();
    crate::events::keeps_the_chain(sql, &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_add_share_one_chain() {
    let (url, _server) = empty().await;
    let (one, two) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    one.migrate().await.unwrap();
    crate::events::two_share_one_chain(one, two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_are_one_chain() {
    let (sql, _server) = migrated().await;
    crate::events::walks_ten_thousand(sql).await;
}

#[tokio::test]
async fn postgres_keeps_the_attempts_contract() {
    let (sql, _server) = migrated().await;
    contract::attempts(&SqlAttempts(sql)).await;
    let (sql, _server) = migrated().await;
    contract::forgotten_attempts(&SqlAttempts(sql)).await;
}

#[tokio::test]
async fn postgres_keeps_the_invitations_contract() {
    let (sql, _server) = migrated().await;
    crate::keeps_the_invitations_contract(sql).await;
}

#[tokio::test]
async fn postgres_keeps_the_turns_contract() {
    let (url, _server) = empty().await;
    let (one, other) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    one.migrate().await.unwrap();
    crate::keeps_the_turns_contract(&one, &other).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn accounts_go_to_postgres_and_back() {
    let places = Places::new();
    let (url, _server) = empty().await;
    there_and_back(&places.url("a"), &url, &places.url("b")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_go_from_postgres_through_a_file_to_postgres() {
    let places = Places::new();
    let ((from, _server), (to, _)) = (empty().await, empty().await);
    there_and_back(&from, &places.url("a"), &to).await;
}

#[tokio::test]
async fn a_database_is_not_moved_to_itself() {
    let (url, _server) = empty().await;
    let other = url.replacen("postgres://", "postgresql://", 1);
    for to in [url.clone(), other, format!("{url}?application_name=x")] {
        let outcome = transfer(&url, &to, &OPTIONS, &|_, _| {}).await;
        assert!(matches!(outcome, Err(TransferError::Same)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_told_without_the_password() {
    let places = Places::new();
    let (url, _server) = empty().await;
    let (before, host) = url.rsplit_once('@').unwrap();
    let (user, _) = before.rsplit_once(':').unwrap();
    let from = places.url("a");
    fill(&from, 1).await;
    let wrong = format!("{user}:hunter2@{host}");
    let outcome = transfer(&from, &wrong, &OPTIONS, &|_, _| {}).await;
    let said = outcome.unwrap_err().to_string();
    assert!(said.starts_with("the target cannot be used"), "{said}");
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// A login, or a registration, that comes between the look at the target and the first write.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_the_target_meanwhile_is_not_overwritten() {
    let places = Places::new();
    let from = places.url("a");
    let all = fill(&from, 40).await;
    for registers in [false, true] {
        let (to, _server) = empty().await;
        if !registers {
            transfer(&from, &to, &OPTIONS, &|_, _| {}).await.unwrap();
            let here = SqlUsers(connect(&from).await.unwrap());
            let new = PasswordHash::new("$argon2id$new".into());
            here.replace_hash(all[7].id, all[7].password.as_ref().unwrap(), &new)
                .await
                .unwrap();
        }
        let mut newcomer = contract::user("user7");
        newcomer.since = all[7].since;
        let visit = Visit {
            at: all[7].since + std::time::Duration::from_hours(240),
            from: None,
        };
        let outcome = {
            let (to, id, visit) = (&to, all[7].id, &visit);
            let newcomer = &newcomer;
            transfer(&from, to, &OPTIONS, &move |done, _| {
                if done == 40 {
                    tokio::task::block_in_place(|| {
                        tokio::runtime::Handle::current().block_on(async {
                            let there = SqlUsers(connect(to).await.unwrap());
                            if registers {
                                there.add(newcomer).await.unwrap();
                            } else {
                                there.record_login(id, visit).await.unwrap();
                            }
                        });
                    });
                }
            })
            .await
        };
        let there = SqlUsers(connect(&to).await.unwrap());
        if registers {
            let words = "the target holds other accounts (user7";
            assert!(outcome.unwrap_err().to_string().starts_with(words));
            assert_eq!(there.find(newcomer.id).await.unwrap(), Some(newcomer));
        } else {
            assert!(outcome.unwrap_err().to_string().contains("in use"));
            let user = there.find(all[7].id).await.unwrap().unwrap();
            assert_eq!(
                (user.last_login, user.password),
                (Some(visit), all[7].password.clone())
            );
        }
    }
}
