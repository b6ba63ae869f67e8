use std::fmt;

use thiserror::Error;

/// The name that somebody signs in with, trimmed and in lower case.
///
/// Two `Username`s are equal exactly when they name the same account, so a database's unique index and this type agree
/// without a collation rule. ASCII alone, so that no two names merely look alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

/// Why a text is no username.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotAUsername {
    /// Nothing, or white space alone.
    #[error("Enter a username.")]
    Empty,
    /// Fewer than 3 or more than 32 characters.
    #[error("A username has 3 to 32 characters.")]
    Length,
    /// A character other than `a` to `z`, `0` to `9`, `.`, `_` and `-`.
    #[error("A username has only the letters a to z, digits, dots, dashes and underscores.")]
    Character,
}

impl Username {
    const MIN_CHARS: usize = 3;
    const MAX_CHARS: usize = 32;

    /// Checks a text that somebody typed; capitals become small letters, white space around it goes.
    ///
    /// # Errors
    /// [`NotAUsername`], in words for whoever typed it.
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        let name = text.trim().to_ascii_lowercase();
        if name.is_empty() {
            return Err(NotAUsername::Empty);
        }
        if !name.bytes().all(Self::allows) {
            return Err(NotAUsername::Character);
        }
        if !(Self::MIN_CHARS..=Self::MAX_CHARS).contains(&name.len()) {
            return Err(NotAUsername::Length);
        }
        Ok(Self(name))
    }

    fn allows(byte: u8) -> bool {
        matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')
    }

    /// The name as it is shown and stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capitals_and_outer_spaces_make_no_other_name() {
        assert_eq!(Username::parse(" Ada.L-1_ ").unwrap().as_str(), "ada.l-1_");
    }

    #[test]
    fn length_is_3_to_32() {
        assert_eq!(Username::parse("ab"), Err(NotAUsername::Length));
        assert!(Username::parse("abc").is_ok());
        assert!(Username::parse(&"a".repeat(32)).is_ok());
        assert_eq!(Username::parse(&"a".repeat(33)), Err(NotAUsername::Length));
    }

    #[test]
    fn nothing_is_asked_for_rather_than_measured() {
        assert_eq!(Username::parse(" \t"), Err(NotAUsername::Empty));
    }

    #[test]
    fn look_alikes_and_hidden_characters_are_refused() {
        // Cyrillic a, full width, accent, zero-width space, NUL, inner space, sharp s, Kelvin sign, dotless i, escape.
        for odd in [
            "\u{430}da",
            "ａda",
            "adá",
            "a\u{200b}da",
            "a\0da",
            "a da",
            "straße",
            "\u{212a}elvin",
            "ad\u{131}",
            "%61da",
            "ada\r\nx",
        ] {
            assert_eq!(
                Username::parse(odd),
                Err(NotAUsername::Character),
                "{odd:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_outcome_is_a_lawful_name_or_a_refusal(text in ".{0,40}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert!((3..=32).contains(&name.as_str().len()));
                prop_assert!(name.as_str().bytes().all(Username::allows));
                prop_assert_eq!(Username::parse(name.as_str()).unwrap(), name);
            }
        }

        #[test]
        fn every_lawful_name_is_taken_as_it_is(name in "[a-z0-9._-]{3,32}") {
            let parsed = Username::parse(&name).unwrap();
            prop_assert_eq!(parsed.as_str(), name);
        }
    }
}
