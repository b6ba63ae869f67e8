use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use secrecy::ExposeSecret;
use sha2::Sha256;
use vestibule_domain::Secret;

use crate::Site;
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

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Csrf {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        let site = site(req);
        if let Some(binding) = binding(req) {
            return Outcome::Success(Self(sign(site, &binding)));
        }
        // As unguessable as a session's, and nothing else.
        match Secret::random() {
            Ok(random) => {
                let value = random.expose();
                let token = sign(site, &format!("{}={value}", site.visitor_cookie()));
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
    let genuine = binding(req).is_some_and(|binding| {
        URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|tag| mac(site(req), &binding).verify_slice(&tag).is_ok())
    });
    genuine.then_some(()).ok_or(Status::Forbidden)
}

/// The name says which cookie it is, so that a value in one never passes for the other.
fn binding(req: &Request<'_>) -> Option<String> {
    let site = site(req);
    [site.session_cookie(), site.visitor_cookie()]
        .into_iter()
        .find_map(|name| cookie::value(req, name).map(|value| format!("{name}={value}")))
}

fn sign(site: &Site, binding: &str) -> String {
    URL_SAFE_NO_PAD.encode(mac(site, binding).finalize().into_bytes())
}

fn mac(site: &Site, binding: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(site.key.expose_secret().as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    // The purpose, so that no other use of the key makes the same tag.
    mac.update(b"vestibule form\0");
    mac.update(binding.as_bytes());
    mac
}
