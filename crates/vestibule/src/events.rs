//! Security events: a line in the log each, and a row.

use tracing::info;
use vestibule_domain::ports::Events;
use vestibule_domain::{Event, RequestId};

/// [`Events`] for the log and for the database.
pub(crate) struct Recorder {}

impl Events for Recorder {
    fn record(&self, event: Event) {
        log(&event);
    }
}

/// One line. Nothing in it was typed by a visitor.
fn log(event: &Event) {
    let facts: Vec<_> = event
        .facts
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    info!(
        event = event.kind.as_str(),
        request = event.request.as_ref().map(RequestId::to_string),
        user = event.user.map(|user| user.0.to_string()),
        address = event.address.map(|address| address.to_string()),
        facts = (!facts.is_empty()).then(|| facts.join(", ")),
    );
}
