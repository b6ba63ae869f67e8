use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{ResetError, ResetPassword};

use crate::Site;
use crate::csrf::Csrf;
use crate::form::OwnForm;
use crate::guard::Asking;
use crate::link::WithMail;
use crate::notice::{Left, Notice};
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct ForgotForm {
    /// A username or an e-mail address.
    account: String,
    #[field(name = "csrf")]
    _csrf: String,
}

#[get("/forgot")]
pub(crate) fn get(
    _mail: WithMail,
    csrf: Csrf,
    left: Left,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Template {
    page(&csrf, "", left.take(site, jar), None, &[])
}

/// Says the same, and takes the same time, for everyone.
#[post("/forgot", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<ForgotForm>,
    _mail: WithMail,
    asking: Asking,
    csrf: Csrf,
    reset: &State<ResetPassword>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let asked = reset.ask(&form.account, &asking.browser(false)).await;
    asked.map_err(|e| match e {
        ResetError::TooSoon(wait) => {
            let problem = Problem::for_now(&e, wait, reset.throttle.clock.now());
            let request = asking.witness.code();
            let page = page(&csrf, &form.account, None, request, &[problem]);
            Refusal::Later(Box::new(Later::new(page, wait)))
        }
        ResetError::NobodysName | ResetError::Gone => {
            let problem = Problem::with("account", &ResetError::NobodysName);
            let page = page(&csrf, &form.account, None, None, &[problem]);
            Refusal::Again((Status::UnprocessableEntity, Box::new(page)))
        }
        ResetError::Outage(outage) => outage.into(),
    })?;
    Notice::LinkAsked.leave(site, jar);
    Ok(Redirect::to(uri!(get)))
}

fn page(
    csrf: &Csrf,
    account: &str,
    notice: Option<&str>,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    Template::render(
        "forgot.html",
        context! { csrf: &csrf.0, account, notice, request, problems },
    )
}
