//! MULTI, EXEC, DISCARD, WATCH.

use std::cell::Cell;
use std::rc::Rc;

use super::flow::{Flow, Handlers};
use crate::commands::{CmdError, CmdResult, Flags, Garbage, NodeCommand as N, WholeDb};
use crate::node::clients::buffers::bytes_for_name;
use crate::node::clients::client::Client;
use crate::node::clients::session::{Session, Transaction, Watched};
use crate::node::node::Node;
use crate::protocol::Args;
use crate::store::{Keyspace, Millis};

/// Most bytes of replies to one transaction, unless `client-output-buffer-limit` says otherwise: nothing can be
/// sent before its end, so all of them are held.
const REPLIES_MAX: u64 = 256 << 20;

/// What EXEC answers if a command was refused while it was queued.
pub(in crate::node) fn exec_abort() -> CmdError {
    CmdError::text("EXECABORT Transaction discarded because of previous errors.")
}

pub(super) const HANDLERS: Handlers = &[
    (N::Discard, |node, session, _| {
        // Keys stay watched when there was nothing to discard.
        if session.transaction.is_none() {
            return Err(CmdError::text("ERR DISCARD without MULTI"));
        }
        node.discard(session);
        session.out.ok();
        Ok(Flow::Next)
    }),
    (N::Exec, Node::exec),
    (N::Multi, multi),
    (N::Unwatch, |node, session, _| {
        node.unwatch(session);
        session.out.ok();
        Ok(Flow::Next)
    }),
    (N::Watch, Node::watch),
];

impl Node {
    /// Ends a transaction without running it, and every WATCH.
    pub(in crate::node) fn discard(&mut self, session: &mut Session) {
        session.transaction = None;
        session.client.note_queue(-1, 0);
        self.unwatch(session);
    }

    fn exec(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let Some(transaction) = session.transaction.take() else {
            return Err(CmdError::text("ERR EXEC without MULTI"));
        };
        session.client.note_queue(-1, 0);
        let spoilt = session.client.dirty_cas.get() || self.watched_key_expired(session);
        self.unwatch(session);
        if transaction.failed {
            return Err(exec_abort());
        }
        if spoilt {
            session.out.null_array();
            return Ok(Flow::Next);
        }
        let limit = match self.config.client_output_buffer_limit.normal.hard {
            0 => REPLIES_MAX,
            hard => hard,
        };
        session.out.array(transaction.commands.len());
        self.data.collected = Some(Vec::new());
        let was_master = self.replication.upstream.is_none();
        let mut flow = Flow::Next;
        for (command, args) in &transaction.commands {
            let begun = std::time::Instant::now();
            match self.call(session, command, &args.args()) {
                Ok(Flow::Next) => {}
                // Here and not behind the transaction: what it takes counts before anybody is served.
                Ok(other) => flow = other,
                Err(error) => {
                    self.figures.stats.by_command.entry(command.full_name).or_default().failed += 1;
                    self.reply_error(session, &error);
                }
            }
            self.figures.stats.commands += 1;
            self.account(command, 1, begun.elapsed(), &session.client, &args.args());
            if session.out.len() as u64 > limit {
                // All of the transaction is executed, but nobody could take these replies.
                session.out.truncate(0);
                flow = Flow::Drop;
            }
        }
        let commands = self.data.collected.take().unwrap_or_default();
        let writes = transaction.commands.iter().any(|(command, _)| command.flags.has(Flags::WRITE));
        if was_master && self.replication.upstream.is_some() {
            if writes {
                self.leave_own_history();
            }
        } else if !commands.is_empty() {
            self.propagate_collected(&commands);
            session.last_write = self.replication.history.offset();
        }
        self.save_if_scheduled();
        Ok(flow)
    }

    fn watch(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        if session.transaction.is_some() {
            return Err(CmdError::text("ERR WATCH inside MULTI is not allowed"));
        }
        for key in args.from(1) {
            let entry = (session.db, key.to_vec());
            if session.watched.iter().any(|watched| watched.key == entry) {
                continue;
            }
            let stale = State::of(self.data.store.db(session.db), key, self.clock.millis()) == State::Stale;
            let stale = Rc::new(Cell::new(stale));
            let watcher = Watcher { client: Rc::clone(&session.client), stale: Rc::clone(&stale) };
            self.clients.watched.entry(entry.clone()).or_default().push(watcher);
            session.watched.push(Watched { key: entry, stale });
            let bytes = &session.client.watched_bytes;
            bytes.set(bytes.get() + bytes_for_name(key));
        }
        session.client.watching.set(session.watched.len());
        self.update_watching();
        session.out.ok();
        Ok(Flow::Next)
    }

