use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{Password, Purpose, ResetError, ResetPassword, Username};

use crate::Site;
use crate::csrf::Csrf;
use crate::form::{OwnForm, SecretField};
use crate::guard::Asking;
use crate::judge::Judge;
use crate::link::{Opened, gone};
use crate::notice::Notice;
use crate::refusal::{Problem, Refusal};

#[derive(FromForm)]
pub(crate) struct ResetForm {
    new: SecretField,
    #[field(name = "csrf")]
    _csrf: String,
}

#[get("/reset")]
pub(crate) async fn get(
    opened: Opened,
    csrf: Csrf,
    judge: &State<Judge>,
    reset: &State<ResetPassword>,
) -> Result<Template, Refusal> {
    let (purpose, token) = opened.0.ok_or_else(gone)?;
    let (username, _) = reset.look(purpose, &token).await?.ok_or_else(gone)?;
    Ok(page(&csrf, judge, purpose, &username, &[]))
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/reset", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<ResetForm>,
    opened: Opened,
    asking: Asking,
    csrf: Csrf,
    judge: &State<Judge>,
    reset: &State<ResetPassword>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let (purpose, token) = opened.0.ok_or_else(gone)?;
    let found = reset.look(purpose, &token).await?;
    let (username, permit) = found.ok_or_else(gone)?;
    let again = |why: &dyn ToString| {
        let page = page(
            &csrf,
            judge,
            purpose,
            &username,
            &[Problem::with("new", &why.to_string())],
        );
        Refusal::Again((Status::UnprocessableEntity, Box::new(page)))
    };
    let new = Password::parse(form.new.expose()).map_err(|why| again(&why))?;
    let new = judge.check(&permit, new, &username).await?;
    let new = new.map_err(|why| again(&why))?;
    let changed = reset
        .change(purpose, &token, new, &asking.browser(false))
        .await;
    changed.map_err(|e| match e {
        ResetError::Outage(outage) => outage.into(),
        ResetError::Gone | ResetError::NobodysName | ResetError::TooSoon(_) => gone(),
    })?;
    site.remove(jar, site.link_cookie());
    let notice = if purpose == Purpose::Invite {
        Notice::PasswordChosen
    } else {
        Notice::PasswordReset
    };
    notice.leave(site, jar);
    Ok(Redirect::to(uri!(crate::login::get(
        next = Option::<&str>::None
    ))))
}

fn page(
    csrf: &Csrf,
    judge: &Judge,
    purpose: Purpose,
    username: &Username,
    problems: &[Problem],
) -> Template {
    Template::render(
        "reset.html",
        context! {
            csrf: &csrf.0,
            is_first: purpose == Purpose::Invite,
            username: username.as_str(),
            min_length: judge.min_length(),
            problems,
        },
    )
}
