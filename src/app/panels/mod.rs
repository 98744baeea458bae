//! One file per pane. A panel reads the model, pushes actions, and changes nothing but its own view state.

use std::cell::Cell;
use std::time::Duration;

use super::actions::Action;
use crate::lab::NodeId;
use crate::lab::model::LabModel;

pub(crate) mod bands;
pub(crate) mod console;
pub(crate) mod faults;
pub(crate) mod home;
pub(crate) mod inspector;
pub(crate) mod keys;
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
    /// The last id that was given to a console line, an edit or a look.
    pub(crate) last_id: &'a Cell<u64>,
}

impl Cx<'_> {
    /// Wishes for this.
    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// An id that no console line, edit or look has had.
    pub(crate) fn new_id(&self) -> u64 {
        let model = self.model;
        let transcripts = model.consoles.values().chain([&model.console_all]);
        let seen = transcripts.filter_map(|transcript| transcript.lines.back()).map(|line| line.id).max();
        let id = self.last_id.get().max(seen.unwrap_or(0)).saturating_add(1);
        self.last_id.set(id);
        id
    }

    /// Position of a node among the nodes: chooses its colour.
    pub(crate) fn index(&self, node: NodeId) -> usize {
        self.model.nodes.keys().position(|id| *id == node).unwrap_or_default()
    }
}
