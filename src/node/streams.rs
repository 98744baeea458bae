//! Where changes are written down: in the replication stream of a master, and in the append-only file.

use super::aof::Log;
use crate::replication::{Backlog, History, StreamWriter};

/// Both at once. Made by [`streams!`], which borrows no more of the node than this.
pub(super) struct Streams<'a> {
    /// The stream of a replica is its master's.
    pub(super) backlog: Option<&'a mut Backlog>,
    pub(super) history: &'a mut History,
    pub(super) writer: &'a mut StreamWriter,
    pub(super) log: Option<&'a mut Log>,
}

macro_rules! streams {
    ($node:expr) => {
        crate::node::streams::Streams {
            backlog: if $node.upstream.is_none() { $node.backlog.as_mut() } else { None },
            history: &mut $node.history,
            writer: &mut $node.writer,
            log: $node.aof.log.as_mut(),
        }
    };
}
pub(super) use streams;

impl Streams<'_> {
    /// One command of database `db`.
    #[inline]
    pub(super) fn command(&mut self, db: usize, parts: &[&[u8]]) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.command(self.history, backlog, db as u16, parts);
        }
        if let Some(log) = &mut self.log {
            log.command(db, parts);
        }
    }

    /// One command that is encoded already.
    pub(super) fn encoded(&mut self, db: usize, command: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.encoded(self.history, backlog, db as u16, command);
        }
        if let Some(log) = &mut self.log {
            log.encoded(db, command);
        }
    }

    /// Opens a transaction whose first command is for `db`.
    pub(super) fn multi(&mut self, db: usize) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.multi(self.history, backlog, db as u16);
        }
        if let Some(log) = &mut self.log {
            log.multi(db);
        }
    }

    /// Closes a transaction.
    pub(super) fn exec(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.exec(self.history, backlog);
        }
        if let Some(log) = &mut self.log {
            log.exec();
        }
    }
}
