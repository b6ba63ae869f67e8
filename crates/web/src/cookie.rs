use rocket::request::Request;

/// The value of the one cookie of exactly this name; `None` where there is none, or more than one.
///
/// Rocket's jar would decode names and trim them by Unicode's rules, and so takes cookies for ours that no browser holds
/// to the promises of `__Host-`: `__%48ost-session` can be set by any site next door.
pub(crate) fn value<'r>(req: &'r Request<'_>, name: &str) -> Option<&'r str> {
    let mut values = req
        .headers()
        .get("Cookie")
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod fuzz;
