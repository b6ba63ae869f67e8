use std::sync::Arc;

use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::ports::Users;
use vestibule_domain::{ChangeUsername, ChangeUsernameError, Username};

use crate::Site;
use crate::csrf::Csrf;
use crate::form::OwnForm;
use crate::guard::{Asking, Recent, SignedIn};
use crate::notice::Notice;
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct UsernameForm {
    username: String,
    #[field(name = "csrf")]
    _csrf: String,
}

#[get("/account/username")]
pub(crate) async fn get(
    recent: Recent,
    csrf: Csrf,
    users: &State<Arc<dyn Users>>,
) -> Result<Template, Refusal> {
    let user = SignedIn(recent.session).user(users).await?;
    Ok(page(&csrf, user.username.as_str(), None, &[]))
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/account/username", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<UsernameForm>,
    recent: Recent,
    asking: Asking,
    csrf: Csrf,
    change: &State<ChangeUsername>,
    users: &State<Arc<dyn Users>>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let again = |status, why: &dyn ToString| {
        let problem = Problem::with("username", &why.to_string());
        let page = page(&csrf, &form.username, None, &[problem]);
        Refusal::Again((status, Box::new(page)))
    };
    let user = SignedIn(recent.session).user(users).await?;
    let new =
        Username::parse(&form.username).map_err(|why| again(Status::UnprocessableEntity, &why))?;
    let changed = change.change(&user, &new, &asking.browser(false)).await;
    changed.map_err(|e| match e {
        ChangeUsernameError::UsernameTaken => again(Status::Conflict, &e),
        ChangeUsernameError::TooSoon(wait) => {
            let problem = Problem::for_now(&e, wait, change.throttle.clock.now());
            let page = page(&csrf, &form.username, asking.witness.code(), &[problem]);
            Refusal::Later(Box::new(Later::new(page, wait)))
        }
        ChangeUsernameError::Outage(outage) => outage.into(),
    })?;
    Notice::UsernameChanged.leave(site, jar);
    Ok(Redirect::to(uri!(crate::dashboard::get)))
}

fn page(csrf: &Csrf, username: &str, request: Option<String>, problems: &[Problem]) -> Template {
    Template::render(
        "username.html",
        context! { csrf: &csrf.0, username, request, problems },
    )
}
