//! Passwords that are known from leaks: the built-in list, and the operator's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use rocket::http::Status;
use tempfile::TempDir;

use crate::app::{Answer, App, PASSWORD, cheap};
use crate::server::program;

/// `printf 'nine wet sparrows hum' | sha1sum`, and a hash below it, and one above.
const LIST: &str = "00000000DD4E89F6AFC8CBFA6AB30D6D7BD8D9D3:3\r\n688241CCFE0594DED4E961D9CDB31C3D83E6D3D6:12\r\nFFFFFFFEE791CBAC0F6305CAF0CEE06BBE131160:2\r\n";

fn vestibule(folder: &Path, command: &[&str], variables: &[(&str, &str)]) -> Output {
    program(folder, variables).args(command).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with `list` in it, and the breach file that the program makes of it.
fn built(list: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("list"), list).unwrap();
    let command = ["breach", "build", "list", "--output", "breach"];
    let output = vestibule(folder.path(), &command, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "breach has 3 hashes in 81 bytes.\n");
    let path = folder.path().join("breach");
    (folder, path)
}

fn assert_is_refused_as_known(answer: &Answer, password: &str) {
    assert_eq!(answer.status, Status::UnprocessableEntity, "{password}");
    let said = answer.said_of("password");
    assert!(said.contains("known from leaks"), "{said}");
    assert!(said.contains("a few words that have nothing"), "{said}");
    assert_eq!(answer.value_of("username").as_deref(), Some("ada"));
    assert_eq!(answer.value_of("password"), None);
    assert!(!answer.body.contains(password));
}

#[rocket::async_test]
async fn a_password_of_the_built_in_list_is_refused_with_the_reason_and_the_name_kept() {
    let app = App::new().await;
    for known in [
        "passwordpassword",
        "PasswordPassword",
        "1q2w3e4r5t6y7u8i",
        "PolniyPizdec0211",
        // It looks strong enough.
        "eyecandyeyecandy",
    ] {
        let mut ada = app.visitor();
        let answer = ada.register("ada", known).await;
        assert_is_refused_as_known(&answer, known);
        assert!(ada.session().is_none());
    }
    let answer = app.visitor().register("ada", PASSWORD).await;
    assert_eq!(answer.status, Status::SeeOther);
}

#[rocket::async_test]
async fn a_password_of_the_operators_file_is_refused_too() {
    let (_folder, path) = built(LIST);
    let mut config = cheap();
    config.passwords.breach_file = Some(path);
    let app = App::with(&config).await;
    let answer = app.visitor().register("ada", PASSWORD).await;
    assert_is_refused_as_known(&answer, PASSWORD);
    let answer = app.visitor().register("ada", "passwordpassword").await;
    assert_is_refused_as_known(&answer, "passwordpassword");
    let answer = app.visitor().register("ada", "Nine wet sparrows hum").await;
    assert_eq!(answer.status, Status::SeeOther, "to the letter");
}

#[rocket::async_test]
async fn while_the_file_cannot_be_read_nobody_gets_a_password_and_others_sign_in() {
    let (_folder, path) = built(LIST);
    let mut config = cheap();
    config.passwords.breach_file = Some(path.clone());
    let app = App::with(&config).await;
    let other = "seven calm otters knit";
    let answer = app.visitor().register("ada", other).await;
    assert_eq!(answer.status, Status::SeeOther);
    fs::write(path, "").unwrap();
    let answer = app.visitor().register("eve", other).await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(
        app.visitor().login("ada", other).await.status,
        Status::SeeOther
    );
}

#[test]
fn a_damaged_file_is_said_at_the_start_and_nothing_is_made() {
    let (folder, path) = built(LIST);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (_, short) = bytes.split_last().unwrap();
    fs::write(folder.path().join("short"), short).unwrap();
    for (file, words) in [
        ("breach", "its content has changed"),
        ("short", "80 bytes where 81 are right"),
        ("list", "was not made by"),
        ("none", "No such file"),
    ] {
        let variables = [("VESTIBULE_PASSWORDS__BREACH_FILE", file)];
        for command in ["check", "serve"] {
            let output = vestibule(folder.path(), &[command], &variables);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            let key = "passwords.breach_file (set by VESTIBULE_PASSWORDS__BREACH_FILE) is";
            assert!(said.contains(key) && said.contains(words), "{said}");
        }
        assert!(!folder.path().join("data").exists(), "{file}");
    }
}

#[test]
fn a_list_that_will_not_do_is_said_with_its_line_and_the_old_file_stays() {
    let (folder, path) = built(LIST);
    let before = fs::read(&path).unwrap();
    let variables = [("VESTIBULE_PASSWORDS__BREACH_FILE", "breach")];
    for (list, words) in [
        (
            LIST.lines().rev().collect::<Vec<_>>().join("\n"),
            "line 2 is not in order",
        ),
        (format!("{LIST}password"), "line 4 is not a SHA-1"),
        (String::new(), "no hash in it"),
    ] {
        fs::write(folder.path().join("list"), list).unwrap();
        let output = vestibule(folder.path(), &["breach", "build", "list"], &variables);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
    let output = vestibule(folder.path(), &["breach", "build", "list"], &[]);
    let said = text(&output.stderr);
    assert!(said.contains("neither --output nor"), "{said}");
}
