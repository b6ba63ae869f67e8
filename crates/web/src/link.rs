//! What links in mail lead to. Opening one changes nothing, since mail scanners do; its token goes from the address into a
//! cookie at once, so that it is in no history and no log but the first; a button does what the mail says.

use std::sync::Arc;
use std::time::Duration;

use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::ports::Users;
use vestibule_domain::{
    Disown, DisownError, EmailAddress, EmailRule, LinkToken, NotVerified, OwnEmails, Purpose,
};

use crate::Site;
use crate::cookie;
use crate::csrf::Csrf;
use crate::error;
use crate::form::OwnForm;
use crate::guard::{Asking, Visitor, site};
use crate::notice::Notice;
use crate::refusal::Refusal;

/// Somebody, on a site whose accounts have e-mail addresses; elsewhere a page that takes this is not there.
pub(crate) struct WithMail;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for WithMail {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        match req.rocket().state::<OwnEmails>().map(OwnEmails::rule) {
            Some(EmailRule::Optional | EmailRule::Required) => Outcome::Success(Self),
            Some(EmailRule::Off) | None => Outcome::Error((Status::NotFound, ())),
        }
    }
}

/// The link that a browser opened last, whether it is good or not.
pub(crate) struct Opened(pub Option<(Purpose, LinkToken)>);

/// How long somebody may think about it. The link itself may last longer, and be opened again.
const KEPT: Duration = Duration::from_hours(1);

/// Between the purpose and the token, neither of which has one.
const DOT: char = '.';

impl Opened {
    /// The token of the link, if it was one for this.
    pub(crate) fn to(&self, purpose: Purpose) -> Option<&LinkToken> {
        let (opened, token) = self.0.as_ref()?;
        (*opened == purpose).then_some(token)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Opened {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        let value = cookie::value(req, site(req).link_cookie());
        let opened = value.and_then(|value| {
            let (purpose, token) = value.split_once(DOT)?;
            Some((Purpose::parse(purpose)?, LinkToken::parse(token)?))
        });
        Outcome::Success(Self(opened))
    }
}

/// The address in the mail.
#[get("/link/<purpose>/<token>")]
pub(crate) fn open(
    purpose: &str,
    token: &str,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Redirect {
    let (Some(purpose), Some(token)) = (Purpose::parse(purpose), LinkToken::parse(token)) else {
        site.remove(jar, site.link_cookie());
        return Redirect::to(uri!(get));
    };
    let value = format!("{}{DOT}{}", purpose.as_str(), token.expose());
    site.add(jar, site.link_cookie(), value, Some(KEPT));
    match purpose {
        Purpose::Reset | Purpose::Invite => Redirect::to(uri!(crate::reset::get)),
        Purpose::Join => Redirect::to(uri!(crate::register::get(next = Option::<&str>::None))),
        Purpose::Verify | Purpose::Undo | Purpose::NotMe => Redirect::to(uri!(get)),
    }
}

#[get("/link")]
pub(crate) async fn get(
    opened: Opened,
    csrf: Csrf,
    emails: &State<OwnEmails>,
    disown: &State<Disown>,
    users: &State<Arc<dyn Users>>,
) -> Result<Template, Refusal> {
    let Some((purpose, token)) = opened.0 else {
        return Err(gone());
    };
    let found = match purpose {
        Purpose::Verify => match emails.look(&token).await? {
            Some(link) => users.find(link.user).await?.map(|user| (link, user)),
            None => None,
        },
        Purpose::Undo | Purpose::NotMe => disown.look(purpose, &token).await?,
        Purpose::Reset | Purpose::Invite | Purpose::Join => None,
    };
    let (link, user) = found.ok_or_else(gone)?;
    Ok(Template::render(
        "link.html",
        context! {
            csrf: csrf.0,
            purpose: purpose.as_str(),
            username: user.username.as_str(),
            address: link.address.as_ref().map(EmailAddress::as_str),
        },
    ))
}

#[derive(FromForm)]
pub(crate) struct LinkForm {
    #[field(name = "csrf")]
    _csrf: String,
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/link", data = "<_form>")]
pub(crate) async fn post(
    _form: OwnForm<LinkForm>,
    opened: Opened,
    asking: Asking,
    visitor: Visitor,
    emails: &State<OwnEmails>,
    disown: &State<Disown>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let Some((purpose, token)) = opened.0 else {
        return Err(gone());
    };
    let browser = asking.browser(false);
    let notice = match purpose {
        Purpose::Verify => {
            let verified = emails.verify(&token, &browser).await;
            verified.map_err(|e| match e {
                NotVerified::Gone => gone(),
                NotVerified::Taken => taken(),
                NotVerified::Outage(outage) => outage.into(),
            })?;
            Notice::EmailVerified
        }
        Purpose::Undo | Purpose::NotMe => {
            let confirmed = disown.confirm(purpose, &token, &browser).await;
            confirmed.map_err(|e| match e {
                DisownError::Gone => gone(),
                DisownError::Taken => taken(),
                DisownError::Outage(outage) => outage.into(),
            })?;
            Notice::Disowned
        }
        Purpose::Reset | Purpose::Invite | Purpose::Join => return Err(gone()),
    };
    site.remove(jar, site.link_cookie());
    notice.leave(site, jar);
    Ok(if visitor.session.is_some() && notice != Notice::Disowned {
        Redirect::to(uri!(crate::dashboard::get))
    } else {
        Redirect::to(uri!(crate::login::get(next = Option::<&str>::None)))
    })
}

/// What a link leads to that was used, is too old, or never was one.
pub(crate) fn gone() -> Refusal {
    let words = "It was used, a newer one was sent, or it is too old. Ask for another mail, or open the newest one.";
    refuse("This link is not valid any more", words)
}

fn taken() -> Refusal {
    let words = "Somebody has shown that they read its mail. One address counts for one account.";
    refuse("This address is another account's", words)
}

fn refuse(title: &str, words: &str) -> Refusal {
    let status = Status::Gone;
    let page = error::page(status, title, words, None);
    Refusal::Again((status, Box::new(page)))
}
