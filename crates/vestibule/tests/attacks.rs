//! What a tester tries, over HTTP and against the program itself: one test for each class of attack. With
//! `TEST_STORES=servers` the same runs on Postgres and Redis.
//!
//! Every answer is looked at: never a 5xx, all security headers; and when the program has ended, no secret in its log.

mod attacker;

mod bytes;
mod cookies;
mod elsewhere;
mod everywhere;
mod forms;
mod guessing;
mod injection;
mod matrix;
mod names;
mod pages;
