//! Every route, every role, every method.

use super::attacker::Scene;
use crate::matrix::{PRETENCES, rows};

#[test]
fn a24_every_route_answers_every_role_and_method_as_the_matrix_says() {
    let scene = Scene::open();
    let (mut nobody, mut ada) = (scene.attacker(), scene.ada());
    for row in rows() {
        for (method, expected) in row.cells {
            // The library under Rocket wants another form of address for it.
            if method == "CONNECT" {
                continue;
            }
            let client = if row.role == "member" {
                &mut ada
            } else {
                &mut nobody
            };
            let mut client = client.clone();
            let path = row.path.as_bytes();
            let plain = client.send(method, path, &[], b"");
            assert_eq!(plain.status, expected, "{} {method} {}", row.role, row.path);
            let pretences = PRETENCES.map(|(name, value)| (name, value.as_bytes()));
            let pretending = client.send(method, path, &pretences, b"");
            assert_eq!(pretending.status, expected, "{method} {}", row.path);
            assert_eq!(
                pretending.location(),
                plain.location(),
                "{method} {}",
                row.path
            );
        }
        for unknown in ["FOO", "PROPFIND", "get", "DASHBOARD"] {
            let reply = nobody.send(unknown, row.path.as_bytes(), &[], b"");
            assert!(
                matches!(reply.status, 400 | 404 | 405 | 501),
                "{unknown} {}: {}",
                row.path,
                reply.status
            );
        }
    }
    assert!(ada.is_signed_in());
    scene.close();
}
