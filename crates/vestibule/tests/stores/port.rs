//! Ports for servers that are not ours.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody listens on, and that nobody gets by chance while its server is down: it lies below those that the
/// system gives to connections. The one 10000 above, for a cluster's bus, is as free.
pub(crate) fn free_port() -> u16 {
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
