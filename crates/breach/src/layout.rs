//! How a breach file is laid out. All numbers are little-endian.
//!
//! ```text
//! 0   8 bytes  "vstbrch\n"
//! 8   4        version, 1
//! 12  4        p, the bits of a hash that say in which bucket it is
//! 16  8        n, the number of entries
//! 24  32       SHA-256 of the 24 bytes before it and of all that follows
//! 56  8 * (2^p + 1)  for each bucket, how many entries are in those before it; then n
//! ..  3 * n    entries: the 24 bits of a hash that follow its first p bits, sorted in each bucket
//! ```
//!
//! With `p = ceil(log2(n / 128))` there are 128 entries in a bucket at most, on average. A password that is not in the list
//! falls into one of them and agrees with each of its entries by a chance of 1 in 2^24: it is taken for a known one by a
//! chance of 128 / 2^24 at most, 1 in 131 072.

use sha2::{Digest, Sha256};

use crate::line::Hash;

pub(crate) const MAGIC: [u8; 8] = *b"vstbrch\n";
pub(crate) const VERSION: u32 = 1;
pub(crate) const DIGEST_AT: u64 = 24;
pub(crate) const HEADER_BYTES: u64 = 56;
pub(crate) const OFFSET_BYTES: u64 = 8;
pub(crate) const ENTRY_BYTES: u64 = 3;

/// The most entries in a bucket, on average.
const LOAD: u64 = 128;

/// The shape of a file: how many entries, in how many buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) entries: u64,
    pub(crate) prefix_bits: u32,
}

impl Shape {
    pub(crate) fn of(entries: u64) -> Self {
        let buckets = entries.div_ceil(LOAD).max(1).next_power_of_two();
        Self {
            entries,
            prefix_bits: buckets.ilog2(),
        }
    }

    pub(crate) fn buckets(self) -> u64 {
        1 << self.prefix_bits
    }

    /// Where the entries begin.
    pub(crate) fn entries_at(self) -> u64 {
        HEADER_BYTES + OFFSET_BYTES * (self.buckets() + 1)
    }

    /// Of the whole file. `None` when no file is as long.
    pub(crate) fn bytes(self) -> Option<u64> {
        self.entries
            .checked_mul(ENTRY_BYTES)?
            .checked_add(self.entries_at())
    }

    /// The bucket of a hash, and its entry there.
    pub(crate) fn place(self, hash: &Hash) -> (u64, [u8; 3]) {
        let first = u64::from_be_bytes(std::array::from_fn(|n| hash.0[n]));
        // Shifting by all 64 bits is not allowed.
        let bucket = first.checked_shr(64 - self.prefix_bits).unwrap_or(0);
        let rest = (first << self.prefix_bits).to_be_bytes();
        (bucket, std::array::from_fn(|n| rest[n]))
    }
}

/// The part of the header that the digest covers.
pub(crate) fn head(shape: Shape) -> [u8; 24] {
    let mut head = [0; 24];
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..16].copy_from_slice(&shape.prefix_bits.to_le_bytes());
    head[16..].copy_from_slice(&shape.entries.to_le_bytes());
    head
}

/// The digest, to be fed with all that follows the header.
pub(crate) fn digest(shape: Shape) -> Sha256 {
    Sha256::new().chain_update(head(shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_as_few_as_the_load_allows() {
        for (entries, prefix_bits) in [
            (0, 0),
            (1, 0),
            (128, 0),
            (129, 1),
            (256, 1),
            (257, 2),
            (10_000_000, 17),
            (1_000_000_000, 23),
        ] {
            assert_eq!(Shape::of(entries).prefix_bits, prefix_bits, "{entries}");
        }
    }

    proptest! {
        #[test]
        fn places_are_in_the_order_of_hashes(a: [u8; 20], b: [u8; 20], entries in 0..u64::MAX / 1024) {
            let shape = Shape::of(entries);
            let (low, high) = (Hash(a.min(b)), Hash(a.max(b)));
            prop_assert!(shape.place(&low) <= shape.place(&high));
            prop_assert!(shape.place(&high).0 < shape.buckets());
            prop_assert!(entries <= LOAD * shape.buckets());
        }
    }
}
