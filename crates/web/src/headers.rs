use rocket::fairing::AdHoc;
use rocket::http::Header;
use rocket::response::Response;

/// On every answer, error pages and static files too.
///
/// Source: OWASP Secure Headers Project, MDN HTTP Observatory. `Referrer-Policy` is `same-origin` where the strictest
/// value would be `no-referrer`, which makes browsers send our own forms with `Origin: null`. `X-Frame-Options` and
/// `nosniff` replace what Rocket's Shield sets.
const ALWAYS: [(&str, &str); 9] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'",
    ),
    (
        "Strict-Transport-Security",
        "max-age=63072000; includeSubDomains",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    (
        "Permissions-Policy",
        "camera=(), microphone=(), geolocation=(), payment=(), publickey-credentials-get=(self)",
    ),
    ("X-Frame-Options", "DENY"),
];

/// Sets the security headers, and `no-store` on all that does not say otherwise.
pub fn headers() -> AdHoc {
    AdHoc::on_response("Security headers", |_, answer| {
        Box::pin(async move { secure(answer) })
    })
}

/// What [`headers`] does, for the one answer that Rocket gives without asking any fairing: to a method that it does not
/// know.
pub(crate) fn secure(answer: &mut Response<'_>) {
    for (name, value) in ALWAYS {
        answer.set_header(Header::new(name, value));
    }
    if answer.headers().get_one("Cache-Control").is_none() {
        answer.set_header(Header::new("Cache-Control", "no-store"));
    }
}
