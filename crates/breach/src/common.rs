use secrecy::zeroize::Zeroizing;
use vestibule_domain::ports::KnownPasswords;
use vestibule_domain::{Outage, Password};

/// The passwords that are built in, whatever their capitals: exact, so that no other password is ever taken for one of
/// them. `NOTICE.md` beside the list says where they come from and how many they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommonPasswords;

/// Sorted lines in small letters, made by `scripts/common-passwords`. It stays in the program's file until a look-up
/// touches it, and no copy of it is made: a set of them would take some 20 MiB.
static LIST: &str = include_str!("../common-passwords.txt");

impl CommonPasswords {
    /// All of them, sorted by their bytes.
    pub fn all() -> impl Iterator<Item = &'static str> {
        LIST.lines()
    }
}

impl KnownPasswords for CommonPasswords {
    fn contains(&self, password: &Password) -> Result<bool, Outage> {
        let password = Zeroizing::new(password.expose().to_lowercase());
        Ok(has_line(LIST, &password))
    }
}

/// Whether `line` is one of the lines of `sorted`, each of which ends with a line break.
fn has_line(sorted: &str, line: &str) -> bool {
    let (text, line) = (sorted.as_bytes(), line.as_bytes());
    // Both are always the beginning of a line.
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = text[low..middle]
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(low, |before| low + before + 1);
        let length = text[start..high]
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(high - start);
        match text[start..start + length].cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = start + length + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_line_is_found_where_it_is_and_nowhere_else(
            lines in proptest::collection::btree_set("[a-c\u{e9}]{1,5}", 0..40), other in "[a-c\u{e9}]{0,6}",
        ) {
            let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            for line in &lines {
                prop_assert!(has_line(&text, line));
            }
            let lines: BTreeSet<String> = lines;
            prop_assert_eq!(has_line(&text, &other), lines.contains(&other));
        }
    }
}
