//! The command table and the data commands: what each one does to the data set and what it propagates.
//!
//! Must not know sockets, connections or the state of replication. Commands that need those are listed in
//! the table too (so that COMMAND and the console's help know them), but the node executes them. The files:
//!
//! | file | owns |
//! |---|---|
//! | `context` | what a data command works with |
//! | `effects` | what it leaves for others |
//! | `keyspace_event` | which news of keys are published |
//! | `access` | when a key was used last, or how often |
//! | `cursor` | reads the options of a command |
//! | `error` | error replies |
//! | `c_string`, `numbers`, `float`, `timeout` | how arguments are read |
//! | `glob` | patterns |
//! | `partial_sort` | the first places of a sequence in order |
//! | `strings`, `set`, `counters`, `ranges`, `lcs` | strings |
//! | `bitmaps`, `bitfield` | strings as bits |
//! | `hyperloglog` | strings that count different elements |
//! | `lists`, `list_moves` | lists |
//! | `hashes`, `hash_counters` | hashes |
//! | `sets`, `set_algebra`, `set_pop` | sets |
//! | `sorted_sets` | sorted sets |
//! | `geo` | sorted sets of places |
//! | `streams` | streams |
//! | `random_elements` | elements of hashes and sets at random |
//! | `collection_scan` | walks through a hash, a set or a sorted set |
//! | `keys`, `expire`, `object`, `sort`, `scan` | keys of any type |
//! | `memory` | what a key takes |
//! | `databases` | whole databases |
//! | `functions`, `acl`, `cluster`, `modules` | what this server has little or nothing of |
//! | `table` | what a command is, and the list of all |
//! | `resolve` | from a request to its command |
//! | `names` | the names under which clients know the commands |
//! | `describe` | the commands that tell of commands |
//! | `command_info`, `command_docs`, `help` | what these answer |

#![allow(clippy::unnecessary_wraps)] // the table wants one signature for all commands

mod access;
mod acl;
mod bitfield;
mod bitmaps;
mod c_string;
mod cluster;
mod collection_scan;
mod command_docs;
mod command_info;
mod context;
mod counters;
mod cursor;
mod databases;
mod describe;
mod effects;
mod error;
mod expire;
mod float;
mod functions;
mod geo;
mod glob;
mod hash_counters;
mod hashes;
mod help;
mod hyperloglog;
mod keys;
mod keyspace_event;
mod lcs;
mod list_moves;
mod lists;
mod memory;
mod modules;
mod names;
mod numbers;
mod object;
mod partial_sort;
mod random_elements;
mod ranges;
mod resolve;
mod scan;
mod set;
mod set_algebra;
mod set_pop;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod table;
#[cfg(test)]
mod tests;
mod timeout;

pub use access::{Access, LfuTuning};
pub(crate) use access::{lfu_counter, lru_clock, minutes};
pub(crate) use acl::{DEFAULT_USER, ONLY_DEFAULT, wrong_words as wrong_acl_words};
pub use context::{Ctx, ExpiryMode, Garbage, Stats};
pub(crate) use cursor::ArgCursor;
pub use effects::{AtTimeout, Effects, KeyWait, WholeDb};
pub use error::{CmdError, CmdResult};
pub(crate) use functions::check_source;
pub use glob::{Case, matches as glob_matches};
pub use keyspace_event::KeyspaceEvents;
pub use names::CommandNames;
pub(crate) use numbers::database as database_number;
pub use object::references;
pub use table::{
    Command, Describe, Flags, Group, KeySpec, Keys, NodeCommand, OWN_NAMES, Place, Run, check, lookup, table,
};
