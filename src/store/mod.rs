//! The data set: values, keyspaces, expiry, memory estimate, digest and the point-in-time snapshot.
//!
//! Must not know clients, sockets or clocks: the time is an argument. The files:
//!
//! | file | owns |
//! |---|---|
//! | `value` | what a key can hold |
//! | `encodings` | when a collection is compact |
//! | `list`, `set`, `hash`, `zset`, `stream` | one type of collection each |
//! | `listpack` | small elements in one allocation, in Redis' own format |
//! | `intset` | a sorted array of integers, in Redis' own format |
//! | `dict` | a hash table in pieces that snapshots share |
//! | `key` | a name with its hash |
//! | `record` | one key with its value in one allocation |
//! | `millis` | how the data set counts time |
//! | `segment` | a small table of records, the unit of copy-on-write |
//! | `slot` | a segment in its database, and its way into a snapshot |
//! | `keyspace` | one database: a directory of segments that split as they grow |
//! | `edit` | changes to a collection in place, with its memory counted |
//! | `library` | libraries of functions, kept as text |
//! | `scan` | walks: SCAN, random key, due keys |
//! | `snapshot` | a cut through all databases at one instant |
//! | `store` | all databases of one node |
//! | `digest` | Redis' DEBUG DIGEST |
//! | `memory` | what an allocation costs |
//! | `random` | chance from a seed |

mod dict;
mod digest;
mod edit;
mod encodings;
mod hash;
mod intset;
mod key;
mod keyspace;
mod library;
mod list;
mod listpack;
mod memory;
mod millis;
mod random;
mod record;
mod scan;
mod segment;
mod set;
mod slot;
mod snapshot;
#[allow(clippy::module_inception)]
mod store;
pub mod stream;
#[cfg(test)]
mod tests;
mod value;
mod zset;

pub use dict::{Dict, Keyed};
pub use digest::{Digest, dataset_digest, value_digest};
pub use edit::{Edit, StringEdit};
pub use encodings::Encodings;
pub use hash::Hash;
pub use intset::Intset;
pub use keyspace::{KeyHash, Keyspace, Ttl};
pub use library::{Libraries, Library, LibraryError};
pub use list::{End, List, Side};
pub use listpack::{Item, Listpack};
pub use memory::allocated;
pub use millis::Millis;
pub use random::{Random, mix_bits};
pub use segment::{EntryRef, Segment};
pub use set::Set;
pub use slot::SnapshotPart;
pub use snapshot::SnapshotReader;
pub use store::Store;
pub use stream::Stream;
pub use value::{BIG_STRING, Collection, Entry, Object, StringEncoding, Value, ValueRef};
pub use zset::{
    Direction, LexBound, LexRange, ScoreBound, ScoreRange, ScoreText, Stored, Walk, Zset, parse_bound,
    parse_score,
};
