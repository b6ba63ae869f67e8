//! Connections on which anything may be sent, at any pace, from any address of this machine.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rocket::http::{Cookie, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::app::Answer;
use crate::server::Server;

/// Longer than anything takes: a test that waits for this has failed.
const TOO_LONG: Duration = Duration::from_secs(20);

pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn to(server: &Server) -> Self {
        Self::from("127.0.0.1", server).await
    }

    /// From another address of this machine, such as `127.1.2.3`.
    pub(crate) async fn from(address: &str, server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::new(address.parse().unwrap(), 0))
            .unwrap();
        Self(socket.connect(self::address(server)).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref()).await
    }

    /// Sends `bytes` one by one, and never the last, until the server has had enough; what it said.
    pub(crate) async fn trickle(&mut self, bytes: &[u8]) -> Vec<u8> {
        const PACE: Duration = Duration::from_millis(20);
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        let sent = async {
            for byte in bytes.iter().cycle() {
                match timeout(PACE, self.0.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => break,
                    Ok(Ok(count)) => answer.extend_from_slice(&buffer[..count]),
                    // Once it is closed, the next read says so.
                    Err(_) => drop(self.send([*byte]).await),
                }
            }
        };
        timeout(TOO_LONG, sent)
            .await
            .expect("the server has enough");
        answer
    }

    /// Everything that comes until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut answer = Vec::new();
        let read = timeout(TOO_LONG, self.0.read_to_end(&mut answer)).await;
        // What came before a reset counts.
        let _ = read.expect("the server closes");
        answer
    }

    /// One answer that has a length, to a request that is no HEAD.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        loop {
            if let Some((answer, rest)) = parse(&bytes) {
                assert!(rest.is_empty(), "more than one answer came");
                return answer;
            }
            let read = timeout(TOO_LONG, self.0.read_buf(&mut bytes)).await;
            let count = read.expect("an answer").unwrap();
            assert!(count > 0, "closed in {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// Sends `request` and expects answers until the server closes.
pub(crate) async fn exchange(server: &Server, request: impl AsRef<[u8]>) -> Vec<Answer> {
    let mut raw = Raw::to(server).await;
    // A server that has had enough reads no more.
    let _ = raw.send(request).await;
    answers(&raw.rest().await)
}

/// The answers that these bytes are, and nothing else.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let Some((answer, rest)) = parse(bytes) else {
            panic!("no answer: {}", String::from_utf8_lossy(bytes));
        };
        answers.push(answer);
        bytes = rest;
    }
    answers
}

/// The first answer in `bytes`, and what is behind it.
fn parse(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (
        std::str::from_utf8(&bytes[..end]).unwrap(),
        &bytes[end + 4..],
    );
    let (line, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let values = headers.entry(name.to_lowercase()).or_default();
        values.push(value.to_owned());
    }
    let length = headers.get("content-length");
    let length = length.map_or(0, |values| values[0].parse().unwrap());
    let rest = body.get(length..)?;
    let cookies = headers.get("set-cookie").into_iter().flatten();
    let answer = Answer {
        status: Status::new(status),
        cookies: cookies
            .map(|text| Cookie::parse(text.clone()).unwrap())
            .collect(),
        headers,
        body: String::from_utf8(body[..length].to_vec()).unwrap(),
    };
    Some((answer, rest))
}

pub(crate) fn address(server: &Server) -> SocketAddr {
    let (_, port) = server.url.rsplit_once(':').unwrap();
    format!("127.0.0.1:{port}").parse().unwrap()
}

/// A request without a body; `lines` end in CR LF each.
pub(crate) fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
}
