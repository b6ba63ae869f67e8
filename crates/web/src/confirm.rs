use std::sync::Arc;

use rocket::form::FromForm;
use rocket::http::{CookieJar, Method, Status};
use rocket::response::Redirect;
use rocket::{Request, State, catch, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::ports::Users;
use vestibule_domain::{Login, LoginError, Password, User};

use crate::Site;
use crate::csrf::Csrf;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, SignedIn};
use crate::login::{OFF, onward};
use crate::next::Next;
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct ConfirmForm {
    password: SecretField,
    #[field(name = "csrf")]
    _csrf: String,
    next: Option<String>,
}

#[get("/confirm?<next>")]
pub(crate) async fn get(
    next: Option<&str>,
    signed_in: SignedIn,
    csrf: Csrf,
    users: &State<Arc<dyn Users>>,
) -> Result<Template, Refusal> {
    let user = signed_in.user(users).await?;
    let next = next.and_then(Next::parse);
    Ok(page(&csrf, &user, next.as_ref(), None, &[]))
}

/// The login once more, for whoever is signed in: their session becomes a new one, with a password that is recent.
#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/confirm", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<ConfirmForm>,
    signed_in: SignedIn,
    asking: Asking,
    csrf: Csrf,
    login: &State<Login>,
    users: &State<Arc<dyn Users>>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let user = signed_in.user(users).await?;
    let next = form.next.as_deref().and_then(Next::parse);
    let again = |request, problem| page(&csrf, &user, next.as_ref(), request, &[problem]);
    let later = |wait, problem| {
        let page = again(asking.witness.code(), problem);
        Refusal::Later(Box::new(Later::new(page, wait)))
    };
    let password = Password::parse(form.password.expose()).map_err(|why| {
        let page = again(None, Problem::with("password", &why));
        Refusal::Again((Status::UnprocessableEntity, Box::new(page)))
    })?;

    let browser = asking.browser(signed_in.0.remembered);
    match login.attempt(&user.username, password, &browser).await {
        Ok(session) => {
            asking.welcome(site, jar, &session)?;
            Ok(onward(next))
        }
        Err(LoginError::Refused) => {
            let problem = Problem::with("password", &"This is not your password.");
            let page = again(asking.witness.code(), problem);
            // Who asks is known: 401 would be for somebody who is not.
            Err(Refusal::Again((
                Status::UnprocessableEntity,
                Box::new(page),
            )))
        }
        Err(e @ LoginError::TooSoon(wait)) => {
            let problem = Problem::for_now(&e, wait, login.throttle.clock.now());
            Err(later(wait, problem))
        }
        Err(e @ LoginError::Off) => Err(later(OFF, Problem::with_all(&e))),
        Err(LoginError::Outage(outage)) => Err(outage.into()),
    }
}

fn page(
    csrf: &Csrf,
    user: &User,
    next: Option<&Next>,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    Template::render(
        "confirm.html",
        context! {
            csrf: &csrf.0,
            username: user.username.as_str(),
            next: next.map(Next::as_str),
            request,
            problems,
        },
    )
}

/// What every [`Recent`](crate::guard::Recent) route answers to whoever gave their password too long ago: the question for
/// it, and from there back to the page.
#[catch(428)]
pub(crate) fn confirm_first(req: &Request<'_>) -> Redirect {
    // A form is sent to the path of its own page.
    let uri = match req.method() {
        Method::Get => req.uri().to_string(),
        _ => req.uri().path().to_string(),
    };
    let next = Next::parse(&uri);
    Redirect::to(uri!(get(next = next.as_ref().map(Next::as_str))))
}
