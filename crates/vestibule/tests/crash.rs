//! How the program ends: at a polite word, and without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rocket::http::Status;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::app::{PASSWORD, encode, value_of};
use crate::http::Person;
use crate::raw::{Raw, get};
use crate::server::{Server, signal};

#[tokio::test(flavor = "multi_thread")]
async fn who_was_answered_is_there_after_a_kill() {
    const ENOUGH: usize = 30;
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), &[]);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for n in 0..400 {
        let mut person = Person::at(&server.url);
        let answered = Arc::clone(&answered);
        tasks.spawn(async move {
            let name = format!("user{n}");
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            let answer = person.submit("/register", &fields).await;
            let signed_in = answer.is_ok_and(|page| page.status == 303);
            answered.fetch_add(usize::from(signed_in), Ordering::SeqCst);
            signed_in.then_some((name, person))
        });
    }
    while answered.load(Ordering::SeqCst) < ENOUGH {
        tokio::task::yield_now().await;
    }
    server.kill();
    let survivors: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(survivors.len() >= ENOUGH);
    assert!(survivors.len() < 400, "it was killed in the middle");

    let server = Server::start(folder.path(), &[]);
    for (name, mut person) in survivors {
        person.move_to(&server.url);
        let page = person.get("/dashboard").await.unwrap();
        assert_eq!(page.status, 200, "the session of {name}");
        assert!(page.body.contains(&format!("Hello, {name}")));

        let fields = [("username", name.as_str()), ("password", PASSWORD)];
        let login = Person::at(&server.url)
            .submit("/login", &fields)
            .await
            .unwrap();
        assert_eq!(login.status, 303, "the account of {name}");
    }
}

/// A hash of 256 MiB takes long enough to be in the middle of it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_the_program_ends() {
    let slow = [("VESTIBULE_PASSWORDS__MEMORY_KIB", "262144")];
    for word in ["TERM", "INT"] {
        let (server, _folder) = Server::start_afresh(&slow);
        let mut ada = Person::at(&server.url);
        let form = ada.get("/register").await.unwrap();
        assert_eq!(form.status, 200);
        let registration = tokio::spawn(async move {
            let fields = [("username", "ada"), ("password", PASSWORD)];
            ada.send("/register", &form, &fields).await
        });
        // The hash runs once the process has taken its memory.
        while server.memory_kib() < 200_000 {
            tokio::task::yield_now().await;
        }
        signal(server.pid(), word);
        let answer = registration.await.unwrap().unwrap();
        assert_eq!((answer.status, answer.location()), (303, "/dashboard"));
        let (status, log) = server.wait();
        assert!(status.success(), "{word}: {status} {log}");
    }
}

/// Their time would be up after 75 s, and 10 s.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_idle_do_not_hold_up_the_end() {
    let (server, _folder) = Server::start_afresh(&[]);
    let mut idle = Vec::new();
    for n in 0..30 {
        let mut raw = Raw::to(&server).await;
        if n % 3 > 0 {
            raw.send(get("/health/live", "")).await.unwrap();
            assert_eq!(raw.answer().await.status, Status::Ok);
        }
        if n % 3 > 1 {
            raw.send("GET /login HTTP").await.unwrap();
        }
        idle.push(raw);
    }
    let started = Instant::now();
    signal(server.pid(), "TERM");
    for raw in &mut idle {
        assert_eq!(raw.rest().await, b"");
    }
    let (status, log) = server.wait();
    assert!(status.success(), "{status} {log}");
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

/// A balancer that has just connected learns of the end by an answer, and not by losing its request.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn whose_first_request_is_on_its_way_is_answered() {
    let (server, _folder) = Server::start_afresh(&[]);
    let mut raw = Raw::to(&server).await;
    let request = get("/login", "");
    let (sent, rest) = request.split_at(20);
    raw.send(sent).await.unwrap();
    signal(server.pid(), "TERM");
    raw.send(rest).await.unwrap();
    let answer = raw.answer().await;
    assert_eq!(answer.status, Status::Ok);
    assert_eq!(raw.rest().await, b"", "and closed");
    let (status, log) = server.wait();
    assert!(status.success(), "{status} {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_begun_is_done_though_nobody_waits_for_it() {
    let (server, _folder) = Server::start_afresh(&[("VESTIBULE_PASSWORDS__MEMORY_KIB", "262144")]);
    let mut ada = Person::at(&server.url);
    let page = ada.get("/register").await.unwrap();
    let csrf = value_of(&page.body, "csrf").unwrap();
    let fields = [("username", "ada"), ("password", PASSWORD), ("csrf", &csrf)];
    let form = encode(&fields);
    let mut raw = Raw::to(&server).await;
    let head = format!(
        "POST /register HTTP/1.1\r\nHost: x\r\nCookie: {}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        ada.cookie(),
        form.len()
    );
    raw.send(head + &form).await.unwrap();
    while server.memory_kib() < 200_000 {
        tokio::task::yield_now().await;
    }
    drop(raw);
    let fields = [("username", "ada"), ("password", PASSWORD)];
    // The hash of the registration is still being made.
    let deadline = Instant::now() + Duration::from_secs(20);
    while ada.submit("/login", &fields).await.unwrap().status != 303 {
        assert!(Instant::now() < deadline, "the account was never made");
    }
}
