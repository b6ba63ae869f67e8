use super::*;
use proptest::prelude::*;

const PIECES: [&str; 40] = [
    "/",
    "//",
    "\\",
    ".",
    "..",
    "/.",
    "/./",
    "/../",
    "%2f",
    "%2F",
    "%5c",
    "%2e",
    "%00",
    "%0d%0a",
    "\t",
    "\n",
    "\r",
    "\0",
    " ",
    "\u{feff}",
    "\u{200b}",
    "\u{ff0f}",
    "\u{3002}",
    "\u{85}",
    "@",
    ":",
    "?",
    "#",
    ";",
    "&",
    "=",
    "evil.test",
    "localhost:8000",
    "http:",
    "https://",
    "javascript:",
    "[::1]",
    "dashboard",
    "é",
    "%",
];

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12)
            .prop_map(|pieces| pieces.concat()),
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..8)
            .prop_map(|pieces| format!("/{}", pieces.concat())),
        (
            "[ -~]{0,20}",
            proptest::sample::select(&PIECES[..]),
            "\\PC{0,12}"
        )
            .prop_map(|(a, b, c)| format!("/{a}{b}{c}")),
        (1000_usize..1100, proptest::sample::select(&PIECES[..]))
            .prop_map(|(length, piece)| format!("/{}{piece}", "a".repeat(length))),
    ]
}

/// What a browser would make of a Location, in our own words: whether it names a host.
///
/// Source: WHATWG URL Standard, "relative state" and "relative slash state".
fn names_a_host(location: &str) -> bool {
    let text = location.trim_matches(|c: char| c <= ' ');
    let text: String = text.chars().filter(|c| !"\t\n\r".contains(*c)).collect();
    let mut chars = text.chars();
    let slash = |c: Option<char>| matches!(c, Some('/' | '\\'));
    !slash(chars.next()) || slash(chars.next())
}

proptest! {
    #[test]
    fn fuzz_next(text in hostile()) {
        let ours = Next::parse(&text);
        if let Some(next) = &ours {
            let path = next.as_str();
            prop_assert!(!names_a_host(path), "{path}");
            prop_assert!(path.len() <= Next::MAX_BYTES && path.bytes().all(|b| b.is_ascii_graphic()), "{path}");
            prop_assert!(!path.contains('#'));
            for base in ["http://localhost:8000/login", "https://login.example/a/b?c"] {
                let base = Url::parse(base).unwrap();
                prop_assert_eq!(base.join(path).unwrap().origin(), base.origin());
            }
            prop_assert_eq!(Next::parse(path), ours.clone(), "what is kept is kept again");
        }
        // And nothing is dropped that could have stayed: plain paths pass as they are.
        let plain = text.starts_with('/')
            && !text.contains("//")
            && !text.contains("/.")
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.?=&;:@".contains(&b))
            && text.len() <= Next::MAX_BYTES;
        if plain {
            prop_assert_eq!(ours.as_ref().map(Next::as_str), Some(text.as_str()));
        }
    }
}
