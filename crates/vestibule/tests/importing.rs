//! A Flask tutorial's people come in, and sign in with the passwords that they have.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;
use vestibule_domain::Username;
use vestibule_domain::ports::Users;
use vestibule_sql::{Sql, SqlUsers};

use crate::http::Person;
use crate::server::{Server, program};

const HORSE: &str = "correct horse battery";

/// `fixtures/make_flask_db.py` made them.
fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn import(folder: &Path, file: &str) -> Output {
    let mut program = program(folder, &[]);
    program.args(["import", "--flask", file]).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The hash of an account in the database of `folder`.
async fn hash(folder: &Path, name: &str) -> String {
    let url = format!("sqlite://{}", folder.join("data/vestibule.db").display());
    let options = vestibule::Config::default().database.options();
    let users = SqlUsers(Sql::connect(&url, &options).await.unwrap());
    let username = Username::parse(name).unwrap();
    let user = users.find_by_username(&username).await.unwrap().unwrap();
    user.password.unwrap().as_str().to_owned()
}

async fn login(server: &Server, name: &str, password: &str) -> u16 {
    let fields = [("username", name), ("password", password)];
    let mut person = Person::at(&server.url);
    person.submit("/login", &fields).await.unwrap().status
}

#[tokio::test]
async fn people_of_a_tutorial_sign_in_with_the_passwords_they_have() {
    let folder = TempDir::new().unwrap();
    let output = import(folder.path(), &fixture("flask.db"));
    let said = text(&output.stdout);
    assert_eq!(
        said,
        "came in         4
there already   0
left out        6

id  name          left out because
 4  grace         Another account has the username grace.
 5  José          A username has only the letters a to z, digits, dots, dashes and underscores.
 6  al            A username has 3 to 32 characters.
 7  plain         Its password hash is of a kind, or at a cost, that is not known here.
 8  nobody        Its password hash is no text.
 9  esc\\u{1b}[2J  A username has only the letters a to z, digits, dots, dashes and underscores.
"
    );
    let complaint = text(&output.stderr);
    assert_eq!(complaint, "vestibule: some accounts were left out\n");
    assert_eq!(output.status.code(), Some(1));

    let server = Server::start_bare(folder.path());
    let people = [
        ("ada", HORSE, "scrypt:32768:8:1$"),
        ("grace", HORSE, "pbkdf2:sha256:260000$"),
        ("Dorothy", "Füße über Ærøskøbing 🐎", "scrypt:16384:8:1$"),
        // Too short for a new password here, but it is the one that its owner has.
        ("short", "dev", "pbkdf2:sha256:1000$"),
    ];
    for (name, password, kind) in people {
        assert_eq!(login(&server, name, "correct horse").await, 401, "{name}");
        let old = hash(folder.path(), name).await;
        assert!(old.starts_with(kind), "a wrong password replaces nothing");
        assert_eq!(login(&server, name, password).await, 303, "{name}");
        let new = hash(folder.path(), name).await;
        assert!(new.starts_with("$argon2id$"), "{name}");
        assert_eq!(login(&server, name, password).await, 303, "{name}, again");
        assert_eq!(login(&server, name, "correct horse").await, 401, "{name}");
        assert_eq!(hash(folder.path(), name).await, new);
    }

    let again = import(folder.path(), &fixture("flask.db"));
    let said = text(&again.stdout);
    assert!(
        said.starts_with("came in         0\nthere already   4\nleft out        6\n"),
        "{said}"
    );
    let new = hash(folder.path(), "ada").await;
    assert!(new.starts_with("$argon2id$"), "nothing was overwritten");
}

#[tokio::test]
async fn when_everybody_comes_in_all_is_well() {
    let folder = TempDir::new().unwrap();
    let output = import(folder.path(), &fixture("flaskr.db"));
    assert_eq!(
        text(&output.stdout),
        "came in         1\nthere already   0\nleft out        0\n"
    );
    assert_eq!(text(&output.stderr), "", "no bar where nobody sees it");
    assert!(output.status.success());
    let server = Server::start_bare(folder.path());
    assert_eq!(login(&server, "dev", HORSE).await, 303);
}

#[tokio::test]
async fn a_name_that_somebody_has_here_stays_theirs() {
    let folder = TempDir::new().unwrap();
    let server = Server::start_bare(folder.path());
    let theirs = "nine wet sparrows hum";
    let fields = [("username", "dev"), ("password", theirs)];
    let registered = Person::at(&server.url).submit("/register", &fields).await;
    assert_eq!(registered.unwrap().status, 303);
    let before = hash(folder.path(), "dev").await;

    // While the server runs.
    let output = import(folder.path(), &fixture("flaskr.db"));
    let said = text(&output.stdout);
    assert!(
        said.contains(" 1  dev   Another account has the username dev."),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(hash(folder.path(), "dev").await, before);
    assert_eq!(login(&server, "dev", HORSE).await, 401);
    assert_eq!(login(&server, "dev", theirs).await, 303);
}

#[test]
fn a_file_that_is_no_good_is_told_and_nothing_is_made() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("letter.db"), "Dear Ada, ".repeat(100)).unwrap();
    for (file, words) in [
        ("nowhere.db", "vestibule: nowhere.db is not there\n"),
        ("letter.db", "vestibule: letter.db is no SQLite database\n"),
    ] {
        let output = import(folder.path(), file);
        assert_eq!(text(&output.stderr), words);
        assert_eq!(text(&output.stdout), "");
        assert_eq!(output.status.code(), Some(1));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let memory = [("VESTIBULE_DATABASE__URL", "sqlite::memory:")];
    let mut program = program(folder.path(), &memory);
    let output = program
        .args(["import", "--flask", &fixture("flaskr.db")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr)
            .contains("database.url (set by VESTIBULE_DATABASE__URL) is a database in memory")
    );
}
