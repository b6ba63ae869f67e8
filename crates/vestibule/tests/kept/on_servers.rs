use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use containers::Server;

#[path = "../containers.rs"]
mod containers;
#[path = "../containers/postgres.rs"]
mod postgres;
#[path = "../containers/redis.rs"]
mod redis;

thread_local! {
    /// Each test has a thread of its own: the servers stay as long as one of them runs.
    static HELD: RefCell<Vec<Arc<Server>>> = const { RefCell::new(Vec::new()) };
}

/// The URLs of a database of its own and of the Redis that all share; `None` where things stay embedded. For a program
/// that works in `folder` they are the same as for the one before it.
pub(crate) fn urls(folder: Option<&Path>) -> Option<(String, String)> {
    static CHOSEN: Mutex<BTreeMap<PathBuf, Urls>> = Mutex::new(BTreeMap::new());
    let Some(folder) = folder else {
        return fresh();
    };
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    chosen
        .entry(folder.to_owned())
        .or_insert_with(fresh)
        .clone()
}

type Urls = Option<(String, String)>;

fn fresh() -> Urls {
    #[expect(clippy::disallowed_methods, reason = "this one is for tests alone")]
    let stores = std::env::var("TEST_STORES").unwrap_or_default();
    match stores.as_str() {
        "" | "embedded" => return None,
        "servers" => {}
        odd => panic!("TEST_STORES is {odd:?}, but embedded or servers is expected"),
    }
    let redis = redis::redis();
    let sessions = redis.url.clone();
    HELD.with_borrow_mut(|held| held.push(redis));
    Some((database(), sessions))
}

/// The URL of a new Postgres database.
pub(crate) fn database() -> String {
    let postgres = postgres::postgres();
    let server = postgres.url.clone();
    HELD.with_borrow_mut(|held| held.push(postgres));
    // The runtime of the test would not wait for another.
    let made = thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let made = vestibule_sql::create_database(&server);
        runtime.enable_all().build().unwrap().block_on(made)
    });
    made.join().unwrap().unwrap()
}
