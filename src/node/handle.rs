//! The handle by which a lab or `main` starts, breaks and ends a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::event::NodeEvent;
use super::faults::fault::{Fault, FaultKind};
use super::message::{Message, NodeOptions, Signal, Wake};
use crate::persistence::{DiskTroubles, FaultyDisk};

/// A started node. Dropping it kills the node.
#[derive(Debug)]
pub struct NodeHandle {
    messages: mpsc::Sender<Message>,
    wake: Wake,
    thread: Option<JoinHandle<()>>,
    /// A disk goes wrong for a node that is frozen or waits for it as well: no message is needed.
    disk: FaultyDisk,
    /// A signal has asked for the end, which has not failed so far.
    ending: Arc<AtomicBool>,
}

impl NodeHandle {
    /// Starts a node on a thread of its own; `on_event` is called on that thread and must not block.
    ///
    /// Success means that the thread runs: whether the node serves is told by [`NodeEvent::Ready`] or
    /// [`NodeEvent::Stopped`] with [`StopReason::FailedToStart`](crate::node::StopReason::FailedToStart).
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(
        options: NodeOptions,
        on_event: impl FnMut(NodeEvent) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, messages) = mpsc::channel();
        let wake = Wake::default();
        let woken = Arc::clone(&wake);
        let port = options.directives.iter().rev().find(|(name, _)| name == "port");
        let name =
            port.map_or_else(|| "node".to_owned(), |(_, port)| format!("node-{}", port.trim_matches('"')));
        let disk = FaultyDisk::default();
        let node_disk = disk.clone();
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || super::runtime::run(options, messages, &woken, node_disk, Box::new(on_event)))?;
        Ok(Self { messages: sender, wake, thread: Some(thread), disk, ending: Arc::default() })
    }

    fn send(&self, message: Message) {
        // A node that is gone needs no message.
        if self.messages.send(message).is_ok() {
            self.wake.notify_one();
        }
    }

    /// Asks for an orderly end, as SHUTDOWN NOW does; [`NodeEvent::Stopped`] tells when it is done.
    pub fn stop(&self) {
        self.send(Message::Stop);
    }

    /// Asks for an end as a signal does: `shutdown-on-sigint` and `shutdown-on-sigterm` say what it is to be like, and a
    /// master waits for its replicas, up to `shutdown-timeout`.
    pub fn signal(&self, signal: Signal) {
        self.ending.store(true, Relaxed);
        self.send(Message::Signal(signal, Arc::clone(&self.ending)));
    }

    /// Crashes the node as SIGABRT crashes redis-server: it reports in its log where it stands, and ends; with it the
    /// process, if the node is a program of its own.
    pub fn abort(&self) {
        self.send(Message::Abort);
    }

    /// Whether a signal has asked for the end, and that has not failed or been called off.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    /// Ends the node as SIGKILL would, also a frozen one: nothing is flushed, sockets are reset.
    pub fn kill(&self) {
        // A crash waits for no disk.
        self.disk.set_troubles(DiskTroubles::default());
        self.send(Message::Kill);
    }

    /// Stops the thread from serving while its sockets stay open, as SIGSTOP does.
    pub fn freeze(&self) {
        self.send(Message::Freeze);
    }

    /// Undoes [`NodeHandle::freeze`].
    pub fn thaw(&self) {
        self.send(Message::Thaw);
    }

    /// Lets this be wrong from now on, in place of an earlier fault of the same kind.
    pub fn begin_fault(&self, fault: Fault) {
        if fault.kind().is_of_link() {
            return self.send(Message::BeginFault(fault));
        }
        let mut troubles = self.disk.troubles();
        fault.trouble(&mut troubles);
        self.disk.set_troubles(troubles);
    }

    /// Ends a fault, if there is one of this kind.
    pub fn end_fault(&self, kind: FaultKind) {
        if kind.is_of_link() {
            return self.send(Message::EndFault(kind));
        }
        let mut troubles = self.disk.troubles();
        kind.relieve(&mut troubles);
        self.disk.set_troubles(troubles);
    }

    /// Whether a replica keeps its data and asks, when the master that it follows comes back under another history
    /// with less than half of them: [`LinkPhase::AskWipe`](crate::node::LinkPhase::AskWipe) tells that it waits.
    pub fn ask_before_wipe(&self, asks: bool) {
        self.send(Message::AskBeforeWipe(asks));
    }

    /// The user's word: the replica takes the snapshot that it waits with.
    pub fn let_wipe(&self) {
        self.send(Message::LetWipe);
    }

    /// Waits until the thread is gone; `false` if `timeout` passed first.
    pub fn join(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(thread) = self.thread.take() {
            // A panic was told as an event already.
            let _ = thread.join();
        }
        true
    }
}

impl Drop for NodeHandle {
    fn drop(&mut self) {
        self.kill();
    }
}
