use rocket::form::FromForm;
use rocket::http::{CookieJar, Header};
use rocket::response::{Redirect, Responder};
use rocket::{State, post, uri};
use vestibule_domain::Logout;

use crate::Site;
use crate::form::OwnForm;
use crate::guard::Asking;
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

struct Forget;

impl From<Forget> for Header<'static> {
    fn from(_: Forget) -> Self {
        // Not "cookies": that would sign people out of every other site under the same registered domain.
        Header::new("Clear-Site-Data", r#""cache", "storage""#)
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
    if let Some(token) = asking.browser(false).session {
        logout.end(&token).await?;
    }
    site.remove(jar, site.session_cookie());
    Ok(Farewell {
        login: Redirect::to(uri!(crate::login::get(next = None::<&str>))),
        forget: Forget,
    })
}
