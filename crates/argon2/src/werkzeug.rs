//! The hashes that Werkzeug writes, Flask's library: read and compared, never made.
//!
//! `scrypt:N:r:p$salt$hex` with a tag of 64 bytes, and `pbkdf2:digest:iterations$salt$hex` with a tag as long as the
//! digest is. The salt is the text's own bytes.
//! Source: Werkzeug 3.1.9, `werkzeug/security.py`; so it has been since version 0.9 (PBKDF2) and 2.3 (scrypt).

use argon2::password_hash::phc::Output;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use vestibule_domain::{Password, PasswordHash};

/// A text longer than this is no hash; Werkzeug's have some 160 bytes.
const MAX_BYTES: usize = 1024;

/// The most that a stored scrypt hash may ask for: `128 * N * r * p`, which bounds its memory (`128 * N * r` bytes) and its
/// work. 32 times Werkzeug's own cost, 8 times what the OWASP Password Storage Cheat Sheet asks for.
const MAX_SCRYPT_BYTES: u64 = 1024 * 1024 * 1024;

/// The most iterations of a stored PBKDF2 hash: 10 times Werkzeug's own.
const MAX_ITERATIONS: u32 = 10_000_000;

/// What verifying needs of one of Werkzeug's hashes.
pub(crate) struct Werkzeug {
    method: Method,
    salt: Vec<u8>,
    tag: Output,
}

#[derive(Clone, Copy)]
enum Method {
    Scrypt(scrypt::Params),
    Pbkdf2 { digest: Digest, iterations: u32 },
}

#[derive(Clone, Copy)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Werkzeug {
    /// `None` when `hash` is not one of Werkzeug's, or would cost more than any that it makes.
    pub(crate) fn read(hash: &PasswordHash) -> Option<Self> {
        let text = hash.as_str();
        if text.len() > MAX_BYTES {
            return None;
        }
        let (method, rest) = text.split_once('$')?;
        let (salt, hex) = rest.split_once('$')?;
        let method = match method.split(':').collect::<Vec<_>>()[..] {
            ["scrypt", n, r, p] => Method::Scrypt(scrypt_params(n, r, p)?),
            ["pbkdf2", digest, iterations] => Method::Pbkdf2 {
                digest: match digest {
                    "sha1" => Digest::Sha1,
                    "sha256" => Digest::Sha256,
                    "sha512" => Digest::Sha512,
                    _ => return None,
                },
                iterations: number(iterations).filter(|&n| n <= MAX_ITERATIONS)?,
            },
            _ => return None,
        };
        let tag = bytes(hex).filter(|tag| tag.len() == method.tag_bytes())?;
        Some(Self {
            method,
            salt: salt.as_bytes().to_vec(),
            tag: Output::new(&tag).ok()?,
        })
    }

    /// What verifying it takes, beside the password.
    pub(crate) fn memory_kib(&self) -> u64 {
        match self.method {
            // Source: RFC 7914 section 5 and 6: `128 * r` bytes for each of N steps, and for each of p lanes.
            Method::Scrypt(params) => {
                let steps = (1 << params.log_n()) + u64::from(params.p());
                (128 * u64::from(params.r()) * steps).div_ceil(1024)
            }
            Method::Pbkdf2 { .. } => 0,
        }
    }

    /// Whether `password` made this hash. Takes the CPU, and for scrypt the memory, that the hash asks for.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        let password = password.expose().as_bytes();
        let salt = &self.salt;
        let mut tag = vec![0; self.method.tag_bytes()];
        match self.method {
            Method::Scrypt(params) => {
                if scrypt::scrypt(password, salt, &params, &mut tag).is_err() {
                    return false;
                }
            }
            Method::Pbkdf2 { digest, iterations } => {
                let derive = match digest {
                    Digest::Sha1 => pbkdf2_hmac::<Sha1>,
                    Digest::Sha256 => pbkdf2_hmac::<Sha256>,
                    Digest::Sha512 => pbkdf2_hmac::<Sha512>,
                };
                derive(password, salt, iterations, &mut tag);
            }
        }
        // `Output` compares in constant time.
        Output::new(&tag).is_ok_and(|tag| tag == self.tag)
    }
}

impl Method {
    fn tag_bytes(self) -> usize {
        match self {
            Self::Scrypt(_) => 64,
            Self::Pbkdf2 { digest, .. } => match digest {
                Digest::Sha1 => 20,
                Digest::Sha256 => 32,
                Digest::Sha512 => 64,
            },
        }
    }
}

