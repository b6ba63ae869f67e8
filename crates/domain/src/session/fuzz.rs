use super::*;
use proptest::prelude::*;

proptest! {
    /// Tokens with a letter changed, put in, left out or taken from another alphabet.
    #[test]
    fn fuzz_session_tokens(
        letters in "[A-Za-z0-9_-]{62,66}",
        at in any::<prop::sample::Index>(),
        odd in prop_oneof![Just(String::new()), ".", "[=+/%\" \u{0}\u{a0}é-]{1,2}"],
        over in 0_usize..3,
    ) {
        let at = at.index(letters.len());
        let end = (at + over).min(letters.len());
        let text = format!("{}{odd}{}", &letters[..at], &letters[end..]);
        let lawful = text.len() == 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        match SessionToken::parse(&text) {
            Some(token) => {
                prop_assert!(lawful, "{text:?}");
                prop_assert_eq!(token.expose(), text.clone(), "one text a token");
                let printed = format!("{token:?} {:?}", token.id());
                prop_assert!(!printed.contains(&text[22..]), "{}", printed);
            }
            None => prop_assert!(!lawful, "{text:?}"),
        }
    }
}
