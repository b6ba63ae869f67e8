//! What the operating system has to say: files and signals.

use std::io;

use tracing::warn;

/// Files beside connections: the stores', the runtime's, the terminal's.
const OTHER_FILES: u32 = 128;

/// Whether only one connection failed, and not the listening for more.
pub(super) fn is_of_one(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// As many of `wanted` as the system has files for; it is asked for more where it gives few at first.
#[cfg(unix)]
pub(super) fn most_connections(wanted: u32) -> u32 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = u64::from(wanted) + u64::from(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    let enough = |files: Option<u64>| files.is_none_or(|files| files >= needed);
    if enough(limit.current) {
        return wanted;
    }
    let current = Some(limit.maximum.map_or(needed, |most| most.min(needed)));
    let raised = Rlimit { current, ..limit };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => current,
        Err(_) => limit.current,
    };
    if enough(files) {
        return wanted;
    }
    let files = files
        .and_then(|files| u32::try_from(files).ok())
        .unwrap_or(u32::MAX);
    let most = files.saturating_sub(OTHER_FILES).clamp(1, wanted);
    warn!(
        "server.max_connections is {wanted}, but the system has files for {most} only (ulimit -n)"
    );
    most
}

#[cfg(not(unix))]
pub(super) fn most_connections(wanted: u32) -> u32 {
    wanted
}

/// The polite words to end. From here on they no longer kill: to be made before anybody is told that we are open.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// # Errors
    /// When the system takes no note of signals.
    #[cfg(unix)]
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// # Errors
    /// None here.
    #[cfg(not(unix))]
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
