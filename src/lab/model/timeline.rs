//! The journal as a person reads it: what happened, without the figures that come ten times a second.

use std::collections::VecDeque;

use crate::lab::{Entry, Event, NodeId};
use crate::node::NodeEvent;

/// Entries that are remembered, the newest ones.
pub(super) const TIMELINE_MAX: usize = 20_000;

/// The entries worth reading, the newest 20,000 of them.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    entries: VecDeque<Entry>,
    forgotten: u64,
    figures: u64,
}

/// What an entry is about, to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// Wishes of the user.
    Asked,
    /// Lives of nodes and of the cluster.
    Life,
    /// Roles and promotions.
    Role,
    /// Links and syncs.
    Sync,
    /// What is wrong with links and disks.
    Fault,
    /// The console.
    Console,
    /// The workload.
    Workload,
    /// What needs attention.
    Notice,
    /// Lines of the nodes' own logs.
    Log,
}

impl EntryKind {
    /// All kinds, in the order in which they are offered.
    pub const ALL: [Self; 9] = [
        Self::Asked,
        Self::Life,
        Self::Role,
        Self::Sync,
        Self::Fault,
        Self::Console,
        Self::Workload,
        Self::Notice,
        Self::Log,
    ];

    /// The kind of an event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Asked(_) => Self::Asked,
            Event::Notice { .. } | Event::PortsTaken { .. } => Self::Notice,
            Event::LabStarted { .. }
            | Event::ClusterPlanned { .. }
            | Event::NodeAdded(_)
            | Event::NodeRemoved(_)
            | Event::ClusterStopped
            | Event::Answering { .. }
            | Event::Silent { .. }
            | Event::TimeGap(_)
            | Event::AsksBeforeWipe(_)
            | Event::Sample { .. } => Self::Life,
            Event::Promotion { .. } => Self::Role,
            Event::FaultBegun { .. } | Event::FaultEnded { .. } => Self::Fault,
            Event::ConsoleReply { .. }
            | Event::ConsoleMessages { .. }
            | Event::ConsoleMode { .. }
            | Event::Browsed { .. } => Self::Console,
            Event::WorkloadChanged(_) | Event::Workload(_) => Self::Workload,
            Event::Node { event, .. } => match event {
                NodeEvent::Ready { .. }
                | NodeEvent::Loading { .. }
                | NodeEvent::Stopped(_)
                | NodeEvent::Frozen
                | NodeEvent::Thawed => Self::Life,
                NodeEvent::Role { .. } | NodeEvent::Failover(_) => Self::Role,
                NodeEvent::Log { .. } => Self::Log,
                NodeEvent::Link(_)
                | NodeEvent::LinkLost { .. }
                | NodeEvent::SyncDecided { .. }
                | NodeEvent::SyncFinished { .. }
                | NodeEvent::Psync { .. }
                | NodeEvent::Feed { .. }
                | NodeEvent::ReplicaGone { .. }
                | NodeEvent::SnapshotBegun { .. }
                | NodeEvent::SnapshotEnded { .. } => Self::Sync,
            },
        }
    }
}

impl Timeline {
    /// Number of entries that are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that were forgotten because there are newer ones.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Samples and progress that were folded and are not listed.
    pub fn figures(&self) -> u64 {
        self.figures
    }

    /// Number of the newest entry plus one, counting the forgotten ones: grows with every entry.
    pub fn end(&self) -> u64 {
        self.forgotten + self.entries.len() as u64
    }

    /// The entry with this number, counting the forgotten ones.
    pub fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.get(number.checked_sub(self.forgotten)? as usize)
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= TIMELINE_MAX {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
    }

    pub(super) fn count_figure(&mut self) {
        self.figures += 1;
    }
}

/// The node that an event is about.
pub fn node_of(event: &Event) -> Option<NodeId> {
    use crate::lab::{ConsoleTarget, LabCommand as Ask};
    match event {
        Event::Node { node, .. }
        | Event::Answering { node }
        | Event::Silent { node, .. }
        | Event::Sample { node, .. }
        | Event::Promotion { node, .. }
        | Event::ConsoleReply { node, .. }
        | Event::ConsoleMessages { node, .. }
        | Event::ConsoleMode { node, .. }
        | Event::Browsed { node, .. }
        | Event::NodeRemoved(node)
        | Event::FaultBegun { node, .. }
        | Event::FaultEnded { node, .. }
        | Event::Asked(
            Ask::RemoveNode(node)
            | Ask::Start(node)
            | Ask::Stop(node)
            | Ask::Restart(node)
            | Ask::Kill(node)
            | Ask::Freeze(node)
            | Ask::Thaw(node)
            | Ask::Promote(node)
            | Ask::ReplicaOf { node, .. }
            | Ask::LetWipe(node)
            | Ask::BeginFault { node, .. }
            | Ask::HealFault { node, .. }
            | Ask::StopConsole(node)
            | Ask::Edit { node, .. }
            | Ask::Browse { node, .. }
            | Ask::Console { target: ConsoleTarget::Node(node), .. },
        ) => Some(*node),
        Event::NodeAdded(plan) => Some(plan.node),
        Event::Notice { node, .. } => *node,
        _ => None,
    }
}
