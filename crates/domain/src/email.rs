use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

/// Where mail reaches somebody: the shape that browsers check, with a host that has a dot, in small letters.
///
/// Source of the shape: the HTML Standard, "valid e-mail address". That there is such a mailbox shows when a link that was
/// sent there comes back.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// Why a text is no e-mail address.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotAnEmailAddress {
    /// Nothing, or white space alone.
    #[error("Enter an e-mail address.")]
    Empty,
    /// More than 254 characters, or more than 64 before the `@`.
    #[error("This e-mail address is too long.")]
    Length,
    /// Anything else.
    #[error("An e-mail address looks like name@example.com.")]
    Shape,
}

impl EmailAddress {
    /// Source: RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3, less the brackets around a path.
    const MAX_BYTES: usize = 254;
    const MAX_LOCAL_BYTES: usize = 64;
    /// Source: RFC 1035, section 2.3.4.
    const MAX_LABEL_BYTES: usize = 63;

    /// Checks a text that somebody typed; white space around it goes, the host's capitals become small letters.
    ///
    /// # Errors
    /// [`NotAnEmailAddress`], in words for whoever typed it.
    pub fn parse(text: &str) -> Result<Self, NotAnEmailAddress> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotAnEmailAddress::Empty);
        }
        let (local, host) = text.rsplit_once('@').ok_or(NotAnEmailAddress::Shape)?;
        if !is_local(local) || !is_host(host) {
            return Err(NotAnEmailAddress::Shape);
        }
        if text.len() > Self::MAX_BYTES || local.len() > Self::MAX_LOCAL_BYTES {
            return Err(NotAnEmailAddress::Length);
        }
        Ok(Self(format!("{local}@{}", host.to_ascii_lowercase())))
    }

    /// The address as it is shown, stored and written to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two addresses have in common that nearly every host takes for one mailbox: small letters throughout.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Enough for its owner to know it by, and for nobody to write to: `a…@example.com`.
    pub fn masked(&self) -> String {
        let first = self.0.chars().next().unwrap_or_default();
        let host = self.0.rsplit_once('@').map_or("", |(_, host)| host);
        format!("{first}…@{host}")
    }
}

/// An account's e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The address.
    pub address: EmailAddress,
    /// Since when the account has it.
    pub added: OffsetDateTime,
    /// When its owner showed that they read its mail. `None`: it does not count yet.
    pub verified: Option<OffsetDateTime>,
}

impl Email {
    /// How many an account has at most.
    pub const MOST: usize = 2;
}

/// Dots neither at an end nor side by side: hosts refuse those, though browsers do not.
fn is_local(local: &str) -> bool {
    let allows = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    local
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(allows))
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=EmailAddress::MAX_LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.contains('.') && host.split('.').all(is_label)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_host_is_in_small_letters_and_the_name_as_typed() {
        let ada = EmailAddress::parse(" Ada.L+x@Example.COM ").unwrap();
        assert_eq!(ada.as_str(), "Ada.L+x@example.com");
        assert_eq!(ada.folded(), "ada.l+x@example.com");
        assert_eq!(ada.masked(), "A…@example.com");
        assert_eq!(format!("{ada:?}"), "EmailAddress(A…@example.com)");
    }

    #[test]
    fn what_no_host_would_take_is_refused() {
        assert_eq!(EmailAddress::parse(" \t"), Err(NotAnEmailAddress::Empty));
        for odd in [
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@example..com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@example.com.",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "\"ada\"@example.com",
            "ada@[127.0.0.1]",
            "Ada <ada@example.com>",
            "ada@example.com,eve@example.com",
            "adá@example.com",
            "ada@ex\u{430}mple.com",
            "a\0da@example.com",
        ] {
            let parsed = EmailAddress::parse(odd);
            assert_eq!(parsed, Err(NotAnEmailAddress::Shape), "{odd:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_protocol() {
        let local = |n| format!("{}@example.com", "a".repeat(n));
        assert!(EmailAddress::parse(&local(64)).is_ok());
        assert_eq!(
            EmailAddress::parse(&local(65)),
            Err(NotAnEmailAddress::Length)
        );
        let host = |n| {
            let labels = vec!["b".repeat(61); 4].join(".");
            format!("{}@{labels}", "a".repeat(n))
        };
        assert!(EmailAddress::parse(&host(6)).is_ok());
        assert_eq!(
            EmailAddress::parse(&host(7)),
            Err(NotAnEmailAddress::Length)
        );
        let label = format!("ada@{}.com", "b".repeat(64));
        assert_eq!(EmailAddress::parse(&label), Err(NotAnEmailAddress::Shape));
    }

    proptest! {
        #[test]
        fn fuzz_email_address(text in "[a-zA-Z0-9.@+_ -]{0,80}|.{0,40}|[a-z.]{1,8}@[a-z.-]{1,20}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert!(address.as_str().len() <= EmailAddress::MAX_BYTES);
                prop_assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(address.as_str().matches('@').count(), 1);
                prop_assert_eq!(EmailAddress::parse(address.as_str()).unwrap(), address.clone());
                prop_assert_eq!(EmailAddress::parse(&address.folded()).unwrap().folded(), address.folded());
            }
        }
    }
}
