//! Accounts arrive as they were, however often the move is broken off.

use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, raw_sql};
use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use vestibule_domain::ports::{Emails, Users};
use vestibule_domain::{EmailAddress, PasswordHash, User, UserId, Visit, contract};
use vestibule_sql::transfer::{Moved, TransferError, transfer};
use vestibule_sql::{Sql, SqlEmails, SqlUsers};

use crate::{OPTIONS, connect};

const NOON: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

/// Two places for databases in files.
pub(crate) struct Places {
    folder: TempDir,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!(
            "sqlite://{}/{name}.db?mode=rwc",
            self.folder.path().display()
        )
    }
}

async fn moved(from: &str, to: &str) -> Result<Moved, TransferError> {
    transfer(from, to, &OPTIONS, &|_, _| {}).await
}

async fn migrated(url: &str) -> Sql {
    let sql = connect(url).await.unwrap();
    sql.migrate().await.unwrap();
    sql
}

/// Accounts in every state that an account can be in, made in no order.
pub(crate) async fn fill(url: &str, count: u32) -> Vec<User> {
    let users = SqlUsers(migrated(url).await);
    let emails = emails(url).await;
    let mut all = Vec::new();
    for n in 0..count {
        let visit = |n: u32, from: Option<&str>| Visit {
            at: NOON + Duration::seconds(n.into()),
            from: from.map(|from| from.parse().unwrap()),
        };
        let mut user = contract::user(&format!("user{n}"));
        if n % 2 == 0 {
            // In no order, as those are that were imported.
            user.id = UserId(uuid::Uuid::from_u128(
                u128::from(n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
            ));
        }
        user.since = NOON - Duration::minutes(n.into());
        user.password = Some(PasswordHash::new(format!("$argon2id$ü{n}")));
        user.last_login = (n % 3 > 0).then(|| visit(n, (n % 4 > 0).then_some("2001:db8::7")));
        user.previous_login = (n % 3 > 1).then(|| visit(0, (n % 5 > 0).then_some("203.0.113.7")));
        users.add(&user).await.unwrap();
        for m in 0..n % 3 {
            let address = EmailAddress::parse(&format!("U{n}.{m}@example.com")).unwrap();
            emails.add(user.id, &address, NOON, &[]).await.unwrap();
            if m == 0 {
                let shown = emails.verify(user.id, &address, NOON, &[]);
                shown.await.unwrap();
            }
        }
        all.push(user);
    }
    all
}

async fn emails(url: &str) -> SqlEmails {
    SqlEmails(connect(url).await.unwrap())
}

/// Moves there, finds everything as it was, and moves back.
pub(crate) async fn there_and_back(from: &str, to: &str, back: &str) {
    let all = fill(from, 1100).await;
    let there = moved(from, to).await.unwrap();
    assert_eq!((there.written, there.source.accounts), (1100, 1100));
    assert_eq!(there.source, there.target);
    let users = SqlUsers(connect(to).await.unwrap());
    for user in &all {
        assert_eq!(users.find(user.id).await.unwrap().as_ref(), Some(user));
    }
    let (here, there_too) = (emails(from).await, emails(to).await);
    for user in &all {
        let addresses = here.of(user.id).await.unwrap();
        assert_eq!(there_too.of(user.id).await.unwrap(), addresses);
    }
    let again = moved(from, to).await.unwrap();
    assert_eq!(again.written, 0, "what is there already is left alone");
    assert_eq!(again.target, there.target);
    let home = moved(to, back).await.unwrap();
    assert_eq!((home.written, home.target), (1100, there.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_go_from_file_to_file_and_back() {
    let places = Places::new();
    there_and_back(&places.url("a"), &places.url("b"), &places.url("c")).await;
}

#[tokio::test]
async fn an_empty_database_moves_too() {
    let places = Places::new();
    fill(&places.url("a"), 0).await;
    let nobody = moved(&places.url("a"), &places.url("b")).await.unwrap();
    assert_eq!((nobody.written, nobody.target.accounts), (0, 0));
    assert_eq!(nobody.source, nobody.target);
}

/// Every size around a batch and two.
#[tokio::test(flavor = "multi_thread")]
async fn no_account_falls_between_two_batches() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    let all = fill(&from, 1001).await;
    let mut file = raw(&from).await;
    for left in [1001, 1000, 999, 501, 500, 499] {
        let surplus = &all[left..];
        for user in surplus {
            run(
                &mut file,
                &format!("DELETE FROM users WHERE username = '{}'", user.username),
            )
            .await;
        }
        let to = format!("{}{left}.db?mode=rwc", to.trim_end_matches(".db?mode=rwc"));
        let outcome = moved(&from, &to).await.unwrap();
        assert_eq!(
            (outcome.written, outcome.target.accounts),
            (left as u64, left as u64)
        );
        assert_eq!(outcome.source, outcome.target);
    }
}

#[tokio::test]
async fn progress_reaches_its_end_and_never_goes_back() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    fill(&from, 700).await;
    let last = AtomicU64::new(0);
    transfer(&from, &to, &OPTIONS, &|done, total| {
        assert!(done <= total);
        assert!(last.swap(done, Ordering::SeqCst) <= done);
    })
    .await
    .unwrap();
    assert_eq!(last.into_inner(), 4 * 700);
}

#[tokio::test]
async fn what_differs_is_made_as_in_the_source() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    let all = fill(&from, 10).await;
    moved(&from, &to).await.unwrap();
    let users = SqlUsers(connect(&from).await.unwrap());
    let new = PasswordHash::new("$argon2id$new".into());
    users
        .replace_hash(all[3].id, all[3].password.as_ref().unwrap(), &new)
        .await
        .unwrap();
    let visit = Visit {
        at: NOON + Duration::DAY,
        from: None,
    };
    users.record_login(all[4].id, &visit).await.unwrap();
    users.add(&contract::user("newcomer")).await.unwrap();
    let outcome = moved(&from, &to).await.unwrap();
    assert_eq!(outcome.written, 3);
    assert_eq!(outcome.source, outcome.target);
    let there = SqlUsers(connect(&to).await.unwrap());
    let changed = there.find(all[3].id).await.unwrap().unwrap();
    assert_eq!(changed.password, Some(new));
    assert_eq!(
        there.find(all[4].id).await.unwrap().unwrap().last_login,
        Some(visit)
    );
}

/// An address that was one account's when it was moved, and is another's now, in whatever order they come.
#[tokio::test]
async fn an_address_that_changed_hands_does_so_in_the_target() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    let all = fill(&from, 4).await;
    moved(&from, &to).await.unwrap();
    let here = emails(&from).await;
    for (n, (loser, winner)) in [(1, 3), (3, 0), (0, 1)].into_iter().enumerate() {
        let address = EmailAddress::parse("U1.0@example.com").unwrap();
        here.remove(all[loser].id, &address, &[]).await.unwrap();
        here.add(all[winner].id, &address, NOON, &[]).await.unwrap();
        let shown = here.verify(all[winner].id, &address, NOON, &[]);
        shown.await.unwrap();
        let outcome = moved(&from, &to).await.unwrap();
        assert_eq!(outcome.source, outcome.target, "{n}");
        assert_eq!(outcome.written, 2);
        let owner = emails(&to).await.owner(&address).await.unwrap();
        assert_eq!(owner, Some(all[winner].id));
    }
}

