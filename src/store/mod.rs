//! The data set: values, keyspaces, expiry, memory estimate, digest and the point-in-time snapshot.
//!
//! Must not know clients, sockets or clocks: the time is an argument. The files:
//!
//! | file | owns |
//! |---|---|
//! | `value` | what a key can hold |
//! | `list`, `set`, `hash`, `zset`, `stream` | one type of collection each |
//! | `listpack` | small elements in one allocation, in Redis' own format |
//! | `intset` | a sorted array of integers, in Redis' own format |
//! | `dict` | a hash table in pieces that snapshots share |
//! | `key` | a name with its hash |
//! | `record` | one key with its value in one allocation |
//! | `segment` | a small table of records, the unit of copy-on-write |
//! | `keyspace` | one database: a directory of segments that split as they grow |
//! | `edit` | changes to a collection in place, with its memory counted |
//! | `library` | libraries of functions, kept as text |
//! | `scan` | walks: SCAN, random key, due keys |
//! | `snapshot` | a cut through all databases at one instant |
//! | `digest` | Redis' DEBUG DIGEST |
//! | `memory` | what an allocation costs |

mod dict;
mod digest;
mod edit;
mod hash;
mod intset;
mod key;
mod keyspace;
mod library;
mod list;
mod listpack;
mod memory;
mod record;
mod scan;
mod segment;
mod set;
mod snapshot;
pub mod stream;
#[cfg(test)]
mod tests;
mod value;
mod zset;

pub use dict::{Dict, Keyed};
pub use digest::{Digest, dataset_digest, value_digest};
pub use edit::{Edit, StringEdit};
pub use hash::Hash;
pub use intset::Intset;
pub use keyspace::{KeyHash, Keyspace, Ttl};
pub use library::{Libraries, Library, LibraryError};
pub use list::{End, List, Side};
pub use listpack::{Item, Listpack};
pub use memory::allocated;
pub use record::Millis;
pub use segment::{EntryRef, Segment};
pub use set::Set;
pub use snapshot::{SnapshotPart, SnapshotReader};
pub use stream::Stream;
pub use value::{BIG_STRING, Collection, Encodings, Entry, Object, StringEncoding, Value, ValueRef};
pub use zset::{
    Direction, LexBound, LexRange, ScoreBound, ScoreRange, ScoreText, Stored, Walk, Zset, parse_bound,
    parse_score,
};

/// All databases of one node.
#[derive(Debug)]
pub struct Store {
    dbs: Vec<Keyspace>,
    /// Libraries of functions, of no database.
    pub libraries: Libraries,
    snapshot: snapshot::Epochs,
}

impl Store {
    /// An empty data set of `databases` databases; `seed` decides the order of keys.
    pub fn new(databases: usize, seed: u64) -> Self {
        let dbs = (0..databases).map(|db| Keyspace::new(seed.wrapping_add(db as u64))).collect();
        Self { dbs, libraries: Libraries::default(), snapshot: snapshot::Epochs::default() }
    }

    /// Number of databases (`databases` in redis.conf).
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// One database.
    ///
    /// Panics if `db` is not below [`Store::databases`]: SELECT has checked it.
    pub fn db(&self, db: usize) -> &Keyspace {
        &self.dbs[db]
    }

    /// One database, to change it.
    pub fn db_mut(&mut self, db: usize) -> &mut Keyspace {
        &mut self.dbs[db]
    }

    /// Exchanges two databases (SWAPDB). O(1), but for a snapshot still being captured.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.finish_capture();
        self.dbs.swap(a, b);
    }

    /// Empties one database and hands out what it held, so that a caller can free it elsewhere.
    pub fn flush(&mut self, db: usize) -> Keyspace {
        self.finish_capture();
        let empty = self.dbs[db].emptied();
        std::mem::replace(&mut self.dbs[db], empty)
    }

    /// Keys in all databases, expired ones that were not yet collected included.
    pub fn keys(&self) -> u64 {
        self.dbs.iter().map(|db| db.len() as u64).sum()
    }

    /// Estimate of the bytes that the data set takes.
    pub fn memory(&self) -> u64 {
        self.dbs.iter().map(Keyspace::memory).sum::<u64>() + self.libraries.memory()
    }
}
