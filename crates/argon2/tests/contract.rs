//! Argon2id keeps the promises of `Passwords`, and Werkzeug's hashes are verified.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use vestibule_argon2::{Argon2Passwords, Cost, Options};
use vestibule_domain::ports::Passwords;
use vestibule_domain::{Outage, Password, PasswordHash, contract};

const CHEAP: Cost = Cost {
    memory_kib: 8,
    iterations: 1,
    parallelism: 1,
};

#[tokio::test]
async fn argon2id_keeps_the_passwords_contract() {
    contract::passwords(&Argon2Passwords::new(CHEAP).unwrap()).await;
}

/// Source of the string: argon2-cffi, which wraps the reference implementation in C:
/// `PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash("correct horse battery")`.
const FOREIGN: &str = "$argon2id$v=19$m=64,t=2,p=1$UOMt1xCEsK4P2YYfKhyimQ$MjyG9bqOPzvYVIWzzB34QPYSP1RaOIKvWe/1qY90L+s";

#[tokio::test]
async fn what_another_implementation_hashed_is_verified() {
    let passwords = Argon2Passwords::new(CHEAP).unwrap();
    let hash = PasswordHash::new(FOREIGN.into());
    for (text, expected) in [("correct horse battery", true), ("correct horse", false)] {
        let password = Password::parse(text).unwrap();
        let outcome = passwords.verify(password, Some(hash.clone())).await;
        assert_eq!(outcome.unwrap(), expected, "{text}");
    }
    assert!(!passwords.is_current(&hash), "made at another cost");
}

#[tokio::test]
async fn the_hash_says_its_cost() {
    let cost = Cost {
        memory_kib: 64,
        iterations: 3,
        parallelism: 2,
    };
    let password = Password::parse("correct horse battery").unwrap();
    let hash = Argon2Passwords::new(cost)
        .unwrap()
        .hash(password)
        .await
        .unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=64,t=3,p=2$"));
    assert!(!Argon2Passwords::new(CHEAP).unwrap().is_current(&hash));
}

#[tokio::test]
async fn a_full_queue_says_so_at_once_and_what_is_in_it_is_done() {
    let slow = Cost {
        memory_kib: 1024,
        ..CHEAP
    };
    let passwords = Arc::new(Argon2Passwords::new(slow).unwrap());
    let hashes: Vec<_> = (0..20_000)
        .map(|_| {
            let passwords = Arc::clone(&passwords);
            let password = Password::parse("correct horse battery").unwrap();
            tokio::spawn(async move { passwords.hash(password).await.is_ok() })
        })
        .collect();
    let mut done = 0;
    for hash in hashes {
        done += usize::from(hash.await.unwrap());
    }
    assert!(done >= 128, "{done} of the queue's places were served");
    assert!(done < 20_000, "the queue has an end");
}

#[test]
fn a_cost_that_argon2_does_not_know_is_refused() {
    let odd = Cost {
        memory_kib: 7,
        ..CHEAP
    };
    assert!(Argon2Passwords::new(odd).is_err());
}

const HORSE: &str = "correct horse battery";

fn with_peppers(peppers: &[&str]) -> Argon2Passwords {
    Argon2Passwords::new(Options {
        peppers: peppers.iter().map(|&pepper| pepper.into()).collect(),
        ..CHEAP.into()
    })
    .unwrap()
}

async fn verify(passwords: &Argon2Passwords, hash: &PasswordHash) -> Result<bool, Outage> {
    let password = Password::parse(HORSE).unwrap();
    passwords.verify(password, Some(hash.clone())).await
}

