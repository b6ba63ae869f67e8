use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use vestibule_domain::Secret;

use crate::cookie;
use crate::guard::site;
use crate::refusal::report;
use crate::request::request_id;

/// The token for the forms on this page: the HMAC of what binds the browser to us, its session, or before sign-in a
/// random visitor cookie, which this guard hands out where it is missing.
///
/// Source: NIST SP 800-63B-4 section 5.1, a session-bound value in the content of each POST; OWASP CSRF Prevention Cheat
/// Sheet, "HMAC-based token".
pub(crate) struct Csrf(pub String);

const PURPOSE: &str = "vestibule form";

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Csrf {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        let site = site(req);
        if let Some(binding) = binding(req) {
            return Outcome::Success(Self(site.keys.sign(PURPOSE, &binding)));
        }
        // As unguessable as a session's, and nothing else.
        match Secret::random() {
            Ok(random) => {
                let value = random.expose();
                let binding = format!("{}={value}", site.visitor_cookie());
                let token = site.keys.sign(PURPOSE, &binding);
                site.add(req.cookies(), site.visitor_cookie(), value, None);
                Outcome::Success(Self(token))
            }
            Err(outage) => Outcome::Error((report(request_id(req), &outage), ())),
        }
    }
}

/// Whether a form of this browser carries the token that its page had.
///
/// # Errors
/// 403 when it does not.
pub(crate) fn check(req: &Request<'_>, token: &str) -> Result<(), Status> {
    let keys = &site(req).keys;
    let genuine = binding(req).is_some_and(|binding| keys.is_signed(PURPOSE, &binding, token));
    genuine.then_some(()).ok_or(Status::Forbidden)
}

/// The name says which cookie it is, so that a value in one never passes for the other.
fn binding(req: &Request<'_>) -> Option<String> {
    let site = site(req);
    [site.session_cookie(), site.visitor_cookie()]
        .into_iter()
        .find_map(|name| cookie::value(req, name).map(|value| format!("{name}={value}")))
}
