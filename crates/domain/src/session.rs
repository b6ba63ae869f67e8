use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Browser, Outage, UserId};

/// 256 bits that nobody can guess. They print as nothing.
#[derive(Debug)]
pub struct Secret(SecretBox<[u8; Self::BYTES]>);

impl Secret {
    const BYTES: usize = 32;

    /// New ones, from the operating system's generator.
    ///
    /// # Errors
    /// [`Outage`] when the system has no randomness to give.
    pub fn random() -> Result<Self, Outage> {
        let mut bytes = Box::new([0; Self::BYTES]);
        getrandom::fill(bytes.as_mut()).map_err(Outage::during("making a secret"))?;
        Ok(Self(SecretBox::new(bytes)))
    }

    /// Reads what [`expose`](Self::expose) wrote; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: [u8; Self::BYTES] = bytes.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(bytes))))
    }

    /// The bits in text: 43 characters of base64url.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose_secret())
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.0.expose_secret())))
    }
}

/// What a browser holds: whose session it is, which is no secret, and 256 random bits, which no store ever sees.
///
/// Source of the least size: OWASP ASVS 5.0 requirement 7.2.3, 128 bits from a CSPRNG.
#[derive(Debug, Clone)]
pub struct SessionToken {
    user: UserId,
    secret: Secret,
}

impl SessionToken {
    const BYTES: usize = 16 + Secret::BYTES;

    /// A new token.
    ///
    /// # Errors
    /// As [`Secret::random`].
    pub fn random(user: UserId) -> Result<Self, Outage> {
        let secret = Secret::random()?;
        Ok(Self { user, secret })
    }

    /// Reads what [`expose`](Self::expose) wrote; `None` for anything else. That it can be read does not make it a
    /// session's.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (user, secret) = bytes.split_first_chunk::<16>()?;
        let secret: [u8; Secret::BYTES] = secret.try_into().ok()?;
        Some(Self {
            user: UserId(Uuid::from_bytes(*user)),
            secret: Secret(SecretBox::new(Box::new(secret))),
        })
    }

    /// The cookie's value: 64 characters of base64url.
    pub fn expose(&self) -> String {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend_from_slice(self.user.0.as_bytes());
        bytes.extend_from_slice(self.secret.0.expose_secret());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What stores know this session by.
    pub fn id(&self) -> SessionId {
        let digest = Sha256::new()
            .chain_update(self.user.0.as_bytes())
            .chain_update(self.secret.0.expose_secret());
        SessionId {
            user: self.user,
            digest: digest.finalize().into(),
        }
    }
}

/// A session's name in a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId {
    /// Whose: a store on many machines keeps what is one user's together.
    pub user: UserId,
    /// The SHA-256 of the token, which does not lead back to the token.
    pub digest: [u8; 32],
}

impl SessionId {
    /// What its owner, or an administrator, names it by: the digest in hexadecimal.
    pub fn handle(&self) -> String {
        hex(self.digest)
    }
}

pub(crate) fn hex(digest: [u8; 32]) -> String {
    digest.map(|byte| format!("{byte:02x}")).concat()
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Somebody's being signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: UserId,
    /// Since when; then the password was given.
    pub started: OffsetDateTime,
    /// When it was used last, to the minute or so.
    pub seen: OffsetDateTime,
    /// When it is over unless it is used before: never after `ends`.
    pub expires: OffsetDateTime,
    /// When it is over however much it is used.
    pub ends: OffsetDateTime,
    /// Whether its owner asked to be kept signed in.
    pub remembered: bool,
    /// The address that it was started from, where the server saw one.
    pub from: Option<IpAddr>,
    /// The browser that it was started with, in words, such as "Firefox on Linux"; `None`: it did not say.
    pub agent: Option<String>,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// How long an ordinary session lasts without being used.
    pub idle: Duration,
    /// How long an ordinary session lasts at most.
    pub lifetime: Duration,
    /// How long a session lasts, used or not, that its owner asked to keep.
    pub remembered: Duration,
    /// For how long a password that was given is good for what is asked for with care. After that it is asked for again.
    pub recent: Duration,
}

impl SessionLimits {
    /// A use is written down when the last one was so long ago: reading is not to become writing.
    const STEP: Duration = Duration::from_mins(1);

    /// The session of a sign-in at `now`.
    pub(crate) fn start(&self, user: UserId, now: OffsetDateTime, browser: &Browser) -> Session {
        let (expires, ends) = if browser.remember {
            (now + self.remembered, now + self.remembered)
        } else {
            (now + self.idle.min(self.lifetime), now + self.lifetime)
        };
        Session {
            user,
            started: now,
            seen: now,
            expires,
            ends,
            remembered: browser.remember,
            from: browser.address,
            agent: browser.agent.clone(),
        }
    }

