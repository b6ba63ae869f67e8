use std::net::IpAddr;
use std::sync::Arc;

use rocket::Request;
use rocket::fairing::AdHoc;
use rocket::http::Header;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Response;
use vestibule_domain::ports::{Clock, Events};
use vestibule_domain::{Event, EventKind, RequestId, UserId};

use crate::client;

/// The request's name, the same for as long as it lasts. `None` where the system has no randomness to give.
pub(crate) fn request_id(req: &Request<'_>) -> Option<RequestId> {
    req.local_cache(|| Named(RequestId::random().ok())).0
}

/// A type of our own, so that nothing else is taken for it in the request's cache.
struct Named(Option<RequestId>);

/// Puts the request's name on every answer, so that a proxy can write it into its own log. To be attached.
pub fn request_ids() -> AdHoc {
    AdHoc::on_response("Request id", |req, answer| {
        Box::pin(async move { name(req, answer) })
    })
}

/// What [`request_ids`] does, for the one answer that Rocket gives without asking any fairing.
pub(crate) fn name(req: &Request<'_>, answer: &mut Response<'_>) {
    if let Some(id) = request_id(req) {
        answer.set_header(Header::new("X-Request-Id", id.to_string()));
    }
}

/// Who notes what a request did that matters to security.
pub(crate) struct Witness {
    events: Arc<dyn Events>,
    clock: Arc<dyn Clock>,
    request: Option<RequestId>,
    address: Option<IpAddr>,
    path: String,
}

impl Witness {
    pub(crate) fn of(req: &Request<'_>) -> Self {
        Self {
            events: managed(req),
            clock: managed(req),
            request: request_id(req),
            address: client::address(req),
            path: req.uri().path().to_string(),
        }
    }

    /// The code that the page shows, for whoever asks for help.
    pub(crate) fn code(&self) -> Option<String> {
        self.request.map(|id| id.to_string())
    }

    /// Notes an event, and why. What somebody typed has no place in it.
    pub(crate) fn note(&self, kind: EventKind, user: Option<UserId>, reason: &'static str) {
        self.events.record(Event {
            at: self.clock.now(),
            kind,
            request: self.request,
            user,
            address: self.address,
            facts: vec![("path", self.path.clone()), ("reason", reason.to_owned())],
        });
    }
}

fn managed<T: ?Sized + Send + Sync + 'static>(req: &Request<'_>) -> Arc<T>
where
    Arc<T>: Send + Sync,
{
    req.rocket().state::<Arc<T>>().map_or_else(
        || unreachable!("it is managed before anything is served"),
        Arc::clone,
    )
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Witness {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self::of(req))
    }
}
