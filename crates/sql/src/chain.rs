//! How one kept event hangs on the one before it.

use sha2::{Digest, Sha256};

use crate::entity::event::Model;

/// The hash of a row: over that of the row before it, and over all that is in this one.
pub(crate) fn link(previous: &[u8], row: &Model) -> [u8; 32] {
    let mut hash = Sha256::new();
    // The purpose, so that no other hash of ours is taken for this one.
    hash.update(b"vestibule event\0");
    hash.update(encode(previous, row));
    hash.finalize().into()
}

/// Every column in its order, each with its length before it, so that no two rows are the same bytes. A column without a
/// value has a length that none with one can have.
fn encode(previous: &[u8], row: &Model) -> Vec<u8> {
    let at = row.at.unix_timestamp_nanos().to_be_bytes();
    let seq = row.seq.to_be_bytes();
    let columns: [Option<&[u8]>; 8] = [
        Some(previous),
        Some(&seq),
        Some(&at),
        Some(row.kind.as_bytes()),
        row.request.as_deref().map(str::as_bytes),
        row.user_id.as_ref().map(|id| id.as_bytes().as_slice()),
        row.address.as_deref().map(str::as_bytes),
        Some(row.facts.as_bytes()),
    ];
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
            })
    }

    proptest! {
        #[test]
        fn fuzz_event_encoding(one in row(), two in row(), before in "[ab]{0,2}", other in "[ab]{0,2}") {
            let same = one == two && before == other;
            prop_assert_eq!(encode(before.as_bytes(), &one) == encode(other.as_bytes(), &two), same);
            // Moved from the end of one column to the start of the next.
            let mut moved = one.clone();
            if let Some(last) = moved.kind.pop() {
                let request = moved.request.take().unwrap_or_default();
                moved.request = Some(format!("{last}{request}"));
                prop_assert_ne!(encode(b"", &one), encode(b"", &moved));
            }
        }
    }
}
