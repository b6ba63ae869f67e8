use super::*;
use proptest::prelude::*;
use redis::ConnectionAddr;

const PIECES: [&str; 36] = [
    "redis://",
    "rediss://",
    "redis+cluster://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis:",
    "unix://",
    "http://",
    "://",
    "+",
    "@",
    ":",
    "/",
    "//",
    "?",
    "#",
    ",",
    ",,",
    "a",
    "localhost",
    "[::1]",
    "::1",
    "7000",
    "65536",
    "0",
    "-1",
    "mymaster",
    "/2",
    "sentinel_password=x",
    "sentinel_username=u",
    "&",
    "%40",
    "%00",
    "é",
    " ",
    "\0",
];

fn is_whole(info: &ConnectionInfo) -> bool {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            !host.is_empty() && !host.contains([',', '@', '/', '?']) && *port > 0
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn fuzz_redis_addresses(text in prop_oneof![
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat()),
        (proptest::sample::select(&PIECES[..5]), proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..10))
            .prop_map(|(scheme, pieces)| format!("{scheme}{}", pieces.concat())),
    ]) {
        let tls = text.starts_with("rediss");
        let secure = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { .. }) == tls;
        let fine = |info: &ConnectionInfo| is_whole(info) && secure(info);
        match Address::parse(&text, Duration::from_secs(1)) {
            Ok(Address::Server(server)) => prop_assert!(fine(&server), "{text:?}"),
            Ok(Address::Cluster(nodes)) => {
                prop_assert!(!nodes.is_empty() && nodes.iter().all(fine), "{text:?}");
            }
            Ok(Address::Sentinel { sentinels, primary, server }) => {
                prop_assert!(!sentinels.is_empty() && sentinels.iter().all(fine), "{text:?}");
                prop_assert!(!primary.is_empty() && fine(&server), "{text:?}");
            }
            Err(NotAnAddress) => {}
        }
    }
}
