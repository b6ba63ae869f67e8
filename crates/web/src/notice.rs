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
    SessionEnded,
    SessionGone,
    OthersEnded,
}

/// How long the next page may take to come.
const KEPT: Duration = Duration::from_mins(1);

impl Notice {
    const ALL: [Self; 4] = [
        Self::PasswordChanged,
        Self::SessionEnded,
        Self::SessionGone,
        Self::OthersEnded,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::PasswordChanged => "password-changed",
            Self::SessionEnded => "session-ended",
            Self::SessionGone => "session-gone",
            Self::OthersEnded => "others-ended",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::PasswordChanged => {
                "Your password is changed. Wherever else you were signed in, you are not any more."
            }
            Self::SessionEnded => "That browser is signed out.",
            Self::SessionGone => "That browser was signed out already.",
            Self::OthersEnded => "All other browsers are signed out.",
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
