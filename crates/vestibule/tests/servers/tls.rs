//! Stores that are reached by TLS: who is not who they should be is not talked to.

use std::process::Output;

use tempfile::TempDir;

use super::clock::turn;
use super::instance::{Instance, KEY};
use crate::server::program;
use crate::stores::{Certificates, Postgres, Redis};

/// What an instance says that is not to open with these variables.
fn refused(variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let patience = ("VESTIBULE_DATABASE__CONNECT_TIMEOUT", "1s");
    let variables = [variables, &[KEY, patience]].concat();
    let Output { status, stderr, .. } = program(folder.path(), &variables).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    for password in [Postgres::PASSWORD, Redis::PASSWORD] {
        assert!(!said.contains(password), "{said}");
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_talked_to_when_its_certificate_is_right() {
    let _turn = turn().await;
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    let postgres = Postgres::with_tls(&ours);
    let url = |root: &Certificates| {
        let root = root.root().display().to_string();
        format!("{}?sslmode=verify-full&sslrootcert={root}", postgres.url())
    };
    let instance = Instance::start(&url(&ours), None);
    drop(instance.member("ada").await);
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE usename = 'vestibule' AND NOT ssl";
    assert_eq!(postgres.query(encrypted), ["0"], "nothing goes in clear");
    instance.end_in_peace();

    let said = refused(&[("VESTIBULE_DATABASE__URL", &url(&theirs))]);
    assert!(said.contains("database.url"), "{said}");
    let unknown = format!("{}?sslmode=verify-full", postgres.url());
    let said = refused(&[("VESTIBULE_DATABASE__URL", &unknown)]);
    assert!(said.contains("database.url"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_without_tls_is_not_talked_to_where_tls_is_asked_for() {
    let _turn = turn().await;
    let postgres = Postgres::new();
    let url = format!("{}?sslmode=verify-full", postgres.url());
    let said = refused(&[("VESTIBULE_DATABASE__URL", &url)]);
    assert!(said.contains("database.url"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_talked_to_when_its_certificate_is_right() {
    let _turn = turn().await;
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    let redis = Redis::with_tls(&ours);
    let postgres = Postgres::new();
    let (database, sessions) = (postgres.url(), redis.tls_url());
    let root = |root: &Certificates| root.root().display().to_string();
    let instance = Instance::with(
        &database,
        &[
            ("VESTIBULE_SESSIONS__URL", &sessions),
            ("SSL_CERT_FILE", &root(&ours)),
        ],
    );
    drop(instance.member("ada").await);
    instance.end_in_peace();

    let plain = redis.url().replace("redis:", "rediss:");
    for (url, root) in [(&sessions, root(&theirs)), (&plain, root(&ours))] {
        let said = refused(&[
            ("VESTIBULE_DATABASE__URL", &database),
            ("VESTIBULE_SESSIONS__URL", url),
            ("SSL_CERT_FILE", &root),
        ]);
        assert!(said.contains("sessions.url"), "{said}");
    }
}
