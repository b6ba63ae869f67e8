//! Faults: what happens when Postgres and Redis go away and come back, and how two instances share them. The stores are
//! real servers, which the tests start, stop, kill and freeze.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[expect(dead_code, reason = "the other test binary uses the rest")]
mod app;
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod http;
mod kept;
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod server;
mod stores;

mod servers {
    mod clock;
    mod cluster;
    mod gone;
    mod harness;
    mod instance;
    mod mail;
    mod people;
    mod scene;
    mod sentinel;
    mod starting;
    mod tls;
    mod two;
    mod under_load;
}
