use super::*;
use proptest::prelude::*;

const PIECES: [&str; 34] = [
    "ada",
    "ADA",
    "a",
    "A",
    "0",
    ".",
    "_",
    "-",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{3000}",
    "\u{200b}",
    "\u{200d}",
    "\u{ad}",
    "\u{202e}",
    "\u{feff}",
    "\u{430}",
    "\u{301}",
    "\u{ff41}",
    "\u{212a}",
    "\u{130}",
    "\u{131}",
    "ß",
    "\u{1d41a}",
    "%61",
    "'",
    "<",
    "abcdefghijklmno",
];

proptest! {
    #[test]
    fn fuzz_usernames(text in prop_oneof![
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..9).prop_map(|pieces| pieces.concat()),
        "[A-Za-z0-9._ -]{0,36}",
        "\\PC{0,36}",
    ]) {
        // In other words: ASCII white space and Unicode's aside, ASCII in, the same in lower case out.
        let inner = text.trim();
        let lawful = (3..=32).contains(&inner.len())
            && inner.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match Username::parse(&text) {
            Ok(name) => {
                prop_assert!(lawful, "{text:?}");
                prop_assert_eq!(name.as_str(), inner.to_ascii_lowercase());
                prop_assert_eq!(Username::parse(name.as_str()).unwrap(), name.clone());
                prop_assert_eq!(Username::parse(&text.to_ascii_uppercase()).unwrap(), name);
            }
            Err(_) => prop_assert!(!lawful, "{text:?}"),
        }
    }
}
