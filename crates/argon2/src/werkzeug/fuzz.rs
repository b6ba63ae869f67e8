use super::*;
use proptest::prelude::*;

const PIECES: [&str; 30] = [
    "scrypt",
    "pbkdf2",
    "sha1",
    "sha256",
    "sha512",
    "md5",
    ":",
    "::",
    "$",
    "$$",
    "32768",
    "2",
    "1",
    "0",
    "8",
    "-1",
    "+8",
    "08",
    "4294967296",
    "99999999999999999999",
    "1000000",
    "10000001",
    "ab",
    "AB",
    "g",
    "é",
    "\0",
    " ",
    "salt",
    "\u{ff11}",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = || proptest::sample::select(&PIECES[..]);
    let valid = prop_oneof![
        Just(format!("scrypt:32768:8:1$salt${}", "ab".repeat(64))),
        Just(format!("pbkdf2:sha256:600000$salt${}", "ab".repeat(32))),
        Just(format!("pbkdf2:sha1:1$s${}", "ab".repeat(20))),
        Just(format!("scrypt:2:1:1$${}", "0F".repeat(64))),
    ];
    prop_oneof![
        (valid, any::<prop::sample::Index>(), 0_usize..8, piece()).prop_map(
            |(text, at, over, piece)| {
                let at = at.index(text.len());
                let end = (at + over).min(text.len());
                format!("{}{piece}{}", &text[..at], &text[end..])
            }
        ),
        proptest::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat()),
        (any::<u32>(), any::<u32>(), any::<u32>())
            .prop_map(|(n, r, p)| format!("scrypt:{n}:{r}:{p}$salt${}", "ab".repeat(64))),
    ]
}

proptest! {
    #[test]
    fn fuzz_werkzeug(text in hostile()) {
        let Some(read) = Werkzeug::read(&PasswordHash::new(text.clone())) else {
            return Ok(());
        };
        let mut parts = text.splitn(3, '$');
        let (method, salt, hex) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        prop_assert_eq!(read.salt.as_slice(), salt.as_bytes());
        prop_assert_eq!(hex.len(), 2 * read.method.tag_bytes());
        let numbers: Vec<u64> = method.split(':').filter_map(|part| part.parse().ok()).collect();
        let cheap = match read.method {
            Method::Scrypt(_) => {
                let bytes = numbers.iter().product::<u64>() * 128;
                prop_assert!(numbers.len() == 3 && bytes <= MAX_SCRYPT_BYTES, "{text}");
                bytes <= 4096
            }
            Method::Pbkdf2 { iterations, .. } => {
                prop_assert!((1..=MAX_ITERATIONS).contains(&iterations), "{text}");
                iterations <= 8
            }
        };
        if cheap {
            prop_assert!(!read.matches(&Password::parse("correct horse battery").unwrap()));
        }
    }
}
