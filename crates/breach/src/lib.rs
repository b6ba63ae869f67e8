//! Passwords that attackers know already: a list that is built in, and a file that the operator makes from a download of
//! Have I Been Pwned. Nobody outside is ever asked.

mod build;
mod common;
mod file;
mod layout;
mod line;

pub use build::{BuildError, Built, build};
pub use common::CommonPasswords;
pub use file::{BreachFile, Damaged, OpenError};
pub use line::Hash;
