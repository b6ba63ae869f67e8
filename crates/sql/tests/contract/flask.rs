//! A Flask tutorial's file is read as it is, and left as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, raw_sql};
use tempfile::TempDir;
use vestibule_sql::flask::{FlaskError, FlaskUser, FlaskUsers, Unreadable};

/// As Flask-SQLAlchemy makes it.
const TABLE: &str = "CREATE TABLE user (id INTEGER NOT NULL, username VARCHAR(80) NOT NULL, \
                     password_hash VARCHAR(255), PRIMARY KEY (id), UNIQUE (username));";

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    raw_sql(sql).execute(connection).await.unwrap();
}

/// A file that `sql` made, and nobody has open.
async fn made(sql: &str) -> (PathBuf, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("site's #1.db");
    let mut connection = open(&path).await;
    run(&mut connection, sql).await;
    connection.close().await.unwrap();
    (path, folder)
}

async fn all(path: &Path) -> Result<Vec<FlaskUser>, FlaskError> {
    let mut users = FlaskUsers::open(path).await?;
    let mut all = Vec::new();
    loop {
        let page = users.page().await?;
        if page.is_empty() {
            assert_eq!(users.count(), all.len() as u64);
            return Ok(all);
        }
        all.extend(page);
    }
}

fn user(id: i64, name: &str, hash: &str) -> FlaskUser {
    FlaskUser {
        id,
        shown: name.to_owned(),
        account: Ok((name.to_owned(), hash.to_owned())),
    }
}

/// Every file in the folder of `path`.
fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[tokio::test]
async fn every_tutorials_table_is_found() {
    for table in [
        "CREATE TABLE user (id INTEGER PRIMARY KEY, username TEXT, password TEXT)",
        "CREATE TABLE User (ID INTEGER PRIMARY KEY, email TEXT, Username TEXT, Password_Hash TEXT)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, password_hash TEXT)",
        "CREATE TABLE user (id INTEGER PRIMARY KEY); CREATE TABLE users (id INT, username TEXT, password TEXT)",
        "CREATE TABLE user (id INTEGER PRIMARY KEY, username TEXT, password_hash TEXT, password TEXT DEFAULT 'plain')",
    ] {
        let (name, rest) = table
            .rsplit_once("CREATE TABLE ")
            .unwrap()
            .1
            .split_once(' ')
            .unwrap();
        let hash = if rest.to_lowercase().contains("password_hash") {
            "password_hash"
        } else {
            "password"
        };
        let row =
            format!("{table}; INSERT INTO {name} (id, username, {hash}) VALUES (7, 'ada', 'hash')");
        let (path, _folder) = made(&row).await;
        assert_eq!(
            all(&path).await.unwrap(),
            [user(7, "ada", "hash")],
            "{table}"
        );
    }
}

#[tokio::test]
async fn pages_leave_nobody_out() {
    let (path, _folder) = made(&format!(
        "{TABLE} WITH RECURSIVE n(i) AS (SELECT -7 UNION ALL SELECT i + 3 FROM n WHERE i < 4500) \
         INSERT INTO user SELECT i, 'user' || i, 'hash' || i FROM n; \
         INSERT INTO user VALUES (9223372036854775807, 'last', 'hash');\
         INSERT INTO user VALUES (-9223372036854775808, 'first', 'hash');"
    ))
    .await;
    let users = all(&path).await.unwrap();
    assert_eq!(users.len(), 1506);
    assert!(users.is_sorted_by_key(|user| user.id));
    assert_eq!(users[8], user(14, "user14", "hash14"));
}

#[tokio::test]
async fn odd_rows_are_named_and_break_nothing() {
    let (path, _folder) = made(
        "CREATE TABLE user (id INTEGER PRIMARY KEY, username, password_hash);
         INSERT INTO user VALUES (1, NULL, 'hash'), (2, 'bob', NULL), (3, x'00ff', 'hash'), (4, 44, 'hash'),
         (5, CAST(x'616461ff' AS TEXT), 'hash'), (6, 'a' || char(0) || 'b', 'hash'),
         (7, 'ada', CAST(x'ff' AS TEXT)), (8, 'ada', 5.5), (9, char(27) || '[2J' || char(8238) || '\"', 'hash'),
         (10, hex(zeroblob(5000000)), 'hash'), (11, 'ada', hex(zeroblob(513))), (12, '', ''),
         (13, 'josé', 'hash')",
    )
    .await;
    let rows: Vec<_> = all(&path)
        .await
        .unwrap()
        .into_iter()
        .map(|row| {
            let account = row.account.map(|(name, _)| name);
            (row.id, row.shown, account)
        })
        .collect();
    let name = Unreadable::NoText("username");
    let hash = Unreadable::NoText("password hash");
    let ok = |name: &str| Ok(name.to_owned());
    for (row, (id, shown, account)) in rows.iter().zip([
        (1, "", Err(name)),
        (2, "bob", Err(hash)),
        (3, "\\x00\\xff", Err(name)),
        (4, "44", Err(name)),
        (5, "ada\\xff", Err(Unreadable::NotUtf8("username"))),
        (6, "a\\0b", ok("a\0b")),
        (7, "ada", Err(Unreadable::NotUtf8("password hash"))),
        (8, "ada", Err(hash)),
        (9, "\\u{1b}[2J\\u{202e}\\\"", ok("\u{1b}[2J\u{202e}\"")),
        (
            10,
            &*format!("{}...", "0".repeat(64)),
            Err(Unreadable::TooLong("username")),
        ),
        (11, "ada", Err(Unreadable::TooLong("password hash"))),
        (12, "", ok("")),
        (13, "josé", ok("josé")),
    ]) {
        assert_eq!(*row, (id, shown.to_owned(), account));
    }
    assert_eq!(rows.len(), 13);
    assert_eq!(name.to_string(), "Its username is no text.");
}

