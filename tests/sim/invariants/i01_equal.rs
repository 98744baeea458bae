//! I1: equal history and offset mean equal data, on every node and at every moment.

use std::collections::BTreeMap;

use repliscope::replication::ReplId;

use super::Verdicts;
use crate::digest::{Keys, Words, in_words, of_store};
use crate::rng::mix;
use crate::server::Server;

/// One map for all nodes: history and offset to the figure of the data.
#[derive(Debug)]
pub struct Equal {
    verdicts: Verdicts,
    /// Of so many offsets one is looked at, the same ones on every node.
    one_in: u64,
    known: BTreeMap<(ReplId, u64), (u64, usize)>,
    /// How many times a second node was compared with a first one.
    pub compared: u64,
    /// Note every key, so that it can be told which one differs.
    pub details: bool,
    keys: BTreeMap<(ReplId, u64), Words>,
}

impl Equal {
    pub fn new(verdicts: &Verdicts, one_in: u64) -> Self {
        Self {
            verdicts: verdicts.clone(),
            one_in,
            known: BTreeMap::new(),
            compared: 0,
            details: false,
            keys: BTreeMap::new(),
        }
    }

    /// Looks at some offsets.
    pub fn look(&mut self, server: &Server) {
        if mix(server.history.offset()).is_multiple_of(self.one_in) {
            self.record(server);
        }
    }

    /// Looks at this one.
    pub fn record(&mut self, server: &Server) {
        let (replid, offset) = (server.history.replid(), server.history.offset());
        // A node without a backlog has a history that is nobody's: writes do not count in it.
        if server.backlog.is_none() {
            return;
        }
        let digest = of_store(&server.store, Keys::All);
        let (first, node) = *self.known.entry((replid, offset)).or_insert((digest, server.node()));
        self.compared += u64::from(node != server.node());
        let mut differs = Vec::new();
        if self.details {
            let now = in_words(&server.store);
            let then = self.keys.entry((replid, offset)).or_insert_with(|| now.clone());
            for key in then.keys().chain(now.keys()).filter(|key| then.get(*key) != now.get(*key)) {
                let name = key.1.escape_ascii();
                differs.push(format!("{name} of {}: {:?} and {:?}", key.0, now.get(key), then.get(key)));
            }
        }
        if first != digest {
            let text = format!(
                "n{} has other data than n{node} had at {}:{offset} {}",
                server.node(),
                replid.short(),
                differs.join(", ")
            );
            self.verdicts.fail("I1", &text);
        }
    }
}
