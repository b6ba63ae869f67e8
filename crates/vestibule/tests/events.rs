//! What matters to security is kept, once each, and found by the code on the page.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rocket::http::{ContentType, Header, Status};
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::ExposeSecret;
use tempfile::TempDir;
use vestibule::{Config, Recorder};
use vestibule_domain::{Kept, RequestId};
use vestibule_sql::{Sql, SqlEvents};

use crate::app::{Answer, App, PASSWORD, cheap};
use crate::http::Person;
use crate::raw::{Raw, get};
use crate::server::{Server, program, signal};

/// The app on a file, and the events that it keeps there.
struct Scene {
    app: App,
    kept: SqlEvents,
    _folder: TempDir,
}

impl Scene {
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = cheap();
        if config.database.url.expose_secret().starts_with("sqlite") {
            config.database.url =
                format!("sqlite://{}/v.db?mode=rwc", folder.path().display()).into();
        }
        change(&mut config);
        let app = App::with(&config).await;
        let url = config.database.url.expose_secret();
        let sql = Sql::connect(url, &config.database.options()).await.unwrap();
        Self {
            app,
            kept: SqlEvents(sql),
            _folder: folder,
        }
    }

    /// What is kept of the request that this answers.
    async fn of(&self, answer: &Answer) -> Vec<Kept> {
        let recorder = self.app.client.rocket().state::<Arc<Recorder>>().unwrap();
        recorder.settled().await;
        let id = RequestId::parse(answer.header("x-request-id").unwrap()).unwrap();
        self.kept.of_request(id).await.unwrap()
    }

    /// The one event of a request: its kind and its reason.
    async fn one(&self, answer: &Answer) -> (String, String) {
        let events = self.of(answer).await;
        assert_eq!(events.len(), 1, "{events:?}");
        let reason = events[0].facts.get("reason").cloned();
        (events[0].kind.clone(), reason.unwrap_or_default())
    }
}

#[rocket::async_test]
async fn each_refused_form_is_kept_once_with_its_reason() {
    let scene = Scene::with(|_| {}).await;
    let mut visitor = scene.app.visitor();
    let csrf = visitor.get("/login").await.csrf();
    let form = scene
        .app
        .client
        .post("/login")
        .header(ContentType::Form)
        .header(Header::new("Sec-Fetch-Site", "cross-site"))
        .remote("203.0.113.7:4711".parse().unwrap());
    let answer = visitor.send(form).await;
    assert_eq!(answer.status, Status::Forbidden);
    let events = scene.of(&answer).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].kind, "malicious_csrf");
    assert_eq!(events[0].address.as_deref(), Some("203.0.113.7"));
    assert_eq!(events[0].facts["path"], "/login");
    let code = answer.header("x-request-id").unwrap();
    assert!(answer.body.contains(code), "the page shows the code");

    let answer = visitor.post("/login", &[("csrf", "made up")]).await;
    assert_eq!(scene.one(&answer).await.0, "malicious_csrf");
    let fields = [("csrf", csrf.as_str()), ("odd", "canary")];
    let answer = visitor.post("/login", &fields).await;
    assert_eq!(scene.one(&answer).await.0, "input_validation_fail");
    let big = "x".repeat(20_000);
    let answer = visitor.post("/login", &[("csrf", &big)]).await;
    assert_eq!(
        scene.one(&answer).await,
        ("input_validation_fail".into(), "it is too large".into())
    );
    let form = scene.app.client.post("/login").header(ContentType::JSON);
    let answer = visitor.send(form).await;
    assert_eq!(
        scene.one(&answer).await,
        (
            "input_validation_fail".into(),
            "its content type is not a form's".into()
        )
    );
}

#[rocket::async_test]
async fn a_session_s_end_is_kept_and_so_is_its_use_afterwards() {
    let scene = Scene::with(|_| {}).await;
    let mut ada = scene.app.member("ada").await;
    let mut copy = ada.clone();
    let answer = ada.logout().await;
    assert_eq!(
        scene.one(&answer).await,
        ("session_expired".into(), "signed out".into())
    );
    let answer = copy.get("/dashboard").await;
    let (kind, _) = scene.one(&answer).await;
    assert_eq!(kind, "session_use_after_expire");

    let mut bob = scene.app.member("bob").await;
    assert!(scene.of(&bob.get("/dashboard").await).await.is_empty());
    scene.app.pass(std::time::Duration::from_hours(2));
    let answer = bob.get("/dashboard").await;
    assert_eq!(
        scene.one(&answer).await,
        ("session_expired".into(), "expired".into())
    );
}

#[rocket::async_test]
async fn a_registration_where_there_is_none_is_kept() {
    let scene =
        Scene::with(|config| config.registration.mode = vestibule_domain::Registration::Closed)
            .await;
    let mut visitor = scene.app.visitor();
    let csrf = visitor.get("/login").await.csrf();
    let fields = [("username", "ada"), ("password", PASSWORD), ("csrf", &csrf)];
    let answer = visitor.post("/register", &fields).await;
    assert_eq!(answer.status, Status::Forbidden);
    assert_eq!(scene.one(&answer).await.0, "authz_fail");
}

