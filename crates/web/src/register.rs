use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{EventKind, Password, Register, RegisterError, Username};

use crate::Site;
use crate::csrf::Csrf;
use crate::error;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, Visitor};
use crate::judge::Judge;
use crate::login::onward;
use crate::next::Next;
use crate::refusal::{Problem, Refusal};
use crate::request::Witness;
use crate::wait::Later;

#[derive(FromForm)]
pub(crate) struct RegisterForm {
    username: String,
    password: SecretField,
    #[field(name = "csrf")]
    _csrf: String,
    next: Option<String>,
}

#[get("/register?<next>")]
pub(crate) fn get(
    next: Option<&str>,
    visitor: Visitor,
    csrf: Csrf,
    witness: Witness,
    register: &State<Register>,
    judge: &State<Judge>,
) -> Result<Template, Refusal> {
    let next = next.and_then(Next::parse);
    if visitor.session.is_some() {
        return Err(Refusal::Onward(Box::new(onward(next))));
    }
    if !register.open {
        return Err(closed(&witness));
    }
    Ok(page(&csrf, judge, "", next.as_ref(), None, &[]))
}

#[post("/register", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<RegisterForm>,
    asking: Asking,
    csrf: Csrf,
    register: &State<Register>,
    judge: &State<Judge>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    if !register.open {
        asking
            .witness
            .note(EventKind::Forbidden, None, "registration is closed");
        return Err(closed(&asking.witness));
    }
    let OwnForm(form) = form;
    let next = form.next.as_deref().and_then(Next::parse);
    let again = |status, problems: &[Problem]| {
        // Typing errors need nobody's help.
        let request = (status != Status::UnprocessableEntity).then(|| asking.witness.code());
        let request = request.flatten();
        let page = page(
            &csrf,
            judge,
            &form.username,
            next.as_ref(),
            request,
            problems,
        );
        Refusal::Again((status, Box::new(page)))
    };

    let username = Username::parse(&form.username);
    let password = Password::parse(form.password.expose());
    let (username, password) = match (username, password) {
        (Ok(username), Ok(password)) => (username, password),
        (username, password) => {
            let password = match password {
                Ok(password) => judge
                    .check_length(&password)
                    .err()
                    .map(|why| why.to_string()),
                Err(why) => Some(why.to_string()),
            };
            let problems = Problem::of_fields(username.err(), password);
            return Err(again(Status::UnprocessableEntity, &problems));
        }
    };
    let refused = |e| match e {
        RegisterError::Closed => closed(&asking.witness),
        RegisterError::TooSoon(wait) => {
            let problems = [Problem::for_now(&e, wait, register.clock.now())];
            let page = page(
                &csrf,
                judge,
                &form.username,
                next.as_ref(),
                asking.witness.code(),
                &problems,
            );
            Refusal::Later(Box::new(Later::new(page, wait)))
        }
        RegisterError::UsernameTaken => again(Status::Conflict, &[Problem::with("username", &e)]),
        RegisterError::Outage(outage) => outage.into(),
    };

    let browser = asking.known_as(site, &username, false);
    let permit = register.permit(&browser).await.map_err(refused)?;
    let password = match judge.check(&permit, password, &username).await? {
        Ok(password) => password,
        Err(why) => {
            let problem = Problem::with("password", &why);
            return Err(again(Status::UnprocessableEntity, &[problem]));
        }
    };
    let session = register
        .attempt(permit, username.clone(), password, &browser)
        .await
        .map_err(refused)?;
    asking.welcome(site, jar, &username, &session)?;
    Ok(onward(next))
}

fn closed(witness: &Witness) -> Refusal {
    let status = Status::Forbidden;
    let page = error::page(
        status,
        "Registration is closed",
        "New accounts are made by whoever runs this site. Ask them for one.",
        witness.code(),
    );
    Refusal::Again((status, Box::new(page)))
}

fn page(
    csrf: &Csrf,
    judge: &Judge,
    username: &str,
    next: Option<&Next>,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    let next = next.map(Next::as_str);
    Template::render(
        "register.html",
        context! {
            csrf: &csrf.0,
            username,
            next,
            min_length: judge.min_length(),
            login_href: uri!(crate::login::get(next = next)).to_string(),
            request,
            problems,
        },
    )
}
