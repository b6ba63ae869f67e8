//! Real servers of our own on loopback: started, stopped, killed, frozen and brought back. They end with the values that
//! stand for them, also when a test panics.

mod certificates;
mod cluster;
mod post_office;
mod postgres;
mod process;
mod redis;
mod resp;
mod sentinel;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use certificates::Certificates;
pub(crate) use cluster::Cluster;
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

/// A port that nobody listens on, and that nobody gets by chance while its server is down: it lies below those that the
/// system gives to connections. The one 10000 above, for a cluster's bus, is as free.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 1000).unwrap_or(0) * 10;
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    loop {
        let next = NEXT.fetch_add(1, Ordering::SeqCst);
        let port = 11_000 + (own + next) % 10_000;
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}
