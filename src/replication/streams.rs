//! Where changes are written down: in the replication stream of a master, and in the append-only file.

use super::{Backlog, History, StreamWriter};
use crate::commands::Effects;
use crate::persistence::AofWriter;

/// Both at once, borrowed for one change.
#[derive(Debug)]
pub struct Streams<'a> {
    /// `None` for a replica, whose stream is its master's, and for a master without replicas.
    pub backlog: Option<&'a mut Backlog>,
    /// Grows with the backlog.
    pub history: &'a mut History,
    /// Writes to the backlog.
    pub writer: &'a mut StreamWriter,
    /// `None` without `appendonly`.
    pub log: Option<&'a mut AofWriter>,
}

/// Whether commands that one command leaves belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// All of them are applied or none, as one transaction.
    Together,
    /// They have nothing to do with each other, such as keys that SCAN finds expired.
    Apart,
}

impl Streams<'_> {
    /// One command of database `db`.
    #[inline]
    pub fn command(&mut self, db: usize, parts: &[&[u8]]) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.command(self.history, backlog, db as u16, parts);
        }
        if let Some(log) = &mut self.log {
            log.command(db, parts);
        }
    }

    /// One command that is encoded already.
    pub fn encoded(&mut self, db: usize, command: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.encoded(self.history, backlog, db as u16, command);
        }
        if let Some(log) = &mut self.log {
            log.encoded(db, command);
        }
    }

    /// What a command has left for others, and behind it the command itself (`own`, of database `db`) if it goes into
    /// the stream as it came.
    #[inline]
    pub fn effects(&mut self, effects: &Effects, db: usize, own: &[&[u8]], unit: Unit) {
        let sends_itself = effects.sends_itself();
        let sent = effects.sent();
        if sent.len() == 0 {
            if sends_itself {
                self.command(db, own);
            }
            return;
        }
        let wrap = sent.len() + usize::from(sends_itself) > 1 && unit == Unit::Together;
        for (index, (db, command)) in sent.enumerate() {
            if wrap && index == 0 {
                self.multi(db);
            }
            self.encoded(db, command);
        }
        if sends_itself {
            self.command(db, own);
        }
        if wrap {
            self.exec();
        }
    }

    /// Commands that were collected during EXEC, or made by the node itself, each with its database.
    pub fn collected(&mut self, commands: &[(usize, Vec<u8>)]) {
        let Some((first_db, _)) = commands.first() else { return };
        if commands.len() > 1 {
            self.multi(*first_db);
        }
        for (db, command) in commands {
            self.encoded(*db, command);
        }
        if commands.len() > 1 {
            self.exec();
        }
    }

    /// Opens a transaction whose first command is for `db`.
    fn multi(&mut self, db: usize) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.multi(self.history, backlog, db as u16);
        }
        if let Some(log) = &mut self.log {
            log.multi(db);
        }
    }

    /// Closes a transaction.
    fn exec(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            self.writer.exec(self.history, backlog);
        }
        if let Some(log) = &mut self.log {
            log.exec();
        }
    }
}
