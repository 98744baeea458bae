//! The handle by which a lab or `main` starts, breaks and ends a node.

use std::path::PathBuf;
use std::time::Duration;

use super::NodeEvent;

/// How to start one node.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// Path of a redis.conf to read first.
    pub config_file: Option<PathBuf>,
    /// Directives that override the file, as `("port", "7001")`, in Redis' own words.
    pub directives: Vec<(String, String)>,
    /// Lines go to stdout in Redis' format (`repliscope server`), or only to events.
    pub log_to_stdout: bool,
}

/// A started node. Dropping it kills the node.
#[derive(Debug)]
pub struct NodeHandle {
    _private: (),
}

impl NodeHandle {
    /// Starts a node on a thread of its own; `on_event` is called on that thread and must not block.
    ///
    /// Success means that the thread runs: whether the node serves is told by [`NodeEvent::Ready`] or
    /// [`NodeEvent::Stopped`] with [`StopReason::FailedToStart`](super::StopReason::FailedToStart).
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(
        options: NodeOptions,
        on_event: impl FnMut(NodeEvent) + Send + 'static,
    ) -> std::io::Result<Self> {
        let _ = (options, on_event);
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Asks for an orderly end, as SIGTERM does; [`NodeEvent::Stopped`] tells when it is done.
    pub fn stop(&self) {}

    /// Ends the node as SIGKILL would, also a frozen one: nothing is flushed, sockets are reset.
    pub fn kill(&self) {}

    /// Stops the thread from serving while its sockets stay open, as SIGSTOP does.
    pub fn freeze(&self) {}

    /// Undoes [`NodeHandle::freeze`].
    pub fn thaw(&self) {}

    /// Cuts (or heals) the link to this node's master: the socket is dropped and connects fail.
    pub fn cut_link(&self, cut: bool) {
        let _ = cut;
    }

    /// Waits until the thread is gone; `false` if `timeout` passed first.
    pub fn join(&mut self, timeout: Duration) -> bool {
        let _ = timeout;
        true
    }
}
