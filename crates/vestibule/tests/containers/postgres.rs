use std::sync::{Arc, Mutex, Weak};

use testcontainers::ImageExt;
use testcontainers::core::{ContainerPort, WaitFor};

use super::containers::{Server, image, share};

pub(crate) fn postgres() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    share(&SHARED, "POSTGRES", |name| {
        let image = image(name.unwrap_or("postgres:17-alpine"))
            .with_exposed_port(ContainerPort::Tcp(5432))
            // The official image is ready once before, when it has only set itself up, and does not listen then.
            .with_wait_for(WaitFor::message_on_stderr(
                "listening on IPv4 address \"0.0.0.0\"",
            ))
            .with_wait_for(WaitFor::message_on_stderr(
                "database system is ready to accept connections",
            ))
            .with_env_var("POSTGRES_USER", "vestibule")
            .with_env_var("POSTGRES_PASSWORD", "for tests")
            // What a test stored need not outlive a power cut.
            .with_cmd(["-c", "fsync=off", "-c", "max_connections=300"]);
        (image, 5432, "postgres://vestibule:for%20tests@")
    })
}
