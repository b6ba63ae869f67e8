//! Letters as mail: written by templates, carried by an SMTP server, or kept as files where there is none.

mod carrier;
mod templates;
mod url;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use tera::Context;
use thiserror::Error;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;
use vestibule_domain::ports::{Mailer, SendError};
use vestibule_domain::{EmailAddress, Mail, Outage, Purpose};

use crate::carrier::Carrier;
pub use crate::templates::TemplateError;
use crate::templates::Templates;
pub use crate::url::MailUrl;

/// [`Mailer`] with lettre.
pub struct LettreMailer {
    carrier: Carrier,
    templates: Templates,
    sender: Sender,
    /// Scheme, host and port that visitors see, without a slash at the end: links start with it, whatever a request says.
    site_url: String,
    /// The host, for people.
    site: String,
}

/// Who mail is from, such as `Vestibule <hall@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// Reads one; `None` for what is no name and address.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The one of a site that named none.
    ///
    /// # Errors
    /// [`Outage`] when nobody can send mail from such a host.
    pub fn of_host(host: &str) -> Result<Self, Outage> {
        let address = Address::new("vestibule", host);
        let address = address.map_err(Outage::during("naming who mail is from"))?;
        Ok(Self(Mailbox::new(Some("Vestibule".to_owned()), address)))
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How mail goes out.
#[derive(Debug, Clone, Copy)]
pub enum Way<'w> {
    /// By a server.
    Smtp(&'w MailUrl),
    /// Into a folder, which is made for this user's eyes alone.
    Folder(&'w Path),
}

/// Why there is no mail.
#[derive(Debug, Error)]
pub enum MailError {
    /// The templates cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The way out cannot.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl LettreMailer {
    /// Mail of the site at `public_url`, by the templates of the binary, and in their place, where a folder is given, those in
    /// `mail` below it. No connection is made before the first letter goes.
    ///
    /// # Errors
    /// [`MailError`].
    pub fn new(
        way: Way<'_>,
        sender: Sender,
        public_url: &::url::Url,
        templates: Option<&Path>,
    ) -> Result<Self, MailError> {
        Ok(Self {
            carrier: Carrier::new(way)?,
            templates: Templates::load(templates)?,
            sender,
            site_url: public_url.origin().ascii_serialization(),
            site: public_url.host_str().unwrap_or_default().to_owned(),
        })
    }

    /// Sends a mail that only says that mail arrives, and gives what the server, or the file system, answered.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn test(&self, to: &EmailAddress) -> Result<String, SendError> {
        let mut context = Context::new();
        context.insert("site", &self.site);
        let id = Uuid::now_v7();
        let message = self.message("test", id, to, &context);
        let message = message.map_err(SendError::Never)?;
        self.carrier.carry(&message, "test", id).await
    }

    fn context(&self, mail: &Mail) -> Result<Context, Outage> {
        let letter = &mail.letter;
        let purpose = letter.kind.purpose();
        let mut context = Context::new();
        context.insert("site", &self.site);
        context.insert("username", mail.username.as_str());
        context.insert("to", letter.to.as_str());
        context.insert("at", &moment(letter.at)?);
        context.insert("browser", &letter.browser);
        context.insert("from", &letter.from);
        context.insert("about", &letter.about.as_ref().map(EmailAddress::as_str));
        context.insert("lasts", &in_words(purpose.lasts()));
        context.insert("link", &self.link(purpose, &mail.link.expose()));
        Ok(context)
    }

    fn link(&self, purpose: Purpose, token: &str) -> String {
        format!("{}/link/{}/{token}", self.site_url, purpose.as_str())
    }

    fn message(
        &self,
        template: &str,
        id: Uuid,
        to: &EmailAddress,
        context: &Context,
    ) -> Result<Message, Outage> {
        const DURING: &str = "writing a mail";
        let written = self.templates.write(template, context)?;
        let to: Address = to.as_str().parse().map_err(Outage::during(DURING))?;
        let host = self.sender.0.email.domain();
        Message::builder()
            .from(self.sender.0.clone())
            .to(to.into())
            .subject(written.subject)
            // The same however often it is sent.
            .message_id(Some(format!("<{id}@{host}>")))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(
                written.text,
                written.html,
            ))
            .map_err(Outage::during(DURING))
    }
}

#[async_trait]
impl Mailer for LettreMailer {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let (id, kind) = (mail.letter.id.0, mail.letter.kind.as_str());
        let context = self.context(mail).map_err(SendError::Never)?;
        let message = self.message(kind, id, &mail.letter.to, &context);
        // A template that an operator broke can be mended.
        let message = message.map_err(SendError::NotNow)?;
        self.carrier.carry(&message, kind, id).await.map(drop)
    }
}

/// Keeps people's "out of office" from answering. Source: RFC 3834, section 5.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A moment for people, such as "28 November 2026, 11:20 UTC".
fn moment(at: OffsetDateTime) -> Result<String, Outage> {
    let format =
        format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    at.format(format)
        .map_err(Outage::during("telling the time"))
}

/// A time for people, such as "30 minutes"; links last whole minutes, hours or days.
pub fn in_words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    let (count, unit) = match minutes {
        m if m % (24 * 60) == 0 && m > 24 * 60 => (m / (24 * 60), "day"),
        m if m % 60 == 0 => (m / 60, "hour"),
        m => (m, "minute"),
    };
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        for (purpose, words) in [
            (Purpose::Verify, "24 hours"),
            (Purpose::Reset, "30 minutes"),
            (Purpose::Undo, "7 days"),
        ] {
            assert_eq!(in_words(purpose.lasts()), words);
        }
        assert_eq!(in_words(Duration::from_hours(1)), "1 hour");
        let at = time::macros::datetime!(2026-11-08 1:02 UTC);
        assert_eq!(moment(at).unwrap(), "8 November 2026, 01:02 UTC");
    }
}
