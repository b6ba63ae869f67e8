use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

use crate::Username;

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
        let normal: String = text.nfc().collect();
        if normal.len() > Self::MAX_BYTES {
            return Err(NotAPassword::TooLong);
        }
        Ok(Self(normal.into()))
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

/// What a new password has to be.
#[derive(Debug, Clone)]
pub struct PasswordPolicy {
    /// The fewest characters (Unicode code points). Source of the default, 15: NIST SP 800-63B-4 section 3.1.1.2, for a
    /// password that is the only factor.
    pub min_length: usize,
    /// Words that anybody would guess here, in lower case: the product's name, the site's host name.
    pub site_words: Vec<String>,
}

/// A password that the policy lets somebody choose: [`PasswordPolicy::check`] alone makes one.
#[derive(Debug, Clone)]
pub struct NewPassword(pub(crate) Password);

/// Why a new password is refused, in words for whoever chose it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WeakPassword {
    /// Fewer characters than [`PasswordPolicy::min_length`].
    #[error("Use at least {min} characters; this password has {has}.")]
    TooShort {
        /// What the policy asks for.
        min: usize,
        /// What it has.
        has: usize,
    },
    /// It would take an attacker few guesses because of the username or the site's name in it.
    #[error(
        "This password is too much like your username or the name of this site. Choose one that has nothing to do with either."
    )]
    LikeAName,
    /// It would take an attacker few guesses.
    #[error("This password is easy to guess. {0}")]
    Guessable(String),
}

impl PasswordPolicy {
    /// Lets `password` be the new password of `username`, or says why not. No rules of composition. Takes up to
    /// 0.1 s of CPU on a text made for it: not for an async thread.
    ///
    /// # Errors
    /// [`WeakPassword`].
    pub fn check(
        &self,
        password: Password,
        username: &Username,
    ) -> Result<NewPassword, WeakPassword> {
        self.check_length(&password)?;
        let text: String = password.expose().chars().take(JUDGED_CHARS).collect();
        let text = text.as_str();
        let names: Vec<&str> = std::iter::once(username.as_str())
            .chain(self.site_words.iter().map(String::as_str))
            .collect();
        // zxcvbn knows a name that is reversed or spelt with digits, but thinks well of one that stands there twice: so
        // what is left without the names has to be enough too.
        if is_enough(text, &names) && is_enough(&without(text, &names), &[]) {
            return Ok(NewPassword(password));
        }
        let anybodys = zxcvbn(text, &[]);
        if anybodys.score() >= ENOUGH {
            return Err(WeakPassword::LikeAName);
        }
        Err(WeakPassword::Guessable(advice(&anybodys)))
    }
    /// The part of [`check`](Self::check) that needs no username and no time: for somebody whose username will not do
    /// either.
    ///
    /// # Errors
    /// [`WeakPassword::TooShort`].
    pub fn check_length(&self, password: &Password) -> Result<(), WeakPassword> {
        let (min, has) = (self.min_length, password.expose().chars().count());
        if has < min {
            return Err(WeakPassword::TooShort { min, has });
        }
        Ok(())
    }
}

/// The score that zxcvbn calls "safely unguessable": more than 10^8 guesses.
const ENOUGH: Score = Score::Three;

/// How much of a password is looked at: zxcvbn's work grows with the cube of the length. What is guessed late by its
/// beginning is guessed no sooner as a whole.
const JUDGED_CHARS: usize = 32;

fn is_enough(text: &str, names: &[&str]) -> bool {
    zxcvbn(text, names).score() >= ENOUGH
}

fn without(text: &str, names: &[&str]) -> String {
    names
        .iter()
        .fold(text.to_lowercase(), |rest, name| rest.replace(name, ""))
}

fn advice(entropy: &zxcvbn::Entropy) -> String {
    const OTHERWISE: &str =
        "A few words that have nothing to do with each other make a better one.";
    let warning = entropy
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning);
    match warning {
        Some(warning) => format!("{warning} {OTHERWISE}"),
        None => OTHERWISE.to_owned(),
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> PasswordPolicy {
        PasswordPolicy {
            min_length: 15,
            site_words: vec!["vestibule".into(), "example".into()],
        }
    }

    fn check(text: &str, username: &str) -> Result<(), WeakPassword> {
        let password = Password::parse(text).unwrap();
        let username = Username::parse(username).unwrap();
        policy().check(password, &username).map(drop)
    }

    #[test]
    fn code_points_are_counted_after_normalisation() {
        // 14 letters, the last of them e + combining acute: one code point in NFC.
        assert_eq!(
            check("qzjxkwvfyhbgme\u{301}", "ada"),
            Err(WeakPassword::TooShort { min: 15, has: 14 })
        );
        assert_eq!(check("qzjxkwvfyhbgpm\u{e9}", "ada"), Ok(()));
    }

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
    fn no_rules_of_composition() {
        for fine in [
            "qzjxkwvfyhbgmpt",
            "829401557362918",
            "correct horse battery",
            "🐙🦀🐚🦑🐡🐠🐟🐬🐳🐋🦈🐊🐅🐆🦓",
        ] {
            assert_eq!(check(fine, "ada"), Ok(()), "{fine}");
        }
    }

    #[test]
    fn what_is_guessed_first_is_refused_with_the_reason() {
        for weak in [
            "passwordpassword",
            "aaaaaaaaaaaaaaaa",
            "123456789012345",
            "qwertyuiopasdfghjkl",
            "abcabcabcabcabcabc",
        ] {
            let refusal = check(weak, "ada").unwrap_err();
            assert!(matches!(refusal, WeakPassword::Guessable(_)), "{weak}");
            let words = refusal.to_string();
            assert!(words.starts_with("This password is easy to guess. "));
            assert!(words.ends_with("make a better one."), "{words}");
        }
    }

    #[test]
    fn names_make_no_password() {
        for (weak, username) in [
            ("xq7-kwvfyh-bgmpt", "xq7-kwvfyh-bgmpt"),
            ("Xq7-Kwvfyh-Bgmpt1", "xq7-kwvfyh-bgmpt"),
            ("vestibule-vestibule", "ada"),
            ("vestibule-password", "ada"),
            ("example.vestibule", "ada"),
        ] {
            assert!(check(weak, username).is_err(), "{weak}");
        }
        assert_eq!(check("ada likes 3 wet sparrows", "ada"), Ok(()));
        assert_eq!(
            check("xq7-kwvfyh-bgmpt", "xq7-kwvfyh-bgmpt"),
            Err(WeakPassword::LikeAName)
        );
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
