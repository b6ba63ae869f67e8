//! How one kept event hangs on the one before it.

use sha2::{Digest, Sha256};

use crate::entity::event::Model;

/// The hash of a row: over that of the row before it, and over all that is in this one. What is about a person stands in it
/// by a digest, so that it can be taken out without a break in the chain.
pub(crate) fn link(previous: &[u8], row: &Model) -> [u8; 32] {
    let seq = row.seq.to_be_bytes();
    let at = row.at.unix_timestamp_nanos().to_be_bytes();
    let head = [
        Some(previous),
        Some(&seq),
        Some(&at),
        Some(row.kind.as_bytes()),
    ];
    let mut hash = Sha256::new();
    // The purpose, so that no other hash of ours is taken for this one.
    if let Some(personal) = &row.personal {
        hash.update(b"vestibule event 2\0");
        hash.update(encode(head));
        hash.update(encode([Some(personal)]));
    } else {
        // A row that was written before rows could be emptied.
        hash.update(b"vestibule event\0");
        hash.update(encode(head));
        hash.update(encode(about(row)));
    }
    hash.finalize().into()
}

/// What stands for the personal part of a row. The salt keeps whoever has the digest alone from guessing what it was.
pub(crate) fn personal(salt: &[u8], row: &Model) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"vestibule event, whose\0");
    hash.update(encode([Some(salt)]));
    hash.update(encode(about(row)));
    hash.finalize().into()
}

/// Whether the personal part of a row is what was written, or is all gone.
pub(crate) fn is_itself_or_empty(row: &Model) -> bool {
    match (&row.personal, &row.salt) {
        // Its hash is over all of it.
        (None, salt) => salt.is_none(),
        (Some(digest), Some(salt)) => personal(salt, row) == **digest,
        (Some(_), None) => is_empty(row),
    }
}

/// Whether the personal part of a row was taken out.
pub(crate) fn is_emptied(row: &Model) -> bool {
    row.personal.is_some() && row.salt.is_none()
}

/// What an emptied row has for facts.
pub(crate) const NO_FACTS: &str = "{}";

fn is_empty(row: &Model) -> bool {
    row.request.is_none() && row.user_id.is_none() && row.address.is_none() && row.facts == NO_FACTS
}

fn about(row: &Model) -> [Option<&[u8]>; 4] {
    [
        row.request.as_deref().map(str::as_bytes),
        row.user_id.as_ref().map(|id| id.as_bytes().as_slice()),
        row.address.as_deref().map(str::as_bytes),
        Some(row.facts.as_bytes()),
    ]
}

/// Every column in its order, each with its length before it, so that no two rows are the same bytes. A column without a
/// value has a length that none with one can have.
fn encode<const N: usize>(columns: [Option<&[u8]>; N]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for column in columns {
        let length = column.map_or(u64::MAX, |column| column.len() as u64);
        bytes.extend(length.to_be_bytes());
        bytes.extend(column.unwrap_or_default());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use uuid::Uuid;

    /// From few letters, so that neighbours are often alike but for where one column ends.
    fn row() -> impl Strategy<Value = Model> {
        let text = "[ab\u{0}]{0,3}";
        (
            -2..3_i64,
            -2..3_i64,
            text,
            prop::option::of(text),
            prop::option::of(0..3_u128),
            prop::option::of(text),
            text,
        )
            .prop_map(|(seq, at, kind, request, user, address, facts)| Model {
                seq,
                at: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(at),
                kind,
                request,
                user_id: user.map(Uuid::from_u128),
                address,
                facts,
                hash: Vec::new(),
                salt: None,
                personal: None,
            })
    }

    /// What was written before rows could be emptied is still believed. The hash is from another program.
    #[test]
    fn a_row_without_a_digest_of_its_own_is_hashed_as_it_always_was() {
        let row = Model {
            seq: 3,
            at: OffsetDateTime::from_unix_timestamp(1_763_899_200).unwrap(),
            kind: "authn_login_fail".to_owned(),
            request: None,
            user_id: Some(Uuid::from_u128(5)),
            address: Some("203.0.113.7".to_owned()),
            facts: r#"{"n":"1"}"#.to_owned(),
            hash: Vec::new(),
            salt: None,
            personal: None,
        };
        let hex = link(&[7; 32], &row).map(|byte| format!("{byte:02x}"));
        assert_eq!(
            hex.concat(),
            "1e8163ca8983e7d9cf6bde92f860e3706a7afb57d2feae055cba43dc296bc5dd"
        );
        assert!(is_itself_or_empty(&row) && !is_emptied(&row));
    }

    proptest! {
        #[test]
        fn fuzz_event_encoding(one in row(), two in row(), before in "[ab]{0,2}", other in "[ab]{0,2}") {
            let same = one == two && before == other;
            prop_assert_eq!(link(before.as_bytes(), &one) == link(other.as_bytes(), &two), same);
            prop_assert_eq!(personal(b"s", &one) == personal(b"s", &two), about(&one) == about(&two));
            prop_assert_ne!(personal(b"s", &one), personal(b"t", &one));
            // Moved from the end of one column to the start of the next.
            let mut moved = one.clone();
            if let Some(last) = moved.kind.pop() {
                let request = moved.request.take().unwrap_or_default();
                moved.request = Some(format!("{last}{request}"));
                prop_assert_ne!(link(b"", &one), link(b"", &moved));
            }
        }
    }
}
