//! SQLite keeps the promises of the ports, in memory and in a file; so does Postgres.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use tempfile::TempDir;
use vestibule_domain::ports::{AddUserError, Backend, Sessions, Users};
use vestibule_domain::{Outage, contract};
use vestibule_sql::{
    Options, Sql, SqlAttempts, SqlEmails, SqlInvitations, SqlLinks, SqlOutbox, SqlSessions,
    SqlTurns, SqlUsers, pending_migrations,
};

#[cfg(feature = "servers")]
#[path = "../../vestibule/tests/containers.rs"]
mod containers;
#[path = "contract/events.rs"]
mod events;
#[path = "contract/flask.rs"]
mod flask;
#[cfg(feature = "servers")]
#[path = "contract/postgres.rs"]
mod postgres;
#[path = "contract/transfer.rs"]
mod transfer;

const OPTIONS: Options = Options {
    pool_size: 8,
    connect_timeout: Duration::from_secs(10),
    acquire_timeout: Duration::from_secs(5),
    answer_timeout: Duration::from_secs(5),
};

async fn connect(url: &str) -> Result<Sql, Outage> {
    Sql::connect(url, &OPTIONS).await
}

async fn memory() -> Sql {
    let sql = connect("sqlite::memory:").await.unwrap();
    sql.migrate().await.unwrap();
    sql
}

