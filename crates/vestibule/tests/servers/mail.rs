//! Mail by a real server: it arrives, once, whatever was killed in between; and it is told to nobody but whom it should be.

use std::process::Output;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::clock::{healed, in_time, turn};
use super::instance::{Instance, KEY};
use crate::app::PASSWORD;
use crate::app::letters::Letter;
use crate::http::Person;
use crate::server::program;
use crate::stores::{Certificates, Fault, PostOffice, Postgres, Tls};

/// A letter that was taken is somebody's to send for a minute, and then anybody's.
const LEASE: Duration = Duration::from_secs(75);

const PUBLIC_URL: (&str, &str) = ("VESTIBULE_SERVER__PUBLIC_URL", "http://localhost:8000");

fn instance(postgres: &Postgres, office: &PostOffice) -> Instance {
    let url = office.url();
    Instance::with(&postgres.url(), &[("VESTIBULE_MAIL__URL", &url)])
}

async fn register(instance: &Instance, name: &str, email: &str) -> Person {
    let mut person = instance.visitor();
    let fields = [("username", name), ("password", PASSWORD), ("email", email)];
    let page = in_time("/register", person.submit("/register", &fields)).await;
    assert_eq!(page.status, 303, "{}", page.body);
    person
}

/// What it took so far, the oldest first.
fn letters(office: &PostOffice) -> Vec<Letter> {
    let mail = office.mail();
    let mut letters: Vec<_> = mail.iter().map(|bytes| Letter::parse(bytes)).collect();
    // Their ids begin with the time.
    letters.sort_by(|a, b| a.id.cmp(&b.id));
    letters
}

async fn arrives(office: &PostOffice, count: usize, limit: Duration) -> Vec<Letter> {
    let what = format!("{count} mails");
    healed(&what, Instant::now(), limit, async || {
        office.mail().len() >= count
    })
    .await;
    let all = letters(office);
    assert_eq!(all.len(), count, "{all:?}");
    all
}

async fn press(person: &mut Person, path: &str) {
    in_time(path, person.get(path)).await;
    let page = in_time("/link", person.submit("/link", &[])).await;
    assert_eq!(page.status, 303, "{}", page.body);
}

