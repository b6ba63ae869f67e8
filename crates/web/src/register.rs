use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{
    EmailAddress, EmailRule, EventKind, NotAnEmailAddress, Password, Register, RegisterError,
    Username,
};

use crate::Site;
use crate::csrf::Csrf;
use crate::error;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, Visitor};
use crate::judge::Judge;
use crate::login::onward;
use crate::next::Next;
use crate::notice::Notice;
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
    email: Option<String>,
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
    let typed = Typed {
        next,
        ..Typed::default()
    };
    Ok(page(&csrf, register, judge, &typed, None, &[]))
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
    let typed = Typed {
        username: form.username,
        email: form.email.unwrap_or_default(),
        next: form.next.as_deref().and_then(Next::parse),
    };
    let again = |status, problems: &[Problem]| {
        // Typing errors need nobody's help.
        let request = (status != Status::UnprocessableEntity).then(|| asking.witness.code());
        let request = request.flatten();
        let page = page(&csrf, register, judge, &typed, request, problems);
        Refusal::Again((status, Box::new(page)))
    };

    let username = Username::parse(&typed.username);
    let email = email(register.emails.rule(), &typed.email);
    let password = Password::parse(form.password.expose());
    let (username, email, password) = match (username, email, password) {
        (Ok(username), Ok(email), Ok(password)) => (username, email, password),
        (username, email, password) => {
            let password = match password {
                Ok(password) => judge
                    .check_length(&password)
                    .err()
                    .map(|why| why.to_string()),
                Err(why) => Some(why.to_string()),
            };
            let mut problems = Problem::of_fields(username.err(), None::<&str>);
            problems.extend(email.err().map(|why| Problem::with("email", &why)));
            problems.extend(Problem::of_fields(None::<&str>, password));
            return Err(again(Status::UnprocessableEntity, &problems));
        }
    };
    let refused = |e| match e {
        RegisterError::Closed => closed(&asking.witness),
        RegisterError::TooSoon(wait) | RegisterError::TooManyMails(wait) => {
            let problems = [Problem::for_now(&e, wait, register.clock.now())];
            let request = asking.witness.code();
            let page = page(&csrf, register, judge, &typed, request, &problems);
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
    let is_mailed = email.is_some();
    let session = register
        .attempt(permit, username.clone(), email, password, &browser)
        .await
        .map_err(refused)?;
    asking.welcome(site, jar, &username, &session)?;
    if is_mailed {
        Notice::VerifySent.leave(site, jar);
    }
    Ok(onward(typed.next))
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

/// What was typed where an address may, or has to, be given.
fn email(rule: EmailRule, typed: &str) -> Result<Option<EmailAddress>, NotAnEmailAddress> {
    match rule {
        EmailRule::Off => Ok(None),
        EmailRule::Optional if typed.trim().is_empty() => Ok(None),
        EmailRule::Optional | EmailRule::Required => EmailAddress::parse(typed).map(Some),
    }
}

/// What the visitor brought along and typed, less the password.
#[derive(Default)]
struct Typed {
    username: String,
    email: String,
    next: Option<Next>,
}

fn page(
    csrf: &Csrf,
    register: &Register,
    judge: &Judge,
    typed: &Typed,
    request: Option<String>,
    problems: &[Problem],
) -> Template {
    let next = typed.next.as_ref().map(Next::as_str);
    let rule = register.emails.rule();
    Template::render(
        "register.html",
        context! {
            csrf: &csrf.0,
            username: &typed.username,
            email: &typed.email,
            with_email: rule != EmailRule::Off,
            needs_email: rule == EmailRule::Required,
            next,
            min_length: judge.min_length(),
            login_href: uri!(crate::login::get(next = next)).to_string(),
            request,
            problems,
        },
    )
}
