use rocket::form::{FromForm, FromFormField};
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::serde::Serialize;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{Email, EmailAddress, NotAdded, OwnEmails, UserId};

use crate::Site;
use crate::csrf::Csrf;
use crate::dashboard::Moment;
use crate::form::OwnForm;
use crate::guard::{Asking, Recent};
use crate::link::WithMail;
use crate::notice::{Left, Notice};
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct EmailForm {
    email: String,
    act: Act,
    #[field(name = "csrf")]
    _csrf: String,
}

/// What is to be done with it.
#[derive(Clone, Copy, FromFormField)]
enum Act {
    Add,
    Send,
    Remove,
}

/// An address as its owner sees it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Row {
    address: String,
    added: Moment,
    is_verified: bool,
}

#[get("/account/emails")]
pub(crate) async fn get(
    _mail: WithMail,
    recent: Recent,
    csrf: Csrf,
    left: Left,
    emails: &State<OwnEmails>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Template, Refusal> {
    let rows = rows(emails, recent.session.user).await?;
    let notice = left.take(site, jar);
    Ok(page(&csrf, rows, "", notice, None, &[]))
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/account/emails", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<EmailForm>,
    _mail: WithMail,
    recent: Recent,
    asking: Asking,
    csrf: Csrf,
    emails: &State<OwnEmails>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let user = recent.session.user;
    let browser = asking.browser(false);
    let address = match EmailAddress::parse(&form.email) {
        Ok(address) => address,
        Err(why) => {
            let rows = rows(emails, user).await?;
            let problem = Problem::with("email", &why);
            let page = page(&csrf, rows, &form.email, None, None, &[problem]);
            return Err(Refusal::Again((
                Status::UnprocessableEntity,
                Box::new(page),
            )));
        }
    };
    let outcome = match form.act {
        Act::Add => emails.add(user, &address, &browser).await,
        Act::Send => emails.send_again(user, &address, &browser).await,
        Act::Remove => {
            let removed = emails.remove(user, &address, &browser).await?;
            let notice = if removed {
                Notice::EmailRemoved
            } else {
                Notice::EmailStays
            };
            notice.leave(site, jar);
            return Ok(Redirect::to(uri!(get)));
        }
    };
    let e = match outcome {
        Ok(()) => {
            Notice::VerifySent.leave(site, jar);
            return Ok(Redirect::to(uri!(get)));
        }
        // What is gone is asked once: somebody waits for the answer.
        Err(NotAdded::Outage(outage)) => return Err(outage.into()),
        Err(e) => e,
    };
    let rows = rows(emails, user).await?;
    let again = |request, problem| page(&csrf, rows, &form.email, None, request, &[problem]);
    Err(if let NotAdded::TooSoon(wait) = e {
        let problem = Problem::for_now(&e, wait, emails.throttle.clock.now());
        let page = again(asking.witness.code(), problem);
        Refusal::Later(Box::new(Later::new(page, wait)))
    } else {
        let page = again(None, Problem::with("email", &e));
        Refusal::Again((Status::Conflict, Box::new(page)))
    })
}

async fn rows(emails: &OwnEmails, user: UserId) -> Result<Vec<Row>, Refusal> {
    let listed = emails.list(user).await?.into_iter();
    Ok(listed
        .map(|email| Row {
            address: email.address.as_str().to_owned(),
            added: Moment::minute(email.added),
            is_verified: email.verified.is_some(),
        })
        .collect())
}

fn page(
    csrf: &Csrf,
    rows: Vec<Row>,
    email: &str,
    notice: Option<&str>,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    let is_full = rows.len() >= Email::MOST;
    Template::render(
        "emails.html",
        context! { csrf: &csrf.0, rows, is_full, email, notice, request, problems },
    )
}
