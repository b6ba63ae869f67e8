//! Builds a breach file of made-up hashes and measures it, and the built-in list: `cargo run --release --package vestibule-breach --example trial
//! [hashes] [folder]`. The folder needs room for 45 bytes a hash.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it tells what it measured"
)]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use sha1::{Digest, Sha1};
use vestibule_breach::{BreachFile, CommonPasswords, Hash, build};
use vestibule_domain::Password;
use vestibule_domain::ports::KnownPasswords;

const LOOK_UPS: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(10_000_000), |n| n.parse())?;
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;
    let (list, output) = (folder.path().join("list"), folder.path().join("breach"));

    let mut hashes: Vec<Hash> = (0..count).map(|n| made_up("listed", n)).collect();
    hashes.sort_unstable();
    let mut lines = BufWriter::new(File::create(&list)?);
    for hash in &hashes {
        for byte in hash.0 {
            write!(lines, "{byte:02X}")?;
        }
        write!(lines, ":7\r\n")?;
    }
    lines.into_inner()?.sync_all()?;

    let start = Instant::now();
    let built = build(&list, &output, &|_, _| ())?;
    let took = start.elapsed();
    println!(
        "build: {took:.2?} for {count} hashes, {:.1} million a second",
        count as f64 / took.as_secs_f64() / 1e6
    );
    println!(
        "size: {} bytes, {:.3} a hash",
        built.bytes,
        built.bytes as f64 / built.entries as f64
    );

    let start = Instant::now();
    let file = BreachFile::open(&output)?;
    let took = start.elapsed();
    println!(
        "check at the start: {took:.2?}, {:.2} s a GiB",
        took.as_secs_f64() / built.bytes as f64 * f64::from(1 << 30)
    );

    let step = usize::try_from(count.div_ceil(LOOK_UPS))?;
    let listed: Vec<&Hash> = hashes.iter().step_by(step).collect();
    let start = Instant::now();
    for hash in &listed {
        assert!(file.has(hash)?, "every hash of the list is found");
    }
    println!(
        "look-up, listed: {:.2?}",
        start.elapsed() / u32::try_from(listed.len())?
    );

    let (mut wrong, tried) = (0_u32, 20 * LOOK_UPS);
    let others: Vec<Hash> = (0..LOOK_UPS).map(|n| made_up("other", n)).collect();
    let start = Instant::now();
    for hash in &others {
        wrong += u32::from(file.has(hash)?);
    }
    println!(
        "look-up, not listed: {:.2?}",
        start.elapsed() / u32::try_from(LOOK_UPS)?
    );
    for n in LOOK_UPS..tried {
        wrong += u32::from(file.has(&made_up("other", n))?);
    }
    println!(
        "taken for listed: {wrong} of {tried}, 1 in {:.0}",
        tried as f64 / f64::from(wrong.max(1))
    );

    let built_in = CommonPasswords::all().step_by(4).map(Password::parse);
    let built_in = built_in.collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    for password in &built_in {
        assert!(CommonPasswords.contains(password)?, "all of them are found");
    }
    println!(
        "look-up in the built-in list: {:.2?}",
        start.elapsed() / u32::try_from(built_in.len())?
    );
    Ok(())
}

fn made_up(kind: &str, n: u64) -> Hash {
    Hash(Sha1::digest(format!("{kind} {n}")).into())
}
