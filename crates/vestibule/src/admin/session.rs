use clap::Subcommand;
use serde_json::Value;

use super::report::{line, session_json, table_of_sessions};
use super::{AdminFailed, Office, only};
use crate::Config;

/// Sessions.
#[derive(Subcommand)]
pub enum SessionCommand {
    /// List where an account is signed in
    List {
        /// Whose
        username: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End one of them
    End {
        /// Whose
        username: String,
        /// Which, as `session list` names it; so much of it as tells it from the others
        session: String,
    },
}

/// Does what a command about sessions says, and gives what is to be printed.
///
/// # Errors
/// [`AdminFailed`].
pub async fn session(config: &Config, command: SessionCommand) -> Result<String, AdminFailed> {
    let office = Office::open(config).await?;
    let told = match command {
        SessionCommand::List { username, json } => {
            let account = office.show(&username).await?;
            if json {
                line(&Value::Array(
                    account.sessions.iter().map(session_json).collect(),
                ))
            } else {
                table_of_sessions(&account.sessions)
            }
        }
        SessionCommand::End { username, session } => {
            let account = office.show(&username).await?;
            let named = only(&account.sessions, |(id, _)| id.handle(), &session);
            let (id, _) = named.map_err(|count| {
                AdminFailed::NotOneSession(count, account.user.username.clone())
            })?;
            office.administer.end_session(*id).await?;
            "The session is over.\n".to_owned()
        }
    };
    office.close().await;
    Ok(told)
}
