//! What only shows on the wire: requests that no client of good manners sends.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::server::Server;

/// What comes back for these very bytes, until the server closes.
fn exchange(server: &Server, request: &str) -> String {
    let address = server.url.replace("http://localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[test]
fn a_method_that_nobody_knows_gets_all_headers_too() {
    let (server, _folder) = Server::start_afresh(&[]);
    for method in ["FOO", "get", "PROPFIND"] {
        let request = format!("{method} /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(&server, &request);
        assert!(answer.starts_with("http/1.1 4"), "{answer}");
        for header in [
            "content-security-policy: default-src 'none'",
            "strict-transport-security: ",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(&format!("\r\n{header}")), "{answer}");
        }
        assert!(!answer.contains("\r\nserver:"), "{answer}");
    }
}

#[test]
fn a_form_that_pretends_to_be_a_head_gets_an_answer() {
    let (server, _folder) = Server::start_afresh(&[]);
    let body = "_method=head&a=b";
    let answer = exchange(
        &server,
        &format!(
            "POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(answer.starts_with("http/1.1 422"), "{answer}");
}

#[test]
fn two_lengths_or_a_length_and_chunks_are_one_request_at_most() {
    let (server, _folder) = Server::start_afresh(&[]);
    let smuggled = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    for framing in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
    ] {
        let request =
            format!("POST /login HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}");
        let answer = exchange(&server, &request);
        assert_eq!(
            answer.matches("http/1.1 ").count(),
            1,
            "{framing}: {answer}"
        );
        assert!(answer.starts_with("http/1.1 4"), "{framing}: {answer}");
    }
}
