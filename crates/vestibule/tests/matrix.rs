//! Who gets which answer from which route, kept in a file: every cell of `matrix.tsv` is asked.
//!
//! The requests are bare: no form, no header but the cookies. What each POST says to forms is told in `every_route`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rocket::http::{Header, Method};

use crate::app::{App, routes};

/// Route x role x method.
pub(crate) const MATRIX: &str = include_str!("matrix.tsv");

/// The headers by which somebody could pretend to be the proxy, another path or another method.
pub(crate) const PRETENCES: [(&str, &str); 12] = [
    ("X-Forwarded-User", "ada"),
    ("Remote-User", "ada"),
    ("X-Remote-User", "ada"),
    ("X-Authenticated-User", "ada"),
    (
        "Authorization",
        "Basic YWRhOm5pbmUgd2V0IHNwYXJyb3dzIGh1bQ==",
    ),
    ("X-Original-URL", "/dashboard"),
    ("X-Rewrite-URL", "/dashboard"),
    ("X-HTTP-Method-Override", "POST"),
    ("X-HTTP-Method", "DELETE"),
    ("X-Method-Override", "PUT"),
    ("X-Forwarded-Host", "evil.test"),
    ("X-Real-IP", "127.0.0.1"),
];

/// A row of the file: what one role gets at one path.
pub(crate) struct Row {
    pub(crate) path: &'static str,
    pub(crate) role: &'static str,
    /// Method and status.
    pub(crate) cells: Vec<(&'static str, u16)>,
}

pub(crate) fn rows() -> Vec<Row> {
    let mut lines = MATRIX
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().expect("a line with the methods");
    lines
        .map(|line| {
            assert_eq!(line.len(), head.len(), "{line:?}");
            let statuses = line[2..].iter().map(|status| status.parse().unwrap());
            Row {
                path: line[0],
                role: line[1],
                cells: head[2..].iter().copied().zip(statuses).collect(),
            }
        })
        .collect()
}

async fn compare(with: &[(&'static str, &'static str)]) {
    let app = App::new().await;
    let member = app.member("ada").await;
    let mut differences = String::new();
    for row in rows() {
        let visitor = match row.role {
            "nobody" => app.visitor(),
            "member" => member.clone(),
            odd => panic!("no such role: {odd}"),
        };
        for (method, expected) in row.cells {
            let method: Method = method.parse().unwrap();
            let mut request = app.client.req(method, row.path);
            for (name, value) in with {
                request.add_header(Header::new(*name, *value));
            }
            let status = visitor.clone().send(request).await.status.code;
            if status != expected {
                let (role, path) = (row.role, row.path);
                writeln!(
                    differences,
                    "{role} {method} {path}: {status}, not {expected}"
                )
                .unwrap();
            }
        }
    }
    assert!(differences.is_empty(), "{with:?}\n{differences}");
}

#[rocket::async_test]
async fn everybody_gets_from_every_route_what_the_matrix_says() {
    compare(&[]).await;
}

#[rocket::async_test]
async fn no_header_that_pretends_to_be_a_proxy_changes_an_answer() {
    for pretence in PRETENCES {
        compare(&[pretence]).await;
    }
}

#[rocket::async_test]
async fn the_matrix_has_every_mounted_route_for_every_role() {
    let app = App::new().await;
    let mut mounted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in routes(&app) {
        mounted.entry(path).or_default().insert(method.to_string());
    }
    let mut listed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows() {
        assert!(
            listed.entry(row.path).or_default().insert(row.role),
            "{} stands twice for {}",
            row.path,
            row.role
        );
    }
    for (path, roles) in &listed {
        assert_eq!(*roles, BTreeSet::from(["member", "nobody"]), "{path}");
    }
    for path in mounted.keys() {
        assert!(
            listed.contains_key(path.as_str()),
            "{path} is not in the matrix"
        );
    }
    // Whatever answers with something else than "no such page" is a route, and so has to be mounted under that name.
    for row in rows() {
        for (method, status) in row.cells {
            let asked = if method == "HEAD" { "GET" } else { method };
            let path = match row.path {
                "/" => "/",
                path => path.trim_end_matches('/'),
            };
            let is_mounted = mounted
                .get(path)
                .is_some_and(|methods| methods.contains(asked));
            assert_eq!(is_mounted, status != 404, "{method} {}", row.path);
        }
    }
}
