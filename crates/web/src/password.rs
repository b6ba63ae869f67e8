use std::sync::Arc;

use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::ports::Users;
use vestibule_domain::{ChangePassword, ChangePasswordError, Password};

use crate::Site;
use crate::csrf::Csrf;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, SignedIn};
use crate::judge::Judge;
use crate::login::OFF;
use crate::notice::Notice;
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct PasswordForm {
    old: SecretField,
    new: SecretField,
    #[field(name = "csrf")]
    _csrf: String,
}

/// No recent password is asked for: the form asks for it.
#[get("/account/password")]
pub(crate) async fn get(
    signed_in: SignedIn,
    csrf: Csrf,
    judge: &State<Judge>,
    users: &State<Arc<dyn Users>>,
) -> Result<Template, Refusal> {
    let user = signed_in.user(users).await?;
    Ok(page(&csrf, judge, user.username.as_str(), None, &[]))
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/account/password", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<PasswordForm>,
    signed_in: SignedIn,
    asking: Asking,
    csrf: Csrf,
    change: &State<ChangePassword>,
    judge: &State<Judge>,
    users: &State<Arc<dyn Users>>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let user = signed_in.user(users).await?;
    let username = user.username.clone();
    let page =
        |request, problems: &[Problem]| page(&csrf, judge, username.as_str(), request, problems);
    let again = |request, problems: &[Problem]| {
        let page = Box::new(page(request, problems));
        Refusal::Again((Status::UnprocessableEntity, page))
    };
    let later = |wait, problem: Problem| {
        let page = page(asking.witness.code(), &[problem]);
        Refusal::Later(Box::new(Later::new(page, wait)))
    };
    let refused = |e| match e {
        ChangePasswordError::Refused => again(asking.witness.code(), &[Problem::with("old", &e)]),
        ChangePasswordError::TooSoon(wait) => {
            let problem = Problem::for_now(&e, wait, change.throttle.clock.now());
            later(wait, problem)
        }
        ChangePasswordError::Off => later(OFF, Problem::with_all(&e)),
        ChangePasswordError::Outage(outage) => outage.into(),
    };

    let old = Password::parse(form.old.expose());
    let new = Password::parse(form.new.expose())
        .map_err(|why| why.to_string())
        .and_then(|new| match judge.check_length(&new) {
            Ok(()) => Ok(new),
            Err(why) => Err(why.to_string()),
        });
    let (old, new) = match (old, new) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let old = old.err().map(|why| Problem::with("old", &why));
            let new = new.err().map(|why| Problem::with("new", &why));
            let problems: Vec<_> = old.into_iter().chain(new).collect();
            return Err(again(None, &problems));
        }
    };
    let browser = asking.browser(signed_in.0.remembered);
    let proven = change.prove(user, old, &browser).await.map_err(refused)?;
    let new = match judge.check(&proven.permit, new, &username).await? {
        Ok(new) => new,
        Err(why) => return Err(again(None, &[Problem::with("new", &why)])),
    };
    let session = change
        .change(proven, new, &browser)
        .await
        .map_err(refused)?;
    asking.welcome(site, jar, &session)?;
    Notice::PasswordChanged.leave(site, jar);
    Ok(Redirect::to(uri!(crate::dashboard::get)))
}

fn page(
    csrf: &Csrf,
    judge: &Judge,
    username: &str,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    Template::render(
        "password.html",
        context! {
            csrf: &csrf.0,
            username,
            min_length: judge.min_length(),
            request,
            problems,
        },
    )
}
