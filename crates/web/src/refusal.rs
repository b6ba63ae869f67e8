use std::time::Duration;

use rocket::Request;
use rocket::http::Status;
use rocket::response::{self, Redirect, Responder};
use rocket::serde::Serialize;
use rocket_dyn_templates::Template;
use time::OffsetDateTime;
use tracing::error;
use vestibule_domain::{Outage, RequestId};

use crate::request::request_id;

use crate::dashboard::Moment;
use crate::wait::{Later, in_words};

/// Every way a page declines.
#[derive(Responder)]
pub(crate) enum Refusal {
    /// The visitor's to mend: the same form, saying what to change.
    Again((Status, Box<Template>)),
    /// The visitor has to wait: the same form, saying for how long.
    Later(Box<Later>),
    /// Not meant for somebody who is signed in already.
    Onward(Box<Redirect>),
    /// Not for the visitor to mend here: the error page of this status.
    Page(Status),
    /// Ours to mend: the visitor gets the 503 page, the log the reason.
    Outage(Reported),
}

impl From<Outage> for Refusal {
    fn from(outage: Outage) -> Self {
        Self::Outage(Reported(outage))
    }
}

/// An outage that is logged when it is answered, since the request is known by then.
pub(crate) struct Reported(Outage);

impl<'r> Responder<'r, 'static> for Reported {
    fn respond_to(self, req: &'r Request<'_>) -> response::Result<'static> {
        Err(report(request_id(req), &self.0))
    }
}

/// Logs an outage with every cause under it, and with the name of the request that the error page shows: the one place
/// that does.
pub(crate) fn report(request: Option<RequestId>, outage: &Outage) -> Status {
    let request = request.map(tracing::field::display);
    error!(request, "{}", outage.chain());
    Status::ServiceUnavailable
}

/// What is wrong with a form, beside the field that it is about.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub(crate) struct Problem {
    /// The field's name; empty for the form as a whole.
    field: &'static str,
    text: String,
    /// When it will be over by itself.
    until: Option<Moment>,
}

impl Problem {
    pub(crate) fn with(field: &'static str, why: &impl ToString) -> Self {
        Self {
            field,
            text: why.to_string(),
            until: None,
        }
    }

    /// What is wrong with each of the two fields that every sign-in has.
    pub(crate) fn of_fields(
        username: Option<impl ToString>,
        password: Option<impl ToString>,
    ) -> Vec<Self> {
        let username = username.map(|why| Self::with("username", &why));
        let password = password.map(|why| Self::with("password", &why));
        username.into_iter().chain(password).collect()
    }

    /// With the form as a whole, for so long from `now` on.
    pub(crate) fn for_now(why: &impl ToString, wait: Duration, now: OffsetDateTime) -> Self {
        let why = why.to_string();
        Self {
            until: Some(Moment::second(now + wait)),
            ..Self::with_all(&format!("{why} Try again in {}.", in_words(wait)))
        }
    }

    pub(crate) fn with_all(why: &impl ToString) -> Self {
        Self::with("", why)
    }
}