/// A database in a file, in a folder that is yet to be made.
async fn file() -> (Sql, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/er/vestibule.db");
    let sql = connect(&format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .unwrap();
    sql.migrate().await.unwrap();
    (sql, folder)
}

#[tokio::test]
async fn sqlite_keeps_the_users_contract() {
    contract::users(&SqlUsers(memory().await)).await;
    let (sql, _folder) = file().await;
    contract::users(&SqlUsers(sql)).await;
}

#[tokio::test]
async fn sqlite_keeps_the_sessions_contract() {
    let (on_disk, _folder) = file().await;
    for sql in [memory().await, on_disk] {
        keeps_the_sessions_contract(sql).await;
    }
}

#[tokio::test]
async fn sqlite_keeps_the_attempts_contract() {
    let (on_disk, _folder) = file().await;
    for sql in [memory().await, on_disk] {
        contract::attempts(&SqlAttempts(sql)).await;
    }
    contract::forgotten_attempts(&SqlAttempts(memory().await)).await;
}

#[tokio::test]
async fn sqlite_keeps_the_invitations_contract() {
    let (on_disk, _folder) = file().await;
    for sql in [memory().await, on_disk] {
        keeps_the_invitations_contract(sql).await;
    }
}

async fn keeps_the_invitations_contract(sql: Sql) {
    contract::invitations(&SqlUsers(sql.clone()), &SqlInvitations(sql)).await;
}

#[tokio::test]
async fn sqlite_keeps_the_turns_contract() {
    let (on_disk, _folder) = file().await;
    for sql in [memory().await, on_disk] {
        keeps_the_turns_contract(&sql, &sql).await;
    }
}

async fn keeps_the_turns_contract(one: &Sql, other: &Sql) {
    let (one, other) = (SqlTurns::new(one.clone()), SqlTurns::new(other.clone()));
    contract::turns(&one, &other).await;
}

#[tokio::test]
async fn sqlite_keeps_the_contracts_of_mail() {
    let (emails, links, outbox) = (file().await, file().await, file().await);
    keep_the_contracts_of_mail([&emails.0, &links.0, &outbox.0]).await;
    let [emails, links, outbox] = [memory().await, memory().await, memory().await];
    keep_the_contracts_of_mail([&emails, &links, &outbox]).await;
}

/// Give them three empty databases.
async fn keep_the_contracts_of_mail([emails, links, outbox]: [&Sql; 3]) {
    let users = |sql: &Sql| SqlUsers(sql.clone());
    contract::emails(
        &users(emails),
        &SqlEmails(emails.clone()),
        &SqlOutbox(emails.clone()),
    )
    .await;
    contract::links(&users(links), &SqlLinks(links.clone())).await;
    contract::outbox(&users(outbox), &SqlOutbox(outbox.clone())).await;
}

async fn keeps_the_sessions_contract(sql: Sql) {
    let (ada, bob) = (contract::user("ada"), contract::user("bob"));
    for user in [&ada, &bob] {
        SqlUsers(sql.clone()).add(user).await.unwrap();
    }
    let sessions = SqlSessions(sql);
    contract::expired_sessions(&sessions, ada.id).await;
    contract::own_sessions(&sessions, ada.id, bob.id).await;
    sessions.end_all(bob.id).await.unwrap();
    contract::sessions(&sessions, ada.id, bob.id).await;
    contract::ending_all_in_the_middle(&sessions, ada.id, 300).await;
}

#[tokio::test]
async fn the_schema_goes_up_down_and_up() {
    let (sql, _folder) = file().await;
    up_down_and_up(sql).await;
}

async fn up_down_and_up(sql: Sql) {
    let ada = contract::user("ada");
    SqlUsers(sql.clone()).add(&ada).await.unwrap();
    sql.unmake().await.unwrap();
    assert!(sql.ping().await.is_err(), "nothing is left");
    sql.migrate().await.unwrap();
    let users = SqlUsers(sql);
    assert_eq!(users.find(ada.id).await.unwrap(), None);
    contract::users(&users).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_migrate_at_once_one_does() {
    for _ in 0..10 {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display());
        migrate_at_once(&url).await;
    }
}

/// Each pool stands for a process.
async fn migrate_at_once(url: &str) {
    // Making the file and its journal is not what this is about.
    let first = connect(url).await.unwrap();
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let url = url.to_owned();
            tokio::spawn(async move { connect(&url).await?.migrate().await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    assert_eq!(pending_migrations(url, &OPTIONS).await.unwrap(), 0);
    first.ping().await.unwrap();
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    let (sql, _folder) = file().await;
    sql.migrate().await.unwrap();
}

#[tokio::test]
async fn looking_for_migrations_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let all = pending_migrations(&url, &OPTIONS).await.unwrap();
    assert!(all > 0 && !path.exists());

    // An empty file is an empty database.
    std::fs::write(&path, "").unwrap();
    assert_eq!(pending_migrations(&url, &OPTIONS).await.unwrap(), all);
    assert_eq!(std::fs::read(&path).unwrap(), b"");

    let sql = connect(&url).await.unwrap();
    sql.migrate().await.unwrap();
    assert_eq!(pending_migrations(&url, &OPTIONS).await.unwrap(), 0);

    let without = format!("sqlite://{}/none.db", folder.path().display());
    assert!(pending_migrations(&without, &OPTIONS).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v.db");
    let sql = connect(&format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .unwrap();
    sql.migrate().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 3, "the database, its log, its index");
    for file in files {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_database_without_a_schema_is_not_ready() {
    let sql = connect("sqlite::memory:").await.unwrap();
    assert!(sql.ping().await.is_err());
    sql.migrate().await.unwrap();
    sql.ping().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_an_outage() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "a shopping list, much longer than the header of a database. ".repeat(50),
    )
    .unwrap();
    let here = folder.path().display();
    for url in [
        format!("sqlite://{here}/missing.db"),
        format!("sqlite://{here}?mode=rwc"),
        format!("sqlite://{here}/text.db?mode=rwc"),
        format!("sqlite://{here}/text.db/below.db?mode=rwc"),
        format!("sqlite://{here}/x.db?mode=odd"),
    ] {
        assert!(connect(&url).await.is_err(), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_claim_a_name_at_once_one_gets_it() {
    let (sql, _folder) = file().await;
    one_gets_it(sql).await;
}

async fn one_gets_it(sql: Sql) {
    let claims: Vec<_> = (0..50)
        .map(|_| {
            let users = SqlUsers(sql.clone());
            tokio::spawn(async move { users.add(&contract::user("ada")).await })
        })
        .collect();
    let mut winners = 0;
    for claim in claims {
        match claim.await.unwrap() {
            Ok(()) => winners += 1,
            Err(AddUserError::UsernameTaken) => {}
            Err(e) => panic!("{e:?}"),
        }
    }
    assert_eq!(winners, 1);
}

/// Two pools on one file stand for two processes.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_the_file_locked() {
    let (migrated, folder) = file().await;
    drop(migrated);
    let path = folder.path().join("deep/er/vestibule.db");
    let url = format!("sqlite://{}", path.display());
    // How long each waits for its turn depends on the disk.
    let patient = Options {
        answer_timeout: Duration::from_mins(1),
        acquire_timeout: Duration::from_mins(1),
        ..OPTIONS
    };
    let (one, two) =
        tokio::try_join!(Sql::connect(&url, &patient), Sql::connect(&url, &patient)).unwrap();
    let writes: Vec<_> = (0..400)
        .map(|n| {
            let users = SqlUsers(if n % 2 == 0 { one.clone() } else { two.clone() });
            tokio::spawn(async move {
                let user = contract::user(&format!("user{n}"));
                users.add(&user).await.unwrap();
                users.find(user.id).await.unwrap().unwrap()
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
}
