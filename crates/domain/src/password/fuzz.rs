use super::*;
use proptest::prelude::*;

const PIECES: [&str; 26] = [
    "a",
    "Z",
    "0",
    " ",
    "  ",
    "~",
    "\0",
    "\t",
    "\n",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "é",
    "e\u{301}",
    "\u{fb2c}",
    "\u{1100}\u{1161}",
    "\u{ff21}",
    "\u{212b}",
    "\u{2126}",
    "🦀",
    "\u{200d}",
    "\u{202e}",
    "\u{feff}",
    "\u{10ffff}",
    "\u{e000}",
    "q\u{307}\u{323}",
];

proptest! {
    #[test]
    fn fuzz_passwords(
        text in prop_oneof![
            proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat()),
            (proptest::sample::select(&PIECES[..]), 0_usize..1100).prop_map(|(piece, times)| piece.repeat(times)),
            ".{0,80}",
        ],
        cut in any::<prop::sample::Index>(),
    ) {
        let normal: String = text.nfc().collect();
        let lawful = !text.is_empty()
            && text.len() <= Password::MAX_BYTES
            && normal.len() <= Password::MAX_BYTES
            && !text.chars().any(char::is_control);
        match Password::parse(&text) {
            Ok(password) => {
                prop_assert!(lawful);
                prop_assert_eq!(password.expose(), &normal, "NFC and nothing else");
                let printed = format!("{password:?}");
                prop_assert!(normal.len() < 20 || !printed.contains(&normal), "{}", printed);
                // However it is typed, and never a part of it for the whole.
                let apart: String = text.nfd().collect();
                if apart.len() <= Password::MAX_BYTES {
                    let again = Password::parse(&apart).unwrap();
                    prop_assert_eq!(again.expose(), &normal);
                }
                let at = cut.index(normal.len());
                if let Some(Ok(part)) = normal.get(..at).map(Password::parse) {
                    prop_assert_ne!(part.expose(), &normal);
                }
            }
            Err(_) => prop_assert!(!lawful, "{text:?}"),
        }
    }
}
