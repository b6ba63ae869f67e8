use std::sync::{Arc, Mutex, Weak};

use testcontainers::core::{ContainerPort, WaitFor};

use super::containers::{Server, image, share};

pub(crate) fn redis() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    share(&SHARED, "REDIS", |name| {
        let image = image(name.unwrap_or("redis:7-alpine"))
            .with_exposed_port(ContainerPort::Tcp(6379))
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"));
        (image.into(), 6379, "redis://")
    })
}
