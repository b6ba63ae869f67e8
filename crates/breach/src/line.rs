/// A SHA-1 of a password. Source: Have I Been Pwned, "Pwned Passwords", whose lists are of these. It keeps nothing secret,
/// and is not meant to: the passwords are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(pub [u8; 20]);

impl Hash {
    const HEX_CHARS: usize = 40;

    /// Reads a line of a list, without its end: 40 digits of hexadecimal, then nothing, or a colon and how often it was
    /// seen. `None` for anything else.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (hex, rest) = line.split_at_checked(Self::HEX_CHARS)?;
        let count = match rest {
            [] => true,
            [b':', count @ ..] => !count.is_empty() && count.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if !count {
            return None;
        }
        let mut bytes = [0; 20];
        let (pairs, _) = hex.as_chunks::<2>();
        for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(bytes))
    }
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fuzz_breach_lines(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            Hash::parse(&line);
        }

        #[test]
        fn what_is_written_in_any_case_and_with_any_count_is_read(bytes: [u8; 20], count: Option<u64>, upper: bool) {
            let mut line: String = bytes.map(|byte| format!("{byte:02x}")).concat();
            if upper {
                line = line.to_uppercase();
            }
            if let Some(count) = count {
                line = format!("{line}:{count}");
            }
            prop_assert_eq!(Hash::parse(line.as_bytes()), Some(Hash(bytes)));
        }

        #[test]
        fn nearly_right_lines_are_refused(line in "[0-9a-fA-F]{38,42}(:[0-9]{0,3}[ x]?)?") {
            let right = match line.split_once(':') {
                None => line.len() == 40,
                Some((hex, count)) => {
                    hex.len() == 40 && !count.is_empty() && !count.contains([' ', 'x'])
                }
            };
            prop_assert_eq!(Hash::parse(line.as_bytes()).is_some(), right);
        }
    }
}
