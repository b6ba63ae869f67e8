//! The rows, as the migrations made them.

#![expect(unreachable_pub, reason = "SeaORM's derives make public items")]

pub(crate) mod attempt;
pub(crate) mod email;
pub(crate) mod event;
pub(crate) mod event_chain;
pub(crate) mod invitation;
pub(crate) mod link;
pub(crate) mod outbox;
pub(crate) mod reserved_name;
pub(crate) mod session;
pub(crate) mod site;
pub(crate) mod turn;
pub(crate) mod user;
