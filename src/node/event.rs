//! What a node tells its observer: every transition of a state machine is one event.
//!
//! These types are the vocabulary of the journal, so they (alone in the engine) can be written and read as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::replication::{PsyncVerdict, ReplId, ReplOffset};

/// One thing that happened in a node, told in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NodeEvent {
    /// The data is loaded and the port is served.
    Ready {
        /// TCP port that listens.
        port: u16,
        /// Redis' `run_id`: new at every start.
        run_id: String,
        /// Keys loaded from the RDB file, 0 without one.
        keys_loaded: u64,
        /// From the start of the thread to the first accepted connection.
        took: Duration,
    },
    /// The data is being loaded at the start: clients are refused with `-LOADING`. Told again and again while it lasts.
    Loading {
        /// Bytes of the files that were read.
        loaded: u64,
        /// Bytes of all of them.
        total: u64,
    },
    /// The node is gone; nothing follows until it is started again.
    Stopped(StopReason),
    /// The thread stands still, its sockets stay open (as after SIGSTOP).
    Frozen,
    /// The thread goes on after [`NodeEvent::Frozen`].
    Thawed,
    /// Role or history changed.
    Role {
        /// Master, or replica of whom.
        role: NodeRole,
        /// Current history.
        replid: ReplId,
        /// Previous history, which is ours too up to `second_offset`.
        replid2: Option<ReplId>,
        /// Offset at the change.
        offset: ReplOffset,
        /// `second_repl_offset`, when there is a previous history.
        second_offset: Option<ReplOffset>,
    },
    /// Replica side: the link to the master entered a phase.
    Link(LinkPhase),
    /// Replica side: the link was lost or refused; a retry follows.
    LinkLost {
        /// In plain words: what failed.
        reason: String,
    },
    /// Replica side: the master's answer to our PSYNC decided how this sync goes.
    SyncDecided {
        /// What we asked for: the replid and the first byte, `None` for `PSYNC ? -1`.
        asked: Option<(ReplId, ReplOffset)>,
        /// What the master granted.
        outcome: SyncOutcome,
    },
    /// Replica side: the sync is complete and the stream flows.
    SyncFinished {
        /// Bytes received as snapshot, 0 for a partial resync.
        snapshot_bytes: u64,
        /// Keys loaded, 0 for a partial resync.
        keys: u64,
        /// From the connect that led here to the first streamed byte accepted.
        took: Duration,
    },
    /// Master side: a PSYNC was judged.
    Psync {
        /// Port that the replica announced (`REPLCONF listening-port`).
        replica_port: u16,
        /// What was asked, `None` for `? -1` and SYNC.
        asked: Option<(ReplId, ReplOffset)>,
        /// The answer, with the numbers that decided it.
        verdict: PsyncVerdict,
    },
    /// Master side: a replica's feed entered a phase.
    Feed {
        /// Port that the replica announced.
        replica_port: u16,
        /// Where the feed stands.
        phase: FeedPhase,
    },
    /// Master side: a replica's connection ended.
    ReplicaGone {
        /// Port that the replica announced.
        replica_port: u16,
        /// In plain words: why.
        reason: String,
    },
    /// A point-in-time snapshot was begun (full sync, SAVE, BGSAVE).
    SnapshotBegun {
        /// Where it goes.
        target: SnapshotTarget,
        /// Keys it holds.
        keys: u64,
        /// Offset that it stands for.
        offset: ReplOffset,
    },
    /// A snapshot is done, or failed.
    SnapshotEnded {
        /// Where it went.
        target: SnapshotTarget,
        /// Bytes written.
        bytes: u64,
        /// From begin to end.
        took: Duration,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// FAILOVER: the role is handed to a replica.
    Failover(FailoverPhase),
    /// A line of the node's own log.
    Log {
        /// How loud.
        level: LogLevel,
        /// One line, without time and level.
        text: String,
    },
}

