//! What the lab knows of its nodes: who runs, who follows whom, who is owed a change.
//!
//! Owns the facts and the questions about them. It must not know sockets: it decides nothing and does nothing.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::browser::Ask;
use super::console::ConsoleHandle;
use super::runner::RunningNode;
use super::workload::Targets;
use super::{NodeId, Preset};
use crate::node::{Fault, FaultKind};

/// Where a node stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// No thread.
    Off,
    /// Started, not ready yet.
    Starting,
    /// Ready.
    Up,
    /// Told to stop or killed, not gone yet.
    Stopping,
}

/// A fault that lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActiveFault {
    pub(super) fault: Fault,
    /// Tells it from a later one of the same kind.
    pub(super) serial: u64,
}

/// One node of the cluster.
pub(super) struct Member {
    pub(super) id: NodeId,
    pub(super) port: u16,
    /// Whom it follows, or is to follow when it starts.
    pub(super) master: Option<NodeId>,
    /// It follows a server that is no node of this lab.
    pub(super) outside: bool,
    pub(super) run: Run,
    pub(super) frozen: bool,
    pub(super) faults: Vec<ActiveFault>,
    /// Which start of which node its events belong to; events of another one are late and ignored.
    pub(super) generation: u64,
    pub(super) handle: Option<Box<dyn RunningNode>>,
    /// To be started again once it has stopped.
    pub(super) restart: bool,
    /// It could not be told whom to follow (frozen, not ready): to be made up for when it can.
    pub(super) owed: Option<NodeId>,
    /// Another node took over while it was away.
    pub(super) deposed: bool,
    /// Ends its observer.
    pub(super) watch: CancellationToken,
    pub(super) console: Option<ConsoleHandle>,
    pub(super) browser: Option<mpsc::Sender<Ask>>,
    /// Makes its observer look at once.
    pub(super) poke: Rc<Notify>,
}

