//! The head of a request, before anybody takes it apart: what two readers could understand in two ways is refused here.
//!
//! Source: RFC 9112, sections 2.2, 3.2, 5.1, 5.2, 6.1 and 6.3, each at its strictest; ASVS 4.2.1.

use hyper::http::uri::Authority;

/// The longest head. It is twice what browsers send at the most, which is a cookie jar of ours and a long address.
pub(super) const MOST_BYTES: usize = 16 * 1024;

/// The longest target. Source: RFC 9112, section 3, which wants 8000 octets at least.
const LONGEST_TARGET: usize = 8 * 1024;

/// The most header lines; as many as hyper takes.
const MOST_LINES: usize = 100;

const BAD_REQUEST: u16 = 400;
const URI_TOO_LONG: u16 = 414;
const TOO_LARGE: u16 = 431;

/// Where the head that `bytes` begin with ends; `None` while it is not complete. The first `scanned` bytes were looked at
/// before. Empty lines before it are taken away.
///
/// # Errors
/// The status that it is refused with.
pub(super) fn end(bytes: &mut Vec<u8>, scanned: usize) -> Result<Option<usize>, u16> {
    if scanned <= 2 {
        while bytes.starts_with(b"\r\n") {
            bytes.drain(..2);
        }
    }
    let from = scanned.min(bytes.len()).saturating_sub(3);
    let end = find(&bytes[from..], b"\r\n\r\n").map(|at| from + at + 4);
    let head = &bytes[..end.unwrap_or(bytes.len())];
    // At once, or whoever ends lines in another way would wait for an answer in vain.
    let mut before = if from == 0 { 0 } else { head[from - 1] };
    for &byte in &head[from..] {
        let is_odd = byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t') || byte == 0x7f;
        if is_odd || (byte == b'\n') != (before == b'\r') {
            return Err(BAD_REQUEST);
        }
        before = byte;
    }
    if head.len() > MOST_BYTES {
        let is_target = !head.contains(&b'\n');
        return Err(if is_target { URI_TOO_LONG } else { TOO_LARGE });
    }
    if let Some(end) = end {
        check(&head[..end - 4])?;
    }
    Ok(end)
}

fn check(head: &[u8]) -> Result<(), u16> {
    let head = head.split(|&byte| byte == b'\n');
    let mut lines = head.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut request = lines.next().unwrap_or_default().split(|&byte| byte == b' ');
    let parts = [
        request.next(),
        request.next(),
        request.next(),
        request.next(),
    ];
    let [Some(_), Some(target), Some(version), None] = parts else {
        return Err(BAD_REQUEST);
    };
    if target.len() > LONGEST_TARGET {
        return Err(URI_TOO_LONG);
    }
    if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Err(BAD_REQUEST);
    }

    let (mut count, mut hosts, mut framings) = (0, 0, 0);
    for line in lines {
        count += 1;
        if count > MOST_LINES {
            return Err(TOO_LARGE);
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.ok_or(BAD_REQUEST)?);
        let value = value[1..].trim_ascii();
        // Where it begins with a blank, it is the rest of the line before to some.
        if name.is_empty() || name.contains(&b' ') || name.contains(&b'\t') {
            return Err(BAD_REQUEST);
        }
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        let is_fine = if is(b"host") {
            hosts += 1;
            is_host(value)
        } else if is(b"content-length") {
            framings += 1;
            !value.is_empty() && value.iter().all(u8::is_ascii_digit)
        } else if is(b"transfer-encoding") {
            framings += 1;
            value.eq_ignore_ascii_case(b"chunked") && version == b"HTTP/1.1"
        } else {
            true
        };
        if !is_fine {
            return Err(BAD_REQUEST);
        }
    }
    let is_clear = framings <= 1 && hosts <= 1 && (hosts == 1 || version == b"HTTP/1.0");
    is_clear.then_some(()).ok_or(BAD_REQUEST)
}

fn is_host(value: &[u8]) -> bool {
    !value.contains(&b'@') && Authority::try_from(value).is_ok()
}

