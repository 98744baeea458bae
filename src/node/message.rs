//! What is asked of a node: how it is to start, and what its handle sends it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;

use super::faults::fault::{Fault, FaultKind};

/// How to start one node.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// Path of a redis.conf to read first.
    pub config_file: Option<PathBuf>,
    /// Text in the form of a redis.conf to read after it.
    pub config_text: Vec<u8>,
    /// Directives that override both, as `("port", "7001")`, in Redis' own words.
    pub directives: Vec<(String, String)>,
    /// The node is a program of its own (`repliscope server`): its log goes to stdout in Redis' format, and not only to
    /// events; it shows a banner and talks to its supervisor.
    pub is_program: bool,
    /// The system chooses the port, whatever `port` says, which is its choice afterwards: [`NodeEvent::Ready`](super::NodeEvent::Ready) tells it.
    pub any_free_port: bool,
    /// See [`NodeHandle::ask_before_wipe`](super::NodeHandle::ask_before_wipe); Redis does not ask.
    pub asks_before_wipe: bool,
}

/// A signal of the system that asks for the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// What a handle asks of its node.
#[derive(Debug)]
pub(super) enum Message {
    Stop,
    Signal(Signal, Arc<AtomicBool>),
    Abort,
    Kill,
    Freeze,
    Thaw,
    BeginFault(Fault),
    EndFault(FaultKind),
    AskBeforeWipe(bool),
    LetWipe,
}

/// Wakes the node's thread when a message is there.
pub(super) type Wake = Arc<Notify>;
