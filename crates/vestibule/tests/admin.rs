//! Looking after accounts from the command line, while the program serves.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::app::PASSWORD;
use crate::http::{Page, Person};
use crate::server::{Server, program};

/// A server, and whoever runs it.
pub(crate) struct Operator {
    pub(crate) server: Server,
    folder: TempDir,
    variables: &'static [(&'static str, &'static str)],
}

impl Operator {
    fn new() -> Self {
        Self::with(&[])
    }

    /// Where these variables are set as well, for the server and for commands.
    pub(crate) fn with(variables: &'static [(&'static str, &'static str)]) -> Self {
        let (server, folder) = Server::start_afresh(variables);
        Self {
            server,
            folder,
            variables,
        }
    }

    /// Runs a command beside the server; its exit code, and what it printed on standard output and error.
    pub(crate) fn runs(&self, command: &str) -> (Option<i32>, String, String) {
        let mut program = self.server.beside(self.folder.path(), self.variables);
        let Output {
            status,
            stdout,
            stderr,
        } = program.args(command.split(' ')).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }

    /// The same, where it has to work.
    pub(crate) fn says(&self, command: &str) -> String {
        let (code, said, errors) = self.runs(command);
        assert_eq!(code, Some(0), "{command}: {errors}");
        said
    }

    pub(crate) fn says_json(&self, command: &str) -> Value {
        let said = self.says(&format!("{command} --json"));
        assert_eq!(said.lines().count(), 1, "{said}");
        serde_json::from_str(&said).unwrap()
    }

