//! Redis, watched by sentinels.

use super::redis::Redis;
use super::{Fault, until};

/// A primary, its replica, and three sentinels who agree on which is which.
pub(crate) struct Sentinel {
    nodes: [Redis; 2],
    sentinels: Vec<Redis>,
}

impl Sentinel {
    const NAME: &str = "mymaster";

    pub(crate) fn new() -> Self {
        let quick = ["--repl-diskless-sync-delay", "0"].map(str::to_owned);
        let primary = Redis::node(|_| quick.to_vec());
        let port = primary.port;
        let replica = Redis::node(|_| {
            let port = port.to_string();
            let of = ["--replicaof", "127.0.0.1", &port].map(str::to_owned);
            [&quick[..], &of[..]].concat()
        });
        let name = Self::NAME;
        let settings = format!(
            "sentinel monitor {name} 127.0.0.1 {port} 2\n\
             sentinel down-after-milliseconds {name} 1000\n\
             sentinel failover-timeout {name} 3000\n"
        );
        let new = Self {
            nodes: [primary, replica],
            sentinels: (0..3).map(|_| Redis::sentinel(&settings)).collect(),
        };
        new.settle();
        new
    }

    /// As Vestibule's `sessions.url` wants it.
    pub(crate) fn url(&self) -> String {
        let addresses = self
            .sentinels
            .iter()
            .map(|s| format!("127.0.0.1:{}", s.port));
        let addresses = addresses.collect::<Vec<_>>().join(",");
        format!("redis+sentinel://{addresses}/{}", Self::NAME)
    }

    /// Waits until all are there, agree, and the replica has what the primary has.
    pub(crate) fn settle(&self) {
        until("sentinels that agree", || {
            let complete = |sentinel: &Redis| {
                let said = sentinel.says(&["INFO", "sentinel"], "master0");
                said.is_some_and(|said| {
                    said.ends_with("slaves=1,sentinels=3") && said.contains("status=ok")
                })
            };
            let at = self.announced();
            let Some(replica) = self.nodes.iter().find(|node| !node.is_primary()) else {
                return false;
            };
            self.sentinels.iter().all(complete)
                && at.is_some_and(|at| self.nodes[at].is_primary())
                && replica.follows()
                && self.nodes[0].offset() == self.nodes[1].offset()
        });
    }

    /// The primary, when all sentinels name the same one.
    pub(crate) fn announced(&self) -> Option<usize> {
        let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::NAME];
        let mut named = self.sentinels.iter().map(|s| s.ask(&ask).ok());
        let first = named.next()??;
        let port: u16 = first.lines().nth(1)?.parse().ok()?;
        if !named.all(|other| other.as_ref() == Some(&first)) {
            return None;
        }
        self.nodes.iter().position(|node| node.port == port)
    }

    /// Waits until all sentinels name `node`, and it is what they say.
    pub(crate) fn until_primary_is(&self, node: usize) {
        until("a new primary is announced", || {
            self.announced() == Some(node) && self.nodes[node].is_primary()
        });
    }

    /// As an operator does it, with nothing broken.
    pub(crate) fn fail_over(&self) {
        until("a sentinel agrees to fail over", || {
            self.sentinels[0]
                .ask(&["SENTINEL", "FAILOVER", Self::NAME])
                .is_ok()
        });
    }

    pub(crate) fn suffer(&mut self, node: usize, fault: Fault) {
        self.nodes[node].suffer(fault);
    }

    pub(crate) fn recover(&mut self, node: usize, fault: Fault) {
        self.nodes[node].recover(fault);
    }
}