/// The process could not run for a while, or time went on without it: no peer is to blame for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeGap {
    /// Nothing ran: the computer slept (on Windows), or the process was stopped. Deadlines leave this time out.
    Stopped {
        /// How long.
        lasted: Duration,
    },
    /// The wall clock jumped ahead while deadlines saw no gap: the computer slept (on Linux and macOS), or its
    /// clock was set. Keys expire by the wall clock.
    ClockAhead {
        /// How far.
        by: Duration,
    },
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeRole {
    /// Accepts writes.
    Master,
    /// Follows the node at this address.
    Replica {
        /// Host as given to REPLICAOF.
        host: String,
        /// Port as given to REPLICAOF.
        port: u16,
    },
}

/// Replica side: where the link to the master stands, in the order of a first sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkPhase {
    /// No connection; one is tried soon.
    Connect,
    /// TCP connect is under way.
    Connecting,
    /// `PING` sent.
    Ping,
    /// `AUTH` sent.
    Auth,
    /// `REPLCONF listening-port`, `ip-address` and `capa` sent.
    Replconf,
    /// `PSYNC` sent.
    Psync,
    /// `+FULLRESYNC` came, the snapshot is being prepared.
    WaitSnapshot,
    /// The snapshot arrives.
    Transfer {
        /// Bytes so far.
        received: u64,
        /// Bytes in all; unknown for a diskless sync.
        total: Option<u64>,
        /// Keys decoded so far, beside the data that is still served.
        keys: u64,
        /// Keys in all, once RESIZEDB has told.
        keys_total: u64,
    },
    /// The last byte came; the new data set is being completed and swapped in.
    Load {
        /// Keys decoded so far.
        keys: u64,
        /// Keys in all.
        keys_total: u64,
    },
    /// The data set is complete and waits for the user's word: its master came back with far less than this node has,
    /// under another history. The old data serves meanwhile.
    AskWipe {
        /// Keys of this node, which would be gone.
        keys: u64,
        /// Keys that the master has.
        offered: u64,
    },
    /// The stream flows.
    Streaming,
}

/// Replica side: what the master granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncOutcome {
    /// `+CONTINUE`.
    Partial {
        /// History that goes on (new after a failover).
        replid: ReplId,
    },
    /// `+FULLRESYNC`.
    Full {
        /// History of the snapshot.
        replid: ReplId,
        /// Offset of the snapshot.
        offset: ReplOffset,
    },
}

/// Master side: where the feed of one replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedPhase {
    /// `wait_bgsave`: the snapshot has not started or not ended yet.
    WaitSnapshot,
    /// `send_bulk`: the snapshot goes out.
    SendSnapshot {
        /// Bytes sent.
        sent: u64,
        /// Bytes in all, if known.
        total: Option<u64>,
        /// Keys encoded so far.
        keys: u64,
        /// Keys in all.
        keys_total: u64,
    },
    /// `online`: the stream flows.
    Online,
}

/// Where a FAILOVER stands, on the old master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailoverPhase {
    /// Writes are held back until the target (or any replica) has everything.
    WaitingForSync {
        /// Who is to take over, if that was said.
        target: Option<(String, u16)>,
    },
    /// The target is asked to take over.
    InProgress {
        /// Who takes over.
        target: (String, u16),
        /// The time was over: it may lack the last writes.
        forced: bool,
    },
    /// The target is the master now, and this node its replica.
    Done,
    /// This node goes on as master.
    Aborted {
        /// Why.
        reason: String,
    },
}

/// Where a snapshot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotTarget {
    /// The RDB file, for SAVE, BGSAVE and disk-based syncs.
    File,
    /// A new base of the append-only file, for BGREWRITEAOF.
    AofBase,
    /// The sockets of this many replicas.
    Replicas(usize),
}

/// Why a node is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// It never served: port taken, bad config, refused data file. The text says which.
    FailedToStart(String),
    /// Orderly, by the user or by SHUTDOWN.
    Shutdown,
    /// Ended as by SIGKILL: nothing flushed, sockets reset.
    Killed,
    /// Its thread panicked; the text is the panic's message.
    Crashed(String),
}

/// Loudness of a log line, as in Redis' `loglevel`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// `.`
    Debug,
    /// `-`
    Verbose,
    /// `*`
    #[default]
    Notice,
    /// `#`
    Warning,
}
