//! The list of all cryptography in `docs/security.md`, compared with what is built in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What Cargo says of the program and all that it is built from.
#[expect(clippy::disallowed_methods, reason = "Cargo is a program")]
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .arg("--locked")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn all_cryptography_that_is_built_in_is_listed() {
    let edges = ["--edges", "normal,no-proc-macro"];
    let tree = cargo(&[&["tree", "--prefix", "none"][..], &edges].concat());
    let built: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let platform = ["--filter-platform", "host-tuple"];
    let metadata = cargo(&[&["metadata", "--format-version", "1"][..], &platform].concat());
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    // The category is the authors' own.
    let cryptography = packages.filter(|package| {
        let categories = package["categories"].as_array().unwrap();
        categories.iter().any(|category| category == "cryptography")
    });
    let names = cryptography.map(|package| package["name"].as_str().unwrap());
    let found: BTreeSet<&str> = names.filter(|name| built.contains(name)).collect();

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let (_, section) = text.split_once("\n## Cryptography\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let listed: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    assert_eq!(found, listed);
}