fn scrypt_params(n: &str, r: &str, p: &str) -> Option<scrypt::Params> {
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    let cost = [n, r, p]
        .into_iter()
        .try_fold(128, |cost: u64, factor| cost.checked_mul(factor.into()))?;
    // Source: RFC 7914 section 2: N is larger than 1 and a power of 2.
    if n < 2 || !n.is_power_of_two() || cost > MAX_SCRYPT_BYTES {
        return None;
    }
    let log_n = u8::try_from(n.ilog2()).ok()?;
    scrypt::Params::new(log_n, r, p).ok()
}

/// A number from 1 on, in plain digits, as Python writes one.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&number| plain && number > 0)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reads(text: &str) -> bool {
        Werkzeug::read(&PasswordHash::new(text.to_owned())).is_some()
    }

    #[test]
    fn costs_are_bounded() {
        let tag = "ab".repeat(64);
        for (method, ok) in [
            ("scrypt:32768:8:1", true),
            ("scrypt:1048576:8:1", true),
            ("scrypt:2097152:8:1", false),
            ("scrypt:1048576:8:2", false),
            ("scrypt:2:1:4194304", true),
            ("scrypt:2:1:4194305", false),
            ("scrypt:2147483648:4294967295:4294967295", false),
            ("scrypt:4294967296:1:1", false),
            ("scrypt:32767:8:1", false),
            ("scrypt:1:8:1", false),
            ("scrypt:0:8:1", false),
            ("scrypt:32768:0:1", false),
            ("scrypt:32768:8:0", false),
            ("scrypt:32768:8:-1", false),
            ("scrypt:+32768:8:1", false),
            ("scrypt:32768:8", false),
            ("scrypt:32768:8:1:1", false),
            ("scrypt", false),
            ("pbkdf2:sha512:10000000", true),
            ("pbkdf2:sha512:10000001", false),
            ("pbkdf2:sha512:0", false),
            ("pbkdf2:sha512", false),
            ("pbkdf2:md5:1000", false),
            ("sha512", false),
            ("", false),
        ] {
            assert_eq!(reads(&format!("{method}$salt${tag}")), ok, "{method}");
        }
    }

    #[test]
    fn memory_is_what_scrypt_will_take() {
        let tag = "ab".repeat(64);
        for (method, kib) in [
            ("scrypt:32768:8:1", 32 * 1024 + 1),
            ("scrypt:1048576:8:1", 1024 * 1024 + 1),
            ("scrypt:2:1:4194304", 512 * 1024 + 1),
            ("pbkdf2:sha512:1", 0),
        ] {
            let hash = PasswordHash::new(format!("{method}$salt${tag}"));
            assert_eq!(Werkzeug::read(&hash).unwrap().memory_kib(), kib);
        }
    }

    #[test]
    fn a_tag_is_as_long_as_its_method_makes_it() {
        for (method, bytes) in [
            ("scrypt:2:1:1", 64),
            ("pbkdf2:sha1:1", 20),
            ("pbkdf2:sha256:1", 32),
            ("pbkdf2:sha512:1", 64),
        ] {
            for (tag, ok) in [
                ("aB".repeat(bytes), true),
                ("aB".repeat(bytes - 1), false),
                ("aB".repeat(bytes + 1), false),
                (format!("{}a", "aB".repeat(bytes)), false),
                ("ag".repeat(bytes), false),
                (format!("{}$", "aB".repeat(bytes)), false),
            ] {
                assert_eq!(reads(&format!("{method}$salt${tag}")), ok, "{method} {tag}");
            }
        }
        assert!(!reads(&format!(
            "scrypt:2:1:1${}${}",
            "s".repeat(2000),
            "ab".repeat(64)
        )));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            reads(&text);
        }

        #[test]
        fn nearly_right_texts_panic_neither(
            method in "(scrypt|pbkdf2)(:(sha1|sha256|[0-9]{1,22})){0,4}",
            salt in ".{0,8}",
            hex in "([0-9a-fA-F]{40}|[0-9a-f]{64}|[0-9a-f]{128}|.{0,130})",
        ) {
            reads(&format!("{method}${salt}${hex}"));
        }

        #[test]
        fn what_is_read_is_run(
            log_n in 1_u32..5, r in 1_u32..4, p in 1_u32..4, salt in "[^$]{0,8}", hex in "[0-9a-fA-F]{128}",
        ) {
            let text = format!("scrypt:{}:{r}:{p}${salt}${hex}", 1 << log_n);
            let hash = Werkzeug::read(&PasswordHash::new(text)).unwrap();
            prop_assert!(!hash.matches(&Password::parse("correct horse battery").unwrap()));
        }
    }
}
