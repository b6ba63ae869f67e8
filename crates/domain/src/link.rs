use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::ports::Links;
use crate::session::hex;
use crate::{EmailAddress, Invitation, Outage, Secret, UserId};

/// What a link in a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Shows that its owner reads the mail of an address.
    Verify,
    /// Lets who forgot a password choose another.
    Reset,
    /// Takes the removal of an address back.
    Undo,
    /// Says of something that was done to an account that its owner did not do it.
    NotMe,
    /// Lets whom an administrator made an account for choose its password.
    Invite,
    /// Lets whoever was invited make an account: see [`Invitation`](crate::Invitation). No [`Link`] is for this.
    Join,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Verify,
        Self::Reset,
        Self::Undo,
        Self::NotMe,
        Self::Invite,
        Self::Join,
    ];

    /// As it stands in a link's address, and in a store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Undo => "undo",
            Self::NotMe => "not-me",
            Self::Invite => "invite",
            Self::Join => "join",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// How long such a link is good, from when it was sent.
    ///
    /// Source of the first: NIST SP 800-63B-4 section 3.1.3.1, at most 24 hours for a code by mail. That of a new password is
    /// held shorter, as OWASP's Forgot Password Cheat Sheet wants.
    pub fn lasts(self) -> Duration {
        match self {
            Self::Verify => Duration::from_hours(24),
            Self::Reset => Duration::from_mins(30),
            Self::Undo | Self::NotMe | Self::Invite => Duration::from_hours(7 * 24),
            Self::Join => Invitation::LASTS,
        }
    }
}

/// Ends an account's links by which a password is chosen: none is good beside a newer password, or a newer link.
pub(crate) async fn end_choosing(links: &dyn Links, user: UserId) -> Result<(), Outage> {
    for purpose in [Purpose::Reset, Purpose::Invite] {
        links.end(user, purpose).await?;
    }
    Ok(())
}

/// What the address of a link carries: 256 random bits, good once, for one purpose.
#[derive(Debug, Clone)]
pub struct LinkToken(Secret);

impl LinkToken {
    /// A new one.
    ///
    /// # Errors
    /// As [`Secret::random`].
    pub fn random() -> Result<Self, Outage> {
        Ok(Self(Secret::random()?))
    }

    /// Reads what [`expose`](Self::expose) wrote; `None` for anything else. That it can be read does not make it a link's.
    pub fn parse(text: &str) -> Option<Self> {
        Secret::parse(text).map(Self)
    }

    /// The token in text: 43 characters of base64url.
    pub fn expose(&self) -> String {
        self.0.expose()
    }

    /// What stores know the link by: the token opens nothing for another purpose.
    pub fn id(&self, purpose: Purpose) -> LinkId {
        let digest = Sha256::new()
            .chain_update("vestibule link\0")
            .chain_update(purpose.as_str())
            .chain_update("\0")
            .chain_update(self.0.expose());
        LinkId(digest.finalize().into())
    }
}

/// A link's name in a store: a digest of its token, which does not lead back to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(pub [u8; 32]);

impl LinkId {
    /// What an administrator names it by: the digest in hexadecimal.
    pub fn handle(&self) -> String {
        hex(self.0)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkId(..)")
    }
}

/// A link that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What for.
    pub purpose: Purpose,
    /// To whose account it belongs.
    pub user: UserId,
    /// Where it was sent. `None`: an administrator has handed it over.
    pub address: Option<EmailAddress>,
    /// What it is about happened then.
    pub since: OffsetDateTime,
    /// When it is worth nothing any more.
    pub expires: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_of_one_purpose_is_none_of_another() {
        let token = LinkToken::random().unwrap();
        let ids = Purpose::ALL.map(|purpose| token.id(purpose));
        for (n, id) in ids.iter().enumerate() {
            assert!(!ids[..n].contains(id));
        }
        let read = LinkToken::parse(&token.expose()).unwrap();
        assert_eq!(read.id(Purpose::Reset), token.id(Purpose::Reset));
        let other = LinkToken::random().unwrap();
        assert_ne!(other.id(Purpose::Reset), token.id(Purpose::Reset));
    }

    #[test]
    fn a_purpose_is_read_back_and_no_other_word_is_one() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
        }
        assert_eq!(Purpose::parse("Reset"), None);
    }

    proptest! {
        #[test]
        fn fuzz_link_token(text in "[A-Za-z0-9_-]{43}|.{0,60}") {
            if let Some(token) = LinkToken::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
