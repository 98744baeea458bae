//! Everything that happens in a lab, as the journal records it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::browser::look::Browsed;
use super::{LabCommand, NodeId, Preset, WorkloadSettings};
use crate::node::{Fault, FaultKind, NodeEvent, TimeGap};
use crate::replication::{ReplId, ReplOffset};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the journal, from 0, without gaps.
    pub seq: u64,
    /// When it happened, since the lab started. Entries of different nodes may stand a little out of order: each
    /// node's thread reads the time itself.
    pub at: Duration,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The lab is up; wall-clock time of `at == 0` in RFC 3339, for people who read a recording later.
    LabStarted {
        /// Wall-clock time.
        wall: String,
        /// Version of Repliscope that wrote this.
        version: String,
    },
    /// The user asked for this: the audit trail. Console lines and workload changes are here too.
    Asked(LabCommand),
    /// The wish could not be fulfilled, or needs the user's attention.
    Notice {
        /// How bad.
        level: NoticeLevel,
        /// The node concerned.
        node: Option<NodeId>,
        /// What failed and what to do.
        text: String,
    },
    /// Ports are taken; nothing was started. `offer` is the first port of the next free block.
    PortsTaken {
        /// The shape that was asked for.
        preset: Preset,
        /// Ports in use, each with its holder if known.
        taken: Vec<(u16, Option<String>)>,
        /// First port of a free block of the same size.
        offer: u16,
    },
    /// A cluster is about to start; replaces every node known before.
    ClusterPlanned {
        /// Its shape.
        preset: Preset,
        /// Its nodes.
        nodes: Vec<NodePlan>,
    },
    /// A node joined the running cluster.
    NodeAdded(NodePlan),
    /// A node left the cluster.
    NodeRemoved(NodeId),
    /// The cluster was ended in good order.
    ClusterStopped,
    /// A node's own event.
    Node {
        /// Which node.
        node: NodeId,
        /// What it told.
        event: NodeEvent,
    },
    /// A node answered PING for the first time since its start, or again after silence.
    Answering {
        /// Which node.
        node: NodeId,
    },
    /// A node that runs does not answer.
    Silent {
        /// Which node.
        node: NodeId,
        /// In plain words.
        reason: String,
    },
    /// Whether replicas ask before an emptied master takes their data from them; told at the start of a lab too.
    AsksBeforeWipe(bool),
    /// The whole process could not run, or the wall clock jumped: no node is to blame for what comes of it.
    TimeGap(TimeGap),
    /// Something is wrong from now on.
    FaultBegun {
        /// With which node, or with the link to its master.
        node: NodeId,
        /// What.
        fault: Fault,
        /// How long it is to last; `None` until it is healed.
        lasts: Option<Duration>,
    },
    /// It is not any more.
    FaultEnded {
        /// With which node.
        node: NodeId,
        /// Which fault.
        kind: FaultKind,
        /// Why it ended.
        how: FaultEnd,
    },
    /// What INFO said. Sent when something changed, at most ten times a second and node.
    Sample {
        /// Which node.
        node: NodeId,
        /// The figures.
        sample: Box<NodeSample>,
    },
    /// A step of a promotion, with the time since it was asked.
    Promotion {
        /// The new master.
        node: NodeId,
        /// Which step.
        step: PromotionStep,
        /// Time since the wish.
        after: Duration,
    },
    /// A console line was answered.
    ConsoleReply {
        /// The id of the line.
        id: u64,
        /// Who answered.
        node: NodeId,
        /// The answer, by RESP type.
        reply: ReplyValue,
        /// From send to last byte.
        took: Duration,
        /// Database that the console's connection has selected after this line.
        db: u16,
        /// The connection is inside MULTI.
        in_multi: bool,
    },
    /// What came on a console's connection without being the answer to a line.
    ConsoleMessages {
        /// The line that ran last.
        id: u64,
        /// Whose console.
        node: NodeId,
        /// Messages, lines of MONITOR, invalidations, in their order.
        messages: Vec<ReplyValue>,
        /// Messages after them that were too many to keep.
        dropped: u64,
    },
    /// A console's connection began or ended to stream.
    ConsoleMode {
        /// Whose console.
        node: NodeId,
        /// What it does now.
        mode: ConsoleMode,
    },
    /// A look at the keys of a node was answered.
    Browsed {
        /// The id of the look.
        id: u64,
        /// Whose keys.
        node: NodeId,
        /// What came back.
        answer: Browsed,
        /// From the first command to the last reply.
        took: Duration,
    },
    /// The workload was changed.
    WorkloadChanged(WorkloadSettings),
    /// What the workload did since its last sample; once a second while it runs.
    Workload(WorkloadSample),
}

/// A node as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// Identity.
    pub node: NodeId,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Whom it is to follow, `None` for a master.
    pub master: Option<NodeId>,
}

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Something is not as wanted.
    Warning,
    /// A wish failed.
    Error,
}

/// Steps of a promotion, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromotionStep {
    /// `REPLICAOF NO ONE` was acknowledged.
    Promoted,
    /// The first write on the new master was accepted.
    Writable,
    /// This replica was told to follow the new master.
    Reparented(NodeId),
    /// It could not be done; why.
    Failed(String),
}

/// Why a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultEnd {
    /// Its time was over.
    Expired,
    /// The user healed it.
    Healed,
    /// Another one of the same kind took its place.
    Replaced,
    /// What it was about is gone: the link, the node, or the cluster.
    Gone,
}

