//! How the lab starts a node and what it can do to it: the seam between a cluster and its node layer.
//!
//! Owns no node. The cluster's tests put real redis-server processes behind the same seam.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::node::{Fault, FaultKind, NodeEvent, NodeHandle, NodeOptions};

/// Where a node's events go; called on the node's thread, so it must not block.
pub(super) type OnEvent = Box<dyn FnMut(NodeEvent) + Send>;

/// Starts nodes of one kind.
pub(super) trait Runner: Send {
    /// Starts the node that this redis.conf describes.
    fn start(
        &self,
        config_file: PathBuf,
        asks_before_wipe: bool,
        on_event: OnEvent,
    ) -> io::Result<Box<dyn RunningNode>>;
}

/// A node that was started. Dropping it kills the node.
pub(super) trait RunningNode: Send {
    fn stop(&self);
    fn kill(&self);
    fn freeze(&self);
    fn thaw(&self);
    fn begin_fault(&self, fault: Fault);
    fn end_fault(&self, kind: FaultKind);
    fn ask_before_wipe(&self, asks: bool);
    fn let_wipe(&self);
    /// Waits until it is gone; `false` if `timeout` passed first.
    fn join(&mut self, timeout: Duration) -> bool;
}

/// Nodes within this process, each on its own thread.
pub(super) struct Embedded;

impl Runner for Embedded {
    fn start(
        &self,
        config_file: PathBuf,
        asks_before_wipe: bool,
        on_event: OnEvent,
    ) -> io::Result<Box<dyn RunningNode>> {
        let options =
            NodeOptions { config_file: Some(config_file), asks_before_wipe, ..NodeOptions::default() };
        Ok(Box::new(NodeHandle::start(options, on_event)?))
    }
}

impl RunningNode for NodeHandle {
    fn stop(&self) {
        NodeHandle::stop(self);
    }
    fn kill(&self) {
        NodeHandle::kill(self);
    }
    fn freeze(&self) {
        NodeHandle::freeze(self);
    }
    fn thaw(&self) {
        NodeHandle::thaw(self);
    }
    fn begin_fault(&self, fault: Fault) {
        NodeHandle::begin_fault(self, fault);
    }
    fn end_fault(&self, kind: FaultKind) {
        NodeHandle::end_fault(self, kind);
    }
    fn ask_before_wipe(&self, asks: bool) {
        NodeHandle::ask_before_wipe(self, asks);
    }
    fn let_wipe(&self) {
        NodeHandle::let_wipe(self);
    }
    fn join(&mut self, timeout: Duration) -> bool {
        NodeHandle::join(self, timeout)
    }
}
