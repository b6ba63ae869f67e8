//! What only shows on the wire: requests that no client of good manners sends.

use rocket::http::Status;

use crate::app::Answer;
use crate::every_route::has_all_headers;
use crate::raw::{Raw, answers, exchange, get};
use crate::server::Server;

const CLOSE: &str = "Connection: close\r\n";

/// The one answer to `request`, after which the connection was closed.
async fn last_word(server: &Server, request: impl AsRef<[u8]>) -> Answer {
    let mut answers = exchange(server, request).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// That `request` is refused with `status`, by a page with all headers, and is the last on its connection.
async fn is_refused(server: &Server, request: impl AsRef<[u8]>, status: u16) {
    let request = request.as_ref();
    let what = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
    let answer = last_word(server, request).await;
    assert_eq!(answer.status.code, status, "{what:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{what:?}");
    assert!(answer.body.contains(&format!("Error {status}")), "{what:?}");
    has_all_headers(&answer, &what);
}

#[tokio::test]
async fn a_method_that_nobody_knows_gets_all_headers_too() {
    let (server, _folder) = Server::start_afresh(&[]);
    for (method, path, status) in [
        ("FOO", "/login", 400),
        ("get", "/login", 400),
        ("PROPFIND", "/login", 400),
        ("CONNECT", "localhost:80", 400),
        ("OPTIONS", "*", 400),
        ("TRACE", "/login", 404),
        ("TRACE", "/dashboard", 404),
        ("PUT", "/login", 404),
        ("DELETE", "/dashboard", 404),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nX-Echo: me\r\n{CLOSE}\r\n");
        let answer = last_word(&server, request).await;
        assert_eq!(answer.status.code, status, "{method} {path}");
        assert!(!answer.body.contains("X-Echo"), "{method}");
        has_all_headers(&answer, method);
    }
}

#[tokio::test]
async fn a_form_that_pretends_to_be_a_head_gets_an_answer() {
    let (server, _folder) = Server::start_afresh(&[]);
    let body = "_method=head&a=b";
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: x\r\n{CLOSE}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = last_word(&server, request).await;
    assert_eq!(answer.status, Status::UnprocessableEntity);
}

#[tokio::test]
async fn what_could_be_one_request_or_two_is_none() {
    let (server, _folder) = Server::start_afresh(&[]);
    let smuggled = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    for framing in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: -5",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\nX: y",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
    ] {
        let request =
            format!("POST /login HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}");
        is_refused(&server, request, 400).await;
    }
    is_refused(
        &server,
        format!("GET / HTTP/1.1\nHost: x\n\n{smuggled}"),
        400,
    )
    .await;
    // What is in chunks is the last on its connection: what is behind it is no request.
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    );
    let answer = last_word(&server, request).await;
    assert_eq!(answer.status, Status::UnsupportedMediaType);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_request_that_is_behind_another_is_looked_at_as_closely() {
    let (server, _folder) = Server::start_afresh(&[]);
    let odd = "GET / HTTP/1.1\nHost: x\n\n";
    let both = exchange(&server, get("/health/live", "") + odd).await;
    let statuses: Vec<_> = both.iter().map(|answer| answer.status.code).collect();
    assert_eq!(statuses, [200, 400]);
    has_all_headers(&both[1], "the second");
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let (server, _folder) = Server::start_afresh(&[]);
    let long = |n: usize| "a".repeat(n);
    is_refused(&server, get(&format!("/{}", long(8 << 10)), ""), 414).await;
    is_refused(&server, get(&format!("/{}", long(1 << 20)), ""), 414).await;
    let header = format!("X: {}\r\n", long(1 << 20));
    is_refused(&server, get("/login", &header), 431).await;
    is_refused(&server, get("/login", &"X: y\r\n".repeat(200)), 431).await;
    let form = |length: usize| {
        format!(
            "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{}",
            long(length.min(1 << 22))
        )
    };
    is_refused(&server, form(1 << 22), 413).await;
    is_refused(&server, form(1 << 40), 413).await;
    let chunks = format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n{}",
        long(1 << 20)
    );
    is_refused(&server, chunks, 413).await;
    // The limit of the forms themselves comes first, and leaves the connection as it is.
    let mut raw = Raw::to(&server).await;
    raw.send(form(17 << 10)).await.unwrap();
    let answer = raw.answer().await;
    assert_eq!(answer.status, Status::PayloadTooLarge);
    assert_eq!(answer.header("connection"), None);
}

#[tokio::test]
async fn a_request_says_once_whom_it_is_for() {
    let (server, _folder) = Server::start_afresh(&[]);
    for hosts in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a b\r\n",
    ] {
        is_refused(&server, format!("GET /login HTTP/1.1\r\n{hosts}\r\n"), 400).await;
    }
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let host = if version == "HTTP/1.0" {
            ""
        } else {
            "Host: x\r\n"
        };
        for target in ["/health/live", "http://elsewhere.test/health/live"] {
            let request = format!("GET {target} {version}\r\n{host}{CLOSE}\r\n");
            let answer = last_word(&server, request).await;
            assert_eq!(answer.status, Status::Ok, "{target} {version}");
        }
    }
    let h2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    is_refused(&server, h2, 400).await;
}

