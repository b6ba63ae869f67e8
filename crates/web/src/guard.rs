use std::sync::Arc;

use rocket::catch;
use rocket::http::{CookieJar, Method, Status};
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::Redirect;
use rocket::uri;
use vestibule_domain::ports::Users;
use vestibule_domain::{
    Browser, NewSession, Outage, Resume, Session, SessionId, SessionToken, User,
};

use crate::Site;
use crate::agent::agent;
use crate::client;
use crate::cookie;
use crate::device;
use crate::next::Next;
use crate::refusal::{Refusal, report};
use crate::request::{Witness, request_id};

/// The managed [`Site`].
pub(crate) fn site<'r>(req: &'r Request<'_>) -> &'r Site {
    req.rocket()
        .state()
        .unwrap_or_else(|| unreachable!("the site is managed before anything is served"))
}

/// Whoever holds a live session. A route that takes this argument is a route for signed-in people; there is no second
/// list of protected paths.
pub(crate) struct SignedIn(pub Session);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignedIn {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        match try_outcome!(req.guard::<Visitor>().await).session {
            Some(session) => Outcome::Success(Self(session)),
            None => Outcome::Forward(Status::Unauthorized),
        }
    }
}

impl SignedIn {
    /// Whose session it is. An account that went while its session was live is nobody's.
    pub(crate) async fn user(&self, users: &Arc<dyn Users>) -> Result<User, Refusal> {
        let user = users.find(self.0.user).await?;
        user.ok_or(Refusal::Page(Status::Unauthorized))
    }
}

/// Whoever holds a live session that started, with their password, not long ago. A route that takes this argument is one
/// for what a stranger at a screen that was left open must not do.
///
/// Source: OWASP ASVS 5.0 requirements 7.5.1 and 7.5.2.
pub(crate) struct Recent {
    pub session: Session,
    pub id: SessionId,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Recent {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        let SignedIn(session) = try_outcome!(req.guard::<SignedIn>().await);
        let (Some(token), Some(resume)) = (token(req), req.rocket().state::<Resume>()) else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        if !resume.limits.is_recent(&session, resume.clock.now()) {
            return Outcome::Error((Status::PreconditionRequired, ()));
        }
        Outcome::Success(Self {
            session,
            id: token.id(),
        })
    }
}

/// Anybody, and their session where they have a live one. When the store cannot say, nobody is taken for a stranger:
/// the answer is 503.
pub(crate) struct Visitor {
    pub session: Option<Session>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        match req.local_cache_async(session(req)).await {
            Ok(session) => Outcome::Success(Self {
                session: session.clone(),
            }),
            Err(status) => Outcome::Error((*status, ())),
        }
    }
}

async fn session(req: &Request<'_>) -> Result<Option<Session>, Status> {
    let resume = req
        .rocket()
        .state::<Resume>()
        .ok_or(Status::InternalServerError)?;
    resume
        .session(&browser(req))
        .await
        .map_err(|e| report(request_id(req), &e))
}

fn token(req: &Request<'_>) -> Option<SessionToken> {
    SessionToken::parse(cookie::value(req, site(req).session_cookie())?)
}

/// The browser that asks, as the acts want to know it.
pub(crate) struct Asking {
    browser: Browser,
    /// Who notes what it did.
    pub witness: Witness,
}

impl Asking {
    /// The browser, whose owner asks to be kept signed in or not.
    pub(crate) fn browser(&self, remember: bool) -> Browser {
        Browser {
            remember,
            ..self.browser.clone()
        }
    }

    /// What a sign-in leaves in the browser: the session, that the account knows it, and no more a stranger's cookie.
    pub(crate) fn welcome(
        &self,
        site: &Site,
        jar: &CookieJar<'_>,
        new: &NewSession,
    ) -> Result<(), Outage> {
        device::remember(site, jar, &self.browser.devices, new)?;
        site.add(jar, site.session_cookie(), new.token.expose(), new.keep);
        site.remove(jar, site.visitor_cookie());
        Ok(())
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Asking {
    type Error = ();

    async fn from_request(req: &'r Request<'_>) -> Outcome<Self, ()> {
        // It is read where it is kept, not with each request.
        let browser = Browser {
            agent: agent(req),
            devices: device::of(req),
            ..browser(req)
        };
        Outcome::Success(Self {
            browser,
            witness: Witness::of(req),
        })
    }
}

fn browser(req: &Request<'_>) -> Browser {
    Browser {
        address: client::address(req),
        session: token(req),
        request: request_id(req),
        ..Browser::default()
    }
}

/// What every [`SignedIn`] route answers to everyone else: the login page, and from there back to where they wanted to
/// be. A session cookie that is worth nothing is taken away.
#[catch(401)]
pub(crate) fn sign_in_first(req: &Request<'_>) -> Redirect {
    let site = site(req);
    site.remove(req.cookies(), site.session_cookie());
    let next = (req.method() == Method::Get)
        .then(|| Next::parse(&req.uri().to_string()))
        .flatten();
    Redirect::to(uri!(crate::login::get(
        next = next.as_ref().map(Next::as_str)
    )))
}
