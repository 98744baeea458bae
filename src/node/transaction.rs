//! MULTI, EXEC, DISCARD, WATCH.

use std::rc::Rc;

use super::dispatch::Flow;
use super::session::{Session, Transaction};
use super::state::Node;
use crate::commands::{CmdError, CmdResult, Command, Flags, Garbage, NodeCommand, Run, WholeDb};
use crate::protocol::Args;
use crate::store::Keyspace;

/// Most bytes of replies to one transaction, unless `client-output-buffer-limit` says otherwise: nothing can be
/// sent before its end, so all of them are held.
const REPLIES_MAX: u64 = 256 << 20;

impl Node {
    pub(super) fn multi(session: &mut Session) -> CmdResult<Flow> {
        if session.transaction.is_some() {
            return Err(CmdError::text("ERR MULTI calls can not be nested"));
        }
        session.transaction = Some(Transaction::default());
        session.client.queued.set(0);
        session.out.ok();
        Ok(Flow::Next)
    }

    /// Ends a transaction without running it, and every WATCH.
    pub(super) fn discard(&mut self, session: &mut Session) {
        session.transaction = None;
        session.client.queued.set(-1);
        self.unwatch(session);
    }

    pub(super) fn exec(&mut self, session: &mut Session) -> CmdResult<Flow> {
        let Some(transaction) = session.transaction.take() else {
            return Err(CmdError::text("ERR EXEC without MULTI"));
        };
        session.client.queued.set(-1);
        let spoilt = session.client.dirty_cas.get() || self.watched_key_expired(session);
        self.unwatch(session);
        if transaction.failed {
            return Err(CmdError::text("EXECABORT Transaction discarded because of previous errors."));
        }
        let has =
            |wanted: fn(&Command) -> bool| transaction.commands.iter().any(|(command, _)| wanted(command));
        if has(|command| matches!(command.run, Run::Node(NodeCommand::Replicaof)))
            && has(|command| command.flags.has(Flags::WRITE))
        {
            // Its writes would belong to neither the old history nor the new one.
            return Err(CmdError::text("EXECABORT REPLICAOF and writes cannot be in one transaction."));
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
        self.collected = Some(Vec::new());
        let mut flow = Flow::Next;
        for (command, args) in &transaction.commands {
            let begun = std::time::Instant::now();
            match self.call(session, command, &args.args()) {
                Ok(Flow::Next) => {}
                // Here and not behind the transaction: what it takes counts before anybody is served.
                Ok(other) => flow = other,
                Err(error) => {
                    self.stats.by_command.entry(command.full_name).or_default().failed += 1;
                    self.reply_error(session, &error);
                }
            }
            self.stats.commands += 1;
            self.account(command, 1, begun.elapsed(), &session.client, &args.args());
            if session.out.len() as u64 > limit {
                // All of the transaction is executed, but nobody could take these replies.
                session.out.truncate(0);
                flow = Flow::Drop;
            }
        }
        if let Some(commands) = self.collected.take() {
            self.propagate_collected(&commands);
            if !commands.is_empty() {
                session.last_write = self.history.offset();
            }
        }
        if self.save.scheduled && !self.writes_file() {
            self.save.scheduled = false;
            // The reply is out already; a failure is in the log and in INFO.
            let _ = self.save_in_background();
        }
        Ok(flow)
    }

    pub(super) fn watch(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        if session.transaction.is_some() {
            return Err(CmdError::text("ERR WATCH inside MULTI is not allowed"));
        }
        for key in args.from(1) {
            let entry = (session.db, key.to_vec());
            if session.watched.iter().any(|watched| watched.key == entry) {
                continue;
            }
            let now = self.clock.millis();
            let keyspace = self.store.db(session.db);
            let expire = keyspace.get(keyspace.hash(key), key).and_then(|found| found.expire());
            let expired = expire.is_some_and(|at| at <= now);
            self.watched.entry(entry.clone()).or_default().push(Rc::clone(&session.client));
            session.watched.push(Watched { key: entry, expired });
        }
        session.client.watching.set(session.watched.len());
        self.update_watching();
        session.out.ok();
        Ok(Flow::Next)
    }

    pub(super) fn unwatch(&mut self, session: &mut Session) {
        for watched in session.watched.drain(..) {
            if let Some(clients) = self.watched.get_mut(&watched.key) {
                clients.retain(|client| client.id != session.client.id);
                if clients.is_empty() {
                    self.watched.remove(&watched.key);
                }
            }
        }
        session.client.watching.set(0);
        session.client.dirty_cas.set(false);
        self.update_watching();
    }

    /// A key that was there at WATCH and has expired since, without anybody noticing yet.
    fn watched_key_expired(&self, session: &Session) -> bool {
        session.watched.iter().any(|watched| {
            let (db, key) = &watched.key;
            let keyspace = self.store.db(*db);
            let expire = keyspace.get(keyspace.hash(key), key).and_then(|found| found.expire());
            !watched.expired && expire.is_some_and(|at| at <= self.clock.millis())
        })
    }

    /// Spoils the transactions of those who watch what the last command changed.
    pub(super) fn mark_watchers(&mut self) {
        for (db, key) in self.effects.changed_keys() {
            for client in self.watched.get(&(db, key.to_vec())).into_iter().flatten() {
                client.dirty_cas.set(true);
            }
        }
        for whole in &self.effects.whole_dbs {
            match *whole {
                WholeDb::Flushed { db, garbage } => {
                    let lost = garbage.and_then(|index| self.garbage.get(index));
                    let held = |key: &[u8]| matches!(lost, Some(Garbage::Keyspace(lost)) if holds(lost, key));
                    self.mark_watchers_of(db, held);
                }
                WholeDb::Swapped(one, other) => {
                    let held =
                        |key: &[u8]| holds(self.store.db(one), key) || holds(self.store.db(other), key);
                    self.mark_watchers_of(one, held);
                    self.mark_watchers_of(other, held);
                }
            }
        }
        self.invalidate_changed();
    }

    fn mark_watchers_of(&self, db: usize, is_touched: impl Fn(&[u8]) -> bool) {
        for ((_, key), clients) in self.watched.range((db, Vec::new())..(db + 1, Vec::new())) {
            if is_touched(key) {
                for client in clients {
                    client.dirty_cas.set(true);
                }
            }
        }
    }

    /// The whole data set was replaced by a full sync: everything watched counts as changed.
    pub(super) fn mark_all_watchers(&mut self) {
        self.watched.values().flatten().for_each(|client| client.dirty_cas.set(true));
    }
}

fn holds(keyspace: &Keyspace, key: &[u8]) -> bool {
    keyspace.get(keyspace.hash(key), key).is_some()
}

/// One key of a WATCH.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) key: (usize, Vec<u8>),
    /// It had expired already at the WATCH.
    pub(super) expired: bool,
}
