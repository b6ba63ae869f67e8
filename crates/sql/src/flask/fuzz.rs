use super::*;
use proptest::prelude::*;

const PIECES: [&[u8]; 20] = [
    b"ada",
    b"\0",
    b"\n",
    b"\r",
    b"\x1b[2J",
    b"\x7f",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\\",
    b"\"",
    b"'",
    "é".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{2028}".as_bytes(),
    "🦀".as_bytes(),
    "e\u{301}".as_bytes(),
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

proptest! {
    /// Whatever stands in a row of somebody's file, a terminal is shown one short line.
    #[test]
    fn fuzz_flask_names(name in prop_oneof![
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat()),
        proptest::collection::vec(any::<u8>(), 0..200),
    ]) {
        let shown = show(&name);
        prop_assert!(shown.chars().count() <= MAX_SHOWN + 3, "{shown}");
        prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
        prop_assert!(!shown.contains(['\u{202e}', '\u{200b}', '\u{2028}', '\u{feff}']), "{shown:?}");
        let plain = name.len() <= MAX_SHOWN && name.iter().all(u8::is_ascii_alphanumeric);
        if plain {
            prop_assert_eq!(shown.as_bytes(), name);
        }
    }
}