    pub(in crate::node) fn unwatch(&mut self, session: &mut Session) {
        for watched in session.watched.drain(..) {
            if let Some(watchers) = self.clients.watched.get_mut(&watched.key) {
                watchers.retain(|watcher| watcher.client.id != session.client.id);
                if watchers.is_empty() {
                    self.clients.watched.remove(&watched.key);
                }
            }
        }
        session.client.watching.set(0);
        session.client.watched_bytes.set(0);
        session.client.dirty_cas.set(false);
        self.update_watching();
    }

    /// A key that was there at WATCH and has expired since, without anybody noticing yet.
    fn watched_key_expired(&self, session: &Session) -> bool {
        let now = self.clock.millis();
        session.watched.iter().any(|watched| {
            let (db, key) = &watched.key;
            !watched.stale.get() && State::of(self.data.store.db(*db), key, now) == State::Stale
        })
    }

    /// Spoils the transactions of those who watch what the last command changed.
    pub(in crate::node) fn mark_watchers(&mut self) {
        let now = self.clock.millis();
        for (db, key) in self.data.effects.changed_keys() {
            for watcher in self.clients.watched.get(&(db, key.to_vec())).into_iter().flatten() {
                let gone = State::of(self.data.store.db(db), key, now) == State::Missing;
                // What had expired before the WATCH is removed now: nothing has changed for its client.
                if !(gone && watcher.stale.take()) {
                    watcher.client.dirty_cas.set(true);
                }
            }
        }
        for whole in &self.data.effects.whole_dbs {
            match *whole {
                WholeDb::Flushed { db, garbage } => {
                    let lost = garbage.and_then(|index| self.data.garbage.get(index));
                    let Some(Garbage::Keyspace(lost)) = lost else { continue };
                    self.mark_watchers_of(db, lost, None);
                }
                WholeDb::Swapped(one, other) => {
                    self.mark_watchers_of(one, self.data.store.db(other), Some(self.data.store.db(one)));
                    self.mark_watchers_of(other, self.data.store.db(one), Some(self.data.store.db(other)));
                }
            }
        }
        self.invalidate_changed();
    }

    /// The keys of a database were lost, or others took their place.
    fn mark_watchers_of(&self, db: usize, lost: &Keyspace, replaced_by: Option<&Keyspace>) {
        let now = self.clock.millis();
        for ((_, key), watchers) in self.clients.watched.range((db, Vec::new())..(db + 1, Vec::new())) {
            let before = State::of(lost, key, now);
            let after = replaced_by.map_or(State::Missing, |keyspace| State::of(keyspace, key, now));
            for watcher in watchers {
                // A key that had expired before the WATCH counts as missing, now as then.
                let was_missing = before == State::Missing || watcher.stale.get();
                if was_missing && after != State::Live {
                    watcher.stale.set(after == State::Stale);
                } else {
                    watcher.client.dirty_cas.set(true);
                }
            }
        }
    }

    /// The whole data set was replaced by a full sync: everything watched counts as changed.
    pub(in crate::node) fn mark_all_watchers(&mut self) {
        self.clients.watched.values().flatten().for_each(|watcher| watcher.client.dirty_cas.set(true));
    }
}

/// How a key looks to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Missing,
    /// Still held, although its time is over.
    Stale,
    Live,
}

impl State {
    fn of(keyspace: &Keyspace, key: &[u8], now: Millis) -> Self {
        match keyspace.get(keyspace.hash(key), key) {
            None => Self::Missing,
            Some(entry) if entry.expire().is_some_and(|at| at <= now) => Self::Stale,
            Some(_) => Self::Live,
        }
    }
}

/// One client that watches a key.
#[derive(Debug)]
pub(in crate::node) struct Watcher {
    client: Rc<Client>,
    /// The key had expired already at the WATCH, and is still held.
    stale: Rc<Cell<bool>>,
}

fn multi(_: &mut Node, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
    if session.transaction.is_some() {
        return Err(CmdError::text("ERR MULTI calls can not be nested"));
    }
    session.transaction = Some(Transaction::default());
    session.client.note_queue(0, 0);
    session.out.ok();
    Ok(Flow::Next)
}
