//! What letters look like to whoever gets them, and what becomes of them where there is no mail server.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use mail_parser::{Message, MessageParser, MimeHeaders};
use tempfile::TempDir;
use time::macros::datetime;
use url::Url;
use vestibule_domain::ports::{Mailer, SendError};
use vestibule_domain::{
    Browser, EmailAddress, Letter, LetterKind, LinkToken, Mail, UserId, Username,
};
use vestibule_mail::{LettreMailer, MailError, MailUrl, Sender, Way};

const SITE: &str = "https://login.example.com";

fn mailer(folder: &Path, templates: Option<&Path>) -> Result<LettreMailer, MailError> {
    let sender = Sender::parse("\"The hall, ltd\" <hall@example.com>").unwrap();
    let url = Url::parse(SITE).unwrap();
    LettreMailer::new(Way::Folder(folder), sender, &url, templates)
}

fn mail(kind: LetterKind) -> Mail {
    let browser = Browser {
        address: Some([203, 0, 113, 7].into()),
        agent: Some("<b>Firefox</b> & {{ link }} on Linux".to_owned()),
        ..Browser::default()
    };
    let to = EmailAddress::parse("Ada+x@example.com").unwrap();
    let at = datetime!(2026-11-08 1:02 UTC);
    Mail {
        letter: Letter {
            about: Some(EmailAddress::parse("o'hara@example.org").unwrap()),
            ..Letter::new(kind, UserId::new(), to, at, &browser)
        },
        username: Username::parse("ada").unwrap(),
        link: LinkToken::random().unwrap(),
    }
}

fn read(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn parse(bytes: &[u8]) -> Message<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

#[tokio::test]
async fn every_kind_of_letter_has_both_parts_and_the_link_in_both() {
    let places = TempDir::new().unwrap();
    for kind in LetterKind::ALL {
        let folder = places.path().join(kind.as_str());
        let mail = mail(kind);
        mailer(&folder, None).unwrap().send(&mail).await.unwrap();
        let files = read(&folder);
        assert_eq!(files.len(), 1);
        let letter = parse(&files[0]);
        let name = kind.as_str();
        assert!(letter.subject().unwrap().len() > 10, "{name}");
        let from = letter.from().unwrap().first().unwrap();
        assert_eq!(from.name(), Some("The hall, ltd"));
        assert_eq!(from.address(), Some("hall@example.com"));
        let to = letter.to().unwrap().first().unwrap();
        assert_eq!(to.address(), Some("Ada+x@example.com"));
        let id = format!("{}@example.com", mail.letter.id.0);
        assert_eq!(letter.message_id(), Some(id.as_str()), "the same each time");
        assert_eq!(
            letter.content_type().unwrap().subtype(),
            Some("alternative")
        );

        let link = format!(
            "{SITE}/link/{}/{}",
            kind.purpose().as_str(),
            mail.link.expose()
        );
        let text = letter.body_text(0).unwrap();
        let html = letter.body_html(0).unwrap();
        assert_eq!(text.matches("https://").count(), 1, "{name}: {text}");
        assert!(
            text.lines().any(|line| line.trim() == link),
            "{name}: a line of its own"
        );
        assert!(html.contains(&format!("href=\"{link}\"")), "{name}: {html}");
        assert!(
            text.contains("Hello ada,") && html.contains("Hello ada,"),
            "{name}"
        );
        assert!(
            text.contains("login.example.com to Ada+x@example.com"),
            "{name}"
        );
        assert!(!text.contains("{%") && !html.contains("{%"), "{name}");
        // What a browser says of itself is not code here either.
        assert!(!html.contains("<b>Firefox"), "{name}: {html}");
        if kind.purpose() == vestibule_domain::Purpose::NotMe {
            let words = "on 8 November 2026, 01:02 UTC, with <b>Firefox</b> & {{ link }} on Linux, \
                         from 203.0.113.7.";
            assert!(text.contains(words), "{name}: {text}");
            assert!(html.contains("&lt;b&gt;Firefox"), "{name}: {html}");
        }
        // As HTML has nothing but what every program for mail shows.
        for tag in ["<script", "<img", "<link", "<style", "src="] {
            assert!(!html.contains(tag), "{name}: {tag}");
        }
    }
}

#[tokio::test]
async fn what_is_not_known_is_not_told() {
    let folder = TempDir::new().unwrap();
    let mut mail = mail(LetterKind::NewBrowser);
    (mail.letter.browser, mail.letter.from) = (None, None);
    mailer(folder.path(), None)
        .unwrap()
        .send(&mail)
        .await
        .unwrap();
    let files = read(folder.path());
    let letter = parse(&files[0]);
    let text = letter.body_text(0).unwrap();
    assert!(
        text.contains("It was done on 8 November 2026, 01:02 UTC."),
        "{text}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn files_with_links_in_them_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = TempDir::new().unwrap();
    let folder = place.path().join("data/outbox");
    let mailer = mailer(&folder, None).unwrap();
    let mail = mail(LetterKind::Reset);
    mailer.send(&mail).await.unwrap();
    mailer.send(&mail).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1, "one letter, one file");
    let name = files[0].file_name().into_string().unwrap();
    assert_eq!(name, format!("{}-reset.eml", mail.letter.id.0));
    assert_eq!(mode(&files[0].path()), 0o600);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_delays_mail() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let sent = mailer(&file.join("x"), None)
        .unwrap()
        .send(&mail(LetterKind::Reset))
        .await;
    assert!(matches!(sent, Err(SendError::NotNow(_))));
}

#[tokio::test]
async fn an_operators_own_words_take_the_place_of_ours() {
    let (folder, templates) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let own = templates.path().join("mail");
    fs::create_dir(&own).unwrap();
    fs::write(
        own.join("reset.txt.tera"),
        "Subject: Neu für {{ username }}\n\n{{ link }}\n",
    )
    .unwrap();
    let ours = mailer(folder.path(), Some(templates.path())).unwrap();
    ours.send(&mail(LetterKind::Reset)).await.unwrap();
    let files = read(folder.path());
    assert_eq!(parse(&files[0]).subject(), Some("Neu für ada"));

    for (name, text, words) in [
        ("reset.txt.tera", "Hello", "Subject: "),
        ("verify.html.tera", "{% if %}", "verify.html"),
    ] {
        let broken = TempDir::new().unwrap();
        let own = broken.path().join("mail");
        fs::create_dir(&own).unwrap();
        fs::write(own.join(name), text).unwrap();
        let refused = mailer(folder.path(), Some(broken.path())).err().unwrap();
        let MailError::Template(refused) = refused else {
            panic!("{refused}");
        };
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[tokio::test]
async fn nobody_listening_is_no_reason_to_give_a_letter_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = MailUrl::parse(&format!("smtp://127.0.0.1:{port}")).unwrap();
    let sender = Sender::of_host("login.example.com").unwrap();
    let site = Url::parse(SITE).unwrap();
    let mailer = LettreMailer::new(Way::Smtp(&url), sender, &site, None).unwrap();
    let sent = mailer.send(&mail(LetterKind::Reset)).await;
    assert!(matches!(sent, Err(SendError::NotNow(_))));
}
