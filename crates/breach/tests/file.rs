//! A breach file, from the list that it is made of to the look-up.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use sha1::{Digest, Sha1};
use tempfile::TempDir;
use vestibule_breach::{BreachFile, BuildError, Built, Damaged, Hash, OpenError, build};
use vestibule_domain::Password;
use vestibule_domain::ports::KnownPasswords;

/// Hashes of made-up passwords, sorted.
fn hashes(count: u32, of: &str) -> Vec<Hash> {
    let mut hashes: Vec<Hash> = (0..count)
        .map(|n| Hash(Sha1::digest(format!("{of} {n}")).into()))
        .collect();
    hashes.sort();
    hashes
}

fn hex(hash: &Hash) -> String {
    hash.0.map(|byte| format!("{byte:02X}")).concat()
}

fn lines(hashes: &[Hash]) -> String {
    let line = |(n, hash)| format!("{}:{n}\r\n", hex(hash));
    hashes
        .iter()
        .enumerate()
        .map(line)
        .collect::<Vec<_>>()
        .concat()
}

/// A folder, with what was built there of `list`.
fn built(list: &str) -> (TempDir, PathBuf, Result<Built, BuildError>) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("list"), list).unwrap();
    let output = folder.path().join("breach");
    let outcome = build(&folder.path().join("list"), &output, &|_, _| ());
    (folder, output, outcome)
}

#[test]
fn every_hash_of_the_list_is_found_and_others_are_not() {
    for count in [1, 2, 127, 128, 129, 1000, 50_000] {
        let listed = hashes(count, "listed");
        let (_folder, path, outcome) = built(&lines(&listed));
        let entries = u64::from(count);
        let bytes = fs::metadata(&path).unwrap().len();
        assert_eq!(outcome.unwrap(), Built { entries, bytes });
        let file = BreachFile::open(&path).unwrap();
        assert_eq!(file.entries(), entries);
        for hash in &listed {
            assert!(file.has(hash).unwrap());
        }
        // A false one is expected once in 1 300 runs with other names; these are the same each time.
        for other in hashes(100, "other") {
            assert!(!file.has(&other).unwrap());
        }
    }
}

