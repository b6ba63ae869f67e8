//! SQLite keeps the promises of the ports, in memory and in a file.

#![expect(clippy::unwrap_used, reason = "a test")]

use tempfile::TempDir;
use vestibule_domain::contract;
use vestibule_domain::ports::{AddUserError, Backend, Users};
use vestibule_sql::{Sql, SqlSessions, SqlUsers, pending_migrations};

async fn memory() -> Sql {
    let sql = Sql::connect("sqlite::memory:").await.unwrap();
    sql.migrate().await.unwrap();
    sql
}

/// A database in a file, in a folder that is yet to be made.
async fn file() -> (Sql, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/er/vestibule.db");
    let sql = Sql::connect(&format!("sqlite://{}?mode=rwc", path.display()))
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
        let ada = contract::user("ada");
        SqlUsers(sql.clone()).add(&ada).await.unwrap();
        contract::sessions(&SqlSessions(sql), ada.id).await;
    }
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
    let all = pending_migrations(&url).await.unwrap();
    assert!(all > 0 && !path.exists());

    // An empty file is an empty database.
    std::fs::write(&path, "").unwrap();
    assert_eq!(pending_migrations(&url).await.unwrap(), all);
    assert_eq!(std::fs::read(&path).unwrap(), b"");

    let sql = Sql::connect(&url).await.unwrap();
    sql.migrate().await.unwrap();
    assert_eq!(pending_migrations(&url).await.unwrap(), 0);

    let without = format!("sqlite://{}/none.db", folder.path().display());
    assert!(pending_migrations(&without).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v.db");
    let sql = Sql::connect(&format!("sqlite://{}?mode=rwc", path.display()))
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
    let sql = Sql::connect("sqlite::memory:").await.unwrap();
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
        assert!(Sql::connect(&url).await.is_err(), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_claim_a_name_at_once_one_gets_it() {
    let (sql, _folder) = file().await;
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
    let (one, folder) = file().await;
    let path = folder.path().join("deep/er/vestibule.db");
    let two = Sql::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
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
