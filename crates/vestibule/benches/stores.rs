//! What a session check and a login cost over each kind of store, side by side: medians, each round taking every store in
//! turn, so that a noisy machine is noisy for all of them. The servers are real ones on loopback, writing to disk as in
//! production. `cargo bench --features servers --bench stores`, or `just bench`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vestibule::Config;
use vestibule_domain::ports::{Sessions, Users};
use vestibule_domain::{SessionToken, contract};
use vestibule_redis::{Address, Redis, RedisSessions};
use vestibule_sql::{Sql, SqlSessions, SqlUsers};

#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/app.rs"]
mod app;
#[path = "../tests/kept/mod.rs"]
mod kept;
#[expect(
    dead_code,
    unused_imports,
    reason = "shared with the tests, which use more of it"
)]
#[path = "../tests/stores/mod.rs"]
mod stores;

use app::{App, PASSWORD, with_token};

const ROUNDS: usize = 60;
/// Checks and pages a round: one alone is too quick for the clock.
const MANY: u32 = 50;

/// One way to keep things, with somebody signed in.
struct Kept {
    name: &'static str,
    app: App,
    cookies: std::collections::BTreeMap<String, String>,
    sessions: Arc<dyn Sessions>,
    token: SessionToken,
    checks: Vec<Duration>,
    pages: Vec<Duration>,
    logins: Vec<Duration>,
}

impl Kept {
    async fn new(name: &'static str, database: &str, sessions: Option<&str>) -> Self {
        let mut config = Config::default();
        config.database.url = database.into();
        config.sessions.url = sessions.map(Into::into);
        config.secret_key = Some("a-key-for-benches-of-32-characters".into());
        let app = App::with(&config).await;

        let sql = Sql::connect(database, &config.database.options())
            .await
            .unwrap();
        let bob = contract::user("bob");
        SqlUsers(sql.clone()).add(&bob).await.unwrap();
        let timeout = config.sessions.timeout;
        let sessions: Arc<dyn Sessions> = match sessions {
            None => Arc::new(SqlSessions(sql)),
            Some(url) => {
                let address = Address::parse(url, timeout).ok().unwrap();
                Arc::new(RedisSessions::new(
                    Arc::new(Redis::new(address, timeout)),
                    0,
                ))
            }
        };
        let token = SessionToken::random(bob.id).unwrap();
        let session = contract::session(bob.id);
        sessions.start(token.id(), &session).await.unwrap();
        // After the other: what starts now clears away what has expired, and the clock of the app is set by hand.
        let cookies = app.member("ada").await.cookies;
        Self {
            name,
            app,
            cookies,
            sessions,
            token,
            checks: Vec::new(),
            pages: Vec::new(),
            logins: Vec::new(),
        }
    }

    async fn round(&mut self) {
        let start = Instant::now();
        for _ in 0..MANY {
            assert!(self.sessions.find(self.token.id()).await.unwrap().is_some());
        }
        self.checks.push(start.elapsed() / MANY);

        let mut ada = self.app.visitor();
        ada.cookies.clone_from(&self.cookies);
        let start = Instant::now();
        for _ in 0..MANY {
            assert_eq!(ada.get("/dashboard").await.status.code, 200);
        }
        self.pages.push(start.elapsed() / MANY);

        let mut visitor = self.app.visitor();
        let csrf = visitor.get("/login").await.csrf();
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let start = Instant::now();
        let answer = visitor.post("/login", &with_token(&fields, &csrf)).await;
        self.logins.push(start.elapsed());
        assert_eq!(answer.status.code, 303);
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

#[rocket::main]
async fn main() {
    let folder = TempDir::new().unwrap();
    let file = format!("sqlite://{}/v.db?mode=rwc", folder.path().display());
    let (one, two) = (stores::Postgres::new(), stores::Postgres::new());
    let redis = stores::Redis::forgetful();
    let mut all = [
        Kept::new("SQLite", &file, None).await,
        Kept::new("Postgres", &one.url(), None).await,
        Kept::new("Postgres + Redis", &two.url(), Some(&redis.url())).await,
    ];
    for _ in 0..ROUNDS {
        for kept in &mut all {
            kept.round().await;
        }
    }
    println!(
        "{:18} {:>16} {:>16} {:>16}",
        "us, x SQLite", "session check", "dashboard", "login"
    );
    let mut first = None;
    for kept in &mut all {
        let row = [&mut kept.checks, &mut kept.pages, &mut kept.logins].map(|times| median(times));
        let first = *first.get_or_insert(row);
        print!("{:18}", kept.name);
        for (time, base) in row.into_iter().zip(first) {
            print!(" {time:>9.0} {:>5.2}x", time / base);
        }
        println!();
    }
}
