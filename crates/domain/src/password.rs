use std::fmt;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// A password as somebody typed it, in Unicode's form NFC and otherwise to the letter: nothing trimmed, cut or folded.
///
/// Source of NFC: NIST SP 800-63B-4 section 3.1.1.2, normalisation before hashing, so that one password typed on two
/// keyboards is one password.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

/// Why a text cannot be a password, be it a new one or an old one.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotAPassword {
    /// Nothing at all.
    #[error("Enter a password.")]
    Empty,
    /// More than 1024 bytes.
    #[error("A password has at most 1024 bytes.")]
    TooLong,
    /// A control character, such as a line break: no keyboard types one into this field.
    #[error("A password has no line breaks or other control characters.")]
    Control,
}

impl Password {
    /// Far above the 64 characters that NIST SP 800-63B-4 section 3.1.1.2 asks for, far below what hashing would notice.
    const MAX_BYTES: usize = 1024;

    /// Takes what was typed.
    ///
    /// # Errors
    /// [`NotAPassword`], in words for whoever typed it. Nothing was hashed by then.
    pub fn parse(text: &str) -> Result<Self, NotAPassword> {
        if text.is_empty() {
            return Err(NotAPassword::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NotAPassword::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(NotAPassword::Control);
        }
        // It never moves while it grows, so that no copy stays behind: nothing grows more than threefold.
        // Source: Unicode Standard Annex 15, table "Maximum Expansion Factors".
        let mut normal = Zeroizing::new(String::with_capacity(3 * text.len()));
        normal.extend(text.nfc());
        if normal.len() > Self::MAX_BYTES {
            return Err(NotAPassword::TooLong);
        }
        Ok(Self(normal.as_str().into()))
    }

    /// The bytes to hash.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A hash as text, cost and salt included: in the PHC string format, or as another program wrote it whose accounts were
/// taken in. It prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps what a hasher made or a store kept; whether it can be read shows when it is used.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_password_typed_on_two_keyboards_is_one_password() {
        let composed = Password::parse("caf\u{e9}").unwrap();
        let combining = Password::parse("cafe\u{301}").unwrap();
        assert_eq!(composed.expose(), combining.expose());
    }

    #[test]
    fn full_width_letters_stay_themselves() {
        assert_ne!(Password::parse("Ａ").unwrap().expose(), "A");
    }

    #[test]
    fn spaces_are_kept_on_both_ends() {
        assert_eq!(Password::parse("  a b ").unwrap().expose(), "  a b ");
    }

    #[test]
    fn length_ends_at_1024_bytes() {
        assert!(Password::parse(&"é".repeat(512)).is_ok());
        assert_eq!(
            Password::parse(&"a".repeat(1025)).unwrap_err(),
            NotAPassword::TooLong
        );
        // U+FB2C grows threefold in NFC.
        assert_eq!(
            Password::parse(&"\u{fb2c}".repeat(300)).unwrap_err(),
            NotAPassword::TooLong
        );
    }

    #[test]
    fn control_characters_are_refused() {
        for odd in ["a\0b", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(Password::parse(odd).unwrap_err(), NotAPassword::Control);
        }
    }

    #[test]
    fn nothing_here_prints_a_secret() {
        let password = Password::parse("hunter2-hunter2").unwrap();
        let hash = PasswordHash::new("$argon2id$secret".into());
        assert!(!format!("{password:?}{hash:?}").contains("hunter2"));
        assert!(!format!("{password:?}{hash:?}").contains("secret$"));
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_parsing_it_twice_changes_nothing(text in "\\PC{1,80}") {
            if let Ok(once) = Password::parse(&text) {
                let twice = Password::parse(once.expose()).unwrap();
                prop_assert_eq!(once.expose(), twice.expose());
            }
        }
    }
}
