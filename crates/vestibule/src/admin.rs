//! Looking after accounts from the command line, while instances run or not.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;
use vestibule_domain::ports::{Clock, Events};
use vestibule_domain::{
    Account, Administer, Invitation, Leave, LinkId, LinkToken, NotAUsername, NotInvited, Notices,
    Outage, Purpose, Registration, Session, SessionId, Throttle, User, Username, Visit, WayIn,
};
use vestibule_redis::RedisSessions;
use vestibule_sql::{
    Place, SqlEmails, SqlEvents, SqlInvitations, SqlLinks, SqlOutbox, SqlSessions, SqlUsers,
};

use crate::stores::{database, pending_migrations, place, redis};
use crate::{BadConfig, Config, Recorder, SystemClock, attempts};

/// How long the database may take to keep that something was done.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum AdminFailed {
    /// The configured stores cannot be used.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// Nobody can have such a name.
    #[error("{0}")]
    NotAUsername(#[from] NotAUsername),
    /// Nobody has this name.
    #[error("no account has the username {0}")]
    Unknown(Username),
    /// Somebody has this name.
    #[error("an account has the username {0} already, or had it until lately")]
    Taken(Username),
    /// None of the account's sessions begins so, or more than one does.
    #[error("{0} sessions of {1} begin so: see `vestibule session list {1}`")]
    NotOneSession(usize, Username),
    /// None of the invitations begins so, or more than one does.
    #[error("{0} invitations begin so: see `vestibule invitation list`")]
    NotOneInvitation(usize),
    /// Nobody could use one.
    #[error("nobody needs an invitation: registration.mode is not invite")]
    NotByInvitation,
    /// What cannot be undone was not said twice.
    #[error("--confirm is not {0}: nothing was deleted")]
    NotConfirmed(Username),
    /// The database is not one of this version.
    #[error("the schema of the database is {0} steps behind: run `vestibule migrate` first")]
    Behind(usize),
    /// A store stopped answering.
    #[error("{}", .0.chain())]
    Outage(#[from] Outage),
}

/// The stores that the config names, and what can be done with them.
pub(crate) struct Office {
    pub(crate) administer: Administer,
    recorder: Arc<Recorder>,
    /// Links begin with it.
    site_url: String,
    grace: Duration,
    reserved: Duration,
}

impl Office {
    /// Opens the stores.
    ///
    /// # Errors
    /// [`AdminFailed`] when they are not there, or not of this version.
    pub(crate) async fn open(config: &Config) -> Result<Self, AdminFailed> {
        if place(config)? == Place::Memory {
            let what = "a database in memory, which nobody else can see";
            return Err(config.bad("database.url", what, "one that stays").into());
        }
        match pending_migrations(config).await? {
            0 => {}
            steps => return Err(AdminFailed::Behind(steps)),
        }
        let sql = database(config).await?;
        let redis = redis(config).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let recorder = Recorder::start(SqlEvents(sql.clone()), Arc::clone(&clock));
        Ok(Self {
            administer: Administer {
                users: Arc::new(SqlUsers(sql.clone())),
                links: Arc::new(SqlLinks(sql.clone())),
                invitations: Arc::new(SqlInvitations(sql.clone())),
                notices: Notices {
                    rule: config.accounts.email,
                    emails: Arc::new(SqlEmails(sql.clone())),
                    outbox: Arc::new(SqlOutbox(sql.clone())),
                },
                throttle: Throttle {
                    attempts: attempts(&sql, redis.as_ref()).await?,
                    events: Arc::clone(&recorder) as Arc<dyn Events>,
                    clock,
                    limits: config.throttle.limits(),
                },
                sessions: match redis {
                    Some(redis) => Arc::new(RedisSessions::new(redis, config.sessions.replicas)),
                    None => Arc::new(SqlSessions(sql)),
                },
            },
            recorder,
            site_url: config.public_url().origin().ascii_serialization(),
            grace: config.accounts.grace,
            reserved: config.accounts.reserved,
        })
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

    /// Waits until what was done is kept as events; what cannot be is in the log.
    pub(crate) async fn close(self) {
        let _ = timeout(PATIENCE, self.recorder.settled()).await;
    }

    /// # Errors
    /// [`AdminFailed::NotAUsername`], [`AdminFailed::Unknown`], [`AdminFailed::Outage`].
    pub(crate) async fn find(&self, name: &str) -> Result<User, AdminFailed> {
        let username = Username::parse(name)?;
        let found = self.administer.users.find_by_username(&username).await?;
        found.ok_or(AdminFailed::Unknown(username))
    }

    async fn show(&self, name: &str) -> Result<Account, AdminFailed> {
        let username = Username::parse(name)?;
        let found = self.administer.show(&username).await?;
        found.ok_or(AdminFailed::Unknown(username))
    }

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

    fn link(&self, purpose: Purpose, token: &LinkToken) -> String {
        let url = &self.site_url;
        format!("{url}/link/{}/{}", purpose.as_str(), token.expose())
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
                let lasts = humantime::format_duration(purpose.lasts());
                format!(
                    "Hand this link to {username}, and to nobody else. It is good once, for {lasts}:\n{link}\n"
                )
            }
        }
    }
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

/// The same for a command about sessions.
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

/// The same for a command about invitations.
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

/// The one whose handle begins so; how many there are where it is not one.
fn only<'a, T>(all: &'a [T], handle: fn(&T) -> String, start: &str) -> Result<&'a T, usize> {
    let begins_so = |it: &&T| !start.is_empty() && handle(it).starts_with(start);
    let named: Vec<_> = all.iter().filter(begins_so).collect();
    match named[..] {
        [one] => Ok(one),
        _ => Err(named.len()),
    }
}

