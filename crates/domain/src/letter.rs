use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Browser, EmailAddress, LinkToken, Purpose, UserId, Username};

/// A letter's name: the same however often it is sent, so that mail programs show it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LetterId(pub Uuid);

impl LetterId {
    /// A new one.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for LetterId {
    fn default() -> Self {
        Self::new()
    }
}

/// What a letter tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LetterKind {
    /// Asks whether an address is its owner's.
    Verify,
    /// Lets who forgot a password choose another.
    Reset,
    /// The password is another.
    PasswordChanged,
    /// The account has another name.
    UsernameChanged,
    /// The account has one more address.
    AddressAdded,
    /// The account no longer has this address.
    AddressRemoved,
    /// Somebody signed in with a browser that had not been seen there before.
    NewBrowser,
    /// The account will go, as its owner wanted.
    Leaving,
}

impl LetterKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Verify,
        Self::Reset,
        Self::PasswordChanged,
        Self::UsernameChanged,
        Self::AddressAdded,
        Self::AddressRemoved,
        Self::NewBrowser,
        Self::Leaving,
    ];

    /// As it stands in a store; its template is called so, too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::PasswordChanged => "password-changed",
            Self::UsernameChanged => "username-changed",
            Self::AddressAdded => "address-added",
            Self::AddressRemoved => "address-removed",
            Self::NewBrowser => "new-browser",
            Self::Leaving => "leaving",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What the link in it is for.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Verify => Purpose::Verify,
            Self::Reset => Purpose::Reset,
            Self::AddressRemoved => Purpose::Undo,
            Self::PasswordChanged
            | Self::UsernameChanged
            | Self::AddressAdded
            | Self::NewBrowser
            | Self::Leaving => Purpose::NotMe,
        }
    }
}

/// A letter that is to be sent. What it will say is made of this when it is; its link's token, too, so that none is kept
/// before, and late mail is worth as much as early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its name.
    pub id: LetterId,
    /// What it tells.
    pub kind: LetterKind,
    /// Whose account it is about.
    pub user: UserId,
    /// Where it goes.
    pub to: EmailAddress,
    /// When that happened which it tells.
    pub at: OffsetDateTime,
    /// What was done after this is in doubt, should its owner disown it: mostly `at`.
    pub since: OffsetDateTime,
    /// With which browser, in words, where it said.
    pub browser: Option<String>,
    /// From which address, where the server saw one.
    pub from: Option<String>,
    /// The e-mail address that it is about, where that is not where it goes.
    pub about: Option<EmailAddress>,
}

impl Letter {
    /// A letter about what a browser did.
    pub fn new(
        kind: LetterKind,
        user: UserId,
        to: EmailAddress,
        at: OffsetDateTime,
        browser: &Browser,
    ) -> Self {
        Self {
            id: LetterId::new(),
            kind,
            user,
            to,
            at,
            since: at,
            browser: browser.agent.clone(),
            from: browser.address.map(|address| address.to_string()),
            about: None,
        }
    }
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A letter.
    Letter(Letter),
    /// A wish for a new password, by the username or the e-mail address that a stranger typed: whose it is, if anybody's, is
    /// found out when nobody waits for the answer.
    Wish {
        /// Its name.
        id: LetterId,
        /// What was typed.
        typed: String,
        /// When.
        at: OffsetDateTime,
        /// The same as in a [`Letter`].
        browser: Option<String>,
        /// The same as in a [`Letter`].
        from: Option<String>,
    },
}

impl Waiting {
    /// Its name.
    pub fn id(&self) -> LetterId {
        match self {
            Self::Letter(letter) => letter.id,
            Self::Wish { id, .. } => *id,
        }
    }

    /// Since when it waits.
    pub fn at(&self) -> OffsetDateTime {
        match self {
            Self::Letter(letter) => letter.at,
            Self::Wish { at, .. } => *at,
        }
    }
}

/// A letter on its way.
#[derive(Debug, Clone)]
pub struct Mail {
    /// What it tells.
    pub letter: Letter,
    /// The account's name now.
    pub username: Username,
    /// What its link carries.
    pub link: LinkToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_back_and_no_other_word_is_one() {
        for kind in LetterKind::ALL {
            assert_eq!(LetterKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(LetterKind::parse("spam"), None);
    }
}
