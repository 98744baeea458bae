//! A fold of the journal that is just enough for one line per node.

use std::collections::BTreeMap;

use crate::lab::{Event, NodeId, NodePlan};
use crate::node::{LinkPhase, NodeEvent, StopReason};

/// What the terminal shows of every node.
#[derive(Default)]
pub(super) struct Status {
    nodes: BTreeMap<NodeId, Node>,
}

struct Node {
    plan: NodePlan,
    life: &'static str,
    /// Master or whom it follows, and its link; empty until known.
    role: String,
    answered: bool,
    /// The line as it was told last.
    told: String,
}

impl Status {
    /// Takes one event in; gives back the lines that changed, and notices.
    pub(super) fn fold(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::ClusterPlanned { nodes, .. } => {
                self.nodes = nodes.iter().map(|plan| (plan.node, Node::new(plan))).collect();
            }
            Event::NodeAdded(plan) => {
                self.nodes.insert(plan.node, Node::new(plan));
            }
            Event::NodeRemoved(node) => {
                self.nodes.remove(node);
            }
            Event::Node { node, event } => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.on_event(event);
                }
            }
            Event::Answering { node } => self.set(*node, |node| {
                node.answered = true;
                node.life = "up";
            }),
            Event::Silent { node, .. } => self.set(*node, |node| {
                // A frozen node is silent, and frozen tells more.
                if node.life != "frozen" {
                    node.life = "silent";
                }
            }),
            Event::Sample { node, sample } => self.set(*node, |node| {
                let online = sample.replicas.iter().filter(|replica| replica.state == "online").count();
                node.role = match &sample.master {
                    Some(master) if sample.master_link_up => format!("replica of {master}, link up"),
                    Some(master) => format!("replica of {master}, link down"),
                    None => format!("master, {online} of {} replicas online", sample.replicas.len()),
                };
            }),
            Event::Notice { text, .. } => return vec![text.clone()],
            Event::FaultBegun { node, fault, lasts } => {
                let lasts = lasts.map_or_else(String::new, |lasts| format!(", for {lasts:?}"));
                return vec![format!("{node}  fault begins: {fault}{lasts}")];
            }
            Event::FaultEnded { node, kind, .. } => return vec![format!("{node}  fault ends: {kind}")],
            _ => {}
        }
        self.nodes.values_mut().filter_map(Node::news).collect()
    }

    fn set(&mut self, node: NodeId, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(&node) {
            change(node);
        }
    }

    pub(super) fn all_answer(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.values().all(|node| node.answered)
    }

    pub(super) fn port(&self, node: NodeId) -> u16 {
        self.nodes.get(&node).map_or(0, |node| node.plan.port)
    }

    pub(super) fn plans(&self) -> impl Iterator<Item = NodePlan> {
        self.nodes.values().map(|node| node.plan.clone())
    }

    /// Every node's line as it is now.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.nodes.values().map(Node::line)
    }
}

impl Node {
    fn new(plan: &NodePlan) -> Self {
        Self {
            plan: plan.clone(),
            life: "starting",
            role: String::new(),
            answered: false,
            told: String::new(),
        }
    }

    fn on_event(&mut self, event: &NodeEvent) {
        match event {
            NodeEvent::Frozen => self.life = "frozen",
            NodeEvent::Thawed => self.life = "up",
            NodeEvent::Stopped(reason) => {
                self.role.clear();
                self.life = match reason {
                    StopReason::FailedToStart(_) => "failed to start",
                    StopReason::Shutdown => "stopped",
                    StopReason::Killed => "killed",
                    StopReason::Crashed(_) => "crashed",
                };
            }
            NodeEvent::Link(phase) => {
                let doing = match phase {
                    LinkPhase::WaitSnapshot => "replica, waits for a snapshot",
                    LinkPhase::Transfer { .. } => "replica, receives a snapshot",
                    LinkPhase::Load { .. } => "replica, loads a snapshot",
                    LinkPhase::AskWipe { .. } => "replica, asks before its data is replaced",
                    LinkPhase::Streaming => "replica, streaming",
                    _ => return,
                };
                doing.clone_into(&mut self.role);
            }
            _ => {}
        }
    }

    fn line(&self) -> String {
        let mut line = format!("{}  {}  {}", self.plan.node, self.plan.port, self.life);
        if !self.role.is_empty() {
            line.push_str("  ");
            line.push_str(&self.role);
        }
        line
    }

    fn news(&mut self) -> Option<String> {
        let line = self.line();
        (line != self.told).then(|| {
            self.told.clone_from(&line);
            line
        })
    }
}
