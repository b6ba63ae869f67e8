use secrecy::SecretString;

/// A secret that can be replaced: the first is the one to use, the older ones are still believed. It prints as nothing.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// What new things are made with.
    pub first: SecretString,
    /// What old things may have been made with.
    pub older: Vec<SecretString>,
}

impl Secrets {
    /// As many as 256 bits take in base64 without the last few: more than anybody guesses.
    const LEAST_CHARS: usize = 32;

    /// Takes a list, separated by white space or commas. `None` when it is empty, or one of them is too short to be a
    /// secret.
    pub fn parse(text: &str) -> Option<Self> {
        let long = parts(text).all(|part| part.chars().count() >= Self::LEAST_CHARS);
        let mut all = parts(text).map(SecretString::from);
        let first = all.next().filter(|_| long)?;
        Some(Self {
            first,
            older: all.collect(),
        })
    }

    /// What is wrong with a text that is no such list, in words that tell no secret.
    pub(super) fn found(text: &str) -> String {
        let lengths: Vec<usize> = parts(text).map(|part| part.chars().count()).collect();
        match lengths[..] {
            [] => "empty".to_owned(),
            [length] => format!("a text of length {length}"),
            _ => {
                let shortest = lengths.iter().min().unwrap_or(&0);
                format!("{} texts, the shortest of length {shortest}", lengths.len())
            }
        }
    }
}

/// One secret, whatever its length: for tests, which know what they do.
impl From<&str> for Secrets {
    fn from(text: &str) -> Self {
        Self {
            first: text.into(),
            older: Vec::new(),
        }
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|part| !part.is_empty())
}