fn invitation_json((id, invitation): &(LinkId, Invitation)) -> Value {
    json!({
        "id": id.handle(),
        "created_at": moment(invitation.since),
        "expires_at": moment(invitation.expires),
    })
}

fn list_of_users(users: &[User], as_json: bool) -> String {
    if as_json {
        return line(&Value::Array(users.iter().map(user_json).collect()));
    }
    let rows = users.iter().map(|user| {
        [
            user.username.to_string(),
            state(user).to_owned(),
            moment(user.since),
            visit(user.last_login.as_ref()),
        ]
    });
    table(["USERNAME", "STATE", "SINCE", "LAST LOGIN"], rows)
}

fn account_text(account: &Account) -> String {
    let user = &account.user;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<16}{value}");
    };
    row("username", user.username.as_str());
    row("id", &user.id.0.to_string());
    row("state", state(user));
    row("since", &moment(user.since));
    row("last login", &visit(user.last_login.as_ref()));
    row("login before", &visit(user.previous_login.as_ref()));
    for email in &account.emails {
        let state = match email.verified {
            Some(at) => format!("{}, verified {}", email.address, moment(at)),
            None => format!("{}, not verified", email.address),
        };
        row("e-mail", &state);
    }
    row("sessions", &account.sessions.len().to_string());
    if !account.sessions.is_empty() {
        text.push('\n');
        text += &table_of_sessions(&account.sessions);
    }
    text
}

fn table_of_sessions(sessions: &[(SessionId, Session)]) -> String {
    let rows = sessions.iter().map(|(id, session)| {
        [
            id.handle()[..SHOWN].to_owned(),
            session.agent.clone().unwrap_or_else(|| "-".to_owned()),
            session
                .from
                .map_or_else(|| "-".to_owned(), |from| from.to_string()),
            moment(session.started),
            moment(session.seen),
        ]
    });
    table(["SESSION", "BROWSER", "FROM", "STARTED", "LAST USED"], rows)
}

/// How much of a handle is shown: so much that nobody mistakes it.
const SHOWN: usize = 12;

/// Columns as wide as their widest cell.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows);
    let width = |n: usize| lines.iter().map(|line| line[n].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(row, "{cell:<width$}  ");
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

fn state(user: &User) -> &'static str {
    match (user.disabled, user.leaves, &user.password) {
        (Some(_), _, _) => "disabled",
        (None, Some(_), _) => "leaving",
        (None, None, None) => "no password",
        (None, None, Some(_)) => "active",
    }
}

fn visit(visit: Option<&Visit>) -> String {
    visit.map_or_else(|| "-".to_owned(), |visit| moment(visit.at))
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id.0.to_string(),
        "username": user.username.as_str(),
        "state": state(user),
        "created_at": moment(user.since),
        "disabled_at": user.disabled.map(moment),
        "leaves_at": user.leaves.map(moment),
        "last_login_at": user.last_login.as_ref().map(|visit| moment(visit.at)),
        "last_login_from": from_json(user.last_login.as_ref()),
        "previous_login_at": user.previous_login.as_ref().map(|visit| moment(visit.at)),
        "previous_login_from": from_json(user.previous_login.as_ref()),
    })
}

fn from_json(visit: Option<&Visit>) -> Option<String> {
    visit
        .and_then(|visit| visit.from)
        .map(|from| from.to_string())
}

fn account_json(account: &Account) -> Value {
    let emails = account.emails.iter().map(|email| {
        json!({
            "address": email.address.as_str(),
            "added_at": moment(email.added),
            "verified_at": email.verified.map(moment),
        })
    });
    let mut value = user_json(&account.user);
    value["emails"] = emails.collect();
    value["sessions"] = account.sessions.iter().map(session_json).collect();
    value
}

fn session_json((id, session): &(SessionId, Session)) -> Value {
    json!({
        "id": id.handle(),
        "browser": session.agent,
        "from": session.from.map(|from| from.to_string()),
        "started_at": moment(session.started),
        "seen_at": moment(session.seen),
        "expires_at": moment(session.expires),
        "ends_at": moment(session.ends),
        "remembered": session.remembered,
    })
}
