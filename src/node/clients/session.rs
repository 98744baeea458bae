//! One connection's own state: what it has selected, queued and asked for, and its unread requests.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::client::Client;
use crate::commands::{CmdError, Command};
use crate::protocol::{Body, Decoder, OwnedArgs, ProtocolError, Replies};
use crate::replication::{ReplOffset, ReplicaOptions};

/// Which replies a client wants (CLIENT REPLY).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum ReplyMode {
    On,
    Off,
    /// This command's reply is not wanted.
    SkipThis,
    /// Nor is the next one's.
    SkipNext,
}

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(in crate::node) struct Transaction {
    pub(in crate::node) commands: Vec<(&'static Command, OwnedArgs)>,
    /// A command was refused while queuing: EXEC will refuse too.
    pub(in crate::node) failed: bool,
}

/// A request that was read and waits for its turn.
#[derive(Debug)]
pub(in crate::node) struct Pending {
    pub(in crate::node) body: Body,
    pub(in crate::node) command: Result<&'static Command, CmdError>,
    /// Its bytes in the read buffer.
    pub(in crate::node) range: (usize, usize),
    /// Requests without arguments came before it.
    pub(in crate::node) after_empty: bool,
}

/// State of one connection, owned by its task.
#[derive(Debug)]
pub(in crate::node) struct Session {
    pub(in crate::node) client: Rc<Client>,
    pub(in crate::node) db: usize,
    pub(in crate::node) authenticated: bool,
    pub(in crate::node) failed_auths: u32,
    pub(in crate::node) out: Replies,
    pub(in crate::node) reply: ReplyMode,
    /// The command that waits was asked not to reply.
    pub(in crate::node) answer_unwanted: bool,
    pub(in crate::node) transaction: Option<Transaction>,
    pub(in crate::node) watched: Vec<Watched>,
    pub(in crate::node) replica_options: ReplicaOptions,
    /// Offset after the last write of this client: what WAIT waits for.
    pub(in crate::node) last_write: ReplOffset,
    pub(in crate::node) decoder: Decoder,
    pub(in crate::node) pending: VecDeque<Pending>,
    /// The requests were followed by bytes that are none: nothing more is read.
    pub(in crate::node) broken: Option<ProtocolError>,
    /// The command found last, with its name as typed: pipelines repeat themselves.
    pub(in crate::node) last_found: Option<(Vec<u8>, &'static Command)>,
}

impl Session {
    /// Whether it executes a file, and nobody is connected.
    pub(in crate::node) fn is_file(&self) -> bool {
        self.client.id == 0
    }

    /// A request without arguments is one to Redis: it has no reply, and the next one's is wanted again.
    pub(in crate::node) fn end_skip(&mut self) {
        if self.reply == ReplyMode::SkipThis {
            self.reply = ReplyMode::On;
        }
    }

    pub(in crate::node) fn new(client: Rc<Client>, authenticated: bool) -> Self {
        Self {
            client,
            db: 0,
            authenticated,
            failed_auths: 0,
            out: Replies::new(),
            reply: ReplyMode::On,
            answer_unwanted: false,
            transaction: None,
            watched: Vec::new(),
            replica_options: ReplicaOptions::default(),
            last_write: 0,
            decoder: Decoder::new(),
            pending: VecDeque::new(),
            broken: None,
            last_found: None,
        }
    }
}

/// One key of a WATCH, as its session knows it.
#[derive(Debug)]
pub(in crate::node) struct Watched {
    pub(in crate::node) key: (usize, Vec<u8>),
    /// The key had expired already at the WATCH, and is still held.
    pub(in crate::node) stale: Rc<Cell<bool>>,
}