/// Whether it succeeded, and all that it said.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program(folder, &[]).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn the_code_on_the_page_is_explained_and_what_is_edited_is_found() {
    let folder = TempDir::new().unwrap();
    let log = [
        ("VESTIBULE_LOG__FORMAT", "json"),
        ("VESTIBULE_LOG__LEVEL", "debug"),
    ];
    let server = Server::run(program(folder.path(), &log));
    let mut eve = Person::at(&server.url);
    let canary = "canary birds sing at 4";
    let fields = [("username", "eve"), ("password", canary), ("odd", "x")];
    let page = eve.submit("/login", &fields).await.unwrap();
    assert_eq!(page.status, 422);
    let code = page.header("x-request-id").to_owned();
    assert!(page.body.contains(&code), "{}", page.body);
    let token = eve.cookie();
    signal(server.pid(), "TERM");
    let (_, log) = server.wait();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line["level"].is_string() && line["target"].is_string());
    }
    assert!(log.contains(&code) && log.contains("input_validation_fail"));
    let (_, token) = token.split_once('=').unwrap();

    let (status, said) = run(folder.path(), &["explain", &code.to_uppercase()]);
    assert_eq!(status, Some(0), "{said}");
    for words in [
        "input_validation_fail",
        "127.0.0.1",
        "a field is missing, or unknown",
    ] {
        assert!(said.contains(words), "{said}");
    }
    for secret in [canary, "canary+birds", token] {
        assert!(!log.contains(secret) && !said.contains(secret), "{log}");
        for file in fs::read_dir(folder.path().join("data")).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in the database");
        }
    }
    let (status, said) = run(folder.path(), &["explain", "0000-0000-0000-0000"]);
    assert_eq!(status, Some(1), "{said}");
    let (status, said) = run(folder.path(), &["explain", "what?"]);
    assert_eq!(status, Some(1), "{said}");

    let (status, said) = run(folder.path(), &["audit", "verify"]);
    assert_eq!(status, Some(0), "{said}");
    let head = said
        .lines()
        .find_map(|line| line.strip_prefix("Head "))
        .unwrap();
    let (status, again) = run(folder.path(), &["audit", "verify", "--head", head]);
    assert_eq!(status, Some(0), "{again}");
    let url = format!(
        "sqlite://{}",
        folder.path().join("data/vestibule.db").display()
    );
    let by_hand = Database::connect(url).await.unwrap();
    let edit = "UPDATE events SET address = '203.0.113.9' WHERE kind = 'input_validation_fail'";
    by_hand.execute_unprepared(edit).await.unwrap();
    let find = "SELECT seq FROM events WHERE kind = 'input_validation_fail'";
    let find = Statement::from_string(sea_orm::DbBackend::Sqlite, find);
    let row = by_hand.query_one_raw(find).await.unwrap().unwrap();
    let seq: i64 = row.try_get("", "seq").unwrap();
    let (status, said) = run(folder.path(), &["audit", "verify"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("row {seq}: changed")), "{said}");
}

