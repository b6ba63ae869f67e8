//! Everything that needs Rust and nothing else.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod app;
mod arrows;
mod command_line;
mod crash;
mod dashboard;
mod events;
mod every_route;
mod health;
mod http;
mod importing;
mod kept;
mod login;
mod logout;
mod moving;
mod register;
mod server;
mod session;
mod storm;
mod wire;
