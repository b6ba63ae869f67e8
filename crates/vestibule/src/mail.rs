//! Sending mail: as long as the program runs, or once to see whether it arrives.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::sleep;
use tracing::warn;
use vestibule_domain::ports::SendError;
use vestibule_domain::{EmailAddress, NotAnEmailAddress, SendMail};
use vestibule_mail::{LettreMailer, MailError, Sender, Way};

use crate::{BadConfig, Config};

/// How often the outbox is looked into while it is empty.
const LOOK: Duration = Duration::from_secs(1);

/// Mail as `config` says.
///
/// # Errors
/// [`BadConfig`] when a template cannot be used, or nobody can send mail from the public host.
pub(crate) fn mailer(config: &Config) -> Result<LettreMailer, BadConfig> {
    let public_url = config.public_url();
    let sender = match &config.mail.from {
        Some(sender) => Ok(sender.clone()),
        None => Sender::of_host(public_url.host_str().unwrap_or_default()),
    };
    let sender = sender.map_err(|e| {
        let what = format!("unset, but the public host has no mail ({})", e.chain());
        config.bad("mail.from", what, "a name and an address")
    })?;
    let way = match &config.mail.url {
        Some(url) => Way::Smtp(url),
        None => Way::Folder(&config.mail.folder),
    };
    LettreMailer::new(way, sender, &public_url, config.server.templates.as_deref()).map_err(|e| {
        match e {
            MailError::Template(e) => config.bad(
                "server.templates",
                format!("unusable ({e})"),
                "a folder of templates that can be read",
            ),
            MailError::Outage(e) => config.bad(
                "mail.url",
                format!("unusable ({})", e.chain()),
                "a mail server",
            ),
        }
    })
}

/// Sends what waits, for as long as the program runs.
pub async fn send_for_ever(send: Arc<SendMail>) {
    loop {
        match send.send_one().await {
            Ok(true) => {}
            Ok(false) => sleep(LOOK).await,
            Err(outage) => {
                warn!("a mail waits: {}", outage.chain());
                sleep(LOOK).await;
            }
        }
    }
}

/// Why no mail was sent to try it.
#[derive(Debug, Error)]
pub enum TestFailed {
    /// The config cannot be used.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// Mail is off.
    #[error("accounts.email is off: no mail is sent")]
    Off,
    /// Nobody can have such an address.
    #[error("{0}")]
    NotAnAddress(#[from] NotAnEmailAddress),
    /// It was not taken.
    #[error("{}", .0.chain())]
    NotSent(vestibule_domain::Outage),
}

/// Sends a mail to `address` by the way that is configured, and tells what was answered.
///
/// # Errors
/// [`TestFailed`].
pub async fn test(config: &Config, address: &str) -> Result<String, TestFailed> {
    if config.accounts.email == vestibule_domain::EmailRule::Off {
        return Err(TestFailed::Off);
    }
    let to = EmailAddress::parse(address)?;
    let answer = mailer(config)?.test(&to).await;
    answer.map_err(|e| match e {
        SendError::NotNow(outage) | SendError::Never(outage) => TestFailed::NotSent(outage),
    })
}