/// Before any page has seen it, and behind a proxy where there is one.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_at_the_door_is_explained() {
    let folder = TempDir::new().unwrap();
    let limits = [
        ("VESTIBULE_SERVER__BODY_TIMEOUT", "300ms"),
        ("VESTIBULE_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "1"),
        ("VESTIBULE_SERVER__TRUSTED_PROXIES", "127.2.0.0/16"),
    ];
    let server = Server::run(program(folder.path(), &limits));
    let post =
        "POST /login HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\nContent-Length: ";
    let filler = "a".repeat(16 << 10);
    // What was read of a head names the client. Each has a proxy of its own, since one has one place.
    let client = Some("203.0.113.7");
    let mut told = Vec::new();
    for (n, (request, status, reason, address)) in [
        ("canary\r\n\r\n".into(), 400, "it cannot be read", None),
        (
            post.replace("POST", "CANARY") + "0\r\n\r\n",
            400,
            "it cannot be read",
            client,
        ),
        (
            format!("{post}9\r\n\r\ncanary"),
            408,
            "it did not arrive in time",
            client,
        ),
        (
            format!("{post}99999999\r\n\r\ncanary"),
            413,
            "it is too large",
            client,
        ),
        (
            get(&format!("/canary{}", &filler[..9 << 10]), ""),
            414,
            "its target is too long",
            None,
        ),
        (
            get("/", &format!("X: canary{filler}\r\n")),
            431,
            "its head is too long",
            None,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let proxy = format!("127.2.0.{}", n + 1);
        let mut raw = Raw::from(&proxy, &server).await;
        raw.send(request).await.unwrap();
        let answer = raw.answer().await;
        assert_eq!(answer.status.code, status, "{reason}");
        let address = address.map_or(proxy, str::to_owned);
        told.push((answer, ["input_validation_fail", reason], address));
    }
    let _there = Raw::from("127.1.0.1", &server).await;
    let answer = Raw::from("127.1.0.1", &server).await.answer().await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    let words = ["excess_rate_limit_exceeded", "connections"];
    told.push((answer, words, "127.1.0.1".to_owned()));

    signal(server.pid(), "TERM");
    let (_, log) = server.wait();
    assert!(!log.to_lowercase().contains("canary"), "{log}");
    for (answer, words, address) in told {
        let code = answer.header("x-request-id").unwrap();
        assert!(answer.body.contains(code), "the page shows the code");
        let (status, said) = run(folder.path(), &["explain", code]);
        assert_eq!(status, Some(0), "{said}");
        for word in words.into_iter().chain([address.as_str()]) {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(said.matches("  address ").count(), 1, "once: {said}");
    }
}

/// A table of the documentation has exactly the kinds that there are.
#[test]
fn each_event_is_in_the_documentation() {
    let text = include_str!("../../../docs/events.md");
    let mut told: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let mut there = vestibule_domain::EventKind::ALL.map(vestibule_domain::EventKind::as_str);
    told.sort_unstable();
    there.sort_unstable();
    assert_eq!(told, there);
}

#[rocket::async_test]
async fn each_outcome_of_a_registration_and_a_login_is_kept_once() {
    let scene = Scene::with(|config| config.throttle.free = 2).await;
    let kinds = async |answer: &Answer| {
        let events = scene.of(answer).await;
        let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
        let users: Vec<_> = events.iter().map(|event| event.user.is_some()).collect();
        (kinds, users)
    };
    let mut ada = scene.app.visitor();
    let answer = ada.register("ada", PASSWORD).await;
    let expected = ["user_created", "session_created"].map(str::to_owned);
    assert_eq!(kinds(&answer).await, (expected.to_vec(), vec![true, true]));

    let wrong = "nine wet sparrows ham";
    for (name, password, expected, has_user) in [
        ("ada", wrong, vec!["authn_login_fail"], true),
        (
            "ada",
            PASSWORD,
            vec!["session_created", "authn_login_successafterfail"],
            true,
        ),
        (
            "ada",
            PASSWORD,
            vec!["session_created", "authn_login_success"],
            true,
        ),
        ("eve", wrong, vec!["authn_login_fail"], false),
        ("eve", wrong, vec!["authn_login_fail"], false),
        ("eve", wrong, vec!["authn_login_fail_max"], false),
    ] {
        let answer = scene.app.visitor().login(name, password).await;
        let (kinds, users) = kinds(&answer).await;
        assert_eq!(kinds, expected, "{name}");
        assert!(users.iter().all(|user| *user == has_user), "{name}");
    }
}

/// An error page's code leads to what was wrong.
#[tokio::test]
async fn the_code_on_an_error_page_is_beside_the_fault_in_the_log() {
    let folder = TempDir::new().unwrap();
    let log = [("VESTIBULE_LOG__FORMAT", "json")];
    let server = Server::run(program(folder.path(), &log));
    let mut ada = Person::at(&server.url);
    ada.get("/login").await.unwrap();
    // What is asked for first stays in memory.
    let database = folder.path().join("data/vestibule.db");
    let by_hand = Database::connect(format!("sqlite://{}", database.display()));
    let rename = "ALTER TABLE users RENAME TO gone";
    by_hand
        .await
        .unwrap()
        .execute_unprepared(rename)
        .await
        .unwrap();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let page = ada.submit("/login", &fields).await.unwrap();
    assert_eq!(page.status, 503);
    let code = page.header("x-request-id").to_owned();
    assert!(page.body.contains(&code) && !page.body.contains("users"));
    signal(server.pid(), "TERM");
    let (_, log) = server.wait();
    let line = log.lines().find(|line| line.contains(&code)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "error");
    assert!(
        line["message"].as_str().unwrap().contains("no such table"),
        "{line}"
    );
}

#[rocket::async_test]
async fn what_people_do_about_their_own_account_is_kept() {
    let scene = Scene::with(|_| {}).await;
    let mut ada = scene.app.member("ada").await;
    let fields = [
        ("old", "ten dry sparrows hum"),
        ("new", "seven dry herons whistle"),
    ];
    let wrong = ada.submit("/account/password", &fields).await;
    assert_eq!(
        wrong.code(),
        wrong.header("x-request-id").map(str::to_owned)
    );
    let events = scene.of(&wrong).await;
    assert_eq!(kinds(&events), ["authn_password_change_fail"]);
    assert_eq!(events[0].facts["wrong_in_a_row"], "1");

    let fields = [("old", PASSWORD), ("new", "seven dry herons whistle")];
    let right = ada.submit("/account/password", &fields).await;
    let events = scene.of(&right).await;
    assert_eq!(kinds(&events), ["authn_password_change", "session_created"]);
    assert!(events.iter().all(|event| event.user == events[0].user));
    assert!(events[0].user.is_some());

    let csrf = ada.get("/dashboard").await.csrf();
    let fields = [("session", "others"), ("csrf", csrf.as_str())];
    let ended = ada.post("/account/sessions", &fields).await;
    let (kind, reason) = scene.one(&ended).await;
    assert_eq!(kind, "session_expired");
    assert_eq!(reason, "all others ended by their owner");
}

fn kinds(events: &[Kept]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}
