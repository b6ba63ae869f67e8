use std::collections::HashSet;

use rocket::data::{Data, FromData, Outcome, ToByteUnit};
use rocket::form::{Form, FromForm, FromFormField, Strict, ValueField};
use rocket::http::{ContentType, RawStr, Status};
use rocket::request::Request;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use vestibule_domain::EventKind;

use crate::csrf;
use crate::guard::site;
use crate::request::Witness;

/// A form that one of our own pages sent.
///
/// Reading a body any other way skips the cross-site checks, so no handler does. In this order: Fetch Metadata, or where
/// a browser sends none, `Origin`; the content type; the size; UTF-8 and no field twice; the token; the fields of `F`,
/// no more. `F` has a field `csrf`, or no form would fit it.
///
/// A client that sends neither header is no browser that could be led astray, and has to know the token all the same.
///
/// Source: OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers", with its required fall-back to `Origin`.
pub(crate) struct OwnForm<F>(pub F);

/// What fits: a password of 1024 bytes, each of them percent-encoded, twice over and to spare.
const LIMIT_KIB: u64 = 16;

#[rocket::async_trait]
impl<'r, F> FromData<'r> for OwnForm<F>
where
    F: for<'a> FromForm<'a> + Send + 'static,
{
    type Error = ();

    async fn from_data(req: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(req, data).await {
            Ok(form) => Outcome::Success(Self(form)),
            Err(Odd { status, why }) => {
                let kind = match status {
                    Status::Forbidden => EventKind::ForeignForm,
                    _ => EventKind::OddRequest,
                };
                Witness::of(req).note(kind, None, why);
                Outcome::Error((status, ()))
            }
        }
    }
}

/// Why a form is refused, for the visitor and for an operator.
struct Odd {
    status: Status,
    why: &'static str,
}

impl Odd {
    fn new(status: Status, why: &'static str) -> Self {
        Self { status, why }
    }
}

async fn read<F>(req: &Request<'_>, data: Data<'_>) -> Result<F, Odd>
where
    F: for<'a> FromForm<'a> + 'static,
{
    if !is_own(req) {
        return Err(Odd::new(Status::Forbidden, "another site sent it"));
    }
    if req.content_type() != Some(&ContentType::Form) {
        let why = "its content type is not a form's";
        return Err(Odd::new(Status::UnsupportedMediaType, why));
    }
    let body = data
        .open(LIMIT_KIB.kibibytes())
        .into_bytes()
        .await
        .map_err(|_| Odd::new(Status::BadRequest, "it broke off"))?;
    if !body.is_complete() {
        return Err(Odd::new(Status::PayloadTooLarge, "it is too large"));
    }
    let body = Zeroizing::new(body.into_inner());
    let unreadable = |why| Odd::new(Status::UnprocessableEntity, why);
    let body = std::str::from_utf8(&body).map_err(|_| unreadable("it is not UTF-8"))?;

    csrf::check(req, &token(body)?).map_err(|status| Odd::new(status, "its token is wrong"))?;
    Form::<Strict<F>>::parse_encoded(RawStr::new(body))
        .map(Strict::into_inner)
        .map_err(|_| unreadable("a field is missing, or unknown"))
}

fn is_own(req: &Request<'_>) -> bool {
    let headers = req.headers();
    match (headers.get_one("Sec-Fetch-Site"), headers.get_one("Origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => site(req).is_origin(origin),
        (None, None) => true,
    }
}

/// The field `csrf`. Rocket's own parser replaces what is not UTF-8, takes `username[x]` for `username`, and overlooks a
/// second optional field and a `_method`; all are refused here.
fn token(body: &str) -> Result<String, Odd> {
    let mut names = HashSet::new();
    let mut token = None;
    for field in body.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let decode = |raw| {
            RawStr::new(raw)
                .url_decode()
                .map_err(|_| Odd::new(Status::UnprocessableEntity, "a field is not UTF-8"))
        };
        let (name, value) = (decode(name)?, decode(value)?);
        if name == "csrf" {
            token = Some(value.into_owned());
        }
        let odd = name == "_method" || name.contains(['.', ':', '[', ']']);
        if odd || !names.insert(name.into_owned()) {
            let why = "a field is odd, or there twice";
            return Err(Odd::new(Status::UnprocessableEntity, why));
        }
    }
    token.ok_or(Odd::new(Status::Forbidden, "it has no token"))
}

/// A field that is never printed and never sent back.
pub(crate) struct SecretField(SecretString);

impl SecretField {
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl<'v> FromFormField<'v> for SecretField {
    fn from_value(field: ValueField<'v>) -> rocket::form::Result<'v, Self> {
        Ok(Self(field.value.into()))
    }
}

#[cfg(test)]
mod fuzz;
