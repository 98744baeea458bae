//! What a user can ask of the lab: a button, the palette, a shortcut and the command line all produce these.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NodeId;
use super::browser::look::Browse;
use super::key_edit::KeyEdit;
use crate::node::{Fault, FaultKind};

/// One wish of the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LabCommand {
    /// Start a cluster on ports `port`, `port + 1`, … Ends the one that runs.
    StartCluster {
        /// Its shape.
        preset: Preset,
        /// First port.
        port: u16,
    },
    /// End every node in good order and forget the cluster.
    StopCluster,
    /// Add a node on the next free port, as replica of `master` or as a master of its own.
    AddNode {
        /// Whom it follows.
        master: Option<NodeId>,
    },
    /// Remove a stopped node from the cluster.
    RemoveNode(NodeId),
    /// Start a node that is stopped, killed or crashed. If another master took over meanwhile it comes back as its replica.
    Start(NodeId),
    /// End a node in good order (SHUTDOWN).
    Stop(NodeId),
    /// Stop, then start.
    Restart(NodeId),
    /// End a node as a crash would: nothing flushed, sockets reset.
    Kill(NodeId),
    /// Let a node stand still with its sockets open.
    Freeze(NodeId),
    /// Undo [`LabCommand::Freeze`].
    Thaw(NodeId),
    /// `REPLICAOF NO ONE` on this node; the replicas of its old master then follow it.
    Promote(NodeId),
    /// `REPLICAOF` of `node` to `master`.
    ReplicaOf {
        /// Who is to follow.
        node: NodeId,
        /// Whom.
        master: NodeId,
    },
    /// Whether replicas keep their data and ask, when their master comes back without them; Redis does not ask.
    AskBeforeWipe(bool),
    /// Let a replica that asks take its master's data in place of its own.
    LetWipe(NodeId),
    /// Let something be wrong with the link of a replica or with the disk of a node, in place of an earlier fault of the same kind.
    BeginFault {
        /// Whose link or disk.
        node: NodeId,
        /// What is wrong.
        fault: Fault,
        /// It ends by itself after this; `None` lasts until it is healed, and is one time for a reset.
        lasts: Option<Duration>,
    },
    /// End a fault before its time.
    HealFault {
        /// Whose.
        node: NodeId,
        /// Which.
        kind: FaultKind,
    },
    /// Type a line into the console of a node.
    Console {
        /// Which answers belong to it.
        id: u64,
        /// Where it runs.
        target: ConsoleTarget,
        /// The line, in redis-cli's syntax.
        line: String,
    },
    /// End what the console of a node streams, or the line that blocks it.
    StopConsole(NodeId),
    /// Run a command of the key browser on the console's connection of a node, in this database; the console's own
    /// database stays selected.
    Edit {
        /// Which answer belongs to it.
        id: u64,
        /// Where it runs.
        node: NodeId,
        /// In which database.
        db: u16,
        /// The change.
        #[serde(rename = "line")]
        edit: KeyEdit,
    },
    /// Look at the keys of a node.
    Browse {
        /// Which answers belong to it: all pages of one listing or value share it.
        id: u64,
        /// Whose keys.
        node: NodeId,
        /// In which database.
        db: u16,
        /// What to look at.
        what: Browse,
    },
    /// Switch the workload on, off, or change it.
    Workload(WorkloadSettings),
    /// Write the journal so far to a file, as JSON lines.
    SaveRecording(PathBuf),
    /// Cancel every fault: thaw and heal all.
    ClearFaults,
}

/// Shape of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preset {
    /// One master with this many replicas: `Star { replicas: 2 }` is the three-node cluster.
    Star {
        /// How many follow the master.
        replicas: u16,
    },
    /// Master, replica, replica of the replica, …: this many nodes in all.
    Chain {
        /// How many nodes, the master included.
        nodes: u16,
    },
    /// One master and nothing else yet.
    Single,
}

/// Where a console line runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConsoleTarget {
    /// One node, on the console's own connection to it.
    Node(NodeId),
    /// Every node, one after the other.
    All,
}

/// What the workload does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSettings {
    /// Whether it runs.
    pub on: bool,
    /// Writes per second, sent to the current master.
    pub writes_per_second: u32,
    /// Size of each value in bytes.
    pub value_size: u32,
    /// Number of different keys.
    pub keys: u32,
    /// Also read each second from every replica, this many times in all.
    pub reads_per_second: u32,
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self { on: false, writes_per_second: 200, value_size: 64, keys: 10_000, reads_per_second: 100 }
    }
}
