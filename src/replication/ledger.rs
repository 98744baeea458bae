//! What one node can let its replicas continue, and what becomes of it when the node's role or data change.
//!
//! Owns the rules that keep history, backlog and writer in step: each change touches all three at once, whoever asks
//! for it. It must not know why a role changes, nor who the replicas are.

use super::{Backlog, History, ReplId, ReplOffset, StreamWriter};

/// Where a stream was left, for another link to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continued {
    /// The history.
    pub replid: ReplId,
    /// Bytes of it that are applied.
    pub offset: ReplOffset,
    /// Database selected there: nobody will SELECT it again.
    pub db: u16,
}

/// History, backlog and writer of one node, borrowed for one change.
#[derive(Debug)]
pub struct Ledger<'a> {
    /// Which data the node holds.
    pub history: &'a mut History,
    /// The last bytes of that history; `None` before the first replica.
    pub backlog: &'a mut Option<Backlog>,
    /// Writes further bytes while the node is master.
    pub writer: &'a mut StreamWriter,
    /// `repl-backlog-size`
    pub backlog_size: u64,
}

impl Ledger<'_> {
    /// Begins an empty backlog where the history stands.
    pub fn open_backlog(&mut self) {
        *self.backlog = Some(Backlog::new(self.backlog_size, self.history.offset() + 1));
    }

    /// A replica has loaded its data file at its start: it tries to continue that history, in the file's database.
    pub fn restore_as_replica(&mut self, replid: ReplId, offset: ReplOffset, db: Option<u16>) {
        *self.history = History::restored_as_replica(replid, offset);
        *self.writer = StreamWriter::new(db);
        self.open_backlog();
    }

    /// A master has loaded its data file at its start: its replicas may continue.
    ///
    /// The writer stays one that must SELECT: replicas that return may stand in any database.
    pub fn restore_as_master(&mut self, new_id: ReplId, replid: ReplId, offset: ReplOffset) {
        *self.history = History::restored_as_master(new_id, replid, offset);
        self.open_backlog();
    }

    /// A replica becomes master: the history forks here, under a new name.
    ///
    /// Its replicas are to be disconnected: they hear of the name when they come back.
    pub fn promote(&mut self, new_id: ReplId) {
        self.history.promote(new_id);
        if self.backlog.is_none() {
            self.open_backlog();
        }
        self.writer.force_select();
    }

    /// A replica has loaded a whole snapshot; `of` is `None` if its master has told no history, and then `new_id` is
    /// the name of one that nobody else has.
    ///
    /// Its replicas are to be disconnected: nothing of what they hold goes on here.
    pub fn adopt_full(&mut self, of: Option<(ReplId, ReplOffset)>, new_id: ReplId) {
        match of {
            Some((replid, offset)) => self.history.adopt_full(replid, offset),
            None => *self.history = History::new(new_id),
        }
        self.open_backlog();
        *self.writer = StreamWriter::new(None);
    }

    /// A replica was told `+CONTINUE <replid>`; `true` if its replicas must be disconnected to hear of a new name.
    #[must_use = "after a change the own replicas must be disconnected"]
    pub fn adopt_continue(&mut self, replid: ReplId) -> bool {
        let changed = self.history.adopt_continue(replid);
        if self.backlog.is_none() {
            self.open_backlog();
        }
        changed
    }

    /// A replica asks for a full sync. `true` if it is the first one: without a backlog nobody can have followed this
    /// history, so it gets a new name, as a replica of an older one must not be granted a partial sync by accident.
    pub fn begin_to_feed(&mut self, new_id: ReplId) -> bool {
        let is_first = self.backlog.is_none();
        if is_first {
            self.history.reset(new_id);
            self.open_backlog();
        }
        is_first
    }

    /// Nobody follows any more: a replica that returns later must not continue a history whose end nobody kept.
    pub fn free_backlog(&mut self, new_id: ReplId) {
        self.history.reset(new_id);
        *self.backlog = None;
    }

    /// The data hold what no history has: none may be continued with them.
    pub fn leave_history(&mut self, new_id: ReplId) {
        self.history.reset(new_id);
    }

    /// Where a link to a master may go on with what this node has.
    pub fn own(&self) -> Continued {
        let (replid, offset) = (self.history.replid(), self.history.offset());
        Continued { replid, offset, db: self.writer.selected().unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::replication::{FullReason, PsyncRequest, PsyncVerdict, judge, relay};

    fn id(byte: u8) -> ReplId {
        ReplId::from_bytes([byte; 20])
    }

    struct Node {
        history: History,
        backlog: Option<Backlog>,
        writer: StreamWriter,
    }

    impl Node {
        fn new() -> Self {
            Self { history: History::new(id(1)), backlog: None, writer: StreamWriter::default() }
        }

        fn ledger(&mut self) -> Ledger<'_> {
            let Self { history, backlog, writer } = self;
            Ledger { history, backlog, writer, backlog_size: 1 << 20 }
        }

        fn judge(&self, byte: u8, from: ReplOffset) -> PsyncVerdict {
            judge(&self.history, self.backlog.as_ref(), PsyncRequest::Resume { replid: id(byte), from })
        }
    }

    #[test]
    fn the_first_replica_gets_a_history_of_its_own_and_the_second_one_the_same() {
        let mut node = Node::new();
        assert!(node.ledger().begin_to_feed(id(2)));
        assert!(!node.ledger().begin_to_feed(id(3)));
        assert_eq!((node.history.replid(), node.history.replid2()), (id(2), None));
        node.ledger().free_backlog(id(4));
        assert!(matches!(node.judge(2, 1), PsyncVerdict::Full(FullReason::UnknownHistory { .. })));
    }

    #[test]
    fn a_promoted_node_selects_anew_and_keeps_what_its_replicas_may_continue() {
        let mut node = Node::new();
        node.ledger().adopt_full(Some((id(7), 100)), id(8));
        let Node { history, backlog, .. } = &mut node;
        relay(history, backlog.as_mut().unwrap(), b"0123456789");
        node.writer = StreamWriter::new(Some(3));
        node.ledger().promote(id(9));
        assert_eq!(node.writer.selected(), None);
        assert_eq!(node.judge(7, 105), PsyncVerdict::Continue { from: 105, bytes: 6, via_replid2: true });
        assert!(matches!(node.judge(7, 112), PsyncVerdict::Full(FullReason::PastFork { .. })));
        assert_eq!(node.ledger().own(), Continued { replid: id(9), offset: 110, db: 0 });
    }

    #[test]
    fn a_full_sync_forgets_what_was_there_before() {
        let mut node = Node::new();
        node.ledger().restore_as_master(id(2), id(1), 50);
        node.ledger().adopt_full(Some((id(7), 10)), id(8));
        assert!(matches!(node.judge(1, 51), PsyncVerdict::Full(FullReason::UnknownHistory { .. })));
        assert_eq!(node.judge(7, 11), PsyncVerdict::Continue { from: 11, bytes: 0, via_replid2: false });
        node.ledger().adopt_full(None, id(8));
        assert_eq!((node.history.replid(), node.history.offset()), (id(8), 0));
    }

    #[test]
    fn a_restarted_replica_goes_on_in_the_database_of_its_file() {
        let mut node = Node::new();
        node.ledger().restore_as_replica(id(7), 50, Some(5));
        assert_eq!(node.ledger().own(), Continued { replid: id(7), offset: 50, db: 5 });
        assert!(!node.ledger().adopt_continue(id(7)));
        assert!(node.ledger().adopt_continue(id(8)));
        assert_eq!(node.history.second_offset(), Some(51));
    }
}
