use rocket::form::FromForm;
use rocket::http::CookieJar;
use rocket::response::Redirect;
use rocket::serde::Serialize;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{OwnSessions, Session, SessionId};

use crate::Site;
use crate::csrf::Csrf;
use crate::dashboard::Moment;
use crate::form::OwnForm;
use crate::guard::{Asking, Recent};
use crate::notice::{Left, Notice};
use crate::refusal::Refusal;

#[derive(FromForm)]
pub(crate) struct EndForm {
    /// The handle of a session, or [`OTHERS`].
    session: String,
    #[field(name = "csrf")]
    _csrf: String,
}

/// What stands for all sessions but this one.
const OTHERS: &str = "others";

/// A session as its owner sees it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Row {
    /// What the form names it by: what stores know it by, which leads to no token.
    handle: String,
    agent: String,
    from: String,
    started: Moment,
    seen: Moment,
    is_this: bool,
}

#[get("/account/sessions")]
pub(crate) async fn get(
    recent: Recent,
    csrf: Csrf,
    left: Left,
    sessions: &State<OwnSessions>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Template, Refusal> {
    let Recent { session, id } = recent;
    let listed = sessions.list(session.user).await?;
    let (this, others): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .map(|(other, session)| row(other, session, other == id))
        .partition(|row| row.is_this);
    let rows: Vec<_> = this.into_iter().chain(others).collect();
    Ok(Template::render(
        "sessions.html",
        context! {
            csrf: csrf.0,
            notice: left.take(site, jar),
            others: OTHERS,
            sessions: rows,
        },
    ))
}

fn row(id: SessionId, session: Session, is_this: bool) -> Row {
    Row {
        handle: id.handle(),
        agent: session
            .agent
            .unwrap_or_else(|| "An unknown browser".to_owned()),
        from: session.from.map_or_else(
            || "an unknown address".to_owned(),
            |address| address.to_string(),
        ),
        started: Moment::minute(session.started),
        seen: Moment::minute(session.seen),
        is_this,
    }
}

#[post("/account/sessions", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<EndForm>,
    recent: Recent,
    asking: Asking,
    sessions: &State<OwnSessions>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let browser = asking.browser(false);
    let notice = if form.session == OTHERS {
        sessions.end_others(recent.id, &browser).await?;
        Notice::OthersEnded
    } else {
        // Among one's own, so that nobody names another's. The one in use goes by signing out.
        let listed = sessions.list(recent.session.user).await?;
        let named = listed
            .into_iter()
            .map(|(id, _)| id)
            .find(|id| *id != recent.id && id.handle() == form.session);
        match named {
            Some(id) if sessions.end(id, &browser).await? => Notice::SessionEnded,
            _ => Notice::SessionGone,
        }
    };
    notice.leave(site, jar);
    Ok(Redirect::to(uri!(get)))
}
