use rocket::{State, get};
use vestibule_domain::Ready;

use crate::refusal::Refusal;

/// The process answers.
#[get("/health/live")]
pub(crate) fn live() -> &'static str {
    "live\n"
}

/// Visitors can be served. When not, the answer says no more than that; the reason is in the log.
#[get("/health/ready")]
pub(crate) async fn ready(ready: &State<Ready>) -> Result<&'static str, Refusal> {
    ready.check().await?;
    Ok("ready\n")
}