/// No path leads around a guard: either it is the dashboard, and asks for a login, or it is nothing.
#[tokio::test]
async fn no_way_of_writing_a_path_leads_past_the_login() {
    let (server, _folder) = Server::start_afresh(&[]);
    for (path, status) in [
        ("/dashboard", 303),
        ("/dashboard?a", 303),
        ("/%64ashboard", 303),
        ("//dashboard", 303),
        ("/dashboard/", 303),
        ("/dashboard;a=b", 404),
        ("/dashboard%00", 404),
        ("/dashboard%20", 404),
        ("/dashboard%0d%0aX:%20y", 404),
        ("/DASHBOARD", 404),
        ("/./dashboard", 404),
        ("/login/../dashboard", 404),
        ("/login/%2e%2e/dashboard", 404),
        ("/static/../dashboard", 404),
        ("/static/..%2f..%2fCargo.toml", 404),
        ("/static/%2e%2e%2f%2e%2e%2fdata/vestibule.db", 404),
        ("/static/style.css%00.png", 404),
        ("/static/.env", 404),
        ("/.git/HEAD", 404),
        ("/metrics", 404),
        ("/static\\..\\dashboard", 400),
        ("/\u{e9}", 400),
        ("/dashboard#a", 303),
        ("dashboard", 400),
    ] {
        let answer = last_word(&server, get(path, CLOSE)).await;
        assert_eq!(answer.status.code, status, "{path}");
        if status == 303 {
            assert!(answer.location().starts_with("/login"), "{path}");
        }
        has_all_headers(&answer, path);
    }
}

#[tokio::test]
async fn lengths_are_true_and_what_has_no_body_sends_none() {
    let (server, _folder) = Server::start_afresh(&[]);
    for path in [
        "/login",
        "/static/style.css",
        "/dashboard",
        "/nowhere",
        "/health/live",
    ] {
        let whole = last_word(&server, get(path, CLOSE)).await;
        let length: usize = whole.header("content-length").unwrap().parse().unwrap();
        assert_eq!(whole.body.len(), length, "{path}");

        let mut raw = Raw::to(&server).await;
        let head = get(path, CLOSE).replacen("GET", "HEAD", 1);
        raw.send(head).await.unwrap();
        let head = String::from_utf8(raw.rest().await).unwrap().to_lowercase();
        let (head, body) = head.split_once("\r\n\r\n").unwrap();
        assert!(body.is_empty(), "{path}: {body}");
        let said = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length: "));
        // Where there would have been nothing, nothing need be said.
        let expected = (length > 0).then(|| length.to_string());
        assert_eq!(said, expected.as_deref(), "{path}: {head}");
    }
    let style = last_word(&server, get("/static/style.css", CLOSE)).await;
    let known = format!(
        "If-None-Match: {}\r\n{CLOSE}",
        style.header("etag").unwrap()
    );
    let unchanged = last_word(&server, get("/static/style.css", &known)).await;
    assert_eq!(unchanged.status, Status::NotModified);
    assert!(unchanged.header("content-security-policy").is_some());
    assert_eq!(unchanged.header("cache-control"), Some("public, no-cache"));
}

#[tokio::test]
async fn many_requests_on_one_connection_are_answered_in_turn() {
    let (server, _folder) = Server::start_afresh(&[]);
    let post = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b";
    let all =
        get("/health/live", "") + post + "\r\n" + &get("/nowhere", "") + &get("/login", CLOSE);
    let statuses = |bytes: &[u8]| -> Vec<u16> {
        let answers = answers(bytes);
        answers.iter().map(|answer| answer.status.code).collect()
    };
    let expected = [200, 415, 404, 200];
    let mut at_once = Raw::to(&server).await;
    at_once.send(&all).await.unwrap();
    assert_eq!(statuses(&at_once.rest().await), expected);

    let mut by_bytes = Raw::to(&server).await;
    for byte in all.as_bytes() {
        by_bytes.send([*byte]).await.unwrap();
    }
    assert_eq!(statuses(&by_bytes.rest().await), expected);
}

#[tokio::test]
async fn who_waits_to_be_asked_for_the_body_is_asked() {
    let (server, _folder) = Server::start_afresh(&[]);
    let mut raw = Raw::to(&server).await;
    let head =
        "POST /login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    raw.send(head).await.unwrap();
    assert_eq!(raw.answer().await.status, Status::Continue);
    raw.send("a=b").await.unwrap();
    assert_eq!(raw.answer().await.status, Status::UnsupportedMediaType);

    let mut large = Raw::to(&server).await;
    let head = head.replace(": 3", ": 1000000");
    large.send(head).await.unwrap();
    assert_eq!(large.answer().await.status, Status::PayloadTooLarge);
}

#[tokio::test]
async fn a_wish_to_speak_another_protocol_is_overlooked() {
    let (server, _folder) = Server::start_afresh(&[]);
    for wish in ["websocket", "h2c"] {
        let lines = format!("Upgrade: {wish}\r\nConnection: upgrade, close\r\n");
        let answer = last_word(&server, get("/health/live", &lines)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (Status::Ok, "live\n")
        );
    }
}
