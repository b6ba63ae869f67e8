//! What matters to security: written into the log, and kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};
use vestibule_domain::ports::{Clock, Events};
use vestibule_domain::{Event, EventKind};
use vestibule_sql::SqlEvents;

/// [`Events`] for the log at once, and for the database as soon as it takes them.
pub struct Recorder {
    keeper: Sender<Note>,
    /// How many found no place in the keeper's queue.
    dropped: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

/// What the keeper is told.
enum Note {
    Keep(Event),
    /// To say when all that came before is kept.
    Say(oneshot::Sender<()>),
}

/// How many events wait for the keeper at most: some MiB, and minutes of an attack without a database.
const WAITING: usize = 10_000;

/// How many of these places what a [refusal](is_refusal) notes leaves free.
const RESERVED: usize = WAITING / 2;

/// How many are kept in one transaction at most: it is short for visitors who wait to write as well.
const AT_ONCE: usize = 256;

/// How long an event waits for others.
const GATHERING: Duration = Duration::from_millis(50);

/// How long the keeper leaves a database alone that did not take them.
const PAUSE: Duration = Duration::from_millis(500);

/// How long the end of the program waits for the last of them.
const LAST: Duration = Duration::from_secs(3);

impl Recorder {
    /// Begins to keep what is recorded.
    pub fn start(store: SqlEvents, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (keeper, notes) = mpsc::channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        tokio::spawn(keep(store, notes, Arc::clone(&dropped)));
        Arc::new(Self {
            keeper,
            dropped,
            clock,
        })
    }

    /// Notes that this instance serves.
    pub fn started(&self) {
        self.by_itself(EventKind::Started);
    }

    /// Notes that this instance serves no more, and waits until all is kept: for so long that an operator does not mind.
    pub async fn stopped(&self) {
        self.by_itself(EventKind::Stopped);
        if timeout(LAST, self.settled()).await.is_err() {
            warn!("the last events are in the log alone: the database did not take them in time");
        }
    }

    /// Ends when all that was recorded before is kept.
    pub async fn settled(&self) {
        let (say, said) = oneshot::channel();
        // Without a keeper there is nothing to wait for.
        if self.keeper.send(Note::Say(say)).await.is_ok() {
            let _ = said.await;
        }
    }