/// Figures of one INFO answer. Field names are INFO's own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeSample {
    /// `role` is `master`.
    pub is_master: bool,
    /// `master_host:master_port`, on a replica.
    pub master: Option<String>,
    /// `master_link_status` is `up`, on a replica.
    pub master_link_up: bool,
    /// `master_replid`.
    pub replid: Option<ReplId>,
    /// `master_replid2`, if not all zeros.
    pub replid2: Option<ReplId>,
    /// `master_repl_offset`: bytes of the stream written (master) or applied (replica).
    pub offset: ReplOffset,
    /// `slave_read_repl_offset`, on a replica.
    pub read_offset: ReplOffset,
    /// `second_repl_offset`, if any.
    pub second_offset: Option<ReplOffset>,
    /// `repl_backlog_active`.
    pub backlog_active: bool,
    /// `repl_backlog_size` in bytes.
    pub backlog_size: u64,
    /// `repl_backlog_first_byte_offset`.
    pub backlog_first: ReplOffset,
    /// `repl_backlog_histlen` in bytes.
    pub backlog_len: u64,
    /// `slaveN` lines, in their order.
    pub replicas: Vec<ReplicaSample>,
    /// Sum of keys of all databases.
    pub keys: u64,
    /// `used_memory` in bytes.
    pub used_memory: u64,
    /// `connected_clients`.
    pub clients: u64,
    /// `total_commands_processed`.
    pub commands: u64,
    /// `instantaneous_ops_per_sec`.
    pub ops_per_second: u64,
    /// `total_net_repl_input_bytes`.
    pub repl_bytes_in: u64,
    /// `total_net_repl_output_bytes`.
    pub repl_bytes_out: u64,
    /// `sync_full`.
    pub sync_full: u64,
    /// `sync_partial_ok`.
    pub sync_partial_ok: u64,
    /// `sync_partial_err`.
    pub sync_partial_err: u64,
    /// `loop_lag_max_usec`: longest single step of the node's thread since its start.
    pub loop_lag_max_us: u64,
    /// `loop_lag_p99_usec`.
    pub loop_lag_p99_us: u64,
    /// The node's files.
    #[serde(default)]
    pub files: FilesSample,
    /// Time from request to answer.
    pub round_trip: Duration,
}

/// What INFO says of the RDB file and of the append-only file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FilesSample {
    /// `rdb_bgsave_in_progress`: for the file or for replicas.
    pub saving: bool,
    /// `current_fork_perc`: how much of a save or a rewrite is done, 0 to 100.
    pub percent: u64,
    /// `rdb_changes_since_last_save`.
    pub unsaved: u64,
    /// `rdb_last_save_time`, Unix time in seconds; the start of the node if it has not saved.
    pub saved_at: u64,
    /// `rdb_last_bgsave_status` is not `ok`.
    pub save_failed: bool,
    /// `aof_enabled`.
    pub aof: bool,
    /// `aof_current_size` in bytes.
    pub aof_size: u64,
    /// `aof_base_size` in bytes: after the last rewrite, or at the start.
    pub aof_base_size: u64,
    /// `aof_rewrite_in_progress`.
    pub rewriting: bool,
    /// `aof_last_write_status` or `aof_last_bgrewrite_status` is not `ok`.
    pub aof_failed: bool,
}

/// One `slaveN` line of a master's INFO.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplicaSample {
    /// Announced port.
    pub port: u16,
    /// `wait_bgsave`, `send_bulk` or `online`.
    pub state: String,
    /// Last acknowledged offset.
    pub offset: ReplOffset,
    /// Seconds since the last ACK (Redis calls this `lag`).
    pub ack_age: u64,
}

/// What a console's connection is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ConsoleMode {
    /// Lines and their answers.
    #[default]
    Lines,
    /// Subscribed to this many channels and patterns.
    Subscribed(u64),
    /// MONITOR.
    Monitor,
}

/// A reply, by RESP type. Bytes that are not UTF-8 are kept as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReplyValue {
    /// `+OK`
    Simple(String),
    /// `-ERR …`
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3`
    Bulk(#[serde(with = "super::lossless::bytes")] Vec<u8>),
    /// `$-1`, `*-1` or `_`
    Null,
    /// `*`, and `>` as `Push`
    Array(Vec<ReplyValue>),
    /// `~`
    Set(Vec<ReplyValue>),
    /// `%`
    Map(Vec<(ReplyValue, ReplyValue)>),
    /// `>`
    Push(Vec<ReplyValue>),
    /// `,`
    Double(#[serde(with = "super::lossless::double")] f64),
    /// `#`
    Boolean(bool),
    /// `(`
    BigNumber(String),
    /// `=`: format and text
    Verbatim(String, String),
    /// The connection failed; not a reply of the node.
    ConnectionFailed(String),
}

/// What the workload did within one interval.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkloadSample {
    /// Writes acknowledged.
    pub writes_ok: u64,
    /// Writes refused or lost with the connection.
    pub writes_failed: u64,
    /// Reads answered.
    pub reads_ok: u64,
    /// Reads refused or lost.
    pub reads_failed: u64,
    /// Reads that returned an older value than the last one acknowledged for that key.
    pub reads_stale: u64,
    /// Slowest write of the interval.
    pub write_max: Duration,
    /// Median write of the interval.
    pub write_p50: Duration,
    /// Last error text, if any.
    pub last_error: Option<String>,
}
