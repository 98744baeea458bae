//! What the window shows: a pure fold of the journal.
//!
//! `LabModel::default()` knows nothing; every [`Entry`](super::Entry) folded in adds what it tells. A live view, a recording
//! and a scrubbed recording are the same fold over different entries. Everything in it is bounded, because a
//! journal can be long. It must not know egui, tokio, files or a clock: time is that of the last entry, or an
//! argument.

mod bounds;
mod console;
mod faults;
mod fold;
pub mod keys;
mod node;
mod sync;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub use bounds::{AT_MAX, NODES_MAX, NOTICES_MAX, PROMOTIONS_MAX, SYNCS_MAX, WORKLOAD_MAX};
pub use console::{ConsoleAnswer, ConsoleLine, ConsoleMessage, ConsoleState, Transcript};
pub use faults::{FAULTS_MAX, FaultSpan, Faults};
pub use node::{Feed, History, Life, Link, NodeModel, Point};
pub use sync::{PhaseSpan, SyncEnd, SyncRecord, SyncStep};
pub use timeline::{EntryKind, Timeline, node_of};

use super::{ConsoleTarget, NodeId, NoticeLevel, Preset, PromotionStep, WorkloadSample, WorkloadSettings};
use crate::node::LinkPhase;
use crate::replication::{FullReason, PsyncVerdict};
use bounds::{NOTICE_TEXT_MAX, push_bounded};

/// A stream of fewer bytes per second is heartbeats alone: a PING every ten seconds.
const HEARTBEAT_MAX: f64 = 16.0;

/// Figures of two nodes that change are this far apart at most.
const SKEW_MAX: Duration = Duration::from_millis(300);

/// Everything that the journal has told so far.
#[derive(Debug, Clone, Default)]
pub struct LabModel {
    /// Time of the last folded entry.
    pub now: Duration,
    /// Number of folded entries.
    pub folded: u64,
    /// Wall-clock time of `at == 0`, in RFC 3339.
    pub wall: Option<String>,
    /// Version of Repliscope that wrote the journal.
    pub version: Option<String>,
    /// Clusters that were planned so far.
    pub clusters: u64,
    /// Shape of the cluster, `None` while there is none.
    pub preset: Option<Preset>,
    /// Its nodes, by identity.
    pub nodes: BTreeMap<NodeId, NodeModel>,
    /// What was wrong with nodes and links, and what is.
    pub faults: Faults,
    /// Syncs, oldest first.
    pub syncs: VecDeque<SyncRecord>,
    /// Entries that a person would read.
    pub timeline: Timeline,
    /// Console lines and their answers, by where they ran.
    pub consoles: BTreeMap<NodeId, Transcript>,
    /// Console lines that ran on every node.
    pub console_all: Transcript,
    /// What each node's console connection has selected.
    pub console_state: BTreeMap<NodeId, ConsoleState>,
    /// What was seen of the nodes' keys.
    pub keys: keys::Keys,
    /// The workload.
    pub workload: WorkloadModel,
    /// Promotions, oldest first.
    pub promotions: VecDeque<PromotionReport>,
    /// What went wrong or needs attention, oldest first.
    pub notices: VecDeque<Notice>,
    /// Notices ever raised; a window compares it with what it has shown.
    pub notices_raised: u64,
    /// Replicas ask before an emptied master takes their data from them.
    pub asks_before_wipe: bool,
    /// The last start found its ports taken; nothing runs because of it.
    pub ports_taken: Option<PortsTaken>,
    next_sync: u64,
}

/// The workload: what it should do and what it did.
#[derive(Debug, Clone, Default)]
pub struct WorkloadModel {
    /// As last changed.
    pub settings: WorkloadSettings,
    /// Its samples with their time, oldest first.
    pub samples: VecDeque<(Duration, WorkloadSample)>,
    /// Sum of all samples since the cluster was started.
    pub total: WorkloadSample,
}

/// How one promotion went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionReport {
    /// The new master.
    pub node: NodeId,
    /// When it was asked.
    pub asked_at: Duration,
    /// Its steps, each with the time since it was asked.
    pub steps: Vec<(PromotionStep, Duration)>,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number, from 0: the same notice keeps it.
    pub number: u64,
    /// When.
    pub at: Duration,
    /// How bad.
    pub level: NoticeLevel,
    /// The node concerned.
    pub node: Option<NodeId>,
    /// What failed and what to do.
    pub text: String,
}

