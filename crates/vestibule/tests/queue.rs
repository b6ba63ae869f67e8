//! The hashing threads of the program itself: how many there are, how urgent they are, and what happens when they have too
//! much to do.

use std::fs;

use tokio::task::JoinSet;

use crate::app::PASSWORD;
use crate::http::Person;
use crate::server::Server;

/// The nice values of the hashing threads.
#[cfg(target_os = "linux")]
fn nice_values(server: &Server) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    tasks
        .filter_map(|task| {
            // A thread may end meanwhile: those that hash never do.
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
            // Source of the places: proc_pid_stat(5); the name, in brackets, is the second.
            let (name, rest) = stat.rsplit_once(')')?;
            let nice = rest.split_whitespace().nth(16)?;
            name.contains("(argon2-").then(|| nice.parse().unwrap())
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn hashing_threads_are_as_many_as_the_budget_allows_and_let_pages_go_first() {
    let cores = std::thread::available_parallelism().unwrap().get();
    for (budget, most) in [("19456KiB", 1), ("38912KiB", 2), ("512MiB", 26)] {
        let variable = ("VESTIBULE_PASSWORDS__MEMORY_BUDGET", budget);
        let (server, _folder) = Server::start_afresh(&[variable]);
        let expected = vec![15; cores.min(most)];
        assert_eq!(nice_values(&server), expected, "{budget}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_at_once_while_other_pages_answer() {
    // A hash takes a second or so; one runs, 4 wait.
    let (server, _folder) = Server::start_afresh(&[
        ("VESTIBULE_PASSWORDS__MEMORY_KIB", "262144"),
        ("VESTIBULE_PASSWORDS__ITERATIONS", "8"),
        ("VESTIBULE_PASSWORDS__MEMORY_BUDGET", "256MiB"),
    ]);
    let mut people = Vec::new();
    for _ in 0..20 {
        let mut person = Person::at(&server.url);
        let page = person.get("/login").await.unwrap();
        people.push((person, page));
    }
    let mut logins = JoinSet::new();
    for (number, (mut person, page)) in people.into_iter().enumerate() {
        logins.spawn(async move {
            let name = format!("nobody{number}");
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            person.send("/login", &page, &fields).await.unwrap()
        });
        // The first one's hash runs once the process has taken its memory.
        while server.memory_kib() < 200_000 {
            tokio::task::yield_now().await;
        }
    }
    let first = logins.join_next().await.unwrap().unwrap();
    assert_eq!(first.status, 503, "the others wait longer");
    assert_eq!(first.header("retry-after"), "5");
    assert!(first.body.contains("try again in a moment"));
    let mut visitor = Person::at(&server.url);
    for path in ["/login", "/register", "/health/ready"] {
        assert_eq!(visitor.get(path).await.unwrap().status, 200, "{path}");
    }
    let mut refused = 1;
    while let Some(answer) = logins.try_join_next() {
        refused += usize::from(answer.unwrap().status == 503);
    }
    assert!(!logins.is_empty(), "some are still being hashed");
    assert!(refused <= 15, "one is hashed, four wait: {refused}");
}
