//! The chain of the events: whole whoever adds to it, and never changed without a trace.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use time::OffsetDateTime;
use time::macros::datetime;
use vestibule_domain::ports::{History, Users};
use vestibule_domain::{Event, EventKind, RequestId, User, UserId, contract};
use vestibule_sql::audit::{Broken, Head, Whole, verify};
use vestibule_sql::{Sql, SqlEvents, SqlUsers};

const START: OffsetDateTime = datetime!(2026-11-25 8:00 UTC);

/// The nth event, a second after the one before.
pub(crate) fn event(n: u32) -> Event {
    Event {
        at: START + Duration::from_secs(n.into()),
        kind: EventKind::LoginFailed,
        request: Some(RequestId::random().unwrap()),
        user: n.is_multiple_of(2).then(UserId::new),
        address: Some([203, 0, 113, 7].into()),
        facts: vec![("path", "/login".into()), ("n", n.to_string())],
    }
}

async fn whole(sql: &Sql) -> Whole {
    verify(sql, None).await.unwrap().unwrap()
}

async fn broken(sql: &Sql) -> Broken {
    verify(sql, None).await.unwrap().unwrap_err()
}

async fn add(sql: &Sql, numbers: impl Iterator<Item = u32>) {
    let events: Vec<_> = numbers.map(event).collect();
    SqlEvents(sql.clone()).append(&events).await.unwrap();
}

/// `url` names a database with a schema.
pub(crate) async fn keeps_the_chain(sql: Sql, url: &str) {
    let empty = whole(&sql).await;
    assert_eq!((empty.rows, empty.span, empty.head.seq), (0, None, 0));
    let first = event(1);
    let events = SqlEvents(sql.clone());
    events.append(&[]).await.unwrap();
    events.append(std::slice::from_ref(&first)).await.unwrap();
    add(&sql, 2..=5).await;
    let at_five = whole(&sql).await;
    assert_eq!((at_five.rows, at_five.head.seq), (5, 5));
    let kept = events.of_request(first.request.unwrap()).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].at, kept[0].user), (first.at, first.user));
    assert_eq!(kept[0].address.as_deref(), Some("203.0.113.7"));
    assert_eq!(kept[0].facts["n"], "1");

    add(&sql, 6..=10).await;
    let noted = Head::parse(&at_five.head.to_string()).unwrap();
    let ten = verify(&sql, Some(&noted)).await.unwrap().unwrap();
    assert_eq!(
        ten.span,
        Some((
            START + Duration::from_secs(1),
            START + Duration::from_secs(10)
        ))
    );
    let made_up = Head {
        hash: vec![7; 32],
        ..noted.clone()
    };
    assert_eq!(
        verify(&sql, Some(&made_up)).await.unwrap().unwrap_err().seq,
        5
    );

    each_change_is_named(&sql, url).await;

    let until = START + Duration::from_secs(4);
    assert_eq!(events.prune(until, 2).await.unwrap(), 2);
    assert_eq!(events.prune(until, 100).await.unwrap(), 1);
    assert_eq!(events.prune(until, 100).await.unwrap(), 0);
    let left = verify(&sql, Some(&noted)).await.unwrap().unwrap();
    assert_eq!((left.rows, left.pruned, &left.head), (7, 3, &ten.head));
    assert_eq!(
        events
            .prune(START + Duration::from_secs(99), 100)
            .await
            .unwrap(),
        7
    );
    let none = whole(&sql).await;
    assert_eq!((none.rows, none.pruned, &none.head), (0, 10, &ten.head));
    let gone = verify(&sql, Some(&noted)).await.unwrap().unwrap_err();
    assert!(gone.what.contains("pruned"), "{gone}");
    add(&sql, 11..=12).await;
    assert_eq!(whole(&sql).await.head.seq, 12);
}

/// What the deletion of an account does to a row of its.
const EMPTY: &str =
    "UPDATE events SET request = NULL, user_id = NULL, address = NULL, facts = '{}', salt = NULL";

