use std::cell::Cell;

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// Some lines: more often right ones than odd ones.
fn lines(
    right: Vec<&'static [&'static str]>,
    odd: Vec<&'static [&'static str]>,
) -> impl Strategy<Value = &'static [&'static str]> {
    prop_oneof![3 => select(right), 2 => select(odd)]
}

fn fields() -> impl Strategy<Value = Vec<&'static str>> {
    let hosts = lines(
        vec![&["Host: a"], &["host:localhost:8000"]],
        vec![
            &[],
            &["Host: a", "HOST: b"],
            &["Host: a@b"],
            &["Host: a/b"],
            &["Host:"],
        ],
    );
    let framings = lines(
        vec![&[], &["Content-Length: 5"], &["transfer-encoding:chunked"]],
        vec![
            &["Content-Length: 5", "content-length: 5"],
            &["Content-Length: 5", "Transfer-Encoding: chunked"],
            &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            &["Content-Length: +5"],
            &["Content-Length: 5, 5"],
            &["Content-Length:"],
            &["Transfer-Encoding: gzip, chunked"],
        ],
    );
    let others = lines(
        vec![&[], &["X: a\tb"], &["X:", "Y: \u{e9}"]],
        vec![
            &["X : a"],
            &["X\t: a"],
            &[" X: a"],
            &[": a"],
            &["no colon"],
            &["X: \0"],
            &["X: a\rb"],
            &["X: a\nY: b"],
        ],
    );
    (hosts, framings, others)
        .prop_map(|(hosts, framings, others)| [hosts, framings, others].concat())
        .prop_shuffle()
}

/// Heads that are right or nearly right, with what comes before and after them; and anything.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let first = select(vec![
        "GET / HTTP/1.1",
        "POST /login?next=%2F HTTP/1.1",
        "GET http://b/ HTTP/1.1",
        "GET / HTTP/1.0",
        "POST * HTTP/1.0",
    ]);
    let odd_first = select(vec![
        "GET / HTTP/2.0",
        "GET / HTTP/1.1 x",
        "GET  / HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET /",
    ]);
    let head = (prop_oneof![9 => first, 1 => odd_first], fields())
        .prop_map(|(first, fields)| format!("{first}\r\n{}\r\n\r\n", fields.join("\r\n")));
    let ends = (any::<Index>(), select(vec!["\n", "\r", "\r\r\n"]));
    let head = (head, weighted(0.1, ends)).prop_map(|(mut head, odd)| {
        if let Some((index, odd)) = odd {
            let ends: Vec<_> = head.match_indices("\r\n").map(|(at, _)| at).collect();
            let at = *index.get(&ends);
            head.replace_range(at..at + 2, odd);
        }
        head
    });
    let before = select(vec!["", "", "\r\n", "\r\n\r\n"]);
    let after = select(vec!["", "body", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"]);
    let whole = (before, head, after);
    let whole = whole.prop_map(|(before, head, after)| format!("{before}{head}{after}"));
    prop_oneof![9 => whole.prop_map(String::into_bytes), 1 => any::<Vec<u8>>()]
}

/// Gives `judge` what was sent and the head in it, wherever one is accepted: that is the case at times, and does not depend
/// on how many pieces it comes in.
fn judge_accepted(judge: impl Fn(&[u8], &[u8])) {
    let accepted = Cell::new(0);
    let mut runner = TestRunner::new(Config::with_source_file(file!()));
    let outcome = runner.run(&(requests(), any::<Index>()), |(request, cut)| {
        let mut bytes = request.clone();
        let at_once = end(&mut bytes, 0);
        let cut = cut.index(request.len() + 1);
        let mut pieces = request[..cut].to_vec();
        let mut in_pieces = end(&mut pieces, 0);
        if in_pieces == Ok(None) {
            let scanned = pieces.len();
            pieces.extend_from_slice(&request[cut..]);
            in_pieces = end(&mut pieces, scanned);
        }
        prop_assert_eq!(at_once, in_pieces, "cut at {}", cut);
        if let Ok(Some(end)) = at_once {
            accepted.set(accepted.get() + 1);
            judge(&bytes, &bytes[..end]);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(accepted.get() > 0, "some are accepted");
}

/// The rules of [`check`] in other words.
#[test]
fn fuzz_request_heads() {
    judge_accepted(|_, head| {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
        let request: Vec<_> = lines.next().unwrap().split(' ').collect();
        assert_eq!(request.len(), 3, "a method, a target, a version");
        let version = request[2];
        assert!(matches!(version, "HTTP/1.0" | "HTTP/1.1"));
        let fields: Vec<_> = lines.map(|line| line.split_once(':').unwrap()).collect();
        let values = |wanted: &str| -> Vec<_> {
            let found = fields
                .iter()
                .filter(|(name, _)| name.to_lowercase() == wanted);
            found.map(|(_, value)| value.trim()).collect()
        };
        match values("host")[..] {
            [] => assert_eq!(version, "HTTP/1.0", "it names its host"),
            [host] => assert!(!host.is_empty() && !host.contains(['@', '/', ' ', ','])),
            _ => panic!("one host"),
        }
        match (
            &values("content-length")[..],
            &values("transfer-encoding")[..],
        ) {
            ([], []) => {}
            ([length], []) => assert!(length.parse::<u64>().is_ok() && !length.contains('+')),
            ([], ["chunked"]) => assert_eq!(version, "HTTP/1.1"),
            _ => panic!("one end of the body"),
        }
        for (name, value) in &fields {
            assert!(!name.is_empty() && !name.contains(char::is_whitespace));
            let mut odd = value.chars().filter(|letter| letter.is_control());
            assert!(odd.all(|letter| letter == '\t'), "no bare line end, no NUL");
        }
    });
}

#[test]
fn it_ends_where_its_first_empty_line_does() {
    judge_accepted(|bytes, head| {
        assert_eq!(find(bytes, b"\r\n\r\n"), Some(head.len() - 4));
    });
}