    /// What is kept of the request that `page` answers: a moment later it is.
    pub(crate) fn explains(&self, page: &Page) -> String {
        let begin = Instant::now();
        loop {
            let command = format!("explain {}", page.header("X-Request-Id"));
            let (code, said, errors) = self.runs(&command);
            if code == Some(0) {
                return said;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{errors}");
        }
    }

    /// The same, where it has to refuse.
    pub(crate) fn is_told(&self, command: &str) -> String {
        let (code, said, errors) = self.runs(command);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{command}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        errors
    }

    pub(crate) fn visitor(&self) -> Person {
        Person::at(&self.server.url)
    }

    async fn member(&self, username: &str) -> Person {
        let mut person = self.visitor();
        let fields = [("username", username), ("password", PASSWORD)];
        let page = person.submit("/register", &fields).await.unwrap();
        assert_eq!(page.status, 303, "{}", page.body);
        person
    }

    async fn login(&self, username: &str, password: &str) -> u16 {
        let fields = [("username", username), ("password", password)];
        let page = self.visitor().submit("/login", &fields).await;
        page.unwrap().status
    }
}

async fn is_in(person: &mut Person) -> bool {
    person.get("/dashboard").await.unwrap().status == 200
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_told_no_more_than_a_stranger() {
    let operator = Operator::new();
    let mut ada = operator.member("ada").await;
    let mut bob = operator.member("bob").await;
    assert!(
        operator
            .says("user disable ada")
            .contains("ada is disabled")
    );
    assert!(!is_in(&mut ada).await, "on the next request");
    assert!(is_in(&mut bob).await);
    assert_eq!(operator.login("ada", PASSWORD).await, 401);
    assert_eq!(operator.login("bob", PASSWORD).await, 303);
    assert_eq!(operator.says_json("user show ada")["state"], "disabled");
    operator.says("user disable ADA");

    assert!(operator.says("user enable ada").contains("ada may sign in"));
    assert_eq!(operator.login("ada", PASSWORD).await, 303);
    assert!(!is_in(&mut ada).await, "an ended session stays ended");
    assert_eq!(operator.says_json("user show ada")["state"], "active");
}

#[tokio::test]
async fn whoever_is_invited_chooses_a_password_that_nobody_else_knows() {
    let operator = Operator::new();
    let told = operator.says("user add Grace");
    assert!(told.contains("Hand this link to grace"), "{told}");
    assert!(told.contains("once, for 7 days:"), "{told}");
    let link = told.lines().last().unwrap();
    let path = link.strip_prefix(&operator.server.url).unwrap();
    assert!(path.starts_with("/link/invite/"), "{path}");
    assert_eq!(
        operator.says_json("user show grace")["state"],
        "no password"
    );
    assert_eq!(
        operator.login("grace", PASSWORD).await,
        401,
        "there is none yet"
    );

    let mut grace = operator.visitor();
    assert_eq!(grace.get(path).await.unwrap().location(), "/reset");
    let page = grace.get("/reset").await.unwrap();
    assert!(page.body.contains("An account was made for you."));
    let weak = grace
        .submit("/reset", &[("new", "password")])
        .await
        .unwrap();
    assert_eq!(weak.status, 422);
    let done = grace.submit("/reset", &[("new", PASSWORD)]).await.unwrap();
    assert_eq!(
        (done.status, done.location()),
        (303, "/login"),
        "{}",
        done.body
    );
    assert_eq!(operator.login("grace", PASSWORD).await, 303);
    grace.get(path).await.unwrap();
    assert_eq!(grace.get("/reset").await.unwrap().status, 410, "once");

    // Nor is it good beside a newer one.
    let invited = operator.says_json("user add ada");
    operator.says("user reset-password ada");
    let old = invited["link"].as_str().unwrap();
    grace
        .get(old.strip_prefix(&operator.server.url).unwrap())
        .await
        .unwrap();
    assert_eq!(grace.get("/reset").await.unwrap().status, 410);

    assert!(operator.is_told("user add grace").contains("grace already"));
    assert!(
        operator
            .is_told("user add a")
            .contains("3 to 32 characters")
    );
    let added = operator.says_json("user add linus");
    assert!(added["link"].as_str().unwrap().contains("/link/invite/"));
}

#[tokio::test]
async fn a_password_that_is_taken_away_is_replaced_by_a_link() {
    let operator = Operator::new();
    let mut ada = operator.member("ada").await;
    let told = operator.says("user reset-password ada");
    assert!(!is_in(&mut ada).await);
    assert_eq!(operator.login("ada", PASSWORD).await, 401);
    let link = told.lines().last().unwrap();
    let path = link.strip_prefix(&operator.server.url).unwrap();
    let mut visitor = operator.visitor();
    visitor.get(path).await.unwrap();
    let fields = [("new", "seven dry herons whistle")];
    let done = visitor.submit("/reset", &fields).await.unwrap();
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(operator.login("ada", "seven dry herons whistle").await, 303);
    // A link that was made before is worth nothing once there is a newer one.
    let first = operator.says_json("user reset-password ada");
    operator.says("user reset-password ada");
    let path = first["link"].as_str().unwrap();
    visitor
        .get(path.strip_prefix(&operator.server.url).unwrap())
        .await
        .unwrap();
    assert_eq!(visitor.get("/reset").await.unwrap().status, 410);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let operator = Operator::new();
    let mut ada = operator.member("ada").await;
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let mut phone = operator.visitor();
    phone.submit("/login", &fields).await.unwrap();
    let listed = operator.says_json("session list ada");
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    let table = operator.says("session list ada");
    assert!(table.starts_with("SESSION"), "{table}");
    assert!(ids.iter().all(|id| table.contains(&id[..12])), "{table}");
    assert!(table.contains("127.0.0.1"), "{table}");

    assert!(
        operator
            .is_told("session end ada zzz")
            .contains("0 sessions of ada")
    );
    operator.says(&format!("session end ada {}", &ids[0][..12]));
    let mut left = 0;
    for person in [&mut ada, &mut phone] {
        left += u32::from(is_in(person).await);
    }
    assert_eq!(left, 1);
    operator.says("user end-sessions ada");
    assert!(!is_in(&mut ada).await && !is_in(&mut phone).await);
    assert_eq!(
        operator.says_json("session list ada"),
        serde_json::json!([])
    );
    assert_eq!(
        operator.login("ada", PASSWORD).await,
        303,
        "she may come back"
    );
}

#[tokio::test]
async fn an_account_that_is_deleted_is_gone_at_once_and_the_events_stay_whole() {
    let operator = Operator::new();
    let mut ada = operator.member("ada").await;
    let told = operator.is_told("user delete ada --confirm bob");
    assert!(told.contains("nothing was deleted"), "{told}");
    assert!(is_in(&mut ada).await);
    // What is noted is kept a moment later.
    let begin = Instant::now();
    while !operator.says("audit verify").contains(": 3 events") {
        assert!(begin.elapsed() < Duration::from_secs(20), "they are not");
    }
    operator.says("user delete ada --confirm ada");
    assert!(!is_in(&mut ada).await);
    assert_eq!(operator.login("ada", PASSWORD).await, 401);
    assert!(operator.is_told("user show ada").contains("no account"));
    let told = operator.says("audit verify");
    assert!(told.contains("The chain is whole"), "{told}");
    assert!(told.contains("whom they were about"), "{told}");
    assert!(
        operator.is_told("user add ada").contains("ada already"),
        "reserved"
    );
}

#[tokio::test]
async fn accounts_are_listed_for_people_and_for_programs() {
    let operator = Operator::new();
    assert_eq!(
        operator.says("user list").lines().count(),
        1,
        "a head alone"
    );
    operator.member("bob").await;
    operator.member("ada").await;
    operator.says("user disable bob");
    let table = operator.says("user list");
    let rows: Vec<Vec<_>> = table
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0][..2], ["USERNAME", "STATE"]);
    assert_eq!((rows[1][0], rows[1][1]), ("ada", "active"));
    assert_eq!((rows[2][0], rows[2][1]), ("bob", "disabled"));
    let listed = operator.says_json("user list");
    assert_eq!(listed[0]["username"], "ada");
    assert_eq!(listed[0]["last_login_from"], "127.0.0.1");
    assert!(listed[1]["disabled_at"].is_string());
    let shown = operator.says("user show ada");
    assert!(shown.contains("username        ada\n"), "{shown}");
    assert!(!shown.contains("argon2"), "{shown}");
    let shown = operator.says_json("user show ada");
    assert_eq!(shown["sessions"].as_array().unwrap().len(), 1);

    for command in [
        "show",
        "disable",
        "enable",
        "reset-password",
        "end-sessions",
    ] {
        let told = operator.is_told(&format!("user {command} nobody"));
        assert!(
            told.contains("no account has the username nobody"),
            "{told}"
        );
    }
    let told = operator.is_told("session list no:body");
    assert!(told.contains("letters a to z"), "{told}");
}

#[test]
fn what_nobody_else_can_see_is_not_looked_after() {
    let folder = TempDir::new().unwrap();
    let memory = [("VESTIBULE_DATABASE__URL", "sqlite::memory:")];
    let output = program(folder.path(), &memory)
        .args(["user", "list"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("is a database in memory, which nobody else can see"),
        "{said}"
    );
}
