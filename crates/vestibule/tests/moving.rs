//! The program moves accounts, and may be killed while it does.

use std::path::Path;
use std::process::{Command, Output};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, query_scalar, raw_sql};
use tempfile::TempDir;

use crate::app::PASSWORD;
use crate::http::Person;
use crate::server::{Server, program};

/// The program in `folder`, whose configured database is its `from.db`.
fn moving(folder: &Path, arguments: &[&str]) -> Command {
    let configured = [("VESTIBULE_DATABASE__URL", "sqlite://from.db?mode=rwc")];
    let mut program = program(folder, &configured);
    program.args(arguments);
    program
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    moving(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn open(folder: &Path, name: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join(name));
    options.connect().await.unwrap()
}

async fn execute(database: &mut SqliteConnection, sql: String) {
    let sql = AssertSqlSafe(sql);
    raw_sql(sql).execute(database).await.unwrap();
}

async fn count(database: &mut SqliteConnection) -> i64 {
    let count = query_scalar("SELECT count(*) FROM users");
    count.fetch_one(database).await.unwrap()
}

/// A folder with so many accounts in its `from.db`, in every state; their ids are in no order.
async fn filled(accounts: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    assert!(run(folder.path(), &["migrate"]).status.success());
    let mut from = open(folder.path(), "from.db").await;
    execute(
        &mut from,
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {accounts})
             INSERT INTO users SELECT randomblob(16), 'user' || i, 'hash' || i, '2026-11-23T12:00:00Z',
             iif(i % 2, '2026-11-24T12:00:00Z', NULL), iif(i % 3, '203.0.113.7', NULL),
             iif(i % 5, '2026-11-23T13:00:00Z', NULL), iif(i % 7, '2001:db8::7', NULL), iif(i % 11, NULL, '2026-11-25T12:00:00Z'), iif(i % 13, NULL, '2026-12-25T12:00:00Z') FROM n"
        ),
    )
    .await;
    folder
}

/// How many accounts of one file are not in the other as they are, to the letter.
async fn differing(folder: &Path) -> i64 {
    let mut from = open(folder, "from.db").await;
    let to = folder.join("to.db");
    execute(&mut from, format!("ATTACH '{}' AS target", to.display())).await;
    let differing = query_scalar(
        "SELECT count(*) FROM (SELECT * FROM (SELECT * FROM main.users EXCEPT SELECT * FROM target.users)
         UNION ALL SELECT * FROM (SELECT * FROM target.users EXCEPT SELECT * FROM main.users))",
    );
    differing.fetch_one(&mut from).await.unwrap()
}

const TO: [&str; 3] = ["move", "--to", "sqlite://to.db?mode=rwc"];

#[tokio::test]
async fn killed_in_the_middle_and_run_again_it_ends_as_if_never_killed() {
    let folder = filled(3000).await;
    // At the 1800th account that comes in, in the fourth batch, the move stands still.
    let mut schema = program(folder.path(), &[("VESTIBULE_DATABASE__URL", TO[2])]);
    assert!(schema.arg("migrate").output().unwrap().status.success());
    let mut to = open(folder.path(), "to.db").await;
    execute(
        &mut to,
        "CREATE TRIGGER still AFTER INSERT ON users WHEN (SELECT count(*) FROM users) = 1800 BEGIN \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n; END"
            .to_owned(),
    )
    .await;
    let mut process = moving(folder.path(), &TO).spawn().unwrap();
    while count(&mut to).await < 1500 {
        assert!(process.try_wait().unwrap().is_none(), "it stands still");
        tokio::task::yield_now().await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(count(&mut to).await, 1500, "three whole batches");
    execute(&mut to, "DROP TRIGGER still".to_owned()).await;

    let output = run(folder.path(), &TO);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "no bar where nobody sees it");
    let lines: Vec<_> = said.lines().collect();
    let sum = lines[1].strip_prefix("source      3000  ").unwrap();
    assert_eq!(sum.len(), 64);
    assert_eq!(lines[2], format!("target      3000  {sum}"));
    assert_eq!(
        lines[3],
        "1500 accounts were written. Sessions in the database were not moved: people sign in again."
    );
    assert_eq!(differing(folder.path()).await, 0);
}

