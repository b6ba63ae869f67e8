use rocket::http::Status;
use rocket::{State, get};
use vestibule_domain::Ready;

use crate::refusal::report;

/// The process answers.
#[get("/health/live")]
pub(crate) fn live() -> &'static str {
    "live\n"
}

/// Visitors can be served. When not, the answer says no more than that; the reason is in the log.
#[get("/health/ready")]
pub(crate) async fn ready(ready: &State<Ready>) -> Result<&'static str, Status> {
    ready.check().await.map_err(|e| report(&e))?;
    Ok("ready\n")
}
