//! One Vestibule among others.

use tempfile::TempDir;

use super::clock::in_time;
use crate::app::PASSWORD;
use crate::http::{Page, Person};
use crate::server::{Server, signal};

/// What all instances share.
pub(crate) const KEY: (&str, &str) = (
    "VESTIBULE_SECRET_KEY",
    "a-key-for-tests-of-32-characters-or-more",
);

/// A Vestibule with a folder of its own, on stores that it shares.
pub(crate) struct Instance {
    server: Server,
    _folder: TempDir,
}

impl Instance {
    /// Starts it and waits until it is open. Without a URL for them, sessions are in the database.
    pub(crate) fn start(database: &str, sessions: Option<&str>) -> Self {
        let sessions = sessions.map(|url| ("VESTIBULE_SESSIONS__URL", url));
        Self::with(database, sessions.as_slice())
    }

    /// The same where so many replicas are to know that a session has ended.
    pub(crate) fn start_on_many(database: &str, sessions: &str, replicas: &str) -> Self {
        let sessions = [
            ("VESTIBULE_SESSIONS__URL", sessions),
            ("VESTIBULE_SESSIONS__REPLICAS", replicas),
        ];
        Self::with(database, &sessions)
    }

    /// The same with variables of its own.
    pub(crate) fn with(database: &str, sessions: &[(&str, &str)]) -> Self {
        let mut variables = vec![
            KEY,
            ("VESTIBULE_DATABASE__URL", database),
            // The defaults, whatever another run of the tests wants.
            ("VESTIBULE_DATABASE__ACQUIRE_TIMEOUT", "1s"),
            ("VESTIBULE_DATABASE__ANSWER_TIMEOUT", "1s"),
            ("VESTIBULE_SESSIONS__TIMEOUT", "1s"),
            // Everybody comes from this machine.
            ("VESTIBULE_THROTTLE__ADDRESS_FREE", "1000"),
            ("VESTIBULE_THROTTLE__REGISTRATIONS_FREE", "1000"),
        ];
        variables.extend(sessions);
        let (server, folder) = Server::start_afresh(&variables);
        Self {
            server,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// Somebody new.
    pub(crate) fn visitor(&self) -> Person {
        Person::at(self.url())
    }

    /// Somebody who has just registered.
    pub(crate) async fn member(&self, username: &str) -> Person {
        let mut person = self.visitor();
        let page = register(&mut person, username).await;
        assert_eq!(page.status, 303, "{username}: {}", page.body);
        person
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        in_time(path, self.visitor().get(path)).await.status
    }

    pub(crate) async fn is_ready(&self) -> bool {
        self.status("/health/ready").await == 200
    }

    /// Ends it politely. It was there all the time, and nothing in it broke.
    pub(crate) fn end_in_peace(self) {
        signal(self.server.pid(), "TERM");
        let (status, log) = self.server.wait();
        assert!(status.success(), "{status}\n{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

pub(crate) async fn register(person: &mut Person, username: &str) -> Page {
    fill_in(person, "/register", username).await
}

pub(crate) async fn login(person: &mut Person, username: &str) -> Page {
    fill_in(person, "/login", username).await
}

async fn fill_in(person: &mut Person, path: &str, username: &str) -> Page {
    let form = in_time(path, person.get(path)).await;
    send(person, path, &form, username).await
}

/// Sends a form that was opened before.
pub(crate) async fn send(person: &mut Person, path: &str, form: &Page, username: &str) -> Page {
    assert_eq!(form.status, 200, "{path}: {}", form.body);
    let fields = [("username", username), ("password", PASSWORD)];
    in_time(path, person.send(path, form, &fields)).await
}

/// Opens the dashboard and signs out.
pub(crate) async fn logout(person: &mut Person) -> Page {
    let page = dashboard(person).await;
    assert_eq!(page.status, 200, "{}", page.body);
    in_time("/logout", person.send("/logout", &page, &[])).await
}

pub(crate) async fn dashboard(person: &mut Person) -> Page {
    in_time("/dashboard", person.get("/dashboard")).await
}

/// What a browser still has that kept a copy of its cookie when it signed out.
pub(crate) async fn logged_out(instance: &Instance, username: &str) -> Person {
    let mut person = instance.member(username).await;
    let copy = person.clone();
    assert_eq!(logout(&mut person).await.status, 303);
    copy
}

/// Whether somebody without a live session was sent to the login page. Anything but that or 503 is a door left open.
pub(crate) fn was_sent_to_login(page: &Page) -> bool {
    match page.status {
        303 => page.location().starts_with("/login"),
        503 => false,
        status => panic!("a private page opened: {status} {}", page.body),
    }
}
