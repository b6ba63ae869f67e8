//! Everything that needs Rust and nothing else.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod app;
mod arrows;
mod client;
mod command_line;
mod crash;
mod dashboard;
mod door;
mod every_route;
mod health;
mod http;
mod importing;
mod kept;
mod known;
mod login;
mod logout;
mod moving;
mod observatory;
mod queue;
mod raw;
mod register;
mod secrets;
mod server;
mod session;
mod slow;
mod storm;
mod throttle;
mod wire;
