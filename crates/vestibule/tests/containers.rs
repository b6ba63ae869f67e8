//! Postgres and Redis for tests: the server that a variable names, or a container, which lasts as long as a test uses it.
//!
//! `TEST_POSTGRES_URL` and `TEST_REDIS_URL` name servers that are there already, whose user may make databases;
//! `TEST_POSTGRES_IMAGE` and `TEST_REDIS_IMAGE` name images other than the official ones.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use testcontainers::runners::SyncRunner;
use testcontainers::{Container, ContainerRequest, GenericImage};

/// A server. It stays while anybody holds it.
pub(crate) struct Server {
    /// `postgres://..` or `redis://..`
    pub(crate) url: String,
    container: Option<Container<GenericImage>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is removed by a runtime of its own, which no other runtime may surround.
        let container = self.container.take();
        let _ = thread::spawn(move || drop(container)).join();
    }
}

pub(crate) fn image(name: &str) -> GenericImage {
    let (name, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    GenericImage::new(name, tag)
}

/// The one that is there, or a new one: `what` is in the names of the variables, `request` gets the image that they name
/// and makes a container of it, with its port and what stands before the host in its URL.
pub(crate) fn share(
    shared: &Mutex<Weak<Server>>,
    what: &str,
    request: impl FnOnce(Option<&str>) -> (ContainerRequest<GenericImage>, u16, &'static str)
    + Send
    + 'static,
) -> Arc<Server> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let (url, image) = (format!("TEST_{what}_URL"), format!("TEST_{what}_IMAGE"));
    let server = if let Some(url) = variable(&url) {
        Server {
            url,
            container: None,
        }
    } else {
        let wanted = variable(&image);
        let started = thread::spawn(move || {
            let (request, port, scheme) = request(wanted.as_deref());
            let container = request.start()?;
            let port = container.get_host_port_ipv4(port)?;
            Ok::<_, testcontainers::TestcontainersError>(Server {
                url: format!("{scheme}127.0.0.1:{port}"),
                container: Some(container),
            })
        });
        started.join().unwrap().unwrap_or_else(|e| {
            panic!(
                "this test needs a server, and no container starts ({e}).\nStart Docker; where no registry can be \
                 reached, run scripts/test-images and set {image} as it says; or set {url} to the URL of a server \
                 for tests. scripts/test does all of this"
            )
        })
    };
    let server = Arc::new(server);
    *shared = Arc::downgrade(&server);
    server
}

#[expect(clippy::disallowed_methods, reason = "these are for tests alone")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
