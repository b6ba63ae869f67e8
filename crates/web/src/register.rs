use rocket::form::FromForm;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{State, get, post, uri};
use rocket_dyn_templates::{Template, context};
use vestibule_domain::{
    EmailAddress, EmailRule, EventKind, NotAnEmailAddress, Password, Purpose, Register,
    RegisterError, Username,
};

use crate::Site;
use crate::csrf::Csrf;
use crate::error;
use crate::form::{OwnForm, SecretField};
use crate::guard::{Asking, Visitor};
use crate::judge::Judge;
use crate::link::Opened;
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
pub(crate) async fn get(
    next: Option<&str>,
    visitor: Visitor,
    opened: Opened,
    csrf: Csrf,
    witness: Witness,
    register: &State<Register>,
    judge: &State<Judge>,
) -> Result<Template, Refusal> {
    let next = next.and_then(Next::parse);
    if visitor.session.is_some() {
        return Err(Refusal::Onward(Box::new(onward(next))));
    }
    let admitted = register.admit(opened.to(Purpose::Join)).await;
    let admission = admitted.map_err(|e| turned_away(e, &witness))?;
    let typed = Typed {
        next,
        is_invited: admission.is_by_invitation(),
        ..Typed::default()
    };
    Ok(page(&csrf, register, judge, &typed, None, &[]))
}

#[expect(
    clippy::too_many_arguments,
    reason = "Rocket hands guards over one by one"
)]
#[post("/register", data = "<form>")]
pub(crate) async fn post(
    form: OwnForm<RegisterForm>,
    opened: Opened,
    asking: Asking,
    csrf: Csrf,
    register: &State<Register>,
    judge: &State<Judge>,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Refusal> {
    let admitted = register.admit(opened.to(Purpose::Join)).await;
    let admission = admitted.map_err(|e| {
        if let Some(reason) = reason(&e) {
            asking.witness.note(EventKind::Forbidden, None, reason);
        }
        turned_away(e, &asking.witness)
    })?;
    let OwnForm(form) = form;
    let typed = Typed {
        username: form.username,
        email: form.email.unwrap_or_default(),
        next: form.next.as_deref().and_then(Next::parse),
        is_invited: admission.is_by_invitation(),
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
        RegisterError::TooSoon(wait) | RegisterError::TooManyMails(wait) => {
            let problems = [Problem::for_now(&e, wait, register.clock.now())];
            let request = asking.witness.code();
            let page = page(&csrf, register, judge, &typed, request, &problems);
            Refusal::Later(Box::new(Later::new(page, wait)))
        }
        RegisterError::UsernameTaken => again(Status::Conflict, &[Problem::with("username", &e)]),
        e => turned_away(e, &asking.witness),
    };

    let browser = asking.browser(false);
    let permit = register.permit(&admission, &browser).await;
    let permit = permit.map_err(refused)?;
    let password = match judge.check(&permit, password, &username).await? {
        Ok(password) => password,
        Err(why) => {
            let problem = Problem::with("password", &why);
            return Err(again(Status::UnprocessableEntity, &[problem]));
        }
    };
    let registered = register
        .attempt(
            admission,
            permit,
            username.clone(),
            email,
            password,
            &browser,
        )
        .await
        .map_err(refused)?;
    if typed.is_invited {
        site.remove(jar, site.link_cookie());
    }
    asking.welcome(site, jar, &registered.session)?;
    if registered.is_mailed {
        Notice::VerifySent.leave(site, jar);
    }
    Ok(onward(typed.next))
}

/// What an operator reads of why somebody got no account.
fn reason(e: &RegisterError) -> Option<&'static str> {
    match e {
        RegisterError::Closed => Some("registration is closed"),
        RegisterError::NotInvited => Some("registration is by invitation"),
        RegisterError::Gone => Some("the invitation is not valid any more"),
        RegisterError::TooSoon(_)
        | RegisterError::TooManyMails(_)
        | RegisterError::UsernameTaken
        | RegisterError::Outage(_) => None,
    }
}

/// The page for whoever may not make an account here, whatever they type.
fn turned_away(e: RegisterError, witness: &Witness) -> Refusal {
    let (status, title, words) = match e {
        RegisterError::NotInvited => (
            Status::Forbidden,
            "Registration is by invitation",
            "Open the link of your invitation again, or ask whoever runs this site for one.",
        ),
        RegisterError::Gone => (
            Status::Gone,
            "This invitation is not valid any more",
            "It was used, taken back, or is too old. Ask whoever gave it to you for another one.",
        ),
        RegisterError::Outage(outage) => return outage.into(),
        _ => (
            Status::Forbidden,
            "Registration is closed",
            "New accounts are made by whoever runs this site. Ask them for one.",
        ),
    };
    let page = error::page(status, title, words, witness.code());
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
    /// By a link, which is used up by the account.
    is_invited: bool,
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
            is_invited: typed.is_invited,
            min_length: judge.min_length(),
            login_href: uri!(crate::login::get(next = next)).to_string(),
            request,
            problems,
        },
    )
}
