use std::fmt;
use std::net::IpAddr;

use time::OffsetDateTime;

use crate::{Outage, UserId};

/// Something that matters to security: it is written into the log, and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, to the second.
    pub at: OffsetDateTime,
    /// What.
    pub kind: EventKind,
    /// In answer to which request; `None` for what the program did by itself.
    pub request: Option<RequestId>,
    /// Whose account it was about, where there is one.
    pub user: Option<UserId>,
    /// The client's address, where one was seen.
    pub address: Option<IpAddr>,
    /// What explains it to an operator, such as which limit was hit: names and values, never a secret, never what
    /// somebody typed.
    pub facts: Vec<(&'static str, String)>,
}

impl Event {
    /// The same, with more that explains it.
    #[must_use]
    pub fn with(mut self, facts: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.facts.extend(facts);
        self
    }
}

/// What happened.
///
/// Source of the names: OWASP Logging Vocabulary Cheat Sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Somebody signed in.
    LoginSucceeded,
    /// Somebody signed in after wrong passwords.
    LoginSucceededAfterFailures,
    /// A wrong password, or nobody by that name.
    LoginFailed,
    /// A login was refused unseen: too many wrong passwords before it.
    LoginOverLimit,
    /// So many wrong passwords that the account's password is off for browsers that are not known.
    PasswordLocked,
    /// An operator made an account's password count again. A new password does so, too, and is an event of its own.
    PasswordUnlocked,
    /// An account's owner chose another password.
    PasswordChanged,
    /// An account's owner took another name.
    UsernameChanged,
    /// A wrong password, given to choose another.
    PasswordChangeFailed,
    /// Somebody wants to choose another password by mail.
    ResetAsked,
    /// Whoever reads an account's mail chose another password.
    PasswordReset,
    /// Whoever reads an account's mail said that they did not do what was done: sessions and password are gone.
    Disowned,
    /// An account got an e-mail address, which does not count yet.
    EmailAdded,
    /// An e-mail address counts from now on.
    EmailVerified,
    /// An account's e-mail address was taken away.
    EmailRemoved,
    /// A mail will not be sent: the server refused it for good, or for too long.
    MailRefused,
    /// Something else than a login was asked for too often.
    LimitExceeded,
    /// An account was made.
    UserCreated,
    /// An administrator keeps the owner of an account out.
    UserDisabled,
    /// An administrator lets the owner of an account in again.
    UserEnabled,
    /// An administrator made an invitation.
    InvitationCreated,
    /// An administrator ended an invitation before it was used.
    InvitationEnded,
    /// An administrator took an account's password away.
    PasswordRevoked,
    /// The owner of an account wants it to go.
    DeletionAsked,
    /// The owner of an account wants it to stay after all.
    DeletionUndone,
    /// An account is gone, with all that was kept of it.
    UserDeleted,
    /// A session started.
    SessionCreated,
    /// A session ended, by its owner or by its time.
    SessionEnded,
    /// A session's token came that is worth nothing: ended, expired, or made up.
    SessionUsedAfterEnd,
    /// A form that did not come from one of our pages.
    ForeignForm,
    /// A request that no page of ours makes.
    OddRequest,
    /// Something was asked for that is not for whoever asked.
    Forbidden,
    /// An instance began to serve.
    Started,
    /// An instance stopped serving.
    Stopped,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::LoginSucceeded,
        Self::LoginSucceededAfterFailures,
        Self::LoginFailed,
        Self::LoginOverLimit,
        Self::PasswordLocked,
        Self::PasswordUnlocked,
        Self::PasswordChanged,
        Self::UsernameChanged,
        Self::PasswordChangeFailed,
        Self::ResetAsked,
        Self::PasswordReset,
        Self::Disowned,
        Self::EmailAdded,
        Self::EmailVerified,
        Self::EmailRemoved,
        Self::MailRefused,
        Self::LimitExceeded,
        Self::UserCreated,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::InvitationCreated,
        Self::InvitationEnded,
        Self::PasswordRevoked,
        Self::DeletionAsked,
        Self::DeletionUndone,
        Self::UserDeleted,
        Self::SessionCreated,
        Self::SessionEnded,
        Self::SessionUsedAfterEnd,
        Self::ForeignForm,
        Self::OddRequest,
        Self::Forbidden,
        Self::Started,
        Self::Stopped,
    ];

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name in the vocabulary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoginSucceeded => "authn_login_success",
            Self::LoginSucceededAfterFailures => "authn_login_successafterfail",
            Self::LoginFailed => "authn_login_fail",
            Self::LoginOverLimit => "authn_login_fail_max",
            Self::PasswordLocked => "authn_login_lock",
            Self::PasswordUnlocked => "authn_login_unlock",
            Self::PasswordChanged => "authn_password_change",
            Self::PasswordChangeFailed => "authn_password_change_fail",
            Self::UsernameChanged => "user_renamed",
            Self::ResetAsked => "authn_password_reset_asked",
            Self::PasswordReset => "authn_password_reset",
            Self::Disowned => "user_disowned",
            Self::EmailAdded => "user_email_added",
            Self::EmailVerified => "user_email_verified",
            Self::EmailRemoved => "user_email_removed",
            Self::MailRefused => "sys_mail_refused",
            Self::LimitExceeded => "excess_rate_limit_exceeded",
            Self::UserCreated => "user_created",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::InvitationCreated => "invitation_created",
            Self::InvitationEnded => "invitation_ended",
            Self::PasswordRevoked => "authn_password_revoked",
            Self::DeletionAsked => "user_deletion_asked",
            Self::DeletionUndone => "user_deletion_undone",
            Self::UserDeleted => "user_deleted",
            Self::SessionCreated => "session_created",
            Self::SessionEnded => "session_expired",
            Self::SessionUsedAfterEnd => "session_use_after_expire",
            Self::ForeignForm => "malicious_csrf",
            Self::OddRequest => "input_validation_fail",
            Self::Forbidden => "authz_fail",
            Self::Started => "sys_startup",
            Self::Stopped => "sys_shutdown",
        }
    }
}

