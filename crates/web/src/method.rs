use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Method;
use rocket::{Data, Request, async_trait};

/// Takes back the method that Rocket reads out of a form that begins with `_method`: what was a POST stays one, and
/// `OwnForm` refuses the field. To be attached.
pub struct MethodAsSent;

#[async_trait]
impl Fairing for MethodAsSent {
    fn info(&self) -> Info {
        Info {
            name: "The method as it was sent",
            kind: Kind::Request,
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        const FIELD: &[u8] = b"_method=";
        let is_form = request.content_type().is_some_and(|kind| kind.is_form());
        if is_form && data.peek(FIELD.len()).await.starts_with(FIELD) {
            request.set_method(Method::Post);
        }
    }
}
