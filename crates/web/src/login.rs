use std::time::Duration;

use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{EmailRule, Login, LoginError, Password, Register, Registration, Username};

use crate::Site;
use crate::csrf::Csrf;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, Visitor};
use crate::logout::JustLeft;
use crate::next::Next;
use crate::notice::Left;
use crate::refusal::{Problem, Refusal};
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct LoginForm {
    username: String,
    password: SecretField,
    #[field(name = "csrf")]
    _csrf: String,
    next: Option<String>,
    remember: Option<String>,
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[get("/login?<next>")]
pub(crate) fn get(
    next: Option<&str>,
    visitor: Visitor,
    csrf: Csrf,
    just_left: JustLeft,
    left: Left,
    register: &State<Register>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Template, Refusal> {
    let next = next.and_then(Next::parse);
    if visitor.session.is_some() {
        return Err(Refusal::Onward(Box::new(onward(next))));
    }
    site.remove(jar, site.farewell_cookie());
    let typed = Typed {
        next,
        just_left: just_left.0,
        notice: left.take(site, jar),
        ..Typed::default()
    };
    Ok(page(&csrf, register, &typed, None, &[]))
}

#[post("/login", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<LoginForm>,
    asking: Asking,
    csrf: Csrf,
    login: &State<Login>,
    register: &State<Register>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let OwnForm(form) = form;
    let typed = Typed {
        username: form.username,
        next: form.next.as_deref().and_then(Next::parse),
        remember: form.remember.as_deref() == Some("on"),
        ..Typed::default()
    };
    let again = |status, problems: &[Problem]| {
        // Typing errors need nobody's help.
        let request = (status != Status::UnprocessableEntity).then(|| asking.witness.code());
        let page = page(&csrf, register, &typed, request.flatten(), problems);
        Refusal::Again((status, Box::new(page)))
    };

    let username = Username::parse(&typed.username);
    let password = Password::parse(form.password.expose());
    let (username, password) = match (username, password) {
        (Ok(username), Ok(password)) => (username, password),
        (username, password) => {
            let problems = Problem::of_fields(username.err(), password.err());
            return Err(again(Status::UnprocessableEntity, &problems));
        }
    };

    let later = |wait, problem: Problem| {
        let page = page(&csrf, register, &typed, asking.witness.code(), &[problem]);
        Refusal::Later(Box::new(Later::new(page, wait)))
    };
    let browser = asking.browser(typed.remember);
    match login.attempt(&username, password, &browser).await {
        Ok(session) => {
            asking.welcome(site, jar, &session)?;
            Ok(onward(typed.next))
        }
        Err(LoginError::Refused) => Err(again(
            Status::Unauthorized,
            &[Problem::with_all(&LoginError::Refused)],
        )),
        Err(e @ LoginError::TooSoon(wait)) => {
            let problem = Problem::for_now(&e, wait, login.throttle.clock.now());
            Err(later(wait, problem))
        }
        Err(e @ LoginError::Off) => Err(later(OFF, Problem::with_all(&e))),
        Err(LoginError::Outage(outage)) => Err(outage.into()),
    }
}

/// Nobody knows when an operator will have mended it.
pub(crate) const OFF: Duration = Duration::from_hours(1);

/// Where somebody signed in goes: where they wanted to be, or home.
pub(crate) fn onward(next: Option<Next>) -> Redirect {
    match next {
        Some(next) => Redirect::to(next.as_str().to_owned()),
        None => Redirect::to(uri!(crate::dashboard::get)),
    }
}

/// What the visitor brought along and typed, less the password.
#[derive(Default)]
struct Typed {
    username: String,
    next: Option<Next>,
    remember: bool,
    just_left: bool,
    notice: Option<&'static str>,
}

fn page(
    csrf: &Csrf,
    register: &Register,
    typed: &Typed,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    let next = typed.next.as_ref().map(Next::as_str);
    let register_href = (register.mode == Registration::Open)
        .then(|| uri!(crate::register::get(next = next)).to_string());
    let go_on = (next.is_some() && problems.is_empty()).then_some("Sign in to go on.");
    Template::render(
        "login.html",
        context! {
            csrf: &csrf.0,
            username: &typed.username,
            remember: typed.remember,
            next,
            register_href,
            notice: typed.notice.or(go_on),
            with_mail: register.emails.rule() != EmailRule::Off,
            just_left: typed.just_left,
            request,
            problems,
        },
    )
}