    /// The expiry to write down after a use at `now`, where the use is to be written down at all. A remembered session's
    /// never moves: it expires when it ends.
    pub(crate) fn extended(
        &self,
        session: &Session,
        now: OffsetDateTime,
    ) -> Option<OffsetDateTime> {
        let expires = (now + self.idle).min(session.ends).max(session.expires);
        let due = now - session.seen >= Self::STEP
            || (expires == session.ends && expires > session.expires);
        due.then_some(expires)
    }

    /// Whether the password was given so lately that it need not be asked for again.
    pub fn is_recent(&self, session: &Session, now: OffsetDateTime) -> bool {
        now - session.started < self.recent
    }
}

impl Session {
    /// Whether it still signs anybody in.
    pub(crate) fn is_live(&self, now: OffsetDateTime) -> bool {
        now < self.expires && now < self.ends
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    fn browser(remember: bool) -> Browser {
        Browser {
            remember,
            ..Browser::default()
        }
    }

    fn limits() -> SessionLimits {
        SessionLimits {
            recent: Duration::from_mins(10),
            idle: Duration::from_hours(1),
            lifetime: Duration::from_hours(24),
            remembered: Duration::from_hours(30 * 24),
        }
    }

    #[test]
    fn a_token_survives_the_cookie_and_nothing_else_is_one() {
        let token = SessionToken::random(UserId::new()).unwrap();
        let cookie = token.expose();
        assert_eq!(cookie.len(), 64);
        assert_eq!(SessionToken::parse(&cookie).unwrap().id(), token.id());
        for odd in [
            "",
            "x",
            &cookie[1..],
            &format!("{cookie}A"),
            &format!("{cookie}="),
        ] {
            assert!(SessionToken::parse(odd).is_none(), "{odd:?}");
        }
    }

    #[test]
    fn a_token_names_its_user_and_is_nobody_elses() {
        let ada = UserId::new();
        let token = SessionToken::random(ada).unwrap();
        assert_eq!(token.id().user, ada);

        let eve = SessionToken {
            user: UserId::new(),
            ..token.clone()
        };
        assert_ne!(eve.id().digest, token.id().digest);
    }

    #[test]
    fn tokens_do_not_repeat_and_do_not_print() {
        let tokens: HashSet<String> = (0..10_000)
            .map(|_| SessionToken::random(UserId::new()).unwrap().expose())
            .collect();
        assert_eq!(tokens.len(), 10_000);

        let token = SessionToken::random(UserId::new()).unwrap();
        let printed = format!("{token:?} {:?}", token.id());
        assert!(printed.ends_with("SessionId(..)"), "{printed}");
        assert!(!printed.contains(&token.expose()));
    }

    #[test]
    fn an_unused_session_is_over_after_the_idle_limit() {
        let session = limits().start(UserId::new(), NOW, &browser(false));
        assert!(session.is_live(NOW + Duration::from_secs(3599)));
        assert!(!session.is_live(NOW + Duration::from_hours(1)));
    }

    #[test]
    fn a_used_session_is_over_after_the_overall_limit() {
        let mut session = limits().start(UserId::new(), NOW, &browser(false));
        let mut now = NOW;
        while session.is_live(now) {
            if let Some(expires) = limits().extended(&session, now) {
                (session.seen, session.expires) = (now, expires);
            }
            now += Duration::from_secs(30);
        }
        assert_eq!(now, NOW + Duration::from_hours(24));
    }

    #[test]
    fn use_is_written_down_once_a_minute() {
        let session = limits().start(UserId::new(), NOW, &browser(false));
        assert_eq!(
            limits().extended(&session, NOW + Duration::from_secs(59)),
            None
        );
        assert_eq!(
            limits().extended(&session, NOW + Duration::from_mins(1)),
            Some(NOW + Duration::from_mins(61))
        );
    }

    #[test]
    fn a_remembered_session_needs_no_use_and_ends_after_its_own_limit() {
        let session = limits().start(UserId::new(), NOW, &browser(true));
        let last = NOW + Duration::from_secs(30 * 24 * 3600 - 1);
        assert!(session.is_live(last));
        let seen = limits().extended(&session, last);
        assert_eq!(seen, Some(session.ends), "seen, and no longer for it");
        assert!(!session.is_live(last + Duration::from_secs(1)));
    }

    #[test]
    fn a_password_is_recent_for_ten_minutes_however_busy_the_session_is() {
        let session = limits().start(UserId::new(), NOW, &browser(false));
        let busy = Session {
            seen: NOW + Duration::from_mins(9),
            ..session
        };
        assert!(limits().is_recent(&busy, NOW + Duration::from_secs(599)));
        assert!(!limits().is_recent(&busy, NOW + Duration::from_mins(10)));
    }

    proptest! {
        #[test]
        fn no_cookie_value_panics(text in ".{0,60}") {
            if let Some(token) = SessionToken::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
