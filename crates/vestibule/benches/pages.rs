//! What a page and a login cost, in this process, without a network: medians, each round taking every kind in turn, so
//! that a noisy machine is noisy for all of them. `cargo bench --bench pages`, or `just bench`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::time::{Duration, Instant};

use tempfile::TempDir;
use vestibule::Config;
use vestibule_argon2::{Argon2Passwords, Cost};
use vestibule_domain::Password;
use vestibule_domain::ports::Passwords;

#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/app.rs"]
mod app;
#[path = "../tests/kept/mod.rs"]
mod kept;

use app::{App, PASSWORD, with_token};

const ROUNDS: usize = 40;
/// Pages a round: one alone is too quick for the clock.
const PAGES: u32 = 100;

#[rocket::main]
async fn main() {
    let folder = TempDir::new().unwrap();
    let mut config = Config::default();
    config.database.url = format!("sqlite://{}/v.db?mode=rwc", folder.path().display()).into();
    let app = App::with(&config).await;
    let mut ada = app.member("ada").await;
    let mut visitor = app.visitor();
    let csrf = visitor.get("/login").await.csrf();
    let fields = [("username", "ada"), ("password", PASSWORD)];

    let passwords = Argon2Passwords::new(Cost {
        memory_kib: config.passwords.memory_kib,
        iterations: config.passwords.iterations,
        parallelism: config.passwords.parallelism,
    })
    .unwrap();
    let password = Password::parse(PASSWORD).unwrap();
    let hash = passwords.hash(password.clone()).await.unwrap();

    let mut times: [Vec<Duration>; 5] = Default::default();
    for _ in 0..ROUNDS {
        for (kind, path) in ["/health/live", "/login", "/dashboard"]
            .into_iter()
            .enumerate()
        {
            let who = if path == "/dashboard" {
                &mut ada
            } else {
                &mut visitor
            };
            let start = Instant::now();
            for _ in 0..PAGES {
                assert_eq!(who.get(path).await.status.code, 200);
            }
            times[kind].push(start.elapsed() / PAGES);
        }

        let start = Instant::now();
        assert!(
            passwords
                .verify(password.clone(), Some(hash.clone()))
                .await
                .unwrap()
        );
        times[3].push(start.elapsed());

        let mut somebody = visitor.clone();
        let start = Instant::now();
        let answer = somebody.post("/login", &with_token(&fields, &csrf)).await;
        times[4].push(start.elapsed());
        assert_eq!(answer.status.code, 303);
    }

    let [live, form, dashboard, hash, login] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    println!("an empty answer   {live:>9.0} us");
    println!(
        "the login form    {form:>9.0} us   {:.1} empty answers",
        form / live
    );
    println!(
        "the dashboard     {dashboard:>9.0} us   {:.1} empty answers",
        dashboard / live
    );
    println!("one hash          {hash:>9.0} us");
    println!(
        "a login           {login:>9.0} us   {:.3} hashes",
        login / hash
    );
}
