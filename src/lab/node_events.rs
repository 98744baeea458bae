//! Events of nodes on their way to the lab.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;

use super::journal::{Weight, weight};
use super::{Event, NodeId};
use crate::node::NodeEvent;

/// Events of nodes that the lab has not taken yet; beyond it, chatter is dropped and state changes still queue.
const QUEUED_MAX: usize = 10_000;

/// An event of a node on its way to the lab, with the generation it belongs to.
pub(super) struct NodeMessage {
    pub(super) generation: u64,
    pub(super) node: NodeId,
    /// When the node told it, by its own thread.
    pub(super) at: Instant,
    pub(super) event: NodeEvent,
}

/// Takes the events of all nodes, on their threads.
#[derive(Clone)]
pub(super) struct NodeEvents {
    sender: mpsc::UnboundedSender<NodeMessage>,
    queued: Arc<AtomicUsize>,
}

impl NodeEvents {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<NodeMessage>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, queued: Arc::default() }, receiver)
    }

    pub(super) fn send(&self, generation: u64, node: NodeId, event: NodeEvent) {
        let event = Event::Node { node, event };
        if weight(&event) == Weight::Sample && self.queued.load(Ordering::Relaxed) > QUEUED_MAX {
            return;
        }
        let Event::Node { event, .. } = event else { return };
        self.queued.fetch_add(1, Ordering::Relaxed);
        // The lab is gone: nobody is left to tell.
        let _ = self.sender.send(NodeMessage { generation, node, at: Instant::now(), event });
    }

    /// The lab has taken an event.
    pub(super) fn taken(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}