/// Checks that the move is refused with `words`, and that the target is what it was.
async fn refused(from: &str, to: &str, words: &str) {
    let before = contents(to).await;
    let said = moved(from, to).await.unwrap_err().to_string();
    assert!(said.contains(words), "{said}");
    assert_eq!(contents(to).await, before, "nothing was written");
}

async fn contents(url: &str) -> Vec<(Vec<u8>, String, String)> {
    let rows = sea_orm::sqlx::query_as("SELECT id, username, password_hash FROM users ORDER BY id");
    rows.fetch_all(&mut raw(url).await).await.unwrap()
}

async fn raw(url: &str) -> SqliteConnection {
    let options: SqliteConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    raw_sql(sql).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_target_with_other_accounts_is_left_alone() {
    let places = Places::new();
    let from = places.url("a");
    fill(&from, 600).await;
    for (n, id) in [0, u128::MAX, u128::from(u64::MAX) << 32]
        .into_iter()
        .enumerate()
    {
        // Before all others, behind them, and among them.
        let to = places.url(&format!("b{n}"));
        let users = SqlUsers(migrated(&to).await);
        let mut stranger = contract::user("stranger");
        stranger.id = UserId(uuid::Uuid::from_u128(id));
        users.add(&stranger).await.unwrap();
        refused(&from, &to, "holds other accounts (stranger for one)").await;
    }

    // The same name, somebody else.
    let to = places.url("name");
    let users = SqlUsers(migrated(&to).await);
    users.add(&contract::user("user7")).await.unwrap();
    refused(&from, &to, "holds other accounts (user7 for one)").await;

    // The same id, another name.
    let to = places.url("id");
    moved(&from, &to).await.unwrap();
    run(
        &mut raw(&to).await,
        "UPDATE users SET username = 'renamed' WHERE username = 'user7'",
    )
    .await;
    refused(&from, &to, "holds other accounts (renamed for one)").await;
}

#[tokio::test]
async fn a_target_that_was_used_since_is_left_alone() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    let all = fill(&from, 600).await;
    moved(&from, &to).await.unwrap();
    let there = SqlUsers(connect(&to).await.unwrap());
    let late = Visit {
        at: NOON + Duration::DAY,
        from: None,
    };
    there.record_login(all[599].id, &late).await.unwrap();
    // It would be overwritten before the one that tells.
    let here = SqlUsers(connect(&from).await.unwrap());
    for user in &all[..100] {
        let new = PasswordHash::new("$argon2id$new".into());
        here.replace_hash(user.id, user.password.as_ref().unwrap(), &new)
            .await
            .unwrap();
    }
    refused(
        &from,
        &to,
        "the target has been in use: user599 signed in there",
    )
    .await;

    // Signed in there for the first time.
    let never = all.iter().find(|user| user.last_login.is_none()).unwrap();
    let to = places.url("c");
    moved(&from, &to).await.unwrap();
    let there = SqlUsers(connect(&to).await.unwrap());
    there.record_login(never.id, &late).await.unwrap();
    refused(&from, &to, "the target has been in use").await;
}

