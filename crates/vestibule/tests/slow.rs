//! Visitors who take their time, on purpose or not, and those who come in numbers: they are cut, and the others are served.

use std::time::{Duration, Instant};

use rocket::http::Status;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::every_route::has_all_headers;
use crate::http::Person;
use crate::raw::{Raw, address, answers, get};
use crate::server::Server;

/// How long who is slow is borne with: in it a hundred pages come many times over.
const BORNE: &str = "4s";

/// Looks at a hundred pages while `others` are all there, and waits until they are cut.
async fn is_served_beside(server: &Server, mut others: JoinSet<()>) {
    let mut ada = Person::at(&server.url);
    for _ in 0..100 {
        assert_eq!(ada.get("/login").await.unwrap().status, 200);
    }
    assert!(others.try_join_next().is_none(), "ada waited for them");
    while let Some(done) = others.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_heads_that_never_end_are_cut_and_nobody_waits_for_them() {
    let (server, _folder) = Server::start_afresh(&[("VESTIBULE_SERVER__HEADER_TIMEOUT", BORNE)]);
    let mut slow = JoinSet::new();
    for n in 0..200 {
        let started = Instant::now();
        let mut raw = Raw::to(&server).await;
        slow.spawn(async move {
            // Some before their first request, some at their second.
            if n % 2 == 0 {
                raw.send(get("/health/live", "")).await.unwrap();
                assert_eq!(raw.answer().await.status, Status::Ok);
            }
            raw.send("GET /login HTTP/1.1\r\nHost: x\r\nX: ")
                .await
                .unwrap();
            assert_eq!(raw.trickle(b"a").await, b"", "cut without a word");
            assert!(started.elapsed() >= Duration::from_secs(4));
        });
    }
    is_served_beside(&server, slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_lines_before_a_head_win_no_time() {
    let (server, _folder) = Server::start_afresh(&[("VESTIBULE_SERVER__HEADER_TIMEOUT", "500ms")]);
    for is_used in [false, true] {
        let started = Instant::now();
        let mut raw = Raw::to(&server).await;
        if is_used {
            raw.send(get("/health/live", "")).await.unwrap();
            assert_eq!(raw.answer().await.status, Status::Ok);
        }
        assert_eq!(raw.trickle(b"\r\n").await, b"", "cut without a word");
        assert!(started.elapsed() >= Duration::from_millis(500));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_end_are_refused_and_cut() {
    let (server, _folder) = Server::start_afresh(&[("VESTIBULE_SERVER__BODY_TIMEOUT", BORNE)]);
    let mut slow = JoinSet::new();
    for n in 0..100 {
        let mut raw = Raw::to(&server).await;
        slow.spawn(async move {
            let (framing, body) = match n % 2 {
                0 => ("Content-Length: 10000", "a"),
                _ => ("Transfer-Encoding: chunked", "1\r\na\r\n"),
            };
            let kind = "Content-Type: application/x-www-form-urlencoded";
            let head = format!("POST /login HTTP/1.1\r\nHost: x\r\n{kind}\r\n{framing}\r\n\r\n");
            raw.send(head).await.unwrap();
            let said = answers(&raw.trickle(body.as_bytes()).await);
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].status, Status::RequestTimeout);
            assert_eq!(said[0].header("connection"), Some("close"));
            assert!(said[0].body.contains("That took too long"));
            has_all_headers(&said[0], "a slow body");
        });
    }
    is_served_beside(&server, slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_who_say_nothing_are_in_nobodys_way_and_are_cut() {
    for key in ["HEADER", "IDLE"] {
        let variable = format!("VESTIBULE_SERVER__{key}_TIMEOUT");
        let (server, _folder) = Server::start_afresh(&[(&variable, BORNE)]);
        let mut idle = JoinSet::new();
        for _ in 0..400 {
            let mut raw = Raw::to(&server).await;
            if key == "IDLE" {
                raw.send(get("/health/live", "")).await.unwrap();
                assert_eq!(raw.answer().await.status, Status::Ok);
            }
            idle.spawn(async move { assert_eq!(raw.rest().await, b"") });
        }
        is_served_beside(&server, idle).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_takes_the_answers_is_cut() {
    let (server, _folder) = Server::start_afresh(&[("VESTIBULE_SERVER__BODY_TIMEOUT", "300ms")]);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut raw = Raw(socket.connect(address(&server)).await.unwrap());
    // Until the server neither reads nor keeps the connection.
    while raw.send(get("/static/style.css", "")).await.is_ok() {}
    let mut ada = Person::at(&server.url);
    assert_eq!(ada.get("/login").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_its_share_of_connections_and_others_theirs() {
    let most = [("VESTIBULE_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "8")];
    let (server, _folder) = Server::start_afresh(&most);
    let mut greedy = Vec::new();
    for _ in 0..8 {
        greedy.push(Raw::from("127.1.0.1", &server).await);
    }
    // Connections are taken in their order: when the last is served, all are there.
    greedy[7].send(get("/health/live", "")).await.unwrap();
    let answer = greedy[7].answer().await;
    assert_eq!(answer.status, Status::Ok);
    assert_eq!(
        answer.header("connection"),
        Some("close"),
        "places are scarce"
    );

    for address in ["127.1.0.2", "127.0.0.1"] {
        let mut other = Raw::from(address, &server).await;
        other.send(get("/login", "")).await.unwrap();
        let answer = other.answer().await;
        assert_eq!(answer.status, Status::Ok);
        assert_eq!(answer.header("connection"), None);
    }
    // One place was given back, and only one.
    loop {
        let mut again = Raw::from("127.1.0.1", &server).await;
        again.send(get("/login", "")).await.unwrap();
        let answer = again.answer().await;
        if answer.status == Status::Ok {
            break;
        }
        assert_eq!(answer.status, Status::ServiceUnavailable);
    }
    // Who was just served may still have the place for a moment; but never do two have it, and one gets it.
    let mut refused = None;
    let mut rounds = 0;
    while rounds < 50 || refused.is_none() {
        rounds += 1;
        assert!(rounds < 5000, "nobody gets the place");
        let (mut first, mut second) = (
            Raw::from("127.1.0.1", &server).await,
            Raw::from("127.1.0.1", &server).await,
        );
        second.send(get("/login", "")).await.unwrap();
        let second = second.answer().await;
        // Who was refused may be gone already.
        let _ = first.send(get("/login", "")).await;
        let first = first.answer().await;
        let let_in = [&first, &second].map(|answer| answer.status == Status::Ok);
        assert_ne!(let_in, [true, true], "two have a place");
        if let_in == [true, false] {
            refused = Some(second);
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(refused.header("connection"), Some("close"));
    has_all_headers(&refused, "one too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_says_so_and_is_open_again_when_the_idle_are_cut() {
    let (server, _folder) = Server::start_afresh(&[
        ("VESTIBULE_SERVER__MAX_CONNECTIONS", "20"),
        ("VESTIBULE_SERVER__HEADER_TIMEOUT", "2s"),
    ]);
    let mut idle = Vec::new();
    for n in 0..20 {
        idle.push(Raw::from(&format!("127.1.0.{}", n + 1), &server).await);
    }
    let mut late = Raw::to(&server).await;
    let said = answers(&late.rest().await);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].status, Status::ServiceUnavailable);
    assert_eq!(said[0].header("retry-after"), Some("5"));
    has_all_headers(&said[0], "a full house");
    for mut raw in idle {
        assert_eq!(raw.rest().await, b"");
    }
    let mut ada = Person::at(&server.url);
    while ada.get("/login").await.unwrap().status == 503 {}
    assert_eq!(ada.get("/login").await.unwrap().status, 200);
}
