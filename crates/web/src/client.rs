use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use rocket::request::Request;
use tracing::warn;

/// The proxies that are believed about whom they speak for.
#[derive(Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    /// Whether [`Proxies::notice`] has said its piece.
    said: AtomicBool,
}

/// What proxies say of a visitor, be they ours or not.
const FORWARDING: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

impl Proxies {
    /// Those in these networks, and no others.
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self {
            trusted,
            said: AtomicBool::new(false),
        }
    }

    /// Whether what `peer` says of a visitor's address is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(&peer))
    }

    /// Whose request it is that came from `peer` with these lines of `X-Forwarded-For`: from the right, the first address
    /// that is not a trusted proxy's. Each proxy appends whom it saw, and so vouches for one entry; what stands to the left
    /// of a stranger's is the stranger's own word. What is no address ends the search at the last one that is.
    ///
    /// The address of IPv4 in IPv6 is the one of IPv4.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        lines: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in lines.rev().flat_map(|line| line.rsplit(',')) {
            if !self.trusts(client) {
                break;
            }
            match address_in(hop) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }

    /// Looks at a request that came from `peer`, where `has` knows its headers. One that a proxy has passed on, although
    /// none is trusted, gets a line in the log: the first one, and no other.
    pub fn notice(&self, peer: IpAddr, has: impl Fn(&str) -> bool) {
        if !self.trusted.is_empty() || self.said.load(Ordering::Relaxed) || !is_private(peer) {
            return;
        }
        let Some(header) = FORWARDING.into_iter().find(|name| has(name)) else {
            return;
        };
        if !self.said.swap(true, Ordering::Relaxed) {
            let peer = peer.to_canonical();
            warn!(
                "{peer} sends the header {header}, as a proxy does, but server.trusted_proxies is unset: all of its \
                 visitors are taken for one, {peer}. If it is your proxy, set server.trusted_proxies = \"{peer}\", and let \
                 it send X-Forwarded-For"
            );
        }
    }
}

/// One entry of `X-Forwarded-For`; some proxies add the port.
fn address_in(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches([' ', '\t']);
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let address = bare.unwrap_or(hop).parse();
    let address = address.or_else(|_| hop.parse().map(|socket: std::net::SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether `peer` is in the same house: where proxies stand, and visitors rarely.
fn is_private(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_private() || peer.is_loopback(),
        IpAddr::V6(peer) => peer.is_unique_local() || peer.is_loopback(),
    }
}

/// Where the visitor is. `None` only where no connection is known, as in tests.
pub(crate) fn address(req: &Request<'_>) -> Option<IpAddr> {
    let peer = req.remote()?.ip();
    let lines: Vec<_> = req.headers().get(FORWARDING[0]).collect();
    Some(match req.rocket().state::<Proxies>() {
        Some(proxies) => proxies.client(peer, lines.into_iter()),
        None => peer.to_canonical(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies::new(trusted.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let proxies = proxies(trusted);
        let client = proxies.client(peer.parse().unwrap(), lines.iter().copied());
        client.to_string()
    }

    #[test]
    fn nobody_is_believed_unasked() {
        assert_eq!(client(&[], "10.0.0.1", &["9.9.9.9"]), "10.0.0.1");
        assert_eq!(
            client(&["10.0.0.0/8"], "11.0.0.1", &["9.9.9.9"]),
            "11.0.0.1"
        );
        assert_eq!(client(&[], "::ffff:10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn of_a_trusted_proxy_the_right_most_stranger_counts() {
        for (lines, expected) in [
            (vec![], "10.0.0.1"),
            (vec!["1.1.1.1, 2.2.2.2"], "2.2.2.2"),
            (vec!["1.1.1.1, 2.2.2.2, 10.9.9.9"], "2.2.2.2"),
            (vec!["1.1.1.1", "2.2.2.2"], "2.2.2.2"),
            (vec!["2.2.2.2", "10.9.9.9"], "2.2.2.2"),
            (vec!["2.2.2.2:4711"], "2.2.2.2"),
            (vec!["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
            (vec!["2001:db8::1"], "2001:db8::1"),
            (vec!["[2001:db8::1]"], "2001:db8::1"),
            (vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            (vec!["::ffff:2.2.2.2"], "2.2.2.2"),
            (vec!["\t2.2.2.2 "], "2.2.2.2"),
            (vec!["1.1.1.1, unknown"], "10.0.0.1"),
            (vec!["1.1.1.1, nonsense, 10.9.9.9"], "10.9.9.9"),
            (vec!["1.1.1.1,"], "10.0.0.1"),
            (vec!["2.2.2.2]", ""], "10.0.0.1"),
        ] {
            let trusted = ["10.0.0.0/8", "fd00::/8"];
            assert_eq!(client(&trusted, "10.0.0.1", &lines), expected, "{lines:?}");
            assert_eq!(client(&trusted, "::ffff:10.0.0.1", &lines), expected);
        }
        assert_eq!(client(&["fd00::/8"], "fd00::1", &["2.2.2.2"]), "2.2.2.2");
    }

    /// An entry of the header and what it means, if it means an address.
    fn hop() -> impl Strategy<Value = (String, Option<IpAddr>)> {
        let proxy = any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c]));
        let address = prop_oneof![proxy, any::<IpAddr>()];
        let written = (address, 0..4).prop_map(|(address, way)| {
            let text = match (way, address) {
                (0, IpAddr::V6(address)) => format!("[{address}]"),
                (1, _) => SocketAddr::new(address, 4711).to_string(),
                (2, IpAddr::V4(address)) => address.to_ipv6_mapped().to_string(),
                _ => address.to_string(),
            };
            (text, Some(address.to_canonical()))
        });
        let odd =
            proptest::sample::select(vec!["", "unknown", "_hidden", "1.2.3", "[::1", "9.9.9.9x"]);
        prop_oneof![6 => written, 1 => odd.prop_map(|text| (text.to_owned(), None))]
    }

    proptest! {
        #[test]
        fn fuzz_forwarded_headers(
            odd in proptest::collection::vec("\\PC*|[0-9a-f:.,\\[\\] ]*", 0..4),
            lines in proptest::collection::vec(proptest::collection::vec(hop(), 1..4), 0..4),
        ) {
            let proxies = proxies(&["10.0.0.0/8"]);
            let stranger: IpAddr = [9, 9, 9, 9].into();
            let peer: IpAddr = [10, 0, 0, 1].into();
            let odd = || odd.iter().map(String::as_str);
            prop_assert_eq!(proxies.client(stranger, odd()), stranger);
            let client = proxies.client(peer, odd());
            let mut entries = odd().flat_map(|line| line.split(','));
            prop_assert!(client == peer || entries.any(|entry| address_in(entry) == Some(client)));

            let texts: Vec<_> = lines
                .iter()
                .map(|line| line.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(", "))
                .collect();
            let texts = || texts.iter().map(String::as_str);
            prop_assert_eq!(proxies.client(stranger, texts()), stranger);
            let entries: Vec<_> = lines.concat().into_iter().rev().map(|(_, address)| address).collect();
            let is_proxy = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
            let (proxies_of_ours, rest) = entries.split_at(
                entries.iter().take_while(|entry| entry.is_some_and(is_proxy)).count(),
            );
            // The right-most stranger; where something odd stands in its place, the last proxy before.
            let stranger = rest.first().copied().flatten();
            let last = proxies_of_ours.last().copied().flatten();
            prop_assert_eq!(proxies.client(peer, texts()), stranger.or(last).unwrap_or(peer));
        }
    }
}
