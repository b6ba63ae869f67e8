//! A sentence for the next page: that what somebody asked for was done.

use std::time::Duration;

use rocket::http::CookieJar;
use rocket::request::{FromRequest, Outcome, Request};

use crate::Site;
use crate::cookie;
use crate::guard::site;

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    PasswordChanged,
    UsernameChanged,
    SessionEnded,
    SessionGone,
    OthersEnded,
    VerifySent,
    EmailVerified,
    EmailRemoved,
    EmailStays,
    LinkAsked,
    PasswordReset,
    PasswordChosen,
    Leaving,
    Staying,
    Disowned,
}

/// How long the next page may take to come.
const KEPT: Duration = Duration::from_mins(1);

impl Notice {
    const ALL: [Self; 15] = [
        Self::PasswordChanged,
        Self::UsernameChanged,
        Self::SessionEnded,
        Self::SessionGone,
        Self::OthersEnded,
        Self::VerifySent,
        Self::EmailVerified,
        Self::EmailRemoved,
        Self::EmailStays,
        Self::LinkAsked,
        Self::PasswordReset,
        Self::PasswordChosen,
        Self::Leaving,
        Self::Staying,
        Self::Disowned,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::PasswordChanged => "password-changed",
            Self::UsernameChanged => "username-changed",
            Self::SessionEnded => "session-ended",
            Self::SessionGone => "session-gone",
            Self::OthersEnded => "others-ended",
            Self::VerifySent => "verify-sent",
            Self::EmailVerified => "email-verified",
            Self::EmailRemoved => "email-removed",
            Self::EmailStays => "email-stays",
            Self::LinkAsked => "link-asked",
            Self::PasswordReset => "password-reset",
            Self::PasswordChosen => "password-chosen",
            Self::Leaving => "leaving",
            Self::Staying => "staying",
            Self::Disowned => "disowned",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::PasswordChanged => {
                "Your password is changed. Wherever else you were signed in, you are not any more."
            }
            Self::UsernameChanged => "Your username is changed. Sign in with it from now on.",
            Self::SessionEnded => "That browser is signed out.",
            Self::SessionGone => "That browser was signed out already.",
            Self::OthersEnded => "All other browsers are signed out.",
            Self::VerifySent => {
                "A mail is on its way. Open the link in it within 24 hours: then the address counts."
            }
            Self::EmailVerified => "Your e-mail address counts from now on.",
            Self::EmailRemoved => "The address is removed.",
            Self::EmailStays => {
                "Nothing was removed: an account has to have an address that counts. Add another one first."
            }
            Self::LinkAsked => {
                "If there is such an account, and it has an e-mail address that counts, a mail with a link is on its way. \
                 The link is good for 30 minutes."
            }
            Self::PasswordReset => {
                "Your password is changed, and everybody is signed out. Sign in with the new one."
            }
            Self::PasswordChosen => "Your account is ready. Sign in with your password.",
            Self::Leaving => {
                "Your account will be deleted, and you are signed out. Should you want it back, sign in before."
            }
            Self::Staying => "Your account stays.",
            Self::Disowned => {
                "Everybody is signed out, and the password is gone. A mail with a link for a new one is on its way to you."
            }
        }
    }

    /// Leaves it in the browser, for one page. It is one of a few words of ours, whatever comes back.
    pub(crate) fn leave(self, site: &Site, jar: &CookieJar<'_>) {
        let value = self.as_str().to_owned();
        site.add(jar, site.notice_cookie(), value, Some(KEPT));
    }
}

/// What was left for this page.
pub(crate) struct Left(Option<Notice>);

impl Left {
    /// The words, for the last time.
    pub(crate) fn take(self, site: &Site, jar: &CookieJar<'_>) -> Option<&'static str> {
        site.remove(jar, site.notice_cookie());
        self.0.map(Notice::words)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Left {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        let value = cookie::value(req, site(req).notice_cookie());
        let notice = Notice::ALL
            .into_iter()
            .find(|notice| value == Some(notice.as_str()));
        Outcome::Success(Self(notice))
    }
}
