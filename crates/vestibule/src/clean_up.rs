//! Taking away what is too old, as long as the program runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};
use vestibule_domain::ports::{Clock, Expiring};
use vestibule_domain::{CleanUp, Leave};
use vestibule_sql::{
    Sql, SqlAttempts, SqlEvents, SqlEventsKeptFor, SqlInvitations, SqlLinks, SqlSessions, SqlTurns,
    SqlUsers,
};

use crate::Config;

/// How long after a round the next one begins.
const PAUSE: Duration = Duration::from_mins(1);

/// What is kept for a time only, wherever it is kept; what is in Redis goes by itself.
pub(crate) fn clean_up(
    config: &Config,
    sql: &Sql,
    leave: Arc<Leave>,
    clock: Arc<dyn Clock>,
) -> CleanUp {
    let mut kinds: Vec<Arc<dyn Expiring>> = vec![
        Arc::new(SqlLinks(sql.clone())),
        Arc::new(SqlInvitations(sql.clone())),
        leave,
        Arc::new(SqlUsers(sql.clone())),
    ];
    if config.sessions.url.is_none() {
        kinds.push(Arc::new(SqlSessions(sql.clone())));
        kinds.push(Arc::new(SqlAttempts(sql.clone())));
    }
    if let Some(age) = config.events.keep {
        kinds.push(Arc::new(SqlEventsKeptFor(SqlEvents(sql.clone()), age)));
    }
    CleanUp {
        turns: Arc::new(SqlTurns::new(sql.clone())),
        kinds,
        clock,
    }
}

/// Cleans up now and then, for as long as the program runs.
pub async fn clean_up_for_ever(clean_up: Arc<CleanUp>) {
    // What was told already is told again once it has gone well in between.
    let mut told = BTreeSet::new();
    loop {
        match clean_up.round().await {
            Ok(round) => {
                for cleaned in round {
                    let (what, count) = (cleaned.what, cleaned.count);
                    if count > 0 {
                        info!("{count} {what} were too old, and are gone");
                    }
                    match cleaned.outage {
                        None => drop(told.remove(what)),
                        Some(outage) if told.insert(what) => {
                            warn!("{what} that are too old stay for now: {}", outage.chain());
                        }
                        Some(_) => {}
                    }
                }
            }
            Err(outage) => warn!("nothing is cleaned up for now: {}", outage.chain()),
        }
        sleep(PAUSE).await;
    }
}
