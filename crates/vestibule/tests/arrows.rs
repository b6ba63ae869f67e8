//! Who may depend on whom.

use std::fs;
use std::path::Path;

const ALLOWED: [(&str, &[&str]); 9] = [
    ("crates/domain", &[]),
    ("migrations", &[]),
    ("crates/argon2", &["vestibule-domain"]),
    ("crates/breach", &["vestibule-domain"]),
    ("crates/mail", &["vestibule-domain"]),
    ("crates/redis", &["vestibule-domain"]),
    ("crates/sql", &["vestibule-domain", "vestibule-migrations"]),
    ("crates/web", &["vestibule-domain"]),
    (
        "crates/vestibule",
        &[
            "vestibule-argon2",
            "vestibule-breach",
            "vestibule-domain",
            "vestibule-mail",
            "vestibule-redis",
            "vestibule-sql",
            "vestibule-web",
        ],
    ),
];

/// What the domain stays free of: whatever does I/O, or is somebody's framework.
const NOT_IN_DOMAIN: [&str; 6] = ["tokio", "serde", "tracing", "rocket", "sea-orm", "redis"];

#[test]
fn each_crate_knows_only_whom_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = fs::read_dir(root.join("crates")).unwrap().count();
    assert_eq!(crates + 1, ALLOWED.len(), "a new crate needs a line here");
    for (folder, allowed) in ALLOWED {
        let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        let ours: Vec<&str> = normal(&manifest)
            .filter(|name| name.starts_with("vestibule-"))
            .collect();
        assert_eq!(ours, allowed, "{folder}");
    }
    let domain = fs::read_to_string(root.join("crates/domain/Cargo.toml")).unwrap();
    for name in normal(&domain) {
        assert!(
            !NOT_IN_DOMAIN.contains(&name),
            "the domain depends on {name}"
        );
    }
}

/// Passwords are looked up by a crate that could not ask anybody outside if it wanted to.
#[test]
fn the_lists_of_known_passwords_know_no_network() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = fs::read_to_string(root.join("crates/breach/Cargo.toml")).unwrap();
    let all: Vec<&str> = normal(&manifest).collect();
    let expected = [
        "secrecy",
        "sha1",
        "sha2",
        "tempfile",
        "thiserror",
        "vestibule-domain",
    ];
    assert_eq!(all, expected);
}

/// The names under `[dependencies]`.
fn normal(manifest: &str) -> impl Iterator<Item = &str> {
    let (_, rest) = manifest.split_once("[dependencies]\n").expect("a section");
    rest.lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
}
