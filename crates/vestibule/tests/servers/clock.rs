//! Time, which all of these tests assert: they run one after the other, so that none waits for another's work.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::http::Page;

/// Whatever is gone, an answer comes within this.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// Whatever came back, all is well after this.
pub(crate) const HEALING: Duration = Duration::from_secs(5);

/// The longest that anybody waited in this test, in milliseconds.
static SLOWEST_MS: AtomicU64 = AtomicU64::new(0);

/// The turn of one test.
pub(crate) struct Turn {
    _alone: MutexGuard<'static, ()>,
}

pub(crate) async fn turn() -> Turn {
    static TURN: Mutex<()> = Mutex::const_new(());
    let alone = TURN.lock().await;
    SLOWEST_MS.store(0, Ordering::SeqCst);
    Turn { _alone: alone }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let slowest = SLOWEST_MS.load(Ordering::SeqCst);
        eprintln!("  the slowest answer took {slowest} ms");
    }
}

/// An answer, which has to come in time.
pub(crate) async fn in_time(
    what: &str,
    answer: impl Future<Output = reqwest::Result<Page>>,
) -> Page {
    let start = Instant::now();
    let Ok(page) = tokio::time::timeout(ANSWER, answer).await else {
        panic!("no answer within {ANSWER:?}: {what}");
    };
    let took = u64::try_from(start.elapsed().as_millis()).unwrap();
    SLOWEST_MS.fetch_max(took, Ordering::SeqCst);
    let page = page.unwrap_or_else(|e| panic!("{what}: {e:?}"));
    assert!(
        page.status != 503 || !page.header("retry-after").is_empty(),
        "{what}: when to come back"
    );
    page
}

/// Asks again and again until `done` says so, at most `limit` after `start`.
pub(crate) async fn healed(
    what: &str,
    start: Instant,
    limit: Duration,
    mut done: impl AsyncFnMut() -> bool,
) {
    while !done().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eprintln!("  {what}: after {} ms", start.elapsed().as_millis());
}
