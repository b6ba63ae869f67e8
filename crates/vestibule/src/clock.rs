use time::OffsetDateTime;
use vestibule_domain::ports::Clock;

/// [`Clock`] by the system's.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc().truncate_to_second()
    }
}
