//! Keys with an expiry that clients made on a writable replica: no master will ever delete them, so the replica does.
//!
//! Redis' `slaveKeysWithExpire`. Keys that came from the master are not its business.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::node::node::Node;

/// Keys looked at in one turn.
const PER_TURN: usize = 500;

/// The keys, each with its database.
#[derive(Debug, Default)]
pub(in crate::node) struct OwnExpires {
    keys: BTreeSet<(usize, Vec<u8>)>,
    /// The last one that was looked at.
    cursor: Option<(usize, Vec<u8>)>,
}

impl OwnExpires {
    /// `slave_expires_tracked_keys`
    pub(in crate::node) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Forgets them all: with the data set that they were in, or because this node deletes whatever expires.
    pub(in crate::node) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next ones in turn.
    fn next_turn(&mut self) -> Vec<(usize, Vec<u8>)> {
        let from = self.cursor.take().map_or(Bound::Unbounded, Bound::Excluded);
        let turn: Vec<_> = self.keys.range((from, Bound::Unbounded)).take(PER_TURN).cloned().collect();
        if turn.len() == PER_TURN {
            self.cursor = turn.last().cloned();
        }
        turn
    }
}

impl Node {
    /// Whether clients may write here although a master sends the data.
    pub(in crate::node) fn is_writable_replica(&self) -> bool {
        self.replication.upstream.is_some() && !self.config.replica_read_only
    }

    /// Notes which of the keys that a client has just changed have an expiry.
    pub(in crate::node) fn note_own_expires(&mut self) {
        for (db, key) in self.data.effects.changed_keys() {
            let keyspace = self.data.store.db(db);
            if keyspace.get(keyspace.hash(key), key).is_some_and(|entry| entry.expire().is_some()) {
                self.data.own_expires.keys.insert((db, key.to_vec()));
            }
        }
    }

    /// Deletes those whose time has come, and forgets those that are gone or stay for ever.
    pub(super) fn expire_own(&mut self) {
        let now = self.clock.millis();
        for (db, key) in self.data.own_expires.next_turn() {
            let keyspace = self.data.store.db(db);
            let expire = keyspace.get(keyspace.hash(&key), &key).and_then(|entry| entry.expire());
            if expire.is_some_and(|at| at > now) {
                continue;
            }
            if expire.is_some() {
                self.delete_due(db, std::slice::from_ref(&key));
            }
            self.data.own_expires.keys.remove(&(db, key));
        }
    }
}