/// `url` names a database with a schema.
pub(crate) async fn deleting_an_account_breaks_no_chain(sql: Sql, url: &str) {
    let users = SqlUsers(sql.clone());
    let (ada, bob) = (contract::user("ada"), contract::user("bob"));
    for user in [&ada, &bob] {
        users.add(user).await.unwrap();
    }
    let events = SqlEvents(sql.clone());
    for (n, user) in [(1, &ada), (2, &bob), (3, &ada), (4, &bob)] {
        let event = Event {
            user: Some(user.id),
            ..event(n)
        };
        events.append(&[event]).await.unwrap();
    }
    let noted = whole(&sql).await.head;
    let at = START + Duration::from_secs(5);
    assert_eq!(users.remove(&ada, at, at).await.unwrap(), Some(2));

    let after = verify(&sql, Some(&noted)).await.unwrap().unwrap();
    assert_eq!((after.rows, after.emptied), (5, 2));
    let by_hand: DatabaseConnection = Database::connect(url).await.unwrap();
    let left = "SELECT seq FROM events WHERE user_id IS NOT NULL OR address IS NOT NULL OR request IS NOT NULL";
    let backend = by_hand.get_database_backend();
    let left = by_hand
        .query_all_raw(Statement::from_string(backend, left))
        .await
        .unwrap();
    let left: Vec<i64> = left
        .iter()
        .map(|row| row.try_get("", "seq").unwrap())
        .collect();
    assert_eq!(left, [2, 4], "nothing is left of whom it was about");
    let of = async |user| events.of(user, &EventKind::ALL, None, 9).await.unwrap();
    assert!(of(ada.id).await.is_empty());
    assert_eq!(of(bob.id).await.len(), 2);

    // Nor of what was noted a moment later.
    let late = Event {
        user: Some(ada.id),
        ..event(6)
    };
    events.append(&[late]).await.unwrap();
    let again = async || users.empty_again(at, at).await.unwrap();
    assert_eq!((again().await, again().await), (1, 0));
    assert!(of(ada.id).await.is_empty());
    assert_eq!(whole(&sql).await.emptied, 3);

    // Nobody covers tracks that way.
    by_hand
        .execute_unprepared(&format!("{EMPTY} WHERE seq = 4"))
        .await
        .unwrap();
    let found = broken(&sql).await;
    assert_eq!(found.seq, 6, "{found}");
    assert!(
        found.what.contains("4 rows are, but only 3 were"),
        "{found}"
    );
    // What was emptied rightly is pruned as any other.
    assert_eq!(
        events
            .prune(START + Duration::from_secs(4), 9)
            .await
            .unwrap(),
        3
    );
}

/// More than go in one step. `sql` is a database with a schema.
pub(crate) async fn an_account_with_many_events_goes_with_all_of_them(sql: Sql) {
    let users = SqlUsers(sql.clone());
    let ada = contract::user("ada");
    users.add(&ada).await.unwrap();
    let many: Vec<_> = (1..=300)
        .map(|n| Event {
            user: Some(ada.id),
            ..event(n)
        })
        .collect();
    let events = SqlEvents(sql.clone());
    for _ in 0..4 {
        events.append(&many).await.unwrap();
    }
    let stays = User {
        leaves: Some(START),
        ..ada.clone()
    };
    assert_eq!(users.remove(&stays, START, START).await.unwrap(), None);
    assert_eq!(whole(&sql).await.emptied, 0, "its owner wants it back");
    assert_eq!(users.remove(&ada, START, START).await.unwrap(), Some(1200));
    let whole = whole(&sql).await;
    // 500, 500 and 200, and an event of each.
    assert_eq!((whole.rows, whole.emptied), (1203, 1200));
}

#[tokio::test]
async fn an_account_with_many_events_goes_with_all_of_them_in_a_file() {
    let (sql, _folder) = crate::file().await;
    an_account_with_many_events_goes_with_all_of_them(sql).await;
}

#[tokio::test]
async fn deleting_an_account_breaks_no_chain_in_a_file() {
    let (sql, folder) = crate::file().await;
    let path = folder.path().join("deep/er/vestibule.db");
    let url = format!("sqlite://{}", path.display());
    deleting_an_account_breaks_no_chain(sql, &url).await;
}

