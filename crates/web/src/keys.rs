use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What signs whatever browsers keep for us, such as the token of a form. Every instance has the same.
///
/// There may be several: the first signs, and what any of them has signed is taken. So a key can be replaced without
/// refusing what is out there, and dropped when that is old enough.
pub struct Keys {
    first: SecretString,
    older: Vec<SecretString>,
}

impl Keys {
    /// `first` signs; `older` ones are still believed.
    pub fn new(first: SecretString, older: Vec<SecretString>) -> Self {
        Self { first, older }
    }

    /// A tag for `message`, in base64url. `purpose` tells apart what the keys are used for, so that a tag which was made
    /// for one thing never passes for another; it has no NUL in it.
    ///
    /// Source: RFC 2104, HMAC, with SHA-256.
    pub(crate) fn sign(&self, purpose: &str, message: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.first, purpose, message).finalize().into_bytes())
    }

    /// Whether one of the keys made `tag` for this purpose and message. How far a wrong tag is right, the time does not
    /// tell.
    pub(crate) fn is_signed(&self, purpose: &str, message: &str, tag: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else {
            return false;
        };
        std::iter::once(&self.first)
            .chain(&self.older)
            .any(|key| mac(key, purpose, message).verify_slice(&tag).is_ok())
    }
}

fn mac(key: &SecretString, purpose: &str, message: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose_secret().as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    mac.update(purpose.as_bytes());
    mac.update(b"\0");
    mac.update(message.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(all: &[&str]) -> Keys {
        let mut all = all.iter().map(|&key| key.into());
        Keys::new(all.next().unwrap(), all.collect())
    }

    #[test]
    fn what_any_of_the_keys_signed_is_taken_and_the_first_one_signs() {
        let old = keys(&["old"]);
        let both = keys(&["new", "old"]);
        let new = keys(&["new"]);
        let of_old = old.sign("form", "ada");
        let of_both = both.sign("form", "ada");

        assert!(both.is_signed("form", "ada", &of_old));
        assert!(both.is_signed("form", "ada", &of_both));
        assert!(new.is_signed("form", "ada", &of_both));
        assert!(!old.is_signed("form", "ada", &of_both));
        assert!(!new.is_signed("form", "ada", &of_old), "dropped is dropped");
    }

    #[test]
    fn a_tag_is_for_one_message_and_one_purpose() {
        let keys = keys(&["key"]);
        let tag = keys.sign("form", "ada");
        assert!(keys.is_signed("form", "ada", &tag));
        for (purpose, message) in [
            ("form", "eve"),
            ("device", "ada"),
            ("for", "mada"),
            ("", "form\0ada"),
        ] {
            assert!(!keys.is_signed(purpose, message, &tag), "{purpose}");
        }
        for odd in [
            "",
            "A",
            "!",
            &tag[1..],
            &format!("{tag}="),
            &format!("{tag}A"),
        ] {
            assert!(!keys.is_signed("form", "ada", odd), "{odd}");
        }
    }

    /// Made by `printf 'vestibule form\0ada' | openssl dgst -sha256 -hmac key -binary | basenc --base64url`.
    #[test]
    fn a_tag_is_an_hmac() {
        assert_eq!(
            keys(&["key"]).sign("vestibule form", "ada"),
            "UJB2G6dU5M4meeePlAy6TbsMHqGhY2FIRFplePACszI"
        );
    }
}
