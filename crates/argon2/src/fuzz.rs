use super::*;
use crate::queue::Memory;
use crate::stored::MOST;
use proptest::prelude::*;

const VALID: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

const PIECES: [&str; 32] = [
    "$",
    "$$",
    "argon2id",
    "argon2i",
    "argon2d",
    "scrypt",
    "v=19",
    "v=16",
    "v=",
    "m=19456",
    "m=0",
    "m=4294967295",
    "m=4294967296",
    "m=-1",
    "m=00008",
    "t=2",
    "t=0",
    "t=99999999999",
    "p=1",
    "p=16777216",
    "keyid=AAAA",
    "data=AAAA",
    ",",
    "=",
    "A",
    "==",
    "\0",
    "é",
    " ",
    "c2FsdHNhbHRzYWx0c2FsdA",
    "+/",
    "-_",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = || proptest::sample::select(&PIECES[..]);
    prop_oneof![
        // A valid one, of which a part is something else.
        (any::<prop::sample::Index>(), 0_usize..12, piece()).prop_map(|(at, over, piece)| {
            let at = at.index(VALID.len());
            let end = (at + over).min(VALID.len());
            format!("{}{piece}{}", &VALID[..at], &VALID[end..])
        }),
        // The fields in a valid order, each with its own value.
        (
            any::<u32>(),
            0_u32..200,
            0_u32..200,
            0_usize..70,
            0_usize..70
        )
            .prop_map(|(m, t, p, salt, tag)| {
                format!(
                    "$argon2id$v=19$m={m},t={t},p={p}${}${}",
                    "A".repeat(salt),
                    "A".repeat(tag)
                )
            }),
        proptest::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat()),
        ".{0,60}",
    ]
}

proptest! {
    #[test]
    fn fuzz_phc(text in hostile()) {
        let hash = PasswordHash::new(text.clone());
        if let Ok(stored) = Stored::read(&hash) {
            let params = &stored.params;
            prop_assert!(params.m_cost() <= MOST.memory_kib, "{text}");
            prop_assert!((1..=MOST.iterations).contains(&params.t_cost()), "{text}");
            prop_assert!((1..=MOST.parallelism).contains(&params.p_cost()), "{text}");
            prop_assert!(text.starts_with("$argon2id$v=19$"), "{text}");
            prop_assert_eq!(stored.tag.len(), TAG_BYTES);
            // What is read is written the same, but for fields that add nothing.
            if let Ok(again) = write(params, &stored.salt, stored.tag.as_bytes()) {
                let once_more = Stored::read(&again).unwrap();
                prop_assert_eq!(&once_more.salt, &stored.salt);
                prop_assert!(once_more.tag == stored.tag);
                prop_assert_eq!(once_more.params.m_cost(), params.m_cost());
            }
            // What costs little is run: it is no hash of this password, and breaks nothing.
            if params.m_cost() <= 64 && params.t_cost() <= 2 && params.p_cost() <= 2 {
                let password = Password::parse("correct horse battery").unwrap();
                let memory = &mut Memory::alone();
                let made = tag(params.clone(), None, &password, &stored.salt, memory);
                if let Ok(made) = made {
                    prop_assert!(Output::new(&made).unwrap() != stored.tag);
                }
            }
        }
    }
}