async fn ask(instance: &Instance) {
    let mut person = instance.visitor();
    let page = in_time("/forgot", person.submit("/forgot", &[("account", "ada")])).await;
    assert_eq!(page.status, 303, "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_gone_delays_mail_and_breaks_no_page() {
    let _turn = turn().await;
    let postgres = Postgres::new();
    let mut office = PostOffice::new();
    let instance = instance(&postgres, &office);
    let mut ada = register(&instance, "ada", "ada@example.com").await;
    let mail = arrives(&office, 1, LEASE).await;
    press(&mut ada, &mail[0].link_to(instance.url())).await;

    for (n, fault) in [Fault::Stopped, Fault::Killed, Fault::Frozen]
        .into_iter()
        .enumerate()
    {
        office.suffer(fault);
        ask(&instance).await;
        assert!(instance.is_ready().await, "{fault:?}");
        // A failed try, or one that hangs, does not lose it.
        let tried = "SELECT count(*) FROM outbox WHERE kind = 'reset' AND tries > 0";
        healed("a try", Instant::now(), LEASE, async || {
            postgres.query(tried) == ["1"]
        })
        .await;
        office.recover(fault);
        let mail = arrives(&office, n + 2, LEASE).await;
        let newest = mail.last().unwrap();
        let mut person = instance.visitor();
        person.get(&newest.link_to(instance.url())).await.unwrap();
        let page = person.get("/reset").await.unwrap();
        assert_eq!(page.status, 200, "{fault:?}: its link is good");
    }
    let left = "SELECT count(*) FROM outbox";
    healed("an empty outbox", Instant::now(), LEASE, async || {
        postgres.query(left) == ["0"]
    })
    .await;
    instance.end_in_peace();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_loses_no_mail_and_doubles_none() {
    let _turn = turn().await;
    let postgres = Postgres::new();
    let mut office = PostOffice::new();
    let first = instance(&postgres, &office);
    office.suffer(Fault::Killed);
    register(&first, "ada", "ada@example.com").await;
    register(&first, "bob", "bob@example.com").await;
    drop(first);
    let second = instance(&postgres, &office);
    let third = instance(&postgres, &office);
    office.recover(Fault::Killed);
    let mail = arrives(&office, 2, LEASE).await;
    let mut to: Vec<_> = mail.iter().map(|letter| letter.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["ada@example.com", "bob@example.com"]);
    let left = "SELECT count(*) FROM outbox";
    healed("an empty outbox", Instant::now(), LEASE, async || {
        postgres.query(left) == ["0"]
    })
    .await;
    assert_eq!(office.mail().len(), 2);
    second.end_in_peace();
    third.end_in_peace();
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_refused_for_good_is_given_up_and_noted() {
    let _turn = turn().await;
    let postgres = Postgres::new();
    let office = PostOffice::new();
    let instance = instance(&postgres, &office);
    register(&instance, "ada", "gone@example.com").await;
    register(&instance, "bob", "bob@example.com").await;
    arrives(&office, 1, LEASE).await;
    let noted = "SELECT facts FROM events WHERE kind = 'sys_mail_refused'";
    healed("a note", Instant::now(), LEASE, async || {
        !postgres.query(noted).is_empty()
    })
    .await;
    let facts = postgres.query(noted).concat();
    assert!(
        facts.contains("g…@example.com") && !facts.contains("gone@"),
        "{facts}"
    );
    let left = "SELECT count(*) FROM outbox";
    healed("an empty outbox", Instant::now(), LEASE, async || {
        postgres.query(left) == ["0"]
    })
    .await;
    instance.end_in_peace();
}

fn test(url: &str, address: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    let variables = [more, &[KEY, PUBLIC_URL, ("VESTIBULE_MAIL__URL", url)]].concat();
    let mut command = program(folder.path(), &variables);
    let Output {
        status,
        stdout,
        stderr,
    } = command.args(["mail", "test", address]).output().unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!said.contains("p@ss") && !said.contains("p%40ss"), "{said}");
    (status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_what_the_mail_server_answered() {
    let _turn = turn().await;
    let mut office = PostOffice::new();
    let (code, said) = test(&office.url(), "ops@example.com", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("250 "), "{said}");
    assert_eq!(letters(&office)[0].subject, "Mail from localhost arrives");
    let (code, said) = test(&office.url(), "gone@example.com", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no such mailbox"), "{said}");
    let (code, said) = test(&office.url(), "ops", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("looks like name@example.com"), "{said}");
    office.suffer(Fault::Killed);
    let (code, said) = test(&office.url(), "ops@example.com", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("sending a mail failed"), "{said}");
    assert!(said.contains("onnection refused"), "{said}");
}

/// The address takes mail only from whoever has encrypted, and signed in.
#[tokio::test(flavor = "multi_thread")]
async fn mail_and_its_password_go_to_nobody_but_the_server_that_was_named() {
    let _turn = turn().await;
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    let trusting = |root: &Certificates, url: &str, to: &str| {
        let root = root.root().display().to_string();
        test(url, to, &[("SSL_CERT_FILE", &root)])
    };
    // One of them takes mail only from whoever has signed in.
    for (tls, to) in [
        (Tls::FromTheStart, "ops@example.com"),
        (Tls::Asked, "strict@example.com"),
    ] {
        let office = PostOffice::with_tls(tls, &ours);
        let (code, said) = trusting(&ours, &office.url(), to);
        assert_eq!(code, Some(0), "{tls:?}: {said}");
        let (code, said) = trusting(&theirs, &office.url(), to);
        assert_eq!(code, Some(1), "{tls:?}: {said}");
        assert!(said.contains("ertificate"), "{tls:?}: {said}");
        assert_eq!(office.mail().len(), 1, "{tls:?}");
        if tls == Tls::Asked {
            let wrong = office.url().replace("word", "sword");
            let (code, said) = trusting(&ours, &wrong, to);
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains("535"), "{said}");
        }
    }
    // Who offers no encryption where others could listen gets nothing.
    let office = PostOffice::seen_by_others();
    let (code, said) = test(&office.url(), "ops@example.com", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(office.mail().is_empty());
}