#[tokio::test]
async fn who_moved_signs_in_with_the_same_password_and_not_with_the_old_session() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::start_bare(here.path());
    let mut ada = Person::at(&server.url);
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(ada.submit("/register", &fields).await.unwrap().status, 303);
    let bobs = [("username", "bob"), ("password", PASSWORD)];
    let bob = Person::at(&server.url).submit("/register", &bobs).await;
    assert_eq!(bob.unwrap().status, 303);
    server.kill();
    let mut delete = program(here.path(), &[]);
    delete.args(["user", "delete", "bob", "--confirm", "bob"]);
    assert!(delete.output().unwrap().status.success());
    // Times are kept to the second, and this is over in less.
    let mut from = open(here.path(), "data/vestibule.db").await;
    let sql = "UPDATE users SET last_login_at = '2020-01-01T00:00:00Z'";
    execute(&mut from, sql.to_owned()).await;

    let to = there.path().join("data/vestibule.db");
    let to = format!("sqlite://{}?mode=rwc", to.display());
    let run = || {
        program(here.path(), &[])
            .args(["move", "--to", &to])
            .output()
            .unwrap()
    };
    assert!(run().status.success());
    let server = Server::start_bare(there.path());
    ada.move_to(&server.url);
    let page = ada.get("/dashboard").await.unwrap();
    assert!(page.location().starts_with("/login"), "{}", page.location());
    let mut ada = Person::at(&server.url);
    assert_eq!(ada.submit("/login", &fields).await.unwrap().status, 303);
    let bob = Person::at(&server.url).submit("/register", &bobs).await;
    assert_eq!(bob.unwrap().status, 409, "his name is reserved there, too");
    // To move once more would undo that.
    let output = run();
    assert_eq!(
        text(&output.stderr),
        "vestibule: the target has been in use: ada signed in there later than at the source, so the source is out of date\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

/// The same as for files, where the move is held up by somebody who is about to take a name in the third batch.
#[cfg(feature = "servers")]
#[tokio::test]
async fn killed_on_its_way_to_postgres_it_ends_as_if_never_killed() {
    use sea_orm::sqlx::{Connection, PgConnection};

    let folder = filled(3000).await;
    let mut from = open(folder.path(), "from.db").await;
    let name: String = query_scalar("SELECT username FROM users ORDER BY id LIMIT 1 OFFSET 1200")
        .fetch_one(&mut from)
        .await
        .unwrap();
    let to = crate::kept::on_servers::database();
    let variables = [
        ("VESTIBULE_DATABASE__URL", to.as_str()),
        // The one that TEST_POSTGRES_URL names may be on another machine.
        ("VESTIBULE_DATABASE__ALLOW_PLAIN", "true"),
        (
            "VESTIBULE_SECRET_KEY",
            "a-key-for-tests-of-32-characters-or-more",
        ),
    ];
    let arguments = ["move", "--from", "sqlite://from.db"];
    let mut schema = program(folder.path(), &variables);
    assert!(schema.arg("migrate").output().unwrap().status.success());

    let (mut theirs, mut ours) = (
        PgConnection::connect(&to).await.unwrap(),
        PgConnection::connect(&to).await.unwrap(),
    );
    let mut claim = theirs.begin().await.unwrap();
    let sql = format!(
        "INSERT INTO users (id, username, password_hash, created_at) VALUES (gen_random_uuid(), '{name}', 'hash', now())"
    );
    raw_sql(AssertSqlSafe(sql))
        .execute(&mut *claim)
        .await
        .unwrap();
    let mut process = program(folder.path(), &variables)
        .args(arguments)
        .spawn()
        .unwrap();
    let mut seen: i64 = 0;
    while seen < 1000 {
        assert!(process.try_wait().unwrap().is_none(), "it is held up");
        let count = query_scalar("SELECT count(*) FROM users");
        seen = count.fetch_one(&mut ours).await.unwrap();
    }
    process.kill().unwrap();
    process.wait().unwrap();
    // The server may not know yet that nobody waits for the third batch, and would finish it.
    let holder: i32 = query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut *claim)
        .await
        .unwrap();
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
         AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), {holder})"
    );
    while query_scalar::<_, i64>(AssertSqlSafe(end.clone()))
        .fetch_one(&mut ours)
        .await
        .unwrap()
        > 0
    {}
    claim.rollback().await.unwrap();

    let output = program(folder.path(), &variables)
        .args(arguments)
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.contains("\n2000 accounts were written."), "{said}");
    let back = run(
        folder.path(),
        &["move", "--from", &to, "--to", "sqlite://to.db?mode=rwc"],
    );
    assert!(back.status.success(), "{}", text(&back.stderr));
    assert_eq!(differing(folder.path()).await, 0);
}

#[tokio::test]
async fn what_did_not_arrive_as_it_was_is_told() {
    let folder = filled(10).await;
    assert!(run(folder.path(), &TO).status.success());
    let mut to = open(folder.path(), "to.db").await;
    let sql = "DELETE FROM users WHERE username = 'user7'; CREATE TRIGGER theirs AFTER INSERT ON users \
               BEGIN UPDATE users SET password_hash = 'theirs' WHERE id = new.id; END";
    execute(&mut to, sql.to_owned()).await;
    let output = run(folder.path(), &TO);
    let said = text(&output.stdout);
    let sum = |side| {
        said.lines()
            .find_map(|line| line.strip_prefix(side))
            .unwrap()
    };
    assert_ne!(sum("source        10  "), sum("target        10  "));
    assert_eq!(
        text(&output.stderr),
        "vestibule: one side changed while it was copied; stop what uses it and run this again\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_refusal_is_a_sentence_and_no_password_is_in_it() {
    let folder = filled(1).await;
    for (arguments, words) in [
        (
            ["--to", "sqlite://from.db"],
            "vestibule: the source and the target are the same database\n",
        ),
        (
            ["--from", "sqlite://none.db?mode=rwc"],
            "vestibule: the source is not there: none.db\n",
        ),
        (
            ["--to", "sqlite://none.db"],
            "vestibule: the target is not there: none.db\n",
        ),
        (
            ["--to", "redis://ada:hunter2@localhost"],
            "vestibule: the target is named by something else than a sqlite: or postgres: URL\n",
        ),
    ] {
        let output = run(folder.path(), &["move", arguments[0], arguments[1]]);
        assert_eq!(text(&output.stderr), words);
        assert_eq!(text(&output.stdout), "");
        assert_eq!(output.status.code(), Some(1));
    }
    let nowhere = ["move", "--to", "postgres://ada:hunter2@127.0.0.1:1/v"];
    let impatient = [("VESTIBULE_DATABASE__CONNECT_TIMEOUT", "0s")];
    let output = moving(folder.path(), &nowhere)
        .envs(impatient)
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(
        said.starts_with("vestibule: the target cannot be used: "),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!folder.path().join("none.db").exists());
    // Nothing to move, or rather from nowhere to nowhere.
    assert_eq!(run(folder.path(), &["move"]).status.code(), Some(2));
}
