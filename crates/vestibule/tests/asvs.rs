//! The table of `docs/asvs.md`: it names every requirement that applies, and every proof that it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Id and level of every requirement that applies to a login system with sessions and passwords, and without OAuth, tokens
/// that speak for themselves, uploads, GraphQL, `WebSocket`, `WebRTC` and XML.
///
/// Source: OWASP ASVS 5.0.0.
const APPLICABLE: &str = include_str!("asvs.txt");

/// What a row may say.
const STATES: [&str; 4] = ["met", "not met", "later", "operator"];

struct Row {
    id: String,
    level: String,
    state: String,
    proof: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/asvs.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [id, level, requirement, state, proof] = cells[..] else {
                panic!("five cells: {line}");
            };
            assert!(!requirement.is_empty(), "{line}");
            Row {
                id: id.into(),
                level: level.into(),
                state: state.into(),
                proof: proof.into(),
            }
        })
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Every file of Rust under `folder`.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The names of all tests: the functions right under an attribute such as `#[test]`, `#[rocket::async_test]` or
/// `#[tokio::test(..)]`; and those of the contract, which tests of each store call.
fn tests() -> BTreeSet<String> {
    let (mut files, mut names) = (Vec::new(), BTreeSet::new());
    sources(&root().join("crates"), &mut files);
    for file in files {
        let mut is_test = false;
        for line in file.lines().map(str::trim) {
            if let Some(attribute) = line.strip_prefix("#[") {
                let name = attribute.split(['(', ']']).next().unwrap_or_default();
                is_test |= name == "test" || name.ends_with("::test") || name.ends_with("_test");
                continue;
            }
            let function = line
                .trim_start_matches("pub ")
                .trim_start_matches("async ")
                .strip_prefix("fn ");
            if let (true, Some(function)) = (is_test, function) {
                names.extend(function.split(['(', '<']).next().map(str::to_owned));
            }
            // Comments, and the arguments of an attribute that spans lines, may stand between.
            is_test &= line.starts_with("//") || line.ends_with(',') || line == ")]";
        }
    }
    let contract = fs::read_to_string(root().join("crates/domain/src/contract.rs")).unwrap();
    let promises = contract.lines().filter_map(|line| {
        let function = line.trim_start_matches("pub ").strip_prefix("async fn ")?;
        function.split(['(', '<']).next().map(str::to_owned)
    });
    names.extend(promises);
    names
}

#[test]
fn every_requirement_that_applies_is_in_the_table_once_with_its_level() {
    let applicable: BTreeMap<&str, &str> = APPLICABLE
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    assert_eq!(applicable.len(), 245);
    let rows = table();
    let mut seen = BTreeSet::new();
    for row in &rows {
        assert!(seen.insert(row.id.as_str()), "{} stands twice", row.id);
        let level = applicable.get(row.id.as_str());
        assert_eq!(level, Some(&row.level.as_str()), "the level of {}", row.id);
    }
    let missing: Vec<_> = applicable.keys().filter(|id| !seen.contains(*id)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

#[test]
fn nothing_is_met_without_a_proof_that_exists() {
    let tests = tests();
    let mut wrong = Vec::new();
    for row in table() {
        if !STATES.contains(&row.state.as_str()) {
            wrong.push(format!("{}: no such state: {}", row.id, row.state));
        }
        if row.state == "met" && quoted(&row.proof).next().is_none() {
            wrong.push(format!("{}: met without a proof", row.id));
        }
        if row.state == "not met" && row.proof.is_empty() {
            wrong.push(format!("{}: not met without a reason", row.id));
        }
        for proof in quoted(&row.proof) {
            let exists = tests.contains(proof) || root().join(proof).exists();
            if !exists {
                wrong.push(format!("{}: no such test or file: {proof}", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_class_of_attack_has_a_test() {
    let tests = tests();
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let (_, table) = text.split_once("## Attacks").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("| A"))
        .collect();
    let classes = rows.iter().map(|row| row.split(' ').nth(1).unwrap());
    let expected = (1..=10).chain(12..=25).map(|class| format!("A{class}"));
    assert!(classes.eq(expected), "{rows:?}");
    for row in rows {
        let proofs: Vec<_> = quoted(row).collect();
        assert!(!proofs.is_empty(), "{row}");
        for proof in proofs {
            assert!(tests.contains(proof), "no such test: {proof}");
        }
    }
}
