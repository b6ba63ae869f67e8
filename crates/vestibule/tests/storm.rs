//! Many at once, against the program itself.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::app::PASSWORD;
use crate::http::Person;
use crate::server::Server;

/// All of them come from this machine.
const MANY: [(&str, &str); 1] = [("VESTIBULE_THROTTLE__ADDRESS_FREE", "1000")];

/// How many answers there were of each status.
async fn statuses(tasks: JoinSet<u16>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in tasks.join_all().await {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_register_one_name_at_once_one_gets_it() {
    let (server, _folder) = Server::start_afresh(&MANY);
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let mut person = Person::at(&server.url);
        tasks.spawn(async move {
            let fields = [("username", "ada"), ("password", PASSWORD)];
            person.submit("/register", &fields).await.unwrap().status
        });
    }
    assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 1), (409, 49)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_logins_at_once_find_no_locked_database() {
    let (server, _folder) = Server::start_afresh(&MANY);
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let mut person = Person::at(&server.url);
        tasks.spawn(async move {
            let name = format!("user{n}");
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            person.submit("/register", &fields).await.unwrap().status
        });
    }
    assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 50)]));

    let mut tasks = JoinSet::new();
    for n in 0..200 {
        let mut person = Person::at(&server.url);
        tasks.spawn(async move {
            // Of one account, no more at once than need not wait.
            let name = format!("user{}", n % 50);
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            let status = person.submit("/login", &fields).await.unwrap().status;
            assert_eq!(person.get("/dashboard").await.unwrap().status, 200);
            status
        });
    }
    assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 200)]));
}

/// Open files, and memory in KiB, of the program.
#[cfg(target_os = "linux")]
fn holds(server: &Server) -> (usize, u64) {
    let process = format!("/proc/{}", server.pid());
    let files = std::fs::read_dir(format!("{process}/fd")).unwrap().count();
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let memory = memory.unwrap().trim().trim_end_matches(" kB");
    (files, memory.parse().unwrap())
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_logins_leave_no_file_open_and_no_memory_taken() {
    let (server, _folder) = Server::start_afresh(&MANY);
    let login = async |round: usize| {
        let mut tasks = JoinSet::new();
        for n in 0..20 {
            let mut person = Person::at(&server.url);
            tasks.spawn(async move {
                let name = format!("user{n}");
                let fields = [("username", name.as_str()), ("password", PASSWORD)];
                let path = if round == 0 { "/register" } else { "/login" };
                person.submit(path, &fields).await.unwrap().status
            });
        }
        assert_eq!(statuses(tasks).await, BTreeMap::from([(303, 20)]));
    };
    for round in 0..5 {
        login(round).await;
    }
    let (files, memory) = holds(&server);
    for round in 5..55 {
        login(round).await;
    }
    let (files_after, memory_after) = holds(&server);
    eprintln!("  files {files}, then {files_after}; memory {memory} KiB, then {memory_after} KiB");
    // The last visitors may still be on their way out.
    assert!(files_after <= files + 20, "{files}, then {files_after}");
    assert!(
        memory_after < memory + 30 * 1024,
        "{memory}, then {memory_after}"
    );
}
