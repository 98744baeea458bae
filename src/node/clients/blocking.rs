//! Clients that wait for keys: BLPOP and its kin, from the wait to the answer.
//!
//! A blocked client's request is kept as it came. When one of its keys is ready it runs again, in the order in which
//! clients began to wait for that key, and its reply is handed to the client's own task. This module must not know
//! what a command waits for: it finds out by running it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::client::{Answer, Client, ClientId};
use super::session::Session;
use crate::commands::{AtTimeout, CmdError, CmdResult, Command, KeyWait, WholeDb};
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, OwnedArgs, Replies, strict_i64};

const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// A client that waits for keys.
#[derive(Debug)]
struct Waiting {
    client: Rc<Client>,
    db: usize,
    command: &'static Command,
    request: OwnedArgs,
    /// What the client has sent, if that is not what runs again: SLOWLOG shows it.
    typed: Option<OwnedArgs>,
    keys: BTreeSet<Vec<u8>>,
    at_timeout: AtTimeout,
    errors_end_it: bool,
    resp3: bool,
}

/// All clients that wait for keys.
#[derive(Debug, Default)]
pub(in crate::node) struct Blocking {
    clients: BTreeMap<ClientId, Waiting>,
    /// Who waits for a key, first come first.
    queues: BTreeMap<(usize, Vec<u8>), VecDeque<ClientId>>,
    /// The key for which a request runs again just now.
    pub(in crate::node) ready_key: Option<Vec<u8>>,
}

impl Blocking {
    fn add(&mut self, id: ClientId, waiting: Waiting) {
        for key in &waiting.keys {
            self.queues.entry((waiting.db, key.clone())).or_default().push_back(id);
        }
        self.clients.insert(id, waiting);
    }

    fn remove(&mut self, id: ClientId) -> Option<Waiting> {
        let waiting = self.clients.remove(&id)?;
        for key in &waiting.keys {
            let key = (waiting.db, key.clone());
            if let Some(queue) = self.queues.get_mut(&key) {
                queue.retain(|waiting| *waiting != id);
                if queue.is_empty() {
                    self.queues.remove(&key);
                }
            }
        }
        Some(waiting)
    }
}

/// What a command answers when its time is over.
fn write_timeout(out: &mut Replies, at_timeout: AtTimeout) {
    match at_timeout {
        AtTimeout::Null => out.null(),
        AtTimeout::NullArray => out.null_array(),
    }
}

impl Node {
    /// A command has found nothing and waits: its client is blocked from now on.
    pub(in crate::node) fn block(
        &mut self,
        session: &Session,
        command: &'static Command,
        args: &Args<'_>,
        wait: KeyWait,
    ) -> Flow {
        if self.clients.blocking.ready_key.is_some() {
            // It has waited, and goes on at its place.
            return Flow::Block(None);
        }
        let typed = args.to_owned_args();
        let (request, typed) = match &wait.instead {
            Some(parts) => (OwnedArgs::from_parts(parts.iter().map(Vec::as_slice)), Some(typed)),
            None => (typed, None),
        };
        let waiting = Waiting {
            client: Rc::clone(&session.client),
            db: session.db,
            command,
            request,
            typed,
            keys: wait.keys.into_iter().collect(),
            at_timeout: wait.at_timeout,
            errors_end_it: wait.errors_end_it,
            resp3: session.out.is_resp3(),
        };
        self.clients.blocking.add(session.client.id, waiting);
        self.note_blocked();
        session.client.blocked.set(true);
        Flow::Block((wait.timeout > 0).then(|| Duration::from_millis(wait.timeout as u64)))
    }

    /// A client waits no more: it is gone, or its time is over.
    pub(super) fn forget_blocked(&mut self, id: ClientId) {
        self.clients.blocking.remove(id);
        self.note_blocked();
    }

    /// Commands note what is ready only if somebody waits for it.
    fn note_blocked(&mut self) {
        self.data.effects.serving = !self.clients.blocking.clients.is_empty();
        self.data.effects.changes_serve =
            self.clients.blocking.clients.values().any(|waiting| waiting.errors_end_it);
    }

    /// Whole databases were flushed or swapped: all that is waited for in them may be there now, or gone.
    pub(in crate::node) fn signal_dbs(&mut self) {
        let changed: Vec<usize> = self.data.effects.whole_dbs.iter().flat_map(WholeDb::dbs).collect();
        for (db, key) in self.clients.blocking.queues.keys() {
            if changed.contains(db) {
                self.data.effects.signal_ready(*db, key);
            }
        }
    }

    /// All data were replaced by a full sync: the same for every database.
    pub(in crate::node) fn serve_all(&mut self) {
        for (db, key) in self.clients.blocking.queues.keys() {
            self.data.effects.signal_ready(*db, key);
        }
        self.serve_ready();
    }

    /// The time of a client is over, or it was woken: its answer. Its own task calls this.
    pub(super) fn end_block(&mut self, session: &mut Session) -> bool {
        session.client.blocked.set(false);
        if let Some(answer) = session.client.answer.take() {
            session.out.raw(&answer.heard);
            if !std::mem::take(&mut session.answer_unwanted) {
                session.out.raw(&answer.bytes);
            }
            session.last_write = self.replication.history.offset();
            if answer.close {
                // Nothing follows the reply that a connection is closed on.
                session.client.outbox.clear();
            }
            return !answer.close;
        }
        if let Some(waiting) = self.clients.blocking.remove(session.client.id) {
            write_timeout(&mut session.out, waiting.at_timeout);
        }
        self.note_blocked();
        Self::silence(session);
        true
    }

