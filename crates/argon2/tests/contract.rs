//! Argon2id keeps the promises of `Passwords`.

use std::sync::Arc;

use vestibule_argon2::{Argon2Passwords, Cost};
use vestibule_domain::ports::Passwords;
use vestibule_domain::{Password, PasswordHash, contract};

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
