use rocket::response::Redirect;
use rocket::{get, uri};

use crate::guard::Visitor;

#[get("/")]
pub(crate) fn get(visitor: Visitor) -> Redirect {
    match visitor.session {
        Some(_) => Redirect::to(uri!(crate::dashboard::get)),
        None => Redirect::to(uri!(crate::login::get(next = None::<&str>))),
    }
}