#[tokio::test]
async fn what_cannot_be_a_side_is_told_in_words_and_made_by_nobody() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    fill(&from, 1).await;
    let plain = |url: &str| url.replace("?mode=rwc", "");
    let dotted = from.replace("/a.db", "/./a.db");
    let empty = places.url("empty");
    connect(&empty).await.unwrap();
    let behind = places.url("behind");
    fill(&behind, 1).await;
    run(
        &mut raw(&behind).await,
        "DELETE FROM seaql_migrations WHERE version LIKE '%sessions'",
    )
    .await;
    let all = vestibule_sql::pending_migrations("sqlite::memory:", &OPTIONS);
    let all = all.await.unwrap();
    for (from, to, words) in [
        (
            &*from,
            &*from,
            "the source and the target are the same database",
        ),
        (
            &from,
            &plain(&from),
            "the source and the target are the same database",
        ),
        (
            &from,
            &dotted,
            "the source and the target are the same database",
        ),
        (&to, &from, "the source is not there"),
        (&from, &plain(&to), "the target is not there"),
        ("sqlite::memory:", &to, "the source is a database in memory"),
        (
            &from,
            "sqlite::memory:",
            "the target is a database in memory",
        ),
        (
            &empty,
            &to,
            &format!("the schema of the source is {all} steps behind"),
        ),
        (&behind, &to, "the schema of the source is 1 steps behind"),
        (&from, &behind, "the schema of the target is 1 steps behind"),
        (
            "mysql://root:hunter2@db/v",
            &to,
            "the source is named by something else",
        ),
        (&from, "hunter2", "the target is named by something else"),
    ] {
        let said = moved(from, to).await.unwrap_err().to_string();
        assert!(said.starts_with(words), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(!places.folder.path().join("b.db").exists());
}

#[tokio::test]
async fn who_comes_while_it_runs_is_seen_in_the_sums() {
    let places = Places::new();
    let (from, to) = (places.url("a"), places.url("b"));
    let all = fill(&from, 600).await;
    let here = raw(&from).await;
    let here = std::sync::Mutex::new(Some(here));
    let outcome = transfer(&from, &to, &OPTIONS, &|done, _| {
        // When the first batch has been written.
        if done == 1100 && let Some(mut here) = here.lock().unwrap().take() {
            let sql = format!("UPDATE users SET password_hash = 'x' WHERE id < x'00' || zeroblob(15) OR username = '{}'", least(&all).username);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(run(&mut here, &sql));
            })
            .join()
            .unwrap();
        }
    })
    .await
    .unwrap();
    assert_eq!(outcome.source.accounts, outcome.target.accounts);
    assert_ne!(outcome.source, outcome.target);
    let again = moved(&from, &to).await.unwrap();
    assert_eq!((again.written, &again.source), (1, &again.target));
    assert_eq!(again.source, outcome.source);
}

/// The account that is moved first.
fn least(all: &[User]) -> &User {
    all.iter().min_by_key(|user| user.id.0).unwrap()
}
