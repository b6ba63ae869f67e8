use std::sync::atomic::{AtomicI64, Ordering};

/// Whose turn it is to forget what is old: that of one call a minute in each instance, so that the others are short.
pub(crate) struct Turn {
    /// When it was somebody's last, in seconds since 1970.
    last: AtomicI64,
}

const EVERY_SECS: i64 = 60;

impl Turn {
    pub(crate) fn new() -> Self {
        Self {
            last: AtomicI64::new(0),
        }
    }

    /// Whether it is this call's turn, at `now` in seconds since 1970.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(last).saturating_abs() >= EVERY_SECS;
        let order = Ordering::Relaxed;
        is_due && self.last.compare_exchange(last, now, order, order).is_ok()
    }
}
