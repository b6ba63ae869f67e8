use rocket::http::Status;
use rocket::request::Request;
use rocket::response::{self, Redirect, Responder};
use rocket::serde::Serialize;
use rocket_dyn_templates::Template;
use time::OffsetDateTime;
use tracing::error;
use vestibule_domain::Outage;

use crate::dashboard::Moment;
use crate::request;
use crate::wait::Later;

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
    /// Ours to mend.
    Failed(Failed),
}

impl From<Outage> for Refusal {
    fn from(outage: Outage) -> Self {
        Self::Failed(Failed(outage))
    }
}

/// Something that we need did not answer: the error page of 503.
pub(crate) struct Failed(Outage);

impl<'r> Responder<'r, 'static> for Failed {
    fn respond_to(self, req: &'r Request<'_>) -> response::Result<'static> {
        Err(report(req, &self.0))
    }
}

/// Logs an outage with every cause under it, and the request that it was in the way of: the one place that does.
pub(crate) fn report(req: &Request<'_>, outage: &Outage) -> Status {
    let request = request::name(req).map(|name| name.to_string());
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

    pub(crate) fn until(self, at: OffsetDateTime) -> Self {
        Self {
            until: Some(Moment::second(at)),
            ..self
        }
    }

    pub(crate) fn with_all(why: &impl ToString) -> Self {
        Self::with("", why)
    }
}
