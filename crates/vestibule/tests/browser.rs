//! A person's journeys through Chromium, against the program itself.

#![expect(clippy::unwrap_used, reason = "tests")]

mod archive;
mod kept;
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod letters;
#[path = "stores/port.rs"]
mod port;
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod server;

mod browser {
    mod account;
    mod by_hand;
    mod chromium;
    mod journey;
    mod looks;
    mod mail;
    mod person;
}
