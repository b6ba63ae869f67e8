use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};
use vestibule_domain::{Invitation, LinkId, Purpose, Registration};

use super::report::{SHOWN, line, moment, table};
use super::{AdminFailed, Office, only};
use crate::Config;

/// Invitations, where `registration.mode` is `invite`.
#[derive(Subcommand)]
pub enum InvitationCommand {
    /// Print a link by which somebody makes an account, under a name of their choice; good once
    Add {
        /// How long it is good, from 1m to 90d
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = lasts)]
        expires_in: Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List those that are still good
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End one before it is used
    End {
        /// Which, as `invitation list` names it; so much of it as tells it from the others
        invitation: String,
    },
}

fn lasts(text: &str) -> Result<Duration, String> {
    let any = Duration::from_mins(1)..=Duration::from_hours(90 * 24);
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| any.contains(time))
        .ok_or_else(|| "a time from 1m to 90d is expected, such as 12h".to_owned())
}

/// Does what a command about invitations says, and gives what is to be printed.
///
/// # Errors
/// [`AdminFailed`].
pub async fn invitation(
    config: &Config,
    command: InvitationCommand,
) -> Result<String, AdminFailed> {
    let office = Office::open(config).await?;
    let administer = &office.administer;
    let told = match command {
        InvitationCommand::Add { .. } if config.registration.mode != Registration::Invited => {
            return Err(AdminFailed::NotByInvitation);
        }
        InvitationCommand::Add { expires_in, json } => {
            let (id, invitation, token) = administer.invite(expires_in).await?;
            let link = office.link(Purpose::Join, &token);
            if json {
                let mut value = invitation_json(&(id, invitation));
                value["link"] = link.into();
                line(&value)
            } else {
                let until = moment(invitation.expires);
                format!(
                    "Hand this link to one person. It is good for one account, until {until}:\n{link}\n"
                )
            }
        }
        InvitationCommand::List { json } => {
            let invitations = administer.invitations().await?;
            if json {
                line(&Value::Array(
                    invitations.iter().map(invitation_json).collect(),
                ))
            } else {
                let rows = invitations.iter().map(|(id, invitation)| {
                    [
                        id.handle()[..SHOWN].to_owned(),
                        moment(invitation.since),
                        moment(invitation.expires),
                    ]
                });
                table(["INVITATION", "MADE", "EXPIRES"], rows)
            }
        }
        InvitationCommand::End { invitation } => {
            let invitations = administer.invitations().await?;
            let named = only(&invitations, |(id, _)| id.handle(), &invitation);
            let (id, _) = named.map_err(AdminFailed::NotOneInvitation)?;
            if !administer.end_invitation(*id).await? {
                return Err(AdminFailed::NotOneInvitation(0));
            }
            "The invitation is over.\n".to_owned()
        }
    };
    office.close().await;
    Ok(told)
}

fn invitation_json((id, invitation): &(LinkId, Invitation)) -> Value {
    json!({
        "id": id.handle(),
        "created_at": moment(invitation.since),
        "expires_at": moment(invitation.expires),
    })
}
