//! Real servers of our own on loopback: started, stopped, killed, frozen and brought back. They end with the values that
//! stand for them, also when a test panics.

mod certificates;
mod cluster;
mod port;
mod post_office;
mod postgres;
mod process;
mod redis;
mod resp;
mod sentinel;

use std::thread;
use std::time::{Duration, Instant};

pub(crate) use certificates::Certificates;
pub(crate) use cluster::Cluster;
use port::free_port;
pub(crate) use post_office::{PostOffice, Tls};
pub(crate) use postgres::Postgres;
pub(crate) use redis::Redis;
pub(crate) use sentinel::Sentinel;

/// How a server goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was asked to end.
    Stopped,
    /// It was ended without warning: SIGKILL.
    Killed,
    /// It takes connections and answers nothing: SIGSTOP.
    Frozen,
}

/// How long a server may take to do what it was asked for, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `done`.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}
