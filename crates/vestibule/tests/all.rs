//! Everything that needs Rust and nothing else.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod account;
mod admin;
mod app;
mod archive;
mod arrows;
mod asvs;
mod attacks;
mod clean_up;
mod client;
mod command_line;
mod crash;
mod crawl;
mod cryptography;
mod dashboard;
mod delete;
mod door;
mod events;
mod every_route;
mod export;
mod health;
mod http;
mod importing;
mod invitations;
mod kept;
mod known;
mod login;
mod logout;
mod mail;
mod matrix;
mod moving;
mod observatory;
mod passwords;
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
