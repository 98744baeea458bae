//! The master's answer to a PSYNC, with the numbers that decided it.

use serde::{Deserialize, Serialize};

use super::{ReplId, ReplOffset};

/// What a master answers to `PSYNC <replid> <offset>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PsyncVerdict {
    /// `+CONTINUE`: the backlog holds every byte from `from` on.
    Continue {
        /// First stream byte that the replica lacks.
        from: ReplOffset,
        /// Bytes that the backlog sends at once.
        bytes: u64,
        /// The replica named our previous history (replid2) and not the current one.
        via_replid2: bool,
    },
    /// `+FULLRESYNC`: the replica needs a snapshot.
    Full(FullReason),
}

/// Why a partial resync was not possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FullReason {
    /// `PSYNC ? -1` or `SYNC`: the replica holds no history to continue.
    NoHistory,
    /// The master keeps no backlog.
    NoBacklog,
    /// The replica's replid is neither ours nor our previous one.
    UnknownHistory {
        /// What the replica named.
        asked: ReplId,
        /// Our current history.
        replid: ReplId,
        /// Our previous history, if there is one.
        replid2: Option<ReplId>,
    },
    /// The replica followed our previous history beyond the point where ours left it.
    PastFork {
        /// First byte that the replica asked for.
        asked: ReplOffset,
        /// Last offset up to which the previous history is ours too (`second_repl_offset`).
        fork: ReplOffset,
    },
    /// The backlog no longer holds the first byte asked for.
    BeforeBacklog {
        /// First byte that the replica asked for.
        asked: ReplOffset,
        /// First byte that the backlog holds.
        first: ReplOffset,
        /// Bytes that `repl-backlog-size` had to be for a partial resync.
        needed: u64,
    },
    /// The replica asked for bytes that were never written.
    BeyondBacklog {
        /// First byte that the replica asked for.
        asked: ReplOffset,
        /// Next byte that will be written.
        next: ReplOffset,
    },
}