#[test]
fn a_password_is_looked_up_to_the_letter() {
    let listed = Hash(Sha1::digest("correct horse battery").into());
    let (_folder, path, outcome) = built(&hex(&listed).to_lowercase());
    outcome.unwrap();
    let file = BreachFile::open(&path).unwrap();
    for (text, expected) in [
        ("correct horse battery", true),
        ("Correct horse battery", false),
        ("correct horse batter", false),
    ] {
        let password = Password::parse(text).unwrap();
        assert_eq!(file.contains(&password).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_listed_twice_counts_once() {
    let listed = hashes(3, "listed");
    let twice = [&listed[..1], &listed[..], &listed[2..]].concat();
    let mut sorted = twice;
    sorted.sort();
    let (_folder, _, outcome) = built(&lines(&sorted));
    assert_eq!(outcome.unwrap().entries, 3);
}

#[test]
fn every_bit_of_the_file_matters() {
    let (_folder, path, outcome) = built(&lines(&hashes(20, "listed")));
    outcome.unwrap();
    let right = fs::read(&path).unwrap();
    for bit in 0..right.len() * 8 {
        let mut wrong = right.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &wrong).unwrap();
        let outcome = BreachFile::open(&path);
        assert!(matches!(outcome, Err(OpenError::Damaged(_))), "bit {bit}");
    }
    for length in 0..right.len() {
        fs::write(&path, &right[..length]).unwrap();
        assert!(BreachFile::open(&path).is_err(), "{length} bytes");
    }
    let longer = [&right[..], &[0]].concat();
    fs::write(&path, &longer).unwrap();
    let has = longer.len() as u64;
    let outcome = BreachFile::open(&path);
    assert!(
        matches!(outcome, Err(OpenError::Damaged(Damaged::Length { has: h, right })) if h == has && right == has - 1)
    );
    fs::write(&path, &right).unwrap();
    BreachFile::open(&path).unwrap();
}

#[test]
fn what_is_no_breach_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    for text in [
        String::new(),
        "vstbrch\n".into(),
        lines(&hashes(9, "listed")),
    ] {
        fs::write(&path, text).unwrap();
        let outcome = BreachFile::open(&path);
        assert!(matches!(outcome, Err(OpenError::Damaged(Damaged::Foreign))));
    }
    let outcome = BreachFile::open(&folder.path().join("none"));
    assert!(matches!(outcome, Err(OpenError::Io(_))));
    let outcome = BreachFile::open(folder.path());
    assert!(outcome.is_err(), "a folder");
}

#[test]
fn a_file_that_is_cut_while_it_is_in_use_is_an_outage_and_no_pass() {
    let (_folder, path, outcome) = built(&lines(&hashes(1000, "listed")));
    outcome.unwrap();
    let file = BreachFile::open(&path).unwrap();
    fs::write(&path, "").unwrap();
    let password = Password::parse("listed 7").unwrap();
    let outage = file.contains(&password).unwrap_err();
    assert!(outage.to_string().contains("reading the breach file"));
}

#[test]
fn a_new_file_takes_the_place_of_the_old_one_while_that_is_in_use() {
    let (folder, path, outcome) = built(&lines(&hashes(1000, "old")));
    outcome.unwrap();
    let old = BreachFile::open(&path).unwrap();
    fs::write(folder.path().join("list"), lines(&hashes(10, "new"))).unwrap();
    build(&folder.path().join("list"), &path, &|_, _| ()).unwrap();
    assert!(old.has(&hashes(1, "old")[0]).unwrap());
    let new = BreachFile::open(&path).unwrap();
    assert_eq!(new.entries(), 10);
}

#[test]
fn a_list_that_is_not_in_order_or_not_of_hashes_is_refused_with_the_line() {
    let listed = hashes(10, "listed");
    let good = lines(&listed);
    let (_folder, path, outcome) = built(&good);
    outcome.unwrap();
    let before = fs::read(&path).unwrap();

    let swapped = lines(&[&listed[..4], &[listed[5], listed[4]], &listed[6..]].concat());
    let mut cases = vec![(swapped, "line 6 is not in order")];
    for odd in [
        "",
        "hash",
        "00",
        &format!("{}:", hex(&listed[9])),
        &"0".repeat(1000),
    ] {
        let list = format!("{}{odd}\r\n", lines(&listed[..9]));
        cases.push((list, "line 10 is not a SHA-1"));
    }
    cases.push((String::new(), "no hash in it"));
    cases.push(("password\n".into(), "line 1 is not a SHA-1"));
    for (list, words) in cases {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("breach");
        fs::write(&path, &before).unwrap();
        fs::write(folder.path().join("list"), list).unwrap();
        let outcome = build(&folder.path().join("list"), &path, &|_, _| ());
        let said = outcome.unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read(&path).unwrap(), before, "as it was");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "nothing half-made is left");
    }
}

#[test]
fn progress_goes_to_the_end() {
    let folder = TempDir::new().unwrap();
    let list = lines(&hashes(100, "listed"));
    fs::write(folder.path().join("list"), &list).unwrap();
    let reached = std::cell::Cell::new((0, 0));
    let progress = |done, total| {
        assert!(done >= reached.get().0 && done <= total);
        reached.set((done, total));
    };
    build(
        &folder.path().join("list"),
        &folder.path().join("breach"),
        &progress,
    )
    .unwrap();
    let total = 2 * list.len() as u64;
    assert_eq!(reached.get(), (total, total));
}

/// The bound is 1 in 131 072; a list of 20 000 has 78 entries in a bucket, which makes 1 in 214 748.
#[test]
fn a_password_that_is_not_listed_is_rarely_taken_for_one_that_is() {
    let (_folder, path, outcome) = built(&lines(&hashes(20_000, "listed")));
    outcome.unwrap();
    let file = BreachFile::open(&path).unwrap();
    let others = 300_000;
    let wrong = hashes(others, "other")
        .iter()
        .filter(|hash| file.has(hash).unwrap())
        .count();
    // 1.4 are expected; the texts are the same each time.
    assert!(wrong <= 5, "{wrong} of {others}");
}
