//! From a request of hyper's to Rocket, and back.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use rocket::http::{Cookie, Header, Method, Status};
use rocket::local::asynchronous::{Client, LocalRequest};
use secrecy::zeroize::Zeroizing;
use vestibule_web::{Instead, Proxies};

/// What is read of a body: a little more than the forms take, which then say so themselves.
const MOST_BODY: usize = 20 * 1024;

const FORWARDED_FOR: &str = "x-forwarded-for";

pub(super) type Answer = Response<Full<Bytes>>;

/// The whole body.
///
/// # Errors
/// The status to refuse it with: 413 when it is too large, 408 when it does not come within `patience`, 400 when it is no
/// body.
pub(super) async fn body(
    mut incoming: Incoming,
    patience: Duration,
) -> Result<Zeroizing<Vec<u8>>, u16> {
    let mut body = Zeroizing::new(Vec::new());
    if incoming.is_end_stream() {
        return Ok(body);
    }
    if incoming.size_hint().lower() > MOST_BODY as u64 {
        return Err(413);
    }
    let read = async {
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame.map_err(|_| 400_u16)?.into_data() else {
                continue;
            };
            if body.len() + data.len() > MOST_BODY {
                return Err(413);
            }
            body.extend_from_slice(&data);
        }
        Ok(())
    };
    match tokio::time::timeout(patience, read).await {
        Ok(read) => read.map(|()| body),
        Err(_) => Err(408),
    }
}

/// What the pages say to a request.
pub(super) async fn ask(pages: &Client, peer: SocketAddr, head: &Parts, body: &[u8]) -> Answer {
    if let Some(proxies) = pages.rocket().state::<Proxies>() {
        proxies.notice(peer.ip(), |name| head.headers.contains_key(name));
    }
    // A method or a target that Rocket does not know goes to its catcher for 400, as any other that it cannot read.
    let target = head.uri.path_and_query().map(ToString::to_string);
    // Rocket would take `get` for one that it knows.
    let method = head.method.as_str().parse::<Method>().ok();
    let method = method.filter(|method| method.as_str() == head.method.as_str());
    let (method, target) = method.zip(target).unwrap_or((Method::Get, String::new()));
    let mut request = pages.req(method, target).remote(peer).body(body);
    for (name, value) in &head.headers {
        if let Some(text) = text(name.as_str(), value) {
            request.add_header(Header::new(name.as_str().to_owned(), text));
        }
    }
    let cookies = head.headers.get_all(COOKIE).iter();
    let cookies = cookies.filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
    let cookies = cookies.flat_map(|line| line.split(';')).map(str::trim);
    let request = request.cookies(cookies.filter_map(|text| Cookie::parse_encoded(text).ok()));
    answer(request, method == Method::Head).await
}

/// A header's value as text. As in Rocket's own server, one that is no text is as good as none; but a proxy appends the
/// address that it saw to whatever the visitor sent, and that address has to be seen here, too.
fn text(name: &str, value: &HeaderValue) -> Option<String> {
    if name == FORWARDED_FOR {
        return Some(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    String::from_utf8(value.as_bytes().to_vec()).ok()
}

/// The error page of a status, to a request of which nobody has looked at more than these headers, for whose it is. It
/// ends the connection.
pub(super) async fn refuse(
    pages: &Client,
    peer: SocketAddr,
    headers: &HeaderMap,
    status: u16,
) -> Answer {
    let mut request = pages.get("").remote(peer);
    for value in headers.get_all(FORWARDED_FOR) {
        if let Some(text) = text(FORWARDED_FOR, value) {
            request.add_header(Header::new(FORWARDED_FOR, text));
        }
    }
    request.local_cache(|| Some(Instead(Status::new(status))));
    let mut answer = answer(request, false).await;
    close(&mut answer);
    answer
}

/// Makes this the last answer on its connection.
pub(super) fn close(answer: &mut Answer) {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
}

async fn answer(request: LocalRequest<'_>, is_head: bool) -> Answer {
    let answer = request.dispatch().await;
    let status = StatusCode::from_u16(answer.status().code);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::with_capacity(16);
    for header in answer.headers().iter() {
        let name = header.name().as_str().parse::<HeaderName>();
        if let (Ok(name), Ok(value)) = (name, header.value().parse::<HeaderValue>()) {
            headers.append(name, value);
        }
    }
    // The length of the body that they would have had.
    let is_bare = is_head || status == StatusCode::NOT_MODIFIED;
    if let (true, Some(size)) = (is_bare, answer.body().preset_size()) {
        headers.insert(CONTENT_LENGTH, size.into());
    }
    let body = if is_bare {
        None
    } else {
        answer.into_bytes().await
    };
    let mut answer = Response::new(Full::from(body.unwrap_or_default()));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// An answer as bytes, for where hyper is no more.
pub(super) async fn written(answer: Answer) -> Vec<u8> {
    let (head, body) = answer.into_parts();
    let body = body
        .collect()
        .await
        .map_or_else(|never| match never {}, Collected::to_bytes);
    let reason = head.status.canonical_reason().unwrap_or_default();
    let mut written = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            written.extend_from_slice(part);
        }
    }
    written.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    written.extend_from_slice(&body);
    written
}
