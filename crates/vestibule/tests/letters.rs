//! Mail as whoever gets it reads it.

use std::fs;
use std::path::Path;

use mail_parser::{MessageParser, MimeHeaders};

/// A mail, parsed by a mail parser.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) id: String,
    pub(crate) automatic: bool,
}

impl Letter {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mail = MessageParser::default().parse(bytes).unwrap();
        let address = |list: Option<&mail_parser::Address<'_>>| {
            let first = list.and_then(|list| list.first());
            first.and_then(|one| one.address()).unwrap().to_owned()
        };
        let kinds: Vec<_> = mail
            .parts
            .iter()
            .filter_map(|part| part.content_type())
            .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()))
            .collect();
        assert_eq!(
            kinds,
            ["multipart/alternative", "text/plain", "text/html"],
            "both parts, the plain one first"
        );
        Self {
            to: address(mail.to()),
            from: address(mail.from()),
            subject: mail.subject().unwrap().to_owned(),
            text: mail.body_text(0).unwrap().replace("\r\n", "\n"),
            html: mail.body_html(0).unwrap().replace("\r\n", "\n"),
            id: mail.message_id().unwrap().to_owned(),
            automatic: mail.header_raw("Auto-Submitted").map(str::trim) == Some("auto-generated"),
        }
    }

    /// The path of the link, which both parts have.
    pub(crate) fn link(&self) -> String {
        self.link_to("http://localhost:8000")
    }

    /// The same on a site that is elsewhere.
    pub(crate) fn link_to(&self, site: &str) -> String {
        let links: Vec<_> = self
            .text
            .split_whitespace()
            .filter(|word| word.starts_with("http"))
            .collect();
        let [link] = links[..] else {
            panic!("one link: {links:?}");
        };
        assert!(
            self.html.contains(&format!("href=\"{link}\"")),
            "in both parts"
        );
        link.strip_prefix(site).unwrap().to_owned()
    }
}

/// The mails in a folder, which are taken out of it, the oldest first.
pub(crate) fn take(folder: &Path) -> Vec<Letter> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    // One that is still being written has another ending.
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
        .collect();
    // Their names begin with the time.
    files.sort();
    files
        .iter()
        .map(|file| {
            let bytes = fs::read(file).unwrap();
            fs::remove_file(file).unwrap();
            Letter::parse(&bytes)
        })
        .collect()
}
