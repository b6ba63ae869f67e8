//! Security events: a line in the log each, and a row in the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{error, info};
use vestibule_domain::ports::Events;
use vestibule_domain::{Event, EventKind, RequestId};
use vestibule_sql::SqlEvents;

use crate::stores::database;
use crate::{BadConfig, Config};

/// [`Events`] for the log, at once, and for the database, as soon as it is free: nobody waits for it.
pub struct Recorder {
    keeper: Sender<Message>,
    lost: AtomicU64,
}

enum Message {
    Keep(Event),
    /// All that came before is kept.
    Tell(oneshot::Sender<()>),
}

/// How many events wait for a database that is away: some minutes of an attack, in some megabytes. What comes after that
/// is in the log alone.
const WAITING: usize = 20_000;

/// How many are written in one transaction.
const BATCH: usize = 200;

/// How long after a failure the database is tried again.
const PAUSE: Duration = Duration::from_millis(500);

impl Recorder {
    /// Starts writing to `events`, until this value goes.
    pub(crate) fn start(events: SqlEvents) -> Self {
        let (keeper, messages) = channel(WAITING);
        tokio::spawn(keep(events, messages));
        Self {
            keeper,
            lost: AtomicU64::new(0),
        }
    }

    /// Notes something that the program does by itself.
    pub fn note(&self, kind: EventKind, at: OffsetDateTime, facts: Vec<(&'static str, String)>) {
        self.record(Event {
            at,
            kind,
            request: None,
            user: None,
            address: None,
            facts,
        });
    }

    /// Waits until all that was recorded before is kept, but no longer than `limit`; whether it is.
    pub async fn kept(&self, limit: Duration) -> bool {
        let (tell, told) = oneshot::channel();
        let told = async {
            let asked = self.keeper.send(Message::Tell(tell)).await;
            asked.is_ok() && told.await.is_ok()
        };
        timeout(limit, told).await.unwrap_or(false)
    }
}

impl Events for Recorder {
    fn record(&self, event: Event) {
        log(&event);
        if self.keeper.try_send(Message::Keep(event)).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // The first, and then now and then.
            if lost.is_power_of_two() {
                error!(
                    "{lost} security events are in this log alone: the database does not take them"
                );
            }
        }
    }
}

/// Writes what comes, as much at once as waits.
async fn keep(events: SqlEvents, mut messages: Receiver<Message>) {
    let mut waiting = Vec::new();
    while messages.recv_many(&mut waiting, BATCH).await > 0 {
        let mut batch = Vec::with_capacity(waiting.len());
        let mut told = Vec::new();
        for message in waiting.drain(..) {
            match message {
                Message::Keep(event) => batch.push(event),
                Message::Tell(tell) => told.push(tell),
            }
        }
        let mut failures = 0_u64;
        while !batch.is_empty() {
            match events.append(&batch).await {
                Ok(()) => break,
                Err(outage) => {
                    failures += 1;
                    if failures.is_power_of_two() {
                        error!("{}", outage.chain());
                    }
                    sleep(PAUSE).await;
                }
            }
        }
        for tell in told {
            // Whoever asked may have gone.
            let _ = tell.send(());
        }
    }
}

/// How often old events are looked for.
const ROUND: Duration = Duration::from_hours(1);

/// How many go in one step, so that nobody waits for it.
const STEP: u64 = 500;

/// What removes events that are older than the config says, now and then, for as long as it runs.
///
/// # Errors
/// [`BadConfig`] when the database cannot be used.
pub async fn prune(config: &Config) -> Result<impl Future<Output = ()> + use<>, BadConfig> {
    let events = SqlEvents(database(config).await?);
    Ok(prune_older(events, config.events.keep))
}

async fn prune_older(events: SqlEvents, age: Duration) {
    loop {
        let before = OffsetDateTime::now_utc() - age;
        loop {
            match events.prune(before, STEP).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(outage) => {
                    error!("{}", outage.chain());
                    break;
                }
            }
        }
        sleep(ROUND).await;
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
