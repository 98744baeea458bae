//! The append-only file.
//!
//! | file | owns |
//! |---|---|
//! | `append` | commands go into it and are synced |
//! | `rewrite` | a new base replaces what was appended |
//! | `start` | it is found or made when the node starts |
//! | `load` | it is loaded |

pub(in crate::node) mod append;
pub(in crate::node) mod load;
pub(in crate::node) mod rewrite;
pub(in crate::node) mod start;

use std::time::Duration;

use append::Log;
use rewrite::RewriteState;

use crate::persistence::Manifest;

/// The append-only file, on or off.
#[derive(Debug, Default)]
pub(in crate::node) struct Aof {
    pub(in crate::node) log: Option<Log>,
    pub(in crate::node) manifest: Manifest,
    pub(in crate::node) rewrite: RewriteState,
    /// Why the disk refused a write or a sync; commands that write are refused meanwhile.
    pub(in crate::node) failure: Option<String>,
    /// How long the node stands still before each write (`DEBUG AOF-FLUSH-SLEEP`).
    pub(in crate::node) flush_sleep: Duration,
    /// `aof_delayed_fsync`: writes that waited for a sync that took too long.
    pub(in crate::node) delayed: u64,
}
