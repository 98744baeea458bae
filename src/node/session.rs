//! One connection's own state: what it has selected, queued and asked for, and its unread requests.

use std::collections::VecDeque;
use std::rc::Rc;

use super::client::Client;
use crate::commands::{CmdError, Command};
use crate::protocol::{Body, Decoder, OwnedArgs, ProtocolError, Replies};
use crate::replication::{ReplOffset, ReplicaOptions};

/// Which replies a client wants (CLIENT REPLY).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyMode {
    On,
    Off,
    /// This command's reply is not wanted.
    SkipThis,
    /// Nor is the next one's.
    SkipNext,
}

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) commands: Vec<(&'static Command, OwnedArgs)>,
    /// A command was refused while queuing: EXEC will refuse too.
    pub(super) failed: bool,
}

/// A request that was read and waits for its turn.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) body: Body,
    pub(super) command: Result<&'static Command, CmdError>,
    /// Its bytes in the read buffer.
    pub(super) range: (usize, usize),
}

/// State of one connection, owned by its task.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Rc<Client>,
    pub(super) db: usize,
    pub(super) authenticated: bool,
    pub(super) failed_auths: u32,
    pub(super) out: Replies,
    pub(super) reply: ReplyMode,
    /// The command that waits was asked not to reply.
    pub(super) answer_unwanted: bool,
    pub(super) transaction: Option<Transaction>,
    pub(super) watched: Vec<super::transaction::Watched>,
    pub(super) replica_options: ReplicaOptions,
    /// Offset after the last write of this client: what WAIT waits for.
    pub(super) last_write: ReplOffset,
    pub(super) decoder: Decoder,
    pub(super) pending: VecDeque<Pending>,
    /// The requests were followed by bytes that are none: nothing more is read.
    pub(super) broken: Option<ProtocolError>,
    /// The command found last, with its name as typed: pipelines repeat themselves.
    pub(super) last_found: Option<(Vec<u8>, &'static Command)>,
}

impl Session {
    /// Whether it executes a file, and nobody is connected.
    pub(super) fn is_file(&self) -> bool {
        self.client.id == 0
    }

    pub(super) fn new(client: Rc<Client>, authenticated: bool) -> Self {
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
