//! How the program ends: at a polite word, and without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::app::PASSWORD;
use crate::http::Person;
use crate::server::{Server, signal};

#[tokio::test(flavor = "multi_thread")]
async fn who_was_answered_is_there_after_a_kill() {
    const ENOUGH: usize = 30;
    let folder = TempDir::new().unwrap();
    // All of them from this machine.
    let many = [("VESTIBULE_THROTTLE__REGISTRATIONS_FREE", "1000")];
    let server = Server::start(folder.path(), &many);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for n in 0..400 {
        let mut person = Person::at(&server.url);
        let answered = Arc::clone(&answered);
        tasks.spawn(async move {
            let name = format!("user{n}");
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            let answer = person.submit("/register", &fields).await;
            let signed_in = answer.is_ok_and(|page| page.status == 303);
            answered.fetch_add(usize::from(signed_in), Ordering::SeqCst);
            signed_in.then_some((name, person))
        });
    }
    while answered.load(Ordering::SeqCst) < ENOUGH {
        tokio::task::yield_now().await;
    }
    server.kill();
    let survivors: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(survivors.len() >= ENOUGH);
    assert!(survivors.len() < 400, "it was killed in the middle");

    let server = Server::start(folder.path(), &[]);
    for (name, mut person) in survivors {
        person.move_to(&server.url);
        let page = person.get("/dashboard").await.unwrap();
        assert_eq!(page.status, 200, "the session of {name}");
        assert!(page.body.contains(&format!("Hello, {name}")));

        let fields = [("username", name.as_str()), ("password", PASSWORD)];
        let login = Person::at(&server.url)
            .submit("/login", &fields)
            .await
            .unwrap();
        assert_eq!(login.status, 303, "the account of {name}");
    }
}

/// A hash of 256 MiB takes long enough to be in the middle of it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_the_program_ends() {
    let slow = [("VESTIBULE_PASSWORDS__MEMORY_KIB", "262144")];
    for word in ["TERM", "INT"] {
        let (server, _folder) = Server::start_afresh(&slow);
        let mut ada = Person::at(&server.url);
        let form = ada.get("/register").await.unwrap();
        assert_eq!(form.status, 200);
        let registration = tokio::spawn(async move {
            let fields = [("username", "ada"), ("password", PASSWORD)];
            ada.send("/register", &form, &fields).await
        });
        // The hash runs once the process has taken its memory.
        while server.memory_kib() < 200_000 {
            tokio::task::yield_now().await;
        }
        signal(server.pid(), word);
        let answer = registration.await.unwrap().unwrap();
        assert_eq!((answer.status, answer.location()), (303, "/dashboard"));
        let (status, log) = server.wait();
        assert!(status.success(), "{word}: {status} {log}");
    }
}