impl Member {
    pub(super) fn new(id: NodeId, port: u16, master: Option<NodeId>) -> Self {
        Self {
            id,
            port,
            master,
            outside: false,
            run: Run::Off,
            frozen: false,
            faults: Vec::new(),
            generation: 0,
            handle: None,
            restart: false,
            owed: None,
            deposed: false,
            watch: CancellationToken::new(),
            console: None,
            browser: None,
            poke: Rc::default(),
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(super) fn has_fault(&self, kind: FaultKind) -> bool {
        self.faults.iter().any(|active| active.fault.kind() == kind)
    }

    pub(super) fn fault_kinds(&self) -> Vec<FaultKind> {
        self.faults.iter().map(|active| active.fault.kind()).collect()
    }

    pub(super) fn is_master(&self) -> bool {
        self.master.is_none() && !self.outside
    }

    /// It can be told something now.
    pub(super) fn can_listen(&self) -> bool {
        matches!(self.run, Run::Starting | Run::Up) && !self.frozen
    }
}

/// A cluster that is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// What is started after it.
    pub(super) next: Option<(Preset, u16)>,
}

/// The cluster as the lab knows it.
pub(super) struct State {
    pub(super) members: BTreeMap<NodeId, Member>,
    /// What was asked for last, and when: a double click asks twice.
    pub(super) planned: Option<(Preset, u16, Instant)>,
    /// The node that clients are to write to; stays while it is down, until another takes over.
    pub(super) leader: Option<NodeId>,
    /// Counts clusters.
    pub(super) cluster: u64,
    pub(super) next_id: u16,
    pub(super) generations: u64,
    /// Counts faults.
    pub(super) faults_begun: u64,
    pub(super) ending: Option<Ending>,
    /// The lab ends: nothing is started any more.
    pub(super) closing: bool,
    pub(super) promoting: Option<NodeId>,
    /// Threads of ended nodes that are being waited for.
    pub(super) reaping: Vec<JoinHandle<()>>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            planned: None,
            leader: None,
            cluster: 0,
            next_id: 1,
            generations: 0,
            faults_begun: 0,
            ending: None,
            closing: false,
            promoting: None,
            reaping: Vec::new(),
        }
    }

    pub(super) fn by_generation(&mut self, node: NodeId, generation: u64) -> Option<&mut Member> {
        self.members.get_mut(&node).filter(|member| member.generation == generation)
    }

    pub(super) fn by_port(&self, port: u16) -> Option<NodeId> {
        self.members.values().find(|member| member.port == port).map(|member| member.id)
    }

    pub(super) fn port_of(&self, node: Option<NodeId>) -> Option<u16> {
        self.members.get(&node?).map(|member| member.port)
    }

    /// Ports that our own nodes hold.
    pub(super) fn held_ports(&self) -> Vec<u16> {
        self.members.values().filter(|member| member.run != Run::Off).map(|member| member.port).collect()
    }

    /// Nodes from `node` up to the top of its chain, `node` first; ends where a chain runs in a circle.
    pub(super) fn chain(&self, node: NodeId) -> Vec<NodeId> {
        let mut chain = vec![node];
        let mut at = self.members.get(&node).and_then(|member| member.master);
        while let Some(next) = at.filter(|next| !chain.contains(next)) {
            chain.push(next);
            at = self.members.get(&next).and_then(|member| member.master);
        }
        chain
    }

    /// The nodes in groups, replicas before their masters: the order in which a cluster ends.
    pub(super) fn leaves_first(&self) -> Vec<Vec<NodeId>> {
        let mut waves: BTreeMap<usize, Vec<NodeId>> = BTreeMap::new();
        for &node in self.members.keys() {
            waves.entry(self.chain(node).len()).or_default().push(node);
        }
        waves.into_values().rev().collect()
    }

    /// Whom the workload talks to.
    pub(super) fn targets(&self) -> Targets {
        let replica = |member: &&Member| member.run == Run::Up && !member.is_master();
        Targets {
            cluster: self.cluster,
            master: self.leader.and_then(|leader| self.members.get(&leader)).map(Member::addr),
            replicas: self
                .members
                .values()
                .filter(replica)
                .map(|member| (member.id, member.addr()))
                .collect(),
        }
    }
}

/// Whom each node of a fresh cluster follows, in order, as positions.
pub(super) fn plan(preset: Preset) -> Vec<Option<u16>> {
    match preset {
        Preset::Star { replicas } => (0..=replicas).map(|n| (n > 0).then_some(0)).collect(),
        Preset::Chain { nodes } => (0..nodes).map(|n| n.checked_sub(1)).collect(),
        Preset::Single => vec![None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(masters: &[Option<u16>]) -> State {
        let mut state = State::new();
        for (n, master) in masters.iter().enumerate() {
            let id = NodeId(n as u16 + 1);
            state.members.insert(id, Member::new(id, 7001 + n as u16, master.map(NodeId)));
        }
        state
    }

    #[test]
    fn presets_plan_their_shape() {
        assert_eq!(plan(Preset::Star { replicas: 2 }), [None, Some(0), Some(0)]);
        assert_eq!(plan(Preset::Chain { nodes: 3 }), [None, Some(0), Some(1)]);
        assert_eq!(plan(Preset::Chain { nodes: 0 }), []);
        assert_eq!(plan(Preset::Single), [None]);
    }

    #[test]
    fn replicas_end_before_their_masters() {
        let state = state(&[None, Some(1), Some(2), Some(1), None]);
        let waves: Vec<Vec<u16>> =
            state.leaves_first().into_iter().map(|wave| wave.into_iter().map(|id| id.0).collect()).collect();
        assert_eq!(waves, [vec![3], vec![2, 4], vec![1, 5]]);
    }

    #[test]
    fn a_circle_of_masters_is_walked_once() {
        let state = state(&[Some(3), Some(1), Some(2)]);
        assert_eq!(state.chain(NodeId(1)), [NodeId(1), NodeId(3), NodeId(2)]);
    }
}
