use super::*;
use proptest::prelude::*;

const PIECES: [&str; 34] = [
    "csrf",
    "username",
    "password",
    "next",
    "remember",
    "=",
    "&",
    "&&",
    "csrf=",
    "&csrf=x",
    "_method",
    "_method=put",
    "%5fmethod",
    "%63srf",
    "%",
    "%4",
    "%zz",
    "%00",
    "%ff",
    "%c3%28",
    "%26",
    "%3d",
    "+",
    ".",
    "[",
    "]",
    ":",
    "[0]",
    "é",
    "\0",
    ";",
    "x",
    "a=b",
    "csrf=token",
];

proptest! {
    /// Against the parser of the standard that browsers write forms by.
    #[test]
    fn fuzz_forms(body in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12)
        .prop_map(|pieces| pieces.concat()))
    {
        let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        match token(&body) {
            Ok(token) => {
                let tokens: Vec<_> = fields.iter().filter(|(name, _)| name == "csrf").collect();
                prop_assert_eq!(tokens.len(), 1, "{}", body);
                prop_assert_eq!(&tokens[0].1, &token, "{}", body);
                let names: HashSet<_> = fields.iter().map(|(name, _)| name).collect();
                prop_assert_eq!(names.len(), fields.len(), "no field twice: {}", body);
                for name in names {
                    prop_assert!(name != "_method" && !name.contains(['.', ':', '[', ']']), "{}", body);
                }
            }
            Err(odd) => prop_assert!(matches!(odd.status.code, 403 | 422)),
        }
    }
}
