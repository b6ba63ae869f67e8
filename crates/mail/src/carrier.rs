use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tracing::info;
use uuid::Uuid;
use vestibule_domain::Outage;
use vestibule_domain::ports::SendError;

use crate::Way;
use crate::url::{MailUrl, Tls};

/// What takes a message away.
pub(crate) enum Carrier {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

/// How long a server may take for one answer, and for all of a mail: less than the minute after which somebody else would send
/// it. Nobody waits for it on a page.
const ANSWER: Duration = Duration::from_secs(20);
const ALL: Duration = Duration::from_secs(45);
/// A connection that was idle for longer is made anew: servers end them.
const IDLE: Duration = Duration::from_secs(30);

/// Refused for good: there is no such mailbox, or it takes no such mail. Source: RFC 5321, section 4.2.1. The other codes that
/// begin with 5 are about who sends, and end when an operator mends that.
const FOR_GOOD: std::ops::RangeInclusive<u16> = 550..=559;

impl Carrier {
    pub(crate) fn new(way: Way<'_>) -> Result<Self, Outage> {
        Ok(match way {
            Way::Smtp(url) => Self::Smtp(smtp(url)?),
            Way::Folder(folder) => Self::Folder(folder.to_owned()),
        })
    }

    /// Hands a message over, and gives what was answered, in a line.
    pub(crate) async fn carry(
        &self,
        message: &Message,
        kind: &str,
        id: Uuid,
    ) -> Result<String, SendError> {
        match self {
            Self::Smtp(transport) => {
                let sent = timeout(ALL, transport.send(message.clone())).await;
                let sent =
                    sent.map_err(|late| SendError::NotNow(Outage::during("sending a mail")(late)))?;
                let answer = sent.map_err(|e| {
                    let code = e.status().map(u16::from);
                    let outage = Outage::during("sending a mail")(e);
                    if code.is_some_and(|code| FOR_GOOD.contains(&code)) {
                        SendError::Never(outage)
                    } else {
                        SendError::NotNow(outage)
                    }
                })?;
                let words: Vec<_> = answer.message().collect();
                Ok(format!("{} {}", answer.code(), words.join(" ")))
            }
            Self::Folder(folder) => {
                let file = folder.join(format!("{id}-{kind}.eml"));
                write(&file, &message.formatted())
                    .await
                    .map_err(|e| SendError::NotNow(Outage::during("writing a mail's file")(e)))?;
                info!(path = %file.display(), "a mail was written, since mail.url is unset");
                Ok(format!("written to {}", file.display()))
            }
        }
    }
}

fn smtp(url: &MailUrl) -> Result<AsyncSmtpTransport<Tokio1Executor>, Outage> {
    const DURING: &str = "setting mail up";
    let builder = match url.tls {
        Tls::FromTheStart => AsyncSmtpTransport::<Tokio1Executor>::relay(&url.host),
        Tls::Required => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&url.host),
        Tls::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(
            &url.host,
        )),
    };
    let mut builder = builder
        .map_err(Outage::during(DURING))?
        .port(url.port)
        .timeout(Some(ANSWER))
        .pool_config(PoolConfig::new().max_size(2).idle_timeout(IDLE));
    if let Some((user, password)) = &url.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}

/// Writes a file whole or not at all, for this user's eyes alone: links are in it.
async fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        let mut builder = tokio::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(folder).await?;
    }
    let part = file.with_extension("part");
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut handle = options.open(&part).await?;
    handle.write_all(bytes).await?;
    handle.sync_all().await?;
    tokio::fs::rename(&part, file).await
}
