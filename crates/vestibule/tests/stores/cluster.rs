//! A Redis Cluster.

use super::process::{program, run};
use super::redis::Redis;
use super::{Fault, until};

/// Three primaries, and a replica of each.
pub(crate) struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// After this long without a sign of life a node is taken for dead; half of it and a vote later its replica is what
    /// it was.
    const NODE_TIMEOUT_MS: &str = "1000";

    /// A new one, complete and in order.
    pub(crate) fn new() -> Self {
        let node = |port: u16| {
            let bus = (port + 10_000).to_string();
            let arguments = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                Self::NODE_TIMEOUT_MS,
                // The slots of a lost primary are no reason to refuse the others.
                "--cluster-require-full-coverage",
                "no",
                "--repl-diskless-sync-delay",
                "0",
            ];
            arguments.map(str::to_owned).to_vec()
        };
        let nodes: Vec<_> = (0..6).map(|_| Redis::node(node)).collect();
        let addresses = nodes.iter().map(address);
        run(program("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"]));
        let new = Self { nodes };
        new.settle();
        new
    }

    /// As Vestibule's `sessions.url` wants it: some of the nodes, which know the others.
    pub(crate) fn url(&self) -> String {
        let some: Vec<_> = self.nodes.iter().take(3).map(address).collect();
        format!("redis+cluster://{}", some.join(","))
    }

    /// Waits until all nodes are there, agree, and have what their primaries have.
    pub(crate) fn settle(&self) {
        until("a cluster in order", || {
            let says = |node: &Redis, key, value| {
                let said = node.says(&["CLUSTER", "INFO"], key);
                said.is_some_and(|said| said == value)
            };
            let (primaries, replicas) = self.roles();
            primaries.len() == 3
                && replicas.len() == 3
                && replicas.iter().all(|&at| self.nodes[at].follows())
                && self.nodes.iter().all(|node| {
                    says(node, "cluster_state", "ok") && says(node, "cluster_known_nodes", "6")
                })
                && primaries.iter().all(|&at| {
                    let said = self.nodes[at].says(&["INFO", "replication"], "connected_slaves");
                    said.is_some_and(|said| said == "1")
                })
                && self.is_replicated(&primaries, &replicas)
        });
    }

    /// A replica's primary is named by its port.
    fn is_replicated(&self, primaries: &[usize], replicas: &[usize]) -> bool {
        primaries.iter().all(|&at| {
            let primary = &self.nodes[at];
            let port = primary.port.to_string();
            let mut replicas = replicas.iter().map(|&at| &self.nodes[at]);
            let replica = replicas.find(|replica| {
                let of = replica.says(&["INFO", "replication"], "master_port");
                of.as_ref() == Some(&port)
            });
            replica.is_some_and(|replica| replica.offset() == primary.offset())
        })
    }

    /// The nodes that answer.
    fn roles(&self) -> (Vec<usize>, Vec<usize>) {
        let answering = (0..self.nodes.len()).filter(|&at| self.nodes[at].ask(&["PING"]).is_ok());
        answering.partition(|&at| self.nodes[at].is_primary())
    }

    /// Which nodes hold slots of their own now.
    pub(crate) fn primaries(&self) -> Vec<usize> {
        self.roles().0
    }

    /// How many keys this node has.
    pub(crate) fn keys(&self, node: usize) -> usize {
        self.nodes[node].ask(&["DBSIZE"]).unwrap().parse().unwrap()
    }

    pub(crate) fn suffer(&mut self, node: usize, fault: Fault) {
        self.nodes[node].suffer(fault);
    }

    pub(crate) fn recover(&mut self, node: usize, fault: Fault) {
        self.nodes[node].recover(fault);
    }
}

fn address(node: &Redis) -> String {
    format!("127.0.0.1:{}", node.port)
}