    fn by_itself(&self, kind: EventKind) {
        self.record(Event {
            at: self.clock.now(),
            kind,
            request: None,
            user: None,
            address: None,
            facts: vec![
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("process", std::process::id().to_string()),
            ],
        });
    }
}

impl Events for Recorder {
    fn record(&self, event: Event) {
        log(&event);
        let has_place = !is_refusal(event.kind) || self.keeper.capacity() > RESERVED;
        if !has_place || self.keeper.try_send(Note::Keep(event)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn keep(store: SqlEvents, mut notes: Receiver<Note>, dropped: Arc<AtomicU64>) {
    let mut batch = Vec::new();
    while notes.recv_many(&mut batch, AT_ONCE).await > 0 {
        gather(&mut notes, &mut batch).await;
        let (mut events, mut waiting) = (Vec::new(), Vec::new());
        for note in batch.drain(..) {
            match note {
                Note::Keep(event) => events.push(event),
                Note::Say(say) => waiting.push(say),
            }
        }
        let mut told = false;
        while let Err(outage) = store.append(&events).await {
            if !told {
                error!("{}; they are kept once it answers", outage.chain());
            }
            told = true;
            sleep(PAUSE).await;
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            error!("{lost} events are in the log alone: too many were waiting to be kept");
        }
        for say in waiting {
            // Whoever asked may have gone.
            let _ = say.send(());
        }
    }
}

/// Fills up a batch with what comes in the next moment: a login is two events, and a transaction costs as much as it. A
/// batch that is full, or that somebody waits for, waits for no more.
async fn gather(notes: &mut Receiver<Note>, batch: &mut Vec<Note>) {
    if batch.len() >= AT_ONCE || batch.iter().any(|note| matches!(note, Note::Say(_))) {
        return;
    }
    sleep(GATHERING).await;
    while batch.len() < AT_ONCE
        && let Ok(note) = notes.try_recv()
    {
        batch.push(note);
    }
}

/// Whether it says no more than that somebody was refused, which costs a stranger nothing and can be had without end.
/// What follows a proof, what is counted and limited, and what the program does by itself is none.
fn is_refusal(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::LoginOverLimit
            | EventKind::LimitExceeded
            | EventKind::SessionUsedAfterEnd
            | EventKind::ForeignForm
            | EventKind::OddRequest
            | EventKind::Forbidden
    )
}

/// The target of these lines in the log.
pub(crate) const TARGET: &str = "vestibule::event";

fn log(event: &Event) {
    let name = event.kind.as_str();
    let request = event.request.map(tracing::field::display);
    let user = event.user.map(|user| tracing::field::display(user.0));
    let address = event.address.map(tracing::field::display);
    let facts: std::collections::BTreeMap<_, _> = event
        .facts
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let facts = serde_json::to_string(&facts).unwrap_or_default();
    if is_ordinary(event.kind) {
        info!(target: TARGET, event = name, request, user, address, facts);
    } else {
        warn!(target: TARGET, event = name, request, user, address, facts);
    }
}

/// Whether nobody needs to look at it.
fn is_ordinary(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::LoginSucceeded
            | EventKind::PasswordUnlocked
            | EventKind::PasswordChanged
            | EventKind::UsernameChanged
            | EventKind::ResetAsked
            | EventKind::PasswordReset
            | EventKind::EmailAdded
            | EventKind::EmailVerified
            | EventKind::EmailRemoved
            | EventKind::UserCreated
            | EventKind::UserEnabled
            | EventKind::InvitationCreated
            | EventKind::InvitationEnded
            | EventKind::DeletionAsked
            | EventKind::DeletionUndone
            | EventKind::UserDeleted
            | EventKind::SessionCreated
            | EventKind::SessionEnded
            | EventKind::Started
            | EventKind::Stopped
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    fn recorder() -> (Recorder, Receiver<Note>) {
        let (keeper, notes) = mpsc::channel(WAITING);
        let recorder = Recorder {
            keeper,
            dropped: Arc::default(),
            clock: Arc::new(SystemClock),
        };
        (recorder, notes)
    }

    #[test]
    fn strangers_who_are_refused_leave_room_for_what_others_do() {
        let (recorder, mut notes) = recorder();
        let dropped = || recorder.dropped.load(Ordering::Relaxed);
        for _ in 0..WAITING {
            recorder.by_itself(EventKind::SessionUsedAfterEnd);
        }
        assert_eq!(dropped(), RESERVED as u64);
        for _ in 0..RESERVED {
            recorder.by_itself(EventKind::LoginSucceeded);
        }
        assert_eq!(dropped(), RESERVED as u64, "all of these are kept");
        recorder.by_itself(EventKind::LoginSucceeded);
        assert_eq!(dropped(), RESERVED as u64 + 1, "there is an end to it");
        drop(recorder);
        let mut kept = Vec::new();
        while let Ok(Note::Keep(event)) = notes.try_recv() {
            kept.push(event.kind);
        }
        let logins = &kept[WAITING - RESERVED..];
        assert!(logins.iter().all(|kind| *kind == EventKind::LoginSucceeded));
        assert_eq!(logins.len(), RESERVED);
    }

    #[test]
    fn the_documentation_names_each_refusal() {
        let text = include_str!("../../../docs/events.md");
        let (_, text) = text.split_once("at most half of the places: ").unwrap();
        let (list, _) = text.split_once('.').unwrap();
        for kind in EventKind::ALL {
            let is_named = list.contains(&format!("`{}`", kind.as_str()));
            assert_eq!(is_named, is_refusal(kind), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn only_a_batch_with_room_waits_for_more() {
        let (recorder, mut notes) = recorder();
        for (there, waits) in [(1, true), (AT_ONCE - 1, true), (AT_ONCE, false)] {
            for _ in 0..there {
                recorder.by_itself(EventKind::LoginSucceeded);
            }
            let mut batch = Vec::new();
            notes.recv_many(&mut batch, AT_ONCE).await;
            let has_waited = tokio::select! {
                biased;
                () = gather(&mut notes, &mut batch) => false,
                () = std::future::ready(()) => true,
            };
            assert_eq!(has_waited, waits, "{there}");
        }
    }
}