/// The status of an error that hyper words by itself: it has no body, and none of our headers.
pub(super) fn status_of_error(written: &[u8]) -> Option<u16> {
    let rest = written
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| written.strip_prefix(b"HTTP/1.0 "))?;
    let is_bare =
        rest.starts_with(b"4") && find(written, b"\r\ncontent-security-policy:").is_none();
    let status = std::str::from_utf8(rest.get(..3)?).ok()?;
    status.parse().ok().filter(|_| is_bare)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(head: &str) -> Result<Option<usize>, u16> {
        end(&mut head.as_bytes().to_vec(), 0)
    }

    #[test]
    fn a_head_is_known_at_its_last_byte_however_it_arrives() {
        let head = b"GET /login?next=%2F HTTP/1.1\r\nHost: localhost:8000\r\nCookie: a=b; c=\"d\"\r\nX:\r\n\r\n";
        let mut bytes = Vec::new();
        let mut scanned = 0;
        for (n, &byte) in head.iter().enumerate() {
            bytes.push(byte);
            let is_last = n + 1 == head.len();
            assert_eq!(
                end(&mut bytes, scanned),
                Ok(is_last.then_some(head.len())),
                "{n}"
            );
            scanned = bytes.len();
        }
        bytes.extend_from_slice(b"\0body\n");
        assert_eq!(end(&mut bytes, 0), Ok(Some(head.len())));
    }

    #[test]
    fn empty_lines_before_it_are_overlooked() {
        let mut bytes = b"\r\n\r\nGET / HTTP/1.0\r\n\r\n".to_vec();
        assert_eq!(end(&mut bytes, 0), Ok(Some(18)));
        assert!(bytes.starts_with(b"GET"));
    }

    #[test]
    fn what_can_be_understood_in_two_ways_is_refused() {
        for lines in [
            "",
            "Host: a\r\nHost: a",
            "Host: a b",
            "Host: a@b",
            "Host:",
            "Host: a/b",
            "Host: a\r\nContent-Length: 5\r\nContent-Length: 5",
            "Host: a\r\nContent-Length: 5, 5",
            "Host: a\r\nContent-Length: +5",
            "Host: a\r\nContent-Length: 0x5",
            "Host: a\r\nContent-Length:",
            "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Host: a\r\nTransfer-Encoding: gzip, chunked",
            "Host: a\r\nTransfer-Encoding: identity",
            "Host: a\r\nTransfer-Encoding : chunked",
            "Host: a\r\nTransfer-Encoding\t: chunked",
            "Host: a\r\nTransfer-Encoding:\u{b}chunked",
            "Host: a\r\n Transfer-Encoding: chunked",
            "Host: a\r\nX: y\r\n folded",
            "Host: a\r\nX: y\nZ: bare",
            "Host: a\r\nX: y\rZ: bare",
            "Host: a\r\nX: \0",
            "Host: a\r\nno colon",
            "Host: a\r\n: no name",
        ] {
            let head = format!("POST /login HTTP/1.1\r\n{lines}\r\n\r\n");
            assert_eq!(ends(&head), Err(400), "{lines:?}");
        }
        for line in [
            "GET / HTTP/2.0",
            "GET  / HTTP/1.1",
            "GET /",
            "GET / HTTP/1.1 x",
            "GET /\tHTTP/1.1",
        ] {
            assert_eq!(
                ends(&format!("{line}\r\nHost: a\r\n\r\n")),
                Err(400),
                "{line}"
            );
        }
        assert_eq!(
            ends("GET / HTTP/1.1\n"),
            Err(400),
            "before the end is there"
        );
        assert_eq!(
            ends("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(400)
        );
    }

    #[test]
    fn what_is_too_long_is_refused_by_what_is_too_long_in_it() {
        let long = |n| "a".repeat(n);
        assert_eq!(ends(&format!("GET /{}", long(MOST_BYTES))), Err(414));
        let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(LONGEST_TARGET));
        assert_eq!(ends(&target), Err(414));
        let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", long(MOST_BYTES));
        assert_eq!(ends(&header), Err(431));
        let lines = "X: y\r\n".repeat(MOST_LINES + 1);
        assert_eq!(ends(&format!("GET / HTTP/1.1\r\n{lines}\r\n")), Err(431));
    }
}
