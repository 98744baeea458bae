//! One file per pane. A panel reads the model, pushes actions, and changes nothing but its own view state.

use std::time::Duration;

use super::actions::Action;
use crate::lab::NodeId;
use crate::lab::model::LabModel;

pub(crate) mod console;
pub(crate) mod home;
pub(crate) mod inspector;
pub(crate) mod node_actions;
pub(crate) mod offsets;
pub(crate) mod syncs;
pub(crate) mod timeline;
pub(crate) mod topology;
pub(crate) mod workload;

/// What every panel is given.
pub(crate) struct Cx<'a> {
    /// What is known.
    pub(crate) model: &'a LabModel,
    /// Lab time of this frame: goes on between entries while the view is live.
    pub(crate) now: Duration,
    /// Live, or a recording that only can be looked at.
    pub(crate) live: bool,
    /// The node that the inspector shows.
    pub(crate) selected: Option<NodeId>,
    /// Where wishes go.
    pub(crate) actions: &'a mut Vec<Action>,
}

impl Cx<'_> {
    /// Wishes for this.
    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Position of a node among the nodes: chooses its colour.
    pub(crate) fn index(&self, node: NodeId) -> usize {
        self.model.nodes.keys().position(|id| *id == node).unwrap_or_default()
    }
}