/// A start that found its ports taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortsTaken {
    /// The shape that was asked for.
    pub preset: Preset,
    /// Ports in use, each with its holder if known.
    pub taken: Vec<(u16, Option<String>)>,
    /// First port of a free block of the same size.
    pub offer: u16,
}

/// A replica that keeps its data until the user has decided.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Who asks.
    pub node: &'a NodeModel,
    /// Keys that it has.
    pub keys: u64,
    /// Keys that its master has, under another history.
    pub offered: u64,
}

/// How far a replica is behind: three figures that are easily mistaken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behind {
    /// The master's `master_repl_offset` minus the replica's; `None` if they do not share a history.
    pub bytes: Option<u64>,
    /// Time since the master first wrote past what the replica has applied; zero when nothing is missing.
    pub time: Option<Duration>,
    /// Seconds since the replica's last ACK came in at the master (`lag` of the `slaveN` line).
    pub ack_age: Option<u64>,
}

/// Where a replica stands in its master's backlog.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BacklogCursor {
    /// The backlog still holds the next byte that this replica needs.
    pub inside: bool,
    /// Bytes that may still be written before the replica falls off, 0 if it has.
    pub room: u64,
    /// Time until it falls off at the present write rate, if it stopped reading now; `None` if hardly anything is
    /// written.
    pub falls_off_in: Option<Duration>,
}

