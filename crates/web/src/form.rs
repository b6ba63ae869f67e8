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
            Err(status) => {
                note(req, status);
                Outcome::Error((status, ()))
            }
        }
    }
}

/// Notes why a form was refused. What was in it stays out of it.
fn note(req: &Request<'_>, status: Status) {
    let (kind, reason) = match status.code {
        403 => (EventKind::ForeignForm, "not from one of our pages"),
        413 => (EventKind::OddRequest, "too large"),
        415 => (EventKind::OddRequest, "not a form"),
        422 => (
            EventKind::OddRequest,
            "not UTF-8, or not the fields of the page",
        ),
        _ => (EventKind::OddRequest, "broken off"),
    };
    Witness::of(req).note(kind, None, reason);
}

async fn read<F>(req: &Request<'_>, data: Data<'_>) -> Result<F, Status>
where
    F: for<'a> FromForm<'a> + 'static,
{
    if !is_own(req) {
        return Err(Status::Forbidden);
    }
    if req.content_type() != Some(&ContentType::Form) {
        return Err(Status::UnsupportedMediaType);
    }
    let body = data
        .open(LIMIT_KIB.kibibytes())
        .into_bytes()
        .await
        .map_err(|_| Status::BadRequest)?;
    if !body.is_complete() {
        return Err(Status::PayloadTooLarge);
    }
    let body = Zeroizing::new(body.into_inner());
    let body = std::str::from_utf8(&body).map_err(|_| Status::UnprocessableEntity)?;

    csrf::check(req, &token(body)?)?;
    Form::<Strict<F>>::parse_encoded(RawStr::new(body))
        .map(Strict::into_inner)
        .map_err(|_| Status::UnprocessableEntity)
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
fn token(body: &str) -> Result<String, Status> {
    let mut names = HashSet::new();
    let mut token = None;
    for field in body.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let decode = |raw| {
            RawStr::new(raw)
                .url_decode()
                .map_err(|_| Status::UnprocessableEntity)
        };
        let (name, value) = (decode(name)?, decode(value)?);
        if name == "csrf" {
            token = Some(value.into_owned());
        }
        let odd = name == "_method" || name.contains(['.', ':', '[', ']']);
        if odd || !names.insert(name.into_owned()) {
            return Err(Status::UnprocessableEntity);
        }
    }
    token.ok_or(Status::Forbidden)
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
