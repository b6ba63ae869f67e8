//! What matters to security, written into the log and handed to whoever keeps it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::{info, warn};
use vestibule_domain::ports::Events;
use vestibule_domain::{Event, EventKind};

/// [`Events`] for the log and for the keeper.
pub struct Recorder {
    keeper: Sender<Event>,
    /// How many found no place in the keeper's queue.
    dropped: AtomicU64,
}

/// How many events wait for the keeper at most: some MiB, and minutes of an attack without a database.
const WAITING: usize = 10_000;

impl Recorder {
    /// A recorder, and what it hands over.
    pub fn new() -> (Self, Receiver<Event>) {
        let (keeper, kept) = mpsc::channel(WAITING);
        let dropped = AtomicU64::new(0);
        (Self { keeper, dropped }, kept)
    }

    /// How many events could not be handed over since this was last asked.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Events for Recorder {
    fn record(&self, event: Event) {
        log(&event);
        if self.keeper.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The target of these lines in the log.
pub(crate) const TARGET: &str = "vestibule::event";

fn log(event: &Event) {
    let name = event.kind.as_str();
    let request = event.request.map(tracing::field::display);
    let user = event.user.map(|user| tracing::field::display(user.0));
    let address = event.address.map(tracing::field::display);
    let facts = facts(event);
    if is_ordinary(event.kind) {
        info!(target: TARGET, event = name, request, user, address, facts);
    } else {
        warn!(target: TARGET, event = name, request, user, address, facts);
    }
}

/// As `name=value name=value`.
fn facts(event: &Event) -> String {
    let mut text = String::new();
    for (name, value) in &event.facts {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "{}{name}={value:?}",
            if text.is_empty() { "" } else { " " }
        );
    }
    text
}

/// Whether nobody needs to look at it.
fn is_ordinary(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::LoginSucceeded
            | EventKind::PasswordUnlocked
            | EventKind::UserCreated
            | EventKind::SessionCreated
            | EventKind::SessionEnded
            | EventKind::Started
            | EventKind::Stopped
    )
}
