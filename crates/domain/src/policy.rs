use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use thiserror::Error;
use zxcvbn::{Score, zxcvbn};

use crate::ports::KnownPasswords;
use crate::{Outage, Password, Username};

/// What a new password has to be.
pub struct PasswordPolicy {
    /// The fewest characters (Unicode code points). Source of the default, 15: NIST SP 800-63B-4 section 3.1.1.2, for a
    /// password that is the only factor.
    pub min_length: usize,
    /// Words that anybody would guess here, in lower case: the product's name, the site's host name.
    pub site_words: Vec<String>,
    /// What attackers try first. Source: OWASP ASVS 5.0, 6.2.4 and 6.2.12; NIST SP 800-63B-4 section 3.1.1.2.
    pub known: Vec<Arc<dyn KnownPasswords>>,
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
    /// Attackers have it already.
    #[error(
        "This password is known from leaks, so whoever attacks an account tries it first. Choose another one: a few words that have nothing to do with each other make a good one."
    )]
    Known,
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
    /// 0.1 s of CPU on a text made for it, and reads from a disk: not for an async thread.
    ///
    /// # Errors
    /// [`Outage`] when a list of known passwords cannot be read: what nobody could look up is not let pass.
    pub fn check(
        &self,
        password: Password,
        username: &Username,
    ) -> Result<Result<NewPassword, WeakPassword>, Outage> {
        if let Err(short) = self.check_length(&password) {
            return Ok(Err(short));
        }
        for list in &self.known {
            if list.contains(&password)? {
                return Ok(Err(WeakPassword::Known));
            }
        }
        Ok(self.check_guesses(password, username))
    }

    fn check_guesses(
        &self,
        password: Password,
        username: &Username,
    ) -> Result<NewPassword, WeakPassword> {
        let judged = password.expose().char_indices().nth(JUDGED_CHARS);
        let text = judged.map_or(password.expose(), |(end, _)| &password.expose()[..end]);
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

fn without(text: &str, names: &[&str]) -> Zeroizing<String> {
    let lower = Zeroizing::new(text.to_lowercase());
    names
        .iter()
        .fold(lower, |rest, name| Zeroizing::new(rest.replace(name, "")))
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
mod tests {
    use super::*;
    use crate::ports::MockKnownPasswords;

    fn policy(known: Vec<MockKnownPasswords>) -> PasswordPolicy {
        let known = known.into_iter().map(|list| Arc::new(list) as _);
        PasswordPolicy {
            min_length: 15,
            site_words: vec!["vestibule".into(), "example".into()],
            known: known.collect(),
        }
    }

    fn check(text: &str, username: &str) -> Result<(), WeakPassword> {
        let password = Password::parse(text).unwrap();
        let username = Username::parse(username).unwrap();
        let outcome = policy(vec![]).check(password, &username);
        outcome.unwrap().map(drop)
    }

    fn list(of: &'static str) -> MockKnownPasswords {
        let mut list = MockKnownPasswords::new();
        list.expect_contains()
            .once()
            .returning(move |password| Ok(password.expose() == of));
        list
    }

    fn check_strong(known: Vec<MockKnownPasswords>) -> Result<Result<(), WeakPassword>, Outage> {
        let password = Password::parse("nine wet sparrows hum").unwrap();
        let username = Username::parse("ada").unwrap();
        let outcome = policy(known).check(password, &username);
        outcome.map(|outcome| outcome.map(drop))
    }

    #[test]
    fn a_password_on_any_list_is_refused_however_strong_it_looks() {
        let outcome = check_strong(vec![list("other"), list("nine wet sparrows hum")]);
        assert_eq!(outcome.unwrap(), Err(WeakPassword::Known));
        let outcome = check_strong(vec![list("other"), list("another")]);
        assert_eq!(outcome.unwrap(), Ok(()));
    }

    #[test]
    fn what_nobody_could_look_up_is_not_let_pass() {
        let mut broken = MockKnownPasswords::new();
        broken
            .expect_contains()
            .once()
            .returning(|_| Err(Outage::during("reading a list")("gone")));
        assert!(check_strong(vec![list("other"), broken]).is_err());
    }

    #[test]
    fn what_is_too_short_is_not_looked_up() {
        let password = Password::parse("short").unwrap();
        let username = Username::parse("ada").unwrap();
        // Any call panics.
        let outcome = policy(vec![MockKnownPasswords::new()]).check(password, &username);
        let outcome = outcome.unwrap().map(drop);
        assert_eq!(outcome, Err(WeakPassword::TooShort { min: 15, has: 5 }));
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
}
