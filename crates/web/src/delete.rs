use std::sync::Arc;

use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::ports::Users;
use vestibule_domain::{ChangePassword, ChangePasswordError, Leave, Password};

use crate::Site;
use crate::csrf::Csrf;
use crate::dashboard::Moment;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, Recent, SignedIn};
use crate::login::OFF;
use crate::notice::Notice;
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct DeleteForm {
    username: String,
    password: SecretField,
    #[field(name = "csrf")]
    _csrf: String,
}

#[get("/account/delete")]
pub(crate) fn get(_recent: Recent, csrf: Csrf, leave: &State<Arc<Leave>>) -> Template {
    page(&csrf, leave, "", None, &[])
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/account/delete", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<DeleteForm>,
    recent: Recent,
    asking: Asking,
    csrf: Csrf,
    leave: &State<Arc<Leave>>,
    change: &State<ChangePassword>,
    users: &State<Arc<dyn Users>>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let signed_in = SignedIn(recent.session);
    let user = signed_in.user(users).await?;
    let page =
        |request, problems: &[Problem]| page(&csrf, leave, &form.username, request, problems);
    let again = |request, problems: &[Problem]| {
        let page = Box::new(page(request, problems));
        Refusal::Again((Status::UnprocessableEntity, page))
    };
    let later = |wait, problem: Problem| {
        let page = page(asking.witness.code(), &[problem]);
        Refusal::Later(Box::new(Later::new(page, wait)))
    };
    let name = Leave::check_name(&user, &form.username);
    let password = Password::parse(form.password.expose());
    let password = match (name, password) {
        (Ok(()), Ok(password)) => password,
        (name, password) => {
            let problems = Problem::of_fields(name.err(), password.err());
            return Err(again(None, &problems));
        }
    };
    let browser = asking.browser(signed_in.0.remembered);
    let proven = change.prove(user, password, &browser).await;
    let proven = proven.map_err(|e| match e {
        ChangePasswordError::Refused => {
            again(asking.witness.code(), &[Problem::with("password", &e)])
        }
        ChangePasswordError::TooSoon(wait) => {
            let problem = Problem::for_now(&e, wait, change.throttle.clock.now());
            later(wait, problem)
        }
        ChangePasswordError::Off => later(OFF, Problem::with_all(&e)),
        ChangePasswordError::Outage(outage) => outage.into(),
    })?;
    leave.ask(proven, &browser).await?;
    site.remove(jar, site.session_cookie());
    Notice::Leaving.leave(site, jar);
    Ok(Redirect::to(uri!(crate::login::get(
        next = Option::<&str>::None
    ))))
}

#[derive(FromForm)]
pub(crate) struct KeepForm {
    #[field(name = "csrf")]
    _csrf: String,
}

/// Undoes it. Whoever is signed in by then has given the password since.
#[post("/account/keep", data = "<_form>")]
pub(crate) async fn keep(
    _form: OwnForm<KeepForm>,
    signed_in: SignedIn,
    asking: Asking,
    leave: &State<Arc<Leave>>,
    users: &State<Arc<dyn Users>>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let user = signed_in.user(users).await?;
    leave.stay(&user, &asking.browser(false)).await?;
    Notice::Staying.leave(site, jar);
    Ok(Redirect::to(uri!(crate::dashboard::get)))
}

fn page(
    csrf: &Csrf,
    leave: &Leave,
    username: &str,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    Template::render(
        "delete.html",
        context! {
            csrf: &csrf.0,
            leaves: Moment::minute(leave.throttle.clock.now() + leave.grace),
            username,
            request,
            problems,
        },
    )
}
