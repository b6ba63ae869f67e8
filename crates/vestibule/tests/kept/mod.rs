//! Where the app under test keeps things: in itself, or on servers where `TEST_STORES=servers` says so. The same tests
//! pass on both.

#[cfg(feature = "servers")]
pub(crate) mod on_servers;

#[cfg(feature = "servers")]
pub(crate) use on_servers::urls;

/// The URLs of a Postgres database and of a Redis; `None` where things stay embedded.
#[cfg(not(feature = "servers"))]
pub(crate) fn urls(_: Option<&std::path::Path>) -> Option<(String, String)> {
    None
}
