//! Whose address counts: what a visitor says of it, and what a proxy says.

use crate::app::PASSWORD;
use crate::http::Person;
use crate::raw::Raw;
use crate::server::{Server, signal};

const FIELDS: [(&str, &str); 2] = [("username", "ada"), ("password", PASSWORD)];

/// The address that the dashboard shows to somebody who signs in sending `lines`.
async fn seen(server: &Server, lines: &[(&'static str, &str)]) -> String {
    let mut ada = Person::at(&server.url).saying(lines);
    let answer = ada.submit("/login", &FIELDS).await.unwrap();
    assert_eq!(answer.status, 303);
    let page = ada.get("/dashboard").await.unwrap().body;
    let (_, login) = page.split_once("Last login").unwrap();
    let (_, from) = login.split_once("from ").unwrap();
    let end = from.find(['<', '\n', ' ']).unwrap();
    from[..end].to_owned()
}

/// A server that trusts these, with an account.
async fn trusting(proxies: &str) -> (Server, tempfile::TempDir) {
    let trusted = [("VESTIBULE_SERVER__TRUSTED_PROXIES", proxies)];
    let (server, folder) = Server::start_afresh(&trusted);
    let mut ada = Person::at(&server.url);
    assert_eq!(ada.submit("/register", &FIELDS).await.unwrap().status, 303);
    (server, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_trusted_proxy_is_not_believed() {
    for proxies in ["", "10.0.0.0/8, 127.0.0.2, ::1"] {
        let (server, _folder) = trusting(proxies).await;
        for lines in [
            vec![],
            vec![("X-Forwarded-For", "9.9.9.9")],
            vec![
                ("X-Forwarded-For", "9.9.9.9"),
                ("X-Forwarded-For", "10.0.0.1"),
            ],
            vec![("X-Real-IP", "9.9.9.9"), ("Forwarded", "for=9.9.9.9")],
            vec![
                ("Remote-User", "ada"),
                ("X-Client-IP", "9.9.9.9"),
                ("True-Client-IP", "9.9.9.9"),
            ],
        ] {
            assert_eq!(seen(&server, &lines).await, "127.0.0.1", "{lines:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_a_trusted_proxy_says_the_right_most_stranger_counts() {
    let (server, _folder) = trusting("127.0.0.1, 10.0.0.0/8, fd00::/8").await;
    for (lines, expected) in [
        (vec!["9.9.9.9"], "9.9.9.9"),
        (vec!["1.1.1.1, 9.9.9.9"], "9.9.9.9"),
        (vec!["1.1.1.1, 9.9.9.9, 10.1.1.1, fd00::7"], "9.9.9.9"),
        (vec!["1.1.1.1", "9.9.9.9:1234"], "9.9.9.9"),
        (vec!["9.9.9.9", "10.1.1.1"], "9.9.9.9"),
        (vec!["2001:db8::7"], "2001:db8::7"),
        (vec!["1.1.1.1, [2001:db8::7]:443"], "2001:db8::7"),
        (vec!["::ffff:9.9.9.9"], "9.9.9.9"),
        (vec!["9.9.9.9, <script>, 10.1.1.1"], "10.1.1.1"),
        (vec!["9.9.9.9, "], "127.0.0.1"),
        (vec![",,,,"], "127.0.0.1"),
    ] {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| ("X-Forwarded-For", *line))
            .collect();
        assert_eq!(seen(&server, &lines).await, expected, "{lines:?}");
    }
    // What else proxies send is not read, be it from one that is trusted.
    let others = [("X-Real-IP", "9.9.9.9"), ("Forwarded", "for=9.9.9.9")];
    assert_eq!(seen(&server, &others).await, "127.0.0.1");
}

/// Nobody hides behind their proxy by something before the address that it appends.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_hides_no_address_behind_it() {
    let trusted = [("VESTIBULE_SERVER__TRUSTED_PROXIES", "127.0.0.1")];
    let (server, _folder) = Server::start_afresh(&trusted);
    let head: &[u8] = b"POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\n\
                      Connection: close\r\nContent-Length: 0\r\nX-Forwarded-For: ";
    for hops in [b"\xff, 203.0.113.7", b"203.0.113.8, \xff"] {
        let mut raw = Raw::to(&server).await;
        let request = [head, &hops[..], b"\r\n\r\n"].concat();
        raw.send(request).await.unwrap();
        let answer = raw.answer().await;
        assert_eq!(answer.status.code, 403);
    }
    signal(server.pid(), "TERM");
    let (_, log) = server.wait();
    let addresses: Vec<_> = log
        .lines()
        .filter(|line| line.contains("malicious_csrf"))
        .filter_map(|line| line.split("address=").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(addresses, ["203.0.113.7", "127.0.0.1"], "{log}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_nobody_has_named_is_told_of_once() {
    for (proxies, header, times) in [
        ("", "X-Forwarded-For", 1),
        ("", "X-Real-IP", 1),
        ("", "Forwarded", 1),
        ("", "X-Other", 0),
        ("127.0.0.1", "X-Forwarded-For", 0),
        ("10.0.0.0/8", "X-Forwarded-For", 0),
    ] {
        let trusted = [("VESTIBULE_SERVER__TRUSTED_PROXIES", proxies)];
        let (server, _folder) = Server::start_afresh(&trusted);
        let mut ada = Person::at(&server.url).saying(&[(header, "9.9.9.9")]);
        for _ in 0..3 {
            ada.get("/login").await.unwrap();
        }
        signal(server.pid(), "TERM");
        let (_, log) = server.wait();
        let said = log
            .matches("set server.trusted_proxies = \"127.0.0.1\"")
            .count();
        assert_eq!(said, times, "{proxies:?} {header}: {log}");
    }
}

/// Behind https there is a proxy, since Vestibule speaks none itself.
#[cfg(unix)]
#[test]
fn at_the_start_it_is_said_that_a_proxy_is_to_be_named() {
    let https = ("VESTIBULE_SERVER__PUBLIC_URL", "https://login.example.com");
    let named = ("VESTIBULE_SERVER__TRUSTED_PROXIES", "10.0.0.7");
    let port = ("VESTIBULE_SERVER__PORT", "0");
    for (variables, is_said) in [
        (vec![https], true),
        (vec![https, named], false),
        (vec![port], false),
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let mut program = crate::server::program(folder.path(), &variables);
        let mut process = program
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut welcome = String::new();
        let mut stdout = std::io::BufReader::new(process.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut stdout, &mut welcome).unwrap();
        process.kill().unwrap();
        let output = process.wait_with_output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        let said = log.contains("server.trusted_proxies is unset");
        assert_eq!(said, is_said, "{variables:?}: {log}");
    }
}
