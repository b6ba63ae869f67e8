use std::time::Duration;

use rocket::http::{Header, Status};
use rocket::response::Responder;
use rocket_dyn_templates::Template;

/// The same form, and when it may be sent again.
#[derive(Responder)]
pub(crate) struct Later {
    page: (Status, Template),
    retry_after: RetryAfter,
}

/// In whole seconds. Source: RFC 9110 section 10.2.3.
struct RetryAfter(u64);

impl From<RetryAfter> for Header<'static> {
    fn from(RetryAfter(secs): RetryAfter) -> Self {
        Header::new("Retry-After", secs.to_string())
    }
}

impl Later {
    /// 429 with this page. There is always something to wait for, be it somebody who mends it.
    pub(crate) fn new(page: Template, wait: Duration) -> Self {
        Self {
            page: (Status::TooManyRequests, page),
            retry_after: RetryAfter(wait.as_secs().max(1)),
        }
    }
}

/// A time to wait, in words. It is never told shorter than it is.
pub(crate) fn in_words(wait: Duration) -> String {
    let secs = wait.as_secs().max(1);
    let (number, unit) = match secs {
        0..=90 => (secs, "second"),
        91..=3599 => (secs.div_ceil(60), "minute"),
        3600.. => (secs.div_ceil(3600), "hour"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_as_people_would() {
        for (secs, words) in [
            (0, "1 second"),
            (30, "30 seconds"),
            (91, "2 minutes"),
            (120, "2 minutes"),
            (121, "3 minutes"),
            (3540, "59 minutes"),
            (3541, "60 minutes"),
            (3600, "1 hour"),
            (3601, "2 hours"),
        ] {
            assert_eq!(in_words(Duration::from_secs(secs)), words);
        }
    }
}