impl LabModel {
    /// Replicas that ask whether their master may take their data from them, by identity.
    pub fn asking(&self) -> impl Iterator<Item = Asking<'_>> {
        self.nodes.values().filter_map(|node| match node.link?.phase {
            LinkPhase::AskWipe { keys, offered } if node.is_running() => Some(Asking { node, keys, offered }),
            _ => None,
        })
    }

    /// Whether there is a cluster: planned, running, or with all its nodes down.
    pub fn has_cluster(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The node that listens (or listened) on `port`.
    pub fn node_at_port(&self, port: u16) -> Option<&NodeModel> {
        self.nodes.values().find(|node| node.port == port)
    }

    /// Port of a node, 0 for one that is unknown.
    pub fn port(&self, node: NodeId) -> u16 {
        self.nodes.get(&node).map_or(0, |node| node.port)
    }

    /// The node that `replica` follows, if it is one of ours.
    pub fn master_of(&self, replica: &NodeModel) -> Option<&NodeModel> {
        let port = replica.master_port()?;
        self.node_at_port(port).filter(|master| master.id != replica.id)
    }

    /// Nodes that follow `master`, by identity.
    pub fn replicas_of(&self, master: NodeId) -> impl Iterator<Item = &NodeModel> {
        let port = self.nodes.get(&master).map(|node| node.port);
        self.nodes.values().filter(move |node| {
            node.id != master && node.master_port().is_some() && node.master_port() == port
        })
    }

    /// The node that takes the writes: an answering master, the one with most replicas if there are several.
    pub fn current_master(&self) -> Option<NodeId> {
        self.nodes
            .values()
            .filter(|node| node.is_master() && matches!(node.life(), Life::Answering))
            .max_by_key(|node| (self.replicas_of(node.id).count(), node.offset(), std::cmp::Reverse(node.id)))
            .map(|node| node.id)
    }

    /// How many nodes answer.
    pub fn answering(&self) -> usize {
        self.nodes.values().filter(|node| matches!(node.life(), Life::Answering)).count()
    }

    /// How far `replica` is behind its master at time `now`; `None` if it follows none of our nodes.
    pub fn behind(&self, replica: NodeId, now: Duration) -> Option<Behind> {
        let replica = self.nodes.get(&replica)?;
        let master = self.master_of(replica)?;
        let mut behind = Behind::default();
        let (Some(theirs), Some(ours)) = (&master.sample, &replica.sample) else { return Some(behind) };
        behind.ack_age =
            theirs.replicas.iter().find(|line| line.port == replica.port).map(|line| line.ack_age);
        if theirs.replid.is_none() || theirs.replid != ours.replid {
            return Some(behind);
        }
        // The nodes are asked at different moments. While figures are fresh, the master's offset is taken for the moment
        // of the replica's: else a replica in step would seem to lack what was written in between.
        let fresh = now.saturating_sub(replica.sampled_at) <= SKEW_MAX;
        let then = if fresh { master.history.offset_at(replica.sampled_at) } else { None };
        let bytes = then.unwrap_or(theirs.offset).saturating_sub(ours.offset);
        behind.bytes = Some(bytes);
        behind.time = if bytes == 0 {
            Some(Duration::ZERO)
        } else {
            master.history.passed(ours.offset).map(|at| now.saturating_sub(at))
        };
        Some(behind)
    }

    /// Where `replica` stands in its master's backlog at time `now`; `None` without a backlog or a shared history.
    pub fn backlog_cursor(&self, replica: NodeId, now: Duration) -> Option<BacklogCursor> {
        let replica = self.nodes.get(&replica)?;
        let master = self.master_of(replica)?;
        let theirs = master.sample.as_ref()?;
        let ours = replica.sample.as_ref()?;
        let shared = theirs.replid.is_some()
            && (theirs.replid == ours.replid || (theirs.replid2.is_some() && theirs.replid2 == ours.replid));
        if !shared || !theirs.backlog_active {
            return None;
        }
        let next = ours.offset + 1;
        // Its figures may be newer than the master's, so it may seem to be ahead: that is inside as well.
        let inside = next >= theirs.backlog_first;
        let unused = theirs.backlog_size.saturating_sub(theirs.backlog_len);
        let room = if inside { next - theirs.backlog_first + unused } else { 0 };
        let rate = master.history.write_rate(now);
        let falls_off_in =
            (inside && rate >= HEARTBEAT_MAX).then(|| Duration::from_secs_f64((room as f64 / rate).min(1e9)));
        Some(BacklogCursor { inside, room, falls_off_in })
    }

    /// What `master` would answer if `node` asked to follow it now, as far as the last figures tell.
    pub fn predict_sync(&self, node: NodeId, master: NodeId) -> Option<PsyncVerdict> {
        let ours = self.nodes.get(&node)?.sample.as_ref()?;
        let theirs = self.nodes.get(&master)?.sample.as_ref()?;
        let (asked, replid) = (ours.replid?, theirs.replid?);
        let first_missing = ours.offset + 1;
        let via_replid2 = asked != replid && theirs.replid2 == Some(asked);
        if asked != replid && !via_replid2 {
            let replid2 = theirs.replid2;
            return Some(PsyncVerdict::Full(FullReason::UnknownHistory { asked, replid, replid2 }));
        }
        if let (true, Some(second)) = (via_replid2, theirs.second_offset)
            && first_missing > second
        {
            return Some(PsyncVerdict::Full(FullReason::PastFork { asked: first_missing, fork: second }));
        }
        let next = theirs.backlog_first + theirs.backlog_len;
        let verdict = if !theirs.backlog_active {
            PsyncVerdict::Full(FullReason::NoBacklog)
        } else if first_missing < theirs.backlog_first {
            PsyncVerdict::Full(FullReason::BeforeBacklog {
                asked: first_missing,
                first: theirs.backlog_first,
                needed: next.saturating_sub(first_missing),
            })
        } else {
            // Figures of the two nodes are of different moments: a little ahead is not too far.
            let bytes = next.saturating_sub(first_missing);
            PsyncVerdict::Continue { from: first_missing, bytes, via_replid2 }
        };
        Some(verdict)
    }

    /// Console lines of a target.
    pub fn transcript(&self, target: ConsoleTarget) -> Option<&Transcript> {
        match target {
            ConsoleTarget::Node(node) => self.consoles.get(&node),
            ConsoleTarget::All => Some(&self.console_all),
        }
    }

    /// Replication bytes per second that `replica` receives at time `now`, 0 when its figures are old.
    pub fn link_rate(&self, replica: NodeId, now: Duration) -> f64 {
        self.nodes.get(&replica).map_or(0.0, |node| node.bytes_in_rate(now))
    }

    /// The sync of `replica` that is under way.
    pub fn running_sync(&self, replica: NodeId) -> Option<&SyncRecord> {
        self.syncs.iter().rev().find(|sync| sync.replica == replica).filter(|sync| sync.is_running())
    }

    fn raise(&mut self, at: Duration, level: NoticeLevel, node: Option<NodeId>, mut text: String) {
        text.truncate(text.floor_char_boundary(NOTICE_TEXT_MAX));
        let number = self.notices_raised;
        self.notices_raised += 1;
        push_bounded(&mut self.notices, Notice { number, at, level, node, text }, NOTICES_MAX);
    }
}
