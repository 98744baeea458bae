//! I12, I13, I14, I19: what was acknowledged with `appendfsync always` is there after a crash, and what is there is a
//! beginning of what was executed, up to a whole command or transaction.
//!
//! Keys with an expiry are left out: their end depends on when they are looked at.

use std::collections::VecDeque;

use super::Verdicts;
use crate::digest::{Keys, Words, in_words, of_store};
use crate::plan::Plan;
use crate::server::Server;

#[derive(Debug)]
pub struct Durable {
    verdicts: Verdicts,
    nodes: Vec<Option<Trail>>,
    /// Note every key of each state, so that it can be told what differs.
    pub details: bool,
    words: Vec<Vec<Words>>,
    pub recovered: u64,
}

/// States that a node may come back with, oldest first, each with the bytes of its file that lead to it.
#[derive(Debug, Default)]
struct Trail {
    states: VecDeque<(u64, u64)>,
}

impl Durable {
    pub fn new(verdicts: &Verdicts, plan: &Plan) -> Self {
        let nodes = plan.nodes.iter().map(|node| node.appendonly.map(|_| Trail::default())).collect();
        Self {
            verdicts: verdicts.clone(),
            nodes,
            details: false,
            words: vec![Vec::new(); plan.nodes.len()],
            recovered: 0,
        }
    }

    /// A node has executed a whole command or transaction.
    pub fn executed(&mut self, server: &Server) {
        let (Some(trail), Some(log)) = (&mut self.nodes[server.node()], &server.log) else { return };
        let bytes = log.written + log.writer.unwritten().len() as u64;
        if trail.states.back().is_none_or(|(last, _)| *last != bytes) {
            trail.states.push_back((bytes, of_store(&server.store, Keys::WithoutExpiry)));
            if self.details {
                self.words[server.node()].push(in_words(&server.store));
            }
        }
    }

    /// So many bytes of the file are on the disk: older states may not come back.
    pub fn synced(&mut self, node: usize, bytes: u64) {
        self.acknowledged(node, bytes);
    }

    /// Clients were told that all up to these bytes is safe.
    pub fn acknowledged(&mut self, node: usize, bytes: u64) {
        let Some(trail) = &mut self.nodes[node] else { return };
        while trail.states.get(1).is_some_and(|(next, _)| *next <= bytes) {
            trail.states.pop_front();
        }
    }

    /// All data are replaced, and a new file is about to begin: until it is there, the old one may be found.
    pub fn replacing(&mut self, server: &Server) {
        let Some(trail) = &mut self.nodes[server.node()] else { return };
        trail.states.push_back((u64::MAX, of_store(&server.store, Keys::WithoutExpiry)));
    }

    /// The new file is on the disk.
    pub fn replaced(&mut self, server: &Server) {
        let Some(trail) = &mut self.nodes[server.node()] else { return };
        *trail = Trail::default();
        trail.states.push_back((0, of_store(&server.store, Keys::WithoutExpiry)));
    }

    /// A node has loaded its files.
    pub fn started(&mut self, server: &Server) {
        let Some(trail) = &mut self.nodes[server.node()] else { return };
        let digest = of_store(&server.store, Keys::WithoutExpiry);
        if !trail.states.is_empty() {
            self.recovered += 1;
            if let Some(found) = trail.states.iter().rposition(|(_, state)| *state == digest) {
                trail.states.truncate(found);
            } else {
                let differs = closest(&self.words[server.node()], server);
                let text = format!("n{} comes back with data that it must not have {differs}", server.node());
                self.verdicts.fail("I12", &text);
            }
        }
        // What was read need not be on the disk: a process that was killed leaves it in the system's cache.
        trail.states.iter_mut().for_each(|(bytes, _)| *bytes = 0);
        trail.states.push_back((0, digest));
    }
}

/// How the data differ from those of the state that is most like them.
fn closest(states: &[Words], server: &Server) -> String {
    let now = in_words(&server.store);
    let lasting = |text: Option<&String>| text.filter(|text| text.contains("None")).cloned();
    let differs = |then: &Words| -> Vec<_> {
        let keys = now.keys().chain(then.keys());
        let both = keys.map(|key| (key.1.escape_ascii().to_string(), now.get(key), then.get(key)));
        let both = both.map(|(key, now, then)| (key, lasting(now), lasting(then)));
        both.filter(|(_, now, then)| now != then).collect()
    };
    let states = states.iter().map(differs);
    states.min_by_key(Vec::len).map_or_else(String::new, |differs| format!("{differs:?}"))
}