    /// CLIENT REPLY may have asked for silence before the wait.
    fn silence(session: &mut Session) {
        if std::mem::take(&mut session.answer_unwanted) {
            session.out.truncate(0);
        }
    }

    fn wake(&mut self, id: ClientId, bytes: Vec<u8>, close: bool) {
        let Some(waiting) = self.clients.blocking.remove(id) else { return };
        self.note_blocked();
        waiting.client.answer.replace(Some(Answer::to(&waiting.client, bytes, close)));
        waiting.client.blocked.set(false);
        waiting.client.wake.notify_one();
    }

    /// Serves the clients that wait for keys which the last command or transaction has made ready, and for those that
    /// this makes ready in turn. It ends: each client is served once.
    pub(in crate::node) fn serve_ready(&mut self) {
        // What has expired since the command began is not served.
        self.clock.tick(std::time::Instant::now());
        while self.data.effects.has_ready() {
            for (db, key) in self.data.effects.take_ready() {
                self.serve_key(db, &key);
            }
        }
    }

    /// Runs the requests that wait for a key again, first come first, as long as the key is there.
    fn serve_key(&mut self, db: usize, key: &[u8]) {
        let Some(queue) = self.clients.blocking.queues.get(&(db, key.to_vec())) else { return };
        for id in queue.iter().copied().collect::<Vec<_>>() {
            let keyspace = self.data.store.db(db);
            let is_there = keyspace.get(keyspace.hash(key), key).is_some();
            let Some(waiting) = self.clients.blocking.clients.get(&id) else { continue };
            if !is_there && !waiting.errors_end_it {
                continue;
            }
            let (command, request, errors_end_it) =
                (waiting.command, waiting.request.clone(), waiting.errors_end_it);
            let typed = waiting.typed.clone();
            // A session of its own: the real one belongs to the client's task.
            let mut session = Session::new(Rc::clone(&waiting.client), true);
            session.db = db;
            session.out.set_resp3(waiting.resp3);
            self.clients.blocking.ready_key = Some(key.to_vec());
            // What it changes is its own doing: it hears of that after its reply.
            let current = self.clients.current.replace(Rc::clone(&session.client));
            let begun = Instant::now();
            let result = self.call(&mut session, command, &request.args());
            self.clients.current = current;
            self.clients.blocking.ready_key = None;
            self.data.effects.wait = None;
            match result {
                Ok(Flow::Next) => {}
                Err(error) if errors_end_it => {
                    self.figures.stats.by_command.entry(command.full_name).or_default().failed += 1;
                    self.reply_error(&mut session, &error);
                }
                // Nothing for this client, or the key holds another type: the wait goes on.
                Ok(_) | Err(_) => continue,
            }
            let typed = typed.as_ref().unwrap_or(&request);
            self.account(command, 0, begun.elapsed(), &session.client, &typed.args());
            self.wake(id, session.out.take(), false);
        }
    }

    /// The node is a replica now: what its clients wait for can only come from its master.
    pub(in crate::node) fn disconnect_blocked(&mut self) {
        let mut out = Replies::new();
        out.error(
            b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        );
        let ids: Vec<ClientId> = self.clients.blocking.clients.keys().copied().collect();
        for id in ids {
            self.wake(id, out.bytes().to_vec(), true);
        }
        for id in self.replication.waits.drain() {
            if let Some(client) = self.clients.by_id.get(&id) {
                client.answer.replace(Some(Answer::to(client, out.bytes().to_vec(), true)));
                client.wake.notify_one();
            }
        }
    }

    /// `CLIENT UNBLOCK client-id [TIMEOUT | ERROR]`
    pub(super) fn client_unblock(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let with_error = match args.len() {
            3 => false,
            4 if args.is(3, "timeout") => false,
            4 if args.is(3, "error") => true,
            _ => {
                return Err(CmdError::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
            }
        };
        let id = strict_i64(args.get(2)).ok_or(CmdError::NotAnInteger)?;
        let unblocked = u64::try_from(id).is_ok_and(|id| self.unblock(id, with_error));
        session.out.flag(unblocked);
        Ok(Flow::Next)
    }

    fn unblock(&mut self, id: ClientId, with_error: bool) -> bool {
        let mut out = Replies::new();
        if with_error {
            out.error(UNBLOCKED.as_bytes());
        }
        if let Some(waiting) = self.clients.blocking.clients.get(&id) {
            if with_error {
                self.figures.stats.by_command.entry(waiting.command.full_name).or_default().failed += 1;
                self.figures.stats.count_error(UNBLOCKED);
            } else {
                out.set_resp3(waiting.resp3);
                write_timeout(&mut out, waiting.at_timeout);
            }
            self.wake(id, out.take(), false);
            return true;
        }
        if !self.replication.waits.has(id) {
            return false;
        }
        // A WAIT counts its replicas itself when its time is over.
        if let Some(client) = self.clients.by_id.get(&id) {
            if with_error {
                self.replication.waits.remove(id);
                client.answer.replace(Some(Answer::to(client, out.take(), false)));
            }
            client.wake.notify_one();
        }
        true
    }
}