async fn hash(passwords: &Argon2Passwords) -> PasswordHash {
    passwords
        .hash(Password::parse(HORSE).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn with_a_pepper_the_passwords_contract_is_kept_too() {
    contract::passwords(&with_peppers(&["new", "old"])).await;
}

#[tokio::test]
async fn a_pepper_is_replaced_without_locking_anybody_out() {
    let (plain, old, both, new) = (
        with_peppers(&[]),
        with_peppers(&["old"]),
        with_peppers(&["new", "old"]),
        with_peppers(&["new"]),
    );
    for (maker, current) in [(&plain, false), (&old, false), (&both, true), (&new, true)] {
        let hash = hash(maker).await;
        assert!(verify(&both, &hash).await.unwrap());
        assert!(both.knows(&hash));
        assert_eq!(both.is_current(&hash), current, "renewed at the next login");
    }
}

#[tokio::test]
async fn the_database_alone_verifies_nothing_and_a_missing_pepper_is_no_wrong_password() {
    let hash = hash(&with_peppers(&["pepper"])).await;
    for without in [with_peppers(&[]), with_peppers(&["Pepper"])] {
        let outage = verify(&without, &hash).await.unwrap_err();
        assert!(
            outage.chain().contains("passwords.pepper"),
            "{}",
            outage.chain()
        );
        assert!(!without.knows(&hash) && !without.is_current(&hash));
    }
    // Whoever has the hash and takes what it says of the pepper away has a plain hash that no password made.
    let (start, rest) = hash.as_str().split_once(",keyid=").unwrap();
    let (id, rest) = rest.split_once('$').unwrap();
    assert_eq!(id.len(), 8);
    let plain = PasswordHash::new(format!("{start}${rest}"));
    assert!(!verify(&with_peppers(&[]), &plain).await.unwrap());
}

/// Source of the tag: the reference implementation in C, by `argon2_ctx` of argon2-cffi with the pepper as its `secret`; of
/// the id: the first 6 bytes of `printf 'vestibule pepper\\0a pepper of 32 characters or more' | sha256sum`.
const PEPPERED: &str = "$argon2id$v=19$m=64,t=2,p=1,keyid=wJix6YXp$AAECAwQFBgcICQoLDA0ODw$raR6Tv723xedDQ9vTsLm02W+AdXA5lbx4oIkEV1Ysfg";

#[tokio::test]
async fn a_pepper_is_the_secret_value_of_argon2() {
    let passwords = with_peppers(&["a pepper of 32 characters or more"]);
    assert!(
        verify(&passwords, &PasswordHash::new(PEPPERED.into()))
            .await
            .unwrap()
    );
}

const SHIP: &str = "Füße über Ærøskøbing 🐎";

/// Source: Werkzeug 3.1.9, each by
/// `python -c 'from werkzeug.security import generate_password_hash as g; print(g("correct horse battery", "scrypt"))'`
/// with the method that the hash begins with, the first and the third as its defaults for `scrypt` and `pbkdf2`.
const WERKZEUG: [(&str, &str); 9] = [
    (
        HORSE,
        "scrypt:32768:8:1$dU99wYeUudwqqVHt$0ded599354d43c00f208b5dcb29b1dd3fbcf76a24292b998a676b309f409d4c57a6634d8f9ff3127ffe95f9a43d828cf465f074b2b73b51a3406c84253a30e8a",
    ),
    (
        HORSE,
        "scrypt:16384:8:1$CsIG7qzUANfgNHgv$ee76fa7ac8a97ece4bd3159ff31c49e594f67ef449aec06ac1db0b971abf9ec90be7f08acfcd43c4047bf3ea09cbb49e043535966ec3a3a589acc97fb7f479fb",
    ),
    (
        HORSE,
        "pbkdf2:sha256:1000000$i14OlZPCuJ0ymiwV$b069f784e1c7844c0478560ec032defa4dae485c18fde19673955aea365402af",
    ),
    (
        HORSE,
        "scrypt:1024:8:2$Cly3Y06XVQu95PwM$1734a2763bb5ab98adc5ecfec40d82c7ba37327bb62da83ce94237007a58995665598177c4f80ee0e1bb85badcbe9fa7254bd362d90c6a66b68a886df06b2fcf",
    ),
    (
        HORSE,
        "pbkdf2:sha256:260000$qkV3QUNTcNQmax28$da4ceaab9a00ad41af46e95d787202c2c6fc7df288d36484f3ef9a77d09ad88f",
    ),
    (
        HORSE,
        "pbkdf2:sha512:1000$D2xdcfnEdOgwlLaY$6c58e2c7121573c9ed4d5abd947d3f7c391a03ce835567c530eab78b85e78ce0a2f92ca8d565eb03ae0a58b10f0af39e0a12c6d2e4f9b5ce776d3795d7a76c14",
    ),
    (
        HORSE,
        "pbkdf2:sha1:1000$fOxzGKih2rMKGnLR$c784a1894f39f844f900356363ee94fb6b336ff9",
    ),
    (
        SHIP,
        "scrypt:32768:8:1$TrTcXgwPt7kNnXyx$a693c7b7ef318790fabed4a907b213d8edbd164f0a1dec8174c883531a5e2b54283d45aaf1a7baf268ef3ffba194e71d022d2ca5a92569f292faada375ed0c55",
    ),
    (
        SHIP,
        "pbkdf2:sha256:1000$9ZRy4F4xxmygP5zI$06fbb5f9d09eb8db75985a53cd3973e63ccc9da4fc93e7b119e82c56ea917dfd",
    ),
];

#[tokio::test]
async fn what_werkzeug_hashed_is_verified_and_due_to_be_replaced() {
    let passwords = Argon2Passwords::new(CHEAP).unwrap();
    for (password, text) in WERKZEUG {
        let (start, hex) = text.rsplit_once('$').unwrap();
        let capitals = format!("{start}${}", hex.to_uppercase());
        let other_tag = format!("{start}${}", hex.replace('0', "1"));
        let other_salt = format!("{start}x${hex}");
        let shouted = password.to_uppercase();
        for (password, text, expected) in [
            (password, text, true),
            (password, &capitals, true),
            (shouted.as_str(), text, false),
            (password, &other_tag, false),
            (password, &other_salt, false),
        ] {
            let hash = PasswordHash::new(text.to_owned());
            assert!(passwords.knows(&hash), "{text}");
            assert!(!passwords.is_current(&hash), "{text}");
            let password = Password::parse(password).unwrap();
            let outcome = passwords.verify(password, Some(hash)).await;
            assert_eq!(outcome.unwrap(), expected, "{text}");
        }
    }
}

#[tokio::test]
async fn what_werkzeug_would_not_have_written_is_an_outage() {
    let passwords = Argon2Passwords::new(CHEAP).unwrap();
    let tag = "ab".repeat(64);
    for method in [
        // Two GiB of memory, and hours of work.
        "scrypt:2097152:8:1",
        "pbkdf2:sha512:4000000000",
        "scrypt:32767:8:1",
        "md5",
    ] {
        let hash = PasswordHash::new(format!("{method}$salt${tag}"));
        assert!(!passwords.knows(&hash), "{method}");
        let password = Password::parse(HORSE).unwrap();
        let outcome = passwords.verify(password, Some(hash)).await;
        assert!(outcome.is_err(), "{method}");
    }
}