/// A request's name: on the visitor's page, in the log and with every event. It tells nothing but which request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; Self::BYTES]);

impl RequestId {
    /// 80 bits: no two requests that anybody still remembers have the same.
    const BYTES: usize = 10;
    /// Four characters, so that people can read it out.
    const GROUP: usize = 4;
    /// Without the letters that look like digits. Source: Crockford's Base 32.
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// A new one.
    ///
    /// # Errors
    /// [`Outage`] when the system has no randomness to give.
    pub fn random() -> Result<Self, Outage> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(Outage::during("naming a request"))?;
        Ok(Self(bytes))
    }

    /// Reads one that somebody typed: case, dashes and spaces do not count, nor does `o` for `0` and `i` or `l` for `1`.
    /// `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = Vec::with_capacity(Self::BYTES * 8 / 5);
        for c in text.trim().chars().filter(|c| !matches!(c, '-' | ' ')) {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            let digit = Self::ALPHABET.iter().position(|a| char::from(*a) == c)?;
            digits.push(u8::try_from(digit).ok()?);
        }
        if digits.len() != Self::BYTES * 8 / 5 {
            return None;
        }
        let mut bytes = [0; Self::BYTES];
        for (place, digit) in digits.iter().enumerate() {
            for bit in 0..5 {
                let at = place * 5 + bit;
                bytes[at / 8] |= (digit >> (4 - bit) & 1) << (7 - at % 8);
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in 0..Self::BYTES * 8 / 5 {
            if place > 0 && place % Self::GROUP == 0 {
                f.write_str("-")?;
            }
            let digit = (0..5).fold(0, |digit, bit| {
                let at = place * 5 + bit;
                digit << 1 | (self.0[at / 8] >> (7 - at % 8) & 1)
            });
            write!(f, "{}", char::from(Self::ALPHABET[usize::from(digit)]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_kinds_have_one_name() {
        let names: HashSet<_> = EventKind::ALL.map(EventKind::as_str).into();
        assert_eq!(names.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(EventKind::parse("authn"), None);
    }

    #[test]
    fn a_request_is_found_again_by_what_was_read_out() {
        let id = RequestId::random().unwrap();
        let text = id.to_string();
        assert_eq!(text.len(), 19);
        assert_eq!(RequestId::parse(&text), Some(id));
        let typed = text
            .to_uppercase()
            .replace('-', " ")
            .replace('0', "O")
            .replace('1', "l");
        assert_eq!(RequestId::parse(&typed), Some(id));
        assert_ne!(RequestId::random().unwrap(), id);
    }

    proptest! {
        #[test]
        fn fuzz_request_id(text in "[0-9a-zA-Z -]{0,24}|.{0,24}") {
            if let Some(id) = RequestId::parse(&text) {
                prop_assert_eq!(RequestId::parse(&id.to_string()), Some(id));
            }
        }

        #[test]
        fn every_id_is_read_back(bytes in any::<[u8; 10]>()) {
            let id = RequestId(bytes);
            prop_assert_eq!(RequestId::parse(&id.to_string()), Some(id));
        }
    }
}
