use std::sync::Arc;

use rocket::request::Request;
use vestibule_domain::ports::{Clock, Events};
use vestibule_domain::{Event, EventKind, RequestId};

use crate::client;

/// Where pages note what no act knows of.
pub struct Recording {
    /// What notes it.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The name of this request: the same however often it is asked for, and made when it is first. `None` where the system
/// has no randomness to give.
pub(crate) fn name(req: &Request<'_>) -> Option<RequestId> {
    *req.local_cache(|| RequestId::random().ok())
}

/// Notes an event of this request that no act knows of.
pub(crate) fn record(req: &Request<'_>, kind: EventKind, facts: Vec<(&'static str, String)>) {
    let Some(recording) = req.rocket().state::<Recording>() else {
        unreachable!("it is managed before anything is served");
    };
    recording.events.record(Event {
        at: recording.clock.now(),
        kind,
        request: name(req),
        user: None,
        address: client::address(req),
        facts,
    });
}
