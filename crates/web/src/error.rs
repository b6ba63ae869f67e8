use std::sync::Arc;

use rocket::http::Status;
use rocket::response::{self, Responder};
use rocket::{Request, catch};
use rocket_dyn_templates::{Template, context};
use tracing::error;
use vestibule_domain::ports::{Clock, Events};
use vestibule_domain::{Event, EventKind};

use crate::client;
use crate::headers::secure;
use crate::request::{name, request_id};

/// An error page, which says when to come back where there is something to wait for.
pub(crate) struct ErrorPage(Status, Template);

/// What a browser or a balancer is told to wait, in seconds: longer than a database or a queue of hashes needs to
/// recover, shorter than anybody's patience.
const RETRY_AFTER_SECS: &str = "5";

impl<'r> Responder<'r, 'static> for ErrorPage {
    fn respond_to(self, req: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = (self.0, self.1).respond_to(req)?;
        if matches!(self.0.code, 429 | 503) {
            answer.set_raw_header("Retry-After", RETRY_AFTER_SECS);
        }
        secure(&mut answer);
        name(req, &mut answer);
        Ok(answer)
    }
}

/// `request` is the code that whoever asks for help can give.
pub(crate) fn page(status: Status, title: &str, text: &str, request: Option<String>) -> Template {
    let status = status.code;
    Template::render("error.html", context! { status, title, text, request })
}

/// In a request's cache, the status of the error page that it gets, whatever Rocket thinks of it: for what is refused
/// before Rocket sees it.
#[derive(Clone, Copy)]
pub struct Instead(pub Status);

/// Draws every 4xx and 5xx but 401. Nothing in it comes from the request or from the error, but the name
/// that we gave to the request.
#[catch(default)]
pub(crate) fn any(status: Status, req: &Request<'_>) -> ErrorPage {
    let instead: &Option<Instead> = req.local_cache(|| None);
    let status = instead.map_or(status, |instead| instead.0);
    let (title, text) = match status.code {
        403 => (
            "This form was not accepted",
            "It did not come from one of our own pages, the page was open for too long, or cookies are blocked for this \
             site. Open the page again and send the form once more.",
        ),
        404 => (
            "There is no such page",
            "The address may have a typing error in it, or the page has moved.",
        ),
        408 => (
            "That took too long",
            "What was sent did not arrive in time. Open the page again and send the form once more.",
        ),
        413 | 414 | 431 => (
            "That was too much",
            "What was sent is larger than anything that fits here.",
        ),
        429 => (
            "Too many attempts",
            "Please wait a little before you try again.",
        ),
        400..=499 => (
            "That could not be read",
            "What was sent does not fit the page that it was sent to. Open the page again and send the form once more.",
        ),
        503 => (
            "We cannot answer just now",
            "Something that we need does not answer. Nothing is lost; please try again in a moment.",
        ),
        _ => (
            "Something went wrong",
            "The fault is ours, and it has been noted. Please try again.",
        ),
    };
    let request = request_id(req).map(|id| id.to_string());
    if status == Status::InternalServerError {
        error!(request, "a page broke");
    }
    if req.route().is_none() {
        note(req, status);
    }
    // Of an address that leads nowhere there is no more to say.
    let request = request.filter(|_| status != Status::NotFound);
    ErrorPage(status, page(status, title, text, request))
}

/// Notes what no page has seen, so that the code on the error page explains something. Of what was sent it tells nothing,
/// not even a path: it may be anything.
fn note(req: &Request<'_>, status: Status) {
    let because = |reason: &str| (EventKind::OddRequest, vec![("reason", reason.to_owned())]);
    let (kind, facts) = match status.code {
        400 => because("it cannot be read"),
        408 => because("it did not arrive in time"),
        413 => because("it is too large"),
        414 => because("its target is too long"),
        431 => because("its head is too long"),
        503 => {
            let wait = format!("{RETRY_AFTER_SECS} s");
            let facts = vec![("rule", "connections".to_owned()), ("wait", wait)];
            (EventKind::LimitExceeded, facts)
        }
        _ => return,
    };
    let rocket = req.rocket();
    let (events, clock) = (
        rocket.state::<Arc<dyn Events>>(),
        rocket.state::<Arc<dyn Clock>>(),
    );
    if let (Some(events), Some(clock)) = (events, clock) {
        events.record(Event {
            at: clock.now(),
            kind,
            request: request_id(req),
            user: None,
            address: client::address(req),
            facts,
        });
    }
}
