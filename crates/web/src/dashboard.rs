use std::sync::Arc;

use rocket::http::CookieJar;
use rocket::serde::Serialize;
use rocket::{State, get};
use rocket_dyn_templates::{Template, context};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use vestibule_domain::ports::Users;
use vestibule_domain::{EmailRule, OwnEmails, Visit};

use crate::Site;
use crate::csrf::Csrf;
use crate::guard::SignedIn;
use crate::notice::Left;
use crate::refusal::Refusal;

#[get("/dashboard")]
pub(crate) async fn get(
    signed_in: SignedIn,
    csrf: Csrf,
    left: Left,
    users: &State<Arc<dyn Users>>,
    emails: &State<OwnEmails>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Template, Refusal> {
    let user = signed_in.user(users).await?;
    Ok(Template::render(
        "dashboard.html",
        context! {
            csrf: csrf.0,
            notice: left.take(site, jar),
            with_mail: emails.rule() != EmailRule::Off,
            username: user.username.as_str(),
            member_since: Moment::day(user.since),
            last_login: user.last_login.map(Seen::from),
            leaves: user.leaves.map(Moment::minute),
            previous_login: user.previous_login.map(Seen::from),
        },
    ))
}

/// A time for people and for machines.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub(crate) struct Moment {
    text: String,
    iso: String,
}

impl Moment {
    fn day(at: OffsetDateTime) -> Self {
        let day = format_description!("[day padding:none] [month repr:long] [year]");
        Self::new(at, at.format(day))
    }

    pub(crate) fn second(at: OffsetDateTime) -> Self {
        let second = format_description!(
            "[day padding:none] [month repr:long] [year], [hour]:[minute]:[second]\u{a0}UTC"
        );
        Self::new(at, at.format(second))
    }

    pub(crate) fn minute(at: OffsetDateTime) -> Self {
        let minute = format_description!(
            "[day padding:none] [month repr:long] [year], [hour]:[minute]\u{a0}UTC"
        );
        Self::new(at, at.format(minute))
    }

    fn new(at: OffsetDateTime, text: Result<String, time::error::Format>) -> Self {
        let iso = at.format(&Rfc3339).unwrap_or_default();
        Self {
            text: text.unwrap_or_else(|_| iso.clone()),
            iso,
        }
    }
}

/// When and from where somebody came.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Seen {
    #[serde(flatten)]
    at: Moment,
    from: String,
}

impl From<Visit> for Seen {
    fn from(visit: Visit) -> Self {
        Self {
            at: Moment::minute(visit.at),
            from: visit.from.map_or_else(
                || "an unknown address".to_owned(),
                |address| address.to_string(),
            ),
        }
    }
}
