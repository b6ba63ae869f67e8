use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;
use vestibule_domain::{Leave, NotInvited, User, Username, WayIn};
use vestibule_mail::in_words;

use super::report::{account_json, account_text, line, list_of_users};
use super::{AdminFailed, Office};
use crate::Config;

/// How many accounts are read at once.
const PAGE: u64 = 500;

/// Accounts.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Make an account, and print the link by which its owner chooses a password; good for 7 days, once
    Add {
        /// Its name
        username: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List all accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an account, its addresses, and where it is signed in
    Show {
        /// Whose
        username: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep an account's owner out, at once
    Disable {
        /// Whose
        username: String,
    },
    /// Let an account's owner in again
    Enable {
        /// Whose
        username: String,
    },
    /// Take an account's password away, and send its owner a link for a new one, or print it where they have no address
    ResetPassword {
        /// Whose
        username: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete an account at once, with all that is kept of it; there is no way back
    Delete {
        /// Whose
        username: String,
        /// The name once more, since there is no way back
        #[arg(long, value_name = "USERNAME")]
        confirm: String,
    },
    /// Sign an account out everywhere
    EndSessions {
        /// Whose
        username: String,
    },
}

/// Does what a command about accounts says, and gives what is to be printed.
///
/// # Errors
/// [`AdminFailed`].
pub async fn user(config: &Config, command: UserCommand) -> Result<String, AdminFailed> {
    let office = Office::open(config).await?;
    let administer = &office.administer;
    let told = match command {
        UserCommand::Add { username, json } => {
            let username = Username::parse(&username)?;
            let added = administer.add(username.clone()).await;
            let way = added.map_err(|e| match e {
                NotInvited::UsernameTaken => AdminFailed::Taken(username.clone()),
                NotInvited::Outage(outage) => AdminFailed::Outage(outage),
            })?;
            office.way_in(&username, &way, json)
        }
        UserCommand::List { json } => list_of_users(&office.all().await?, json),
        UserCommand::Show { username, json } => {
            let account = office.show(&username).await?;
            if json {
                line(&account_json(&account))
            } else {
                account_text(&account)
            }
        }
        UserCommand::Disable { username } => {
            let user = office.find(&username).await?;
            administer.disable(&user).await?;
            format!(
                "{} is disabled, and signed out everywhere.\n",
                user.username
            )
        }
        UserCommand::Enable { username } => {
            let user = office.find(&username).await?;
            administer.enable(&user).await?;
            format!("{} may sign in.\n", user.username)
        }
        UserCommand::ResetPassword { username, json } => {
            let user = office.find(&username).await?;
            let way = administer.reset_password(&user).await?;
            office.way_in(&user.username, &way, json)
        }
        UserCommand::Delete { username, confirm } => {
            let user = office.find(&username).await?;
            Leave::check_name(&user, &confirm)
                .map_err(|_| AdminFailed::NotConfirmed(user.username.clone()))?;
            office.leave().delete(&user).await?;
            format!("{} is deleted.\n", user.username)
        }
        UserCommand::EndSessions { username } => {
            let user = office.find(&username).await?;
            administer.end_sessions(user.id).await?;
            format!("{} is signed out everywhere.\n", user.username)
        }
    };
    office.close().await;
    Ok(told)
}

impl Office {
    async fn all(&self) -> Result<Vec<User>, AdminFailed> {
        let mut all: Vec<User> = Vec::new();
        loop {
            let after = all.last().map(|last| last.username.clone());
            let page = self.administer.users.list(after, PAGE).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    fn leave(&self) -> Leave {
        let administer = &self.administer;
        Leave {
            users: Arc::clone(&administer.users),
            sessions: Arc::clone(&administer.sessions),
            notices: administer.notices.clone(),
            throttle: administer.throttle.clone(),
            grace: self.grace,
            reserved: self.reserved,
        }
    }

    fn way_in(&self, username: &Username, way: &WayIn, as_json: bool) -> String {
        match way {
            WayIn::Mail(to) if as_json => line(&json!({
                "username": username.as_str(), "mailed_to": to.as_str(),
            })),
            WayIn::Mail(to) => format!("A link for a new password is on its way to {to}.\n"),
            WayIn::Link(purpose, token) => {
                let link = self.link(*purpose, token);
                if as_json {
                    return line(&json!({ "username": username.as_str(), "link": link }));
                }
                let lasts = in_words(purpose.lasts());
                format!(
                    "Hand this link to {username}, and to nobody else. It is good once, for {lasts}:\n{link}\n"
                )
            }
        }
    }
}
