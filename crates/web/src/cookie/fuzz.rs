use proptest::prelude::*;
use rocket::http::Header;
use rocket::local::blocking::Client;

use super::value;

const NAME: &str = "__Host-session";

const PIECES: [&str; 28] = [
    "__Host-session",
    "__Host-session=",
    "__host-session=",
    "__%48ost-session=",
    "__Host-session =",
    "=",
    ";",
    "; ",
    ",",
    " ",
    "\t",
    "\"",
    "\\",
    "%00",
    "\0",
    "\u{a0}",
    "\u{2000}",
    "\u{feff}",
    "a",
    "x=y",
    "x=__Host-session=z",
    "=__Host-session=z",
    "$Version=1",
    "%3d",
    "%3b",
    "é",
    "-",
    "__Host-session=one",
];

thread_local! {
    static CLIENT: &'static Client = {
        let figment = rocket::Config::figment().merge(("log_level", "off"));
        Box::leak(Box::new(Client::untracked(rocket::custom(figment)).unwrap()))
    };
}

proptest! {
    #[test]
    fn fuzz_cookies(lines in proptest::collection::vec(
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..10).prop_map(|pieces| pieces.concat()),
        0..3,
    )) {
        let mut request = CLIENT.with(|client| client.get("/"));
        for line in &lines {
            request.add_header(Header::new("Cookie", line.clone()));
        }
        let found = value(request.inner(), NAME);
        // In other words: of all that stands between semicolons, what begins with exactly this name and `=`.
        let ours: Vec<&str> = lines
            .iter()
            .flat_map(|line| line.split(';'))
            .map(|pair| pair.trim_start_matches([' ', '\t']).trim_end_matches([' ', '\t']))
            .filter_map(|pair| pair.strip_prefix("__Host-session="))
            .collect();
        let only = if let [one] = ours[..] { Some(one) } else { None };
        prop_assert_eq!(found, only);
    }
}