/// Ten rows are there. Each of these is done behind our back, found, and taken back.
async fn each_change_is_named(sql: &Sql, url: &str) {
    let by_hand: DatabaseConnection = Database::connect(url).await.unwrap();
    let run = async |statements: &str| {
        by_hand.execute_unprepared(statements).await.unwrap();
    };
    run("CREATE TABLE spare AS SELECT * FROM events").await;
    run("CREATE TABLE spare_chain AS SELECT * FROM event_chain").await;
    let other_hash = "(SELECT hash FROM spare WHERE seq = 9)";
    let cases = [
        ("UPDATE events SET at = (SELECT at FROM spare WHERE seq = 9) WHERE seq = 4".to_owned(), 4),
        ("UPDATE events SET kind = 'authn_login_success' WHERE seq = 5".to_owned(), 5),
        ("UPDATE events SET request = NULL WHERE seq = 1".to_owned(), 1),
        ("UPDATE events SET user_id = NULL WHERE seq = 6".to_owned(), 6),
        ("UPDATE events SET address = '198.51.100.1' WHERE seq = 10".to_owned(), 10),
        ("UPDATE events SET address = NULL WHERE seq = 3".to_owned(), 3),
        ("UPDATE events SET facts = '{}' WHERE seq = 7".to_owned(), 7),
        (format!("UPDATE events SET hash = {other_hash} WHERE seq = 2"), 2),
        ("DELETE FROM events WHERE seq = 1".to_owned(), 1),
        ("DELETE FROM events WHERE seq IN (5, 6)".to_owned(), 5),
        ("DELETE FROM events WHERE seq = 10".to_owned(), 10),
        ("DELETE FROM events".to_owned(), 1),
        ("UPDATE events SET seq = 99 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 4; \
          UPDATE events SET seq = 4 WHERE seq = 99".to_owned(), 3),
        ("UPDATE events SET seq = 11 WHERE seq = 10".to_owned(), 10),
        ("UPDATE event_chain SET anchor_seq = 2".to_owned(), 1),
        (format!("UPDATE event_chain SET anchor_hash = {other_hash}"), 1),
        (format!("UPDATE event_chain SET head_hash = {other_hash}"), 10),
        ("UPDATE event_chain SET head_seq = 9".to_owned(), 10),
        ("DELETE FROM event_chain".to_owned(), 0),
        ("INSERT INTO events SELECT 11, at, kind, request, user_id, address, facts, hash, salt, personal FROM spare WHERE seq = 9".to_owned(), 11),
        ("INSERT INTO events SELECT 0, at, kind, request, user_id, address, facts, hash, salt, personal FROM spare WHERE seq = 9".to_owned(), 0),
        (format!("{EMPTY} WHERE seq = 7"), 7),
        ("UPDATE events SET salt = NULL WHERE seq = 8".to_owned(), 8),
        ("UPDATE events SET salt = NULL, personal = NULL WHERE seq = 4".to_owned(), 4),
        ("UPDATE events SET salt = (SELECT salt FROM spare WHERE seq = 9) WHERE seq = 5".to_owned(), 5),
    ];
    for (change, row) in cases {
        run(&change).await;
        let found = broken(sql).await;
        assert_eq!(found.seq, row, "{change}: {found}");
        run("DELETE FROM events; INSERT INTO events SELECT * FROM spare").await;
        run("DELETE FROM event_chain; INSERT INTO event_chain SELECT * FROM spare_chain").await;
        whole(sql).await;
    }
    // What was changed is not pruned away.
    run("UPDATE events SET facts = '{}' WHERE seq = 2").await;
    let outage = SqlEvents(sql.clone())
        .prune(START + Duration::from_mins(1), 100)
        .await;
    assert!(outage.unwrap_err().chain().contains("row 2"));
    run("DELETE FROM events; INSERT INTO events SELECT * FROM spare").await;
    run("DROP TABLE spare; DROP TABLE spare_chain").await;
}

/// Each of two adds a hundred times, while others look and prune.
pub(crate) async fn two_share_one_chain(one: Sql, two: Sql) {
    let (one, two) = (Arc::new(SqlEvents(one)), Arc::new(SqlEvents(two)));
    let writers: Vec<_> = [&one, &two]
        .map(|events| {
            let events = Arc::clone(events);
            tokio::spawn(async move {
                for n in 0..100 {
                    events.append(&[event(n), event(n)]).await.unwrap();
                }
            })
        })
        .into();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        whole(&two.0).await;
        one.prune(START + Duration::from_secs(20), 3).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let end = whole(&one.0).await;
    assert_eq!(end.head.seq, 400);
    assert_eq!(end.rows + u64::try_from(end.pruned).unwrap(), 400);
}

pub(crate) async fn walks_ten_thousand(sql: Sql) {
    for batch in 0..20 {
        add(&sql, batch * 500..(batch + 1) * 500).await;
    }
    let end = whole(&sql).await;
    assert_eq!((end.rows, end.head.seq), (10_000, 10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_chain_and_names_each_change() {
    let (sql, folder) = crate::file().await;
    let path = folder.path().join("deep/er/vestibule.db");
    keeps_the_chain(sql, &format!("sqlite://{}", path.display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_add_to_a_file_share_one_chain() {
    let (one, folder) = crate::file().await;
    let path = folder.path().join("deep/er/vestibule.db");
    let two = crate::connect(&format!("sqlite://{}", path.display())).await;
    two_share_one_chain(one, two.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_are_one_chain() {
    walks_ten_thousand(crate::memory().await).await;
}

/// SQLite takes anything into any column.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_even_be_read_is_named() {
    let (sql, folder) = crate::file().await;
    let path = folder.path().join("deep/er/vestibule.db");
    add(&sql, 1..=3).await;
    let by_hand = Database::connect(format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    by_hand
        .execute_unprepared("UPDATE events SET at = 'yesterday' WHERE seq = 2")
        .await
        .unwrap();
    assert_eq!(broken(&sql).await.seq, 2);
}
