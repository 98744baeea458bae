//! I3: no partial resync over a broken history.
//!
//! Keeps the family tree of all histories, and looks whether what a replica was allowed to continue is a beginning of
//! what its master has. I2 follows from it together with I1.

use std::collections::{BTreeMap, BTreeSet};

use repliscope::replication::ReplId;

use super::Verdicts;

#[derive(Debug)]
pub struct Forks {
    verdicts: Verdicts,
    /// From which history each one went on, and where.
    parents: BTreeMap<ReplId, (ReplId, u64)>,
    /// Histories that continue none.
    fresh: BTreeSet<ReplId>,
}

impl Forks {
    pub fn new(verdicts: &Verdicts, _: usize) -> Self {
        Self { verdicts: verdicts.clone(), parents: BTreeMap::new(), fresh: BTreeSet::new() }
    }

    /// `id` goes on from `parent` behind `offset`.
    pub fn forked(&mut self, id: ReplId, parent: ReplId, offset: u64) {
        if self.parents.insert(id, (parent, offset)).is_some() || id == parent {
            self.verdicts.fail("I3", &format!("{id:?} is the name of two histories"));
        }
    }

    /// A node goes on under a name that nobody may continue under an older one.
    pub fn left(&mut self, _: usize, id: ReplId) {
        self.fresh.insert(id);
    }

    /// A replica was told `+CONTINUE`.
    pub fn continued(&self, node: usize, asked: Option<(ReplId, u64)>, replid: ReplId) {
        let Some((held, from)) = asked else {
            return self.verdicts.fail("I3", &format!("n{node} continues nothing"));
        };
        let mut at = replid;
        let mut shared = u64::MAX;
        while at != held {
            let Some((parent, offset)) = self.parents.get(&at) else {
                let text =
                    format!("n{node} held {held:?} and continues {replid:?}, which does not come from it");
                return self.verdicts.fail("I3", &text);
            };
            shared = shared.min(*offset);
            at = *parent;
        }
        if from.saturating_sub(1) > shared {
            let text = format!("n{node} continues from {from}, but the histories part at {shared}");
            self.verdicts.fail("I3", &text);
        }
    }
}
