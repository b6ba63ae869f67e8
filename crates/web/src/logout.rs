use std::time::Duration;

use rocket::form::FromForm;
use rocket::http::{ContentType, CookieJar, Header};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{Redirect, Responder};
use rocket::{State, get, post, uri};
use vestibule_domain::Logout;

use crate::Site;
use crate::cookie;
use crate::form::OwnForm;
use crate::guard::{Asking, site};
use crate::refusal::Refusal;

#[derive(FromForm)]
pub(crate) struct LogoutForm {
    #[field(name = "csrf")]
    _csrf: String,
}

/// The way out, with the request to the browser to forget what it kept of our pages.
#[derive(Responder)]
pub(crate) struct Farewell {
    login: Redirect,
    forget: Forget,
}

struct Forget(&'static str);

impl From<Forget> for Header<'static> {
    fn from(Forget(what): Forget) -> Self {
        // Never "cookies": that would sign people out of every other site under the same registered domain.
        Header::new("Clear-Site-Data", what)
    }
}

/// Takes whoever comes, so that a session that has expired meanwhile is no reason to complain.
#[post("/logout", data = "<_form>")]
pub(crate) async fn post(
    _form: OwnForm<LogoutForm>,
    asking: Asking,
    logout: &State<Logout>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Farewell, Refusal> {
    logout.end(&asking.browser(false)).await?;
    site.remove(jar, site.session_cookie());
    site.add(jar, site.farewell_cookie(), "1".to_owned(), Some(FAREWELL));
    Ok(Farewell {
        login: Redirect::to(uri!(crate::login::get(next = None::<&str>))),
        forget: Forget(r#""cache", "storage""#),
    })
}

/// How long the login page may take to come.
const FAREWELL: Duration = Duration::from_mins(1);

/// Whether the visitor has just signed out and is to be told so.
pub(crate) struct JustLeft(pub bool);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for JustLeft {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        let mark = cookie::value(req, site(req).farewell_cookie());
        Outcome::Success(Self(mark.is_some()))
    }
}

/// The mark beside the words of farewell. Chromium keeps the page that somebody has just left, `no-store` or not, and on
/// a quick connection overlooks that its cookie is gone: Back would show the dashboard. Only what arrives after the login
/// page is there makes it let go, and that this does, with scripts or without.
#[get("/farewell.svg")]
pub(crate) fn farewell() -> FarewellMark {
    FarewellMark {
        mark: (ContentType::SVG, MARK),
        forget: Forget(r#""cache""#),
    }
}

#[derive(Responder)]
pub(crate) struct FarewellMark {
    mark: (ContentType, &'static str),
    forget: Forget,
}

const MARK: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9" fill="#2f8570"/><path d="M5.5 10.5l3 3 6-7" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>"##;