#[tokio::test]
async fn what_is_no_tutorials_file_is_told_in_words() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.db"), "").unwrap();
    fs::write(at("text.db"), "a shopping list. ".repeat(500)).unwrap();
    fs::write(at("cut.db"), "SQLite format 3\0").unwrap();
    let (other, _a) = made("CREATE TABLE post (id INTEGER PRIMARY KEY)").await;
    let (view, _b) =
        made("CREATE VIEW user AS SELECT 1 AS id, 'a' AS username, 'b' AS password").await;
    let (columns, _c) = made("CREATE TABLE user (id INTEGER PRIMARY KEY, email TEXT)").await;
    let (wide, _d) = made(&format!("PRAGMA encoding = 'UTF-16le'; {TABLE}")).await;
    let (broken, _e) = made(TABLE).await;
    let mut bytes = fs::read(&broken).unwrap();
    bytes[100..].fill(0x55);
    fs::write(&broken, bytes).unwrap();
    for (path, words) in [
        (at("missing.db"), "is not there"),
        (at("no/folder.db"), "is not there"),
        (folder.path().to_owned(), "is no SQLite database"),
        (at("text.db"), "is no SQLite database"),
        (at("cut.db"), "is no SQLite database"),
        (broken, "is no SQLite database"),
        (at("empty.db"), "has no table `user`"),
        (other, "has no table `user`"),
        (view, "has no table `user`"),
        (
            columns,
            "has a table `user` without the columns id, username and password_hash or password",
        ),
        (
            wide,
            "keeps its text in UTF-16le, and only UTF-8 can be read",
        ),
    ] {
        let said = all(&path).await.unwrap_err().to_string();
        assert_eq!(said, words, "{}", path.display());
    }
    assert!(!at("missing.db").exists());
}

#[tokio::test]
async fn the_file_is_not_touched_and_nothing_is_left_beside_it() {
    for mode in ["DELETE", "WAL"] {
        let (path, _folder) = made(&format!(
            "PRAGMA journal_mode = {mode}; {TABLE} INSERT INTO user VALUES (1, 'ada', 'hash')"
        ))
        .await;
        let before = files(&path);
        assert_eq!(before.len(), 1);
        let read = all(&path).await.unwrap();
        assert_eq!(read, [user(1, "ada", "hash")]);
        assert!(files(&path) == before, "{mode}");
    }
}

#[tokio::test]
async fn a_file_in_use_is_read_as_far_as_it_was_committed() {
    for mode in ["DELETE", "WAL"] {
        let (path, _folder) = made(&format!("PRAGMA journal_mode = {mode}; {TABLE}")).await;
        let mut theirs = open(&path).await;
        run(&mut theirs, "INSERT INTO user VALUES (1, 'ada', 'hash')").await;
        run(
            &mut theirs,
            "BEGIN IMMEDIATE; INSERT INTO user VALUES (2, 'bob', 'hash')",
        )
        .await;
        let read = all(&path).await.unwrap();
        assert_eq!(read, [user(1, "ada", "hash")], "{mode}");
        run(&mut theirs, "COMMIT").await;
        assert_eq!(all(&path).await.unwrap().len(), 2);
        theirs.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_somebody_starts_to_write_to_meanwhile_is_not_trusted() {
    let (path, _folder) = made(&format!("PRAGMA journal_mode = WAL; {TABLE}")).await;
    let mut users = FlaskUsers::open(&path).await.unwrap();
    let mut theirs = open(&path).await;
    run(&mut theirs, "INSERT INTO user VALUES (1, 'ada', 'hash')").await;
    let outcome = users.page().await;
    assert!(matches!(outcome, Err(FlaskError::Changed)), "{outcome:?}");
}
