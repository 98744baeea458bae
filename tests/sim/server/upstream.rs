//! The replica's side of a link: does what `ReplicaLink` says, as the node's link driver does.

use std::collections::VecDeque;
use std::io::Cursor as Bytes;
use std::ops::ControlFlow;

use repliscope::commands::Command;
use repliscope::persistence::{Ending, LoadOptions, load};
use repliscope::protocol::{Decoder, OwnedArgs};
use repliscope::replication::{
    Applied, Continued, Granted, Held, LinkAction, LinkConfig, LinkError, LinkEvent, Relay, ReplicaLink,
    SnapshotBytes,
};

use super::{DATABASES, ENCODINGS, MINE, Server, port_of};
use crate::digest::{Keys, of_store};
use crate::env::{Env, Event, MILLI};
use crate::mutant::Mutant;
use crate::net::ConnId;

type Queued = (&'static Command, OwnedArgs);

/// The link to a master.
#[derive(Debug)]
pub struct Upstream {
    pub master: usize,
    pub generation: u64,
    pub link: ReplicaLink,
    pub applied: Applied,
    pub(super) relay: Relay,
    pub conn: Option<ConnId>,
    pub(super) buffer: Vec<u8>,
    pub(super) decoder: Decoder,
    streaming: bool,
    /// Database in which the next command runs.
    pub(super) db: usize,
    pub(super) transaction: Option<Vec<Queued>>,
    granted: Option<Held>,
    loaded_db: Option<u16>,
    transfer: Option<Transfer>,
    /// Executed last, for the mutant that does it twice.
    pub(super) last: Option<(usize, Queued)>,
}

/// A snapshot that arrives.
#[derive(Debug)]
struct Transfer {
    bytes: SnapshotBytes,
    chunk: Vec<u8>,
    snapshot: Vec<u8>,
    is_whole: bool,
    is_from_file: bool,
    /// The connection ended while the snapshot was decoded.
    lost: bool,
    /// The data that it is to replace.
    digest: u64,
}

impl Server {
    pub(super) fn start_upstream(&mut self, env: &mut Env, master: usize, left: Option<Continued>) {
        self.generation += 1;
        let held = left.map(|left| (left.replid, left.offset));
        let (offset, db) = left.map_or((0, 0), |left| (left.offset, left.db));
        let config = LinkConfig {
            listening_port: port_of(self.node()),
            announce_ip: None,
            auth: None,
            timeout: self.config.timeout,
        };
        let mut link = ReplicaLink::new(config, held);
        if self.failover.is_some() {
            link.hand_over();
        }
        self.upstream = Some(Upstream {
            master,
            generation: self.generation,
            link,
            applied: Applied::new(offset, db),
            relay: Relay::default(),
            conn: None,
            buffer: Vec::new(),
            decoder: Decoder::new(),
            streaming: false,
            db: 0,
            transaction: None,
            granted: None,
            loaded_db: None,
            transfer: None,
            last: None,
        });
        self.tell(env, LinkEvent::ConnectNow);
    }

    pub(super) fn end_upstream(&mut self, env: &mut Env) -> Option<Continued> {
        let upstream = self.upstream.take()?;
        if let Some(conn) = upstream.conn {
            env.close(conn, MINE);
        }
        let (replid, offset) = upstream.link.held()?;
        Some(Continued { replid, offset, db: upstream.applied.db() })
    }

    pub(super) fn tick_link(&mut self, env: &mut Env) {
        self.tell(env, LinkEvent::Tick);
    }

    /// The pause before a reconnect is over.
    pub fn reopen(&mut self, env: &mut Env, generation: u64) {
        if self.upstream.as_ref().is_some_and(|upstream| upstream.generation == generation) {
            self.tell(env, LinkEvent::ConnectNow);
        }
    }

    /// The connection that was asked for is there, or cannot be.
    pub fn connected(&mut self, env: &mut Env, conn: ConnId, is_there: bool) {
        if self.upstream.as_ref().is_some_and(|upstream| upstream.conn == Some(conn)) {
            self.tell(
                env,
                if is_there { LinkEvent::SocketOpen } else { LinkEvent::ConnectFailed("refused".to_owned()) },
            );
        } else if is_there {
            env.close(conn, MINE);
        }
    }

    /// CLIENT KILL TYPE master
    pub fn drop_link(&mut self, env: &mut Env) {
        if self.upstream.as_ref().is_some_and(|upstream| upstream.conn.is_some()) {
            self.tell(env, LinkEvent::Lost("killed".to_owned()));
        }
    }

    /// Tells the state machine what happened, and does what it wants done.
    pub(super) fn tell(&mut self, env: &mut Env, event: LinkEvent<'_>) {
        let now = self.since_start(env);
        let Some(upstream) = &mut self.upstream else { return };
        let mut actions = Vec::new();
        upstream.link.on_event(now, event, &mut actions);
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            self.perform(env, action);
        }
    }

    pub(super) fn perform(&mut self, env: &mut Env, action: LinkAction) {
        let (node, life) = (self.node(), self.life);
        let Some(upstream) = &mut self.upstream else { return };
        match action {
            LinkAction::Connect => {
                upstream.buffer.clear();
                upstream.decoder = Decoder::new();
                upstream.conn = Some(env.connect(node, upstream.master));
            }
            LinkAction::Send(bytes) => {
                env.checks.acks.sent(node, &bytes, self.history.offset());
                if let Some(conn) = upstream.conn {
                    env.send(conn, MINE, &bytes);
                }
            }
            LinkAction::Report(_) => {}
            LinkAction::Decided { asked, granted } => self.decided(env, asked, granted),
            LinkAction::ReceiveSnapshot(form) => {
                let digest = of_store(&self.store, Keys::All);
                let bytes = SnapshotBytes::new(form);
                upstream.transfer = Some(Transfer {
                    is_from_file: bytes.total().is_some(),
                    bytes,
                    chunk: Vec::new(),
                    snapshot: Vec::new(),
                    is_whole: false,
                    lost: false,
                    digest,
                });
                if env.is(Mutant::ApplyHalfRdb) {
                    (0..DATABASES).for_each(|db| drop(self.store.flush(db)));
                }
            }
            LinkAction::StartStreaming { .. } => self.start_streaming(env),
            LinkAction::Close(error) => self.close_link(env, &error),
            LinkAction::Reopen { after } => {
                let pause = after.as_micros() as u64;
                env.after(pause, Event::Reopen(life, upstream.generation));
            }
        }
    }

    fn decided(&mut self, env: &mut Env, asked: Option<Held>, granted: Granted) {
        match granted {
            Granted::Partial { replid } => {
                env.note(self.node(), "partial", asked.map_or(0, |(_, from)| from));
                env.checks.forks.continued(self.node(), asked, replid);
                if self.ledger().adopt_continue(replid) {
                    self.drop_all_feeds(env);
                }
                self.update_streaming();
            }
            Granted::Full { replid, offset } => {
                env.note(self.node(), "full", offset);
                if let Some(upstream) = &mut self.upstream {
                    upstream.granted = Some((replid, offset));
                }
            }
            Granted::Anonymous => {}
        }
        self.finish_failover();
    }

    fn start_streaming(&mut self, env: &mut Env) {
        let offset = self.history.offset();
        let Some(upstream) = &mut self.upstream else { return };
        let db = upstream.loaded_db.take().unwrap_or(upstream.applied.db());
        upstream.applied = Applied::new(offset, db);
        upstream.streaming = true;
        upstream.db = usize::from(db);
        upstream.transaction = None;
        env.note(self.life.node, "streams", offset);
        env.checks.up(env.now, self);
        if env.is(Mutant::DoubleApply)
            && let Some((db, (command, args))) =
                self.upstream.as_mut().and_then(|upstream| upstream.last.take())
        {
            let _ = self.run_applied(env, db, command, &args.args());
        }
    }

    fn close_link(&mut self, env: &mut Env, error: &LinkError) {
        let half = env.is(Mutant::HalfTransaction);
        let Some(upstream) = &mut self.upstream else { return };
        if let Some(conn) = upstream.conn.take() {
            env.close(conn, MINE);
        }
        upstream.streaming = false;
        upstream.buffer.clear();
        let queued = upstream.transaction.take().unwrap_or_default();
        let db = upstream.db;
        upstream.applied.cut();
        upstream.relay.cut();
        if let Some(transfer) = upstream.transfer.take() {
            env.checks.transfers.failed(self.life.node, transfer.digest, of_store(&self.store, Keys::All));
        }
        env.note(self.life.node, "link lost", 0);
        env.remark(|| format!("    {error}"));
        if let LinkError::StreamRefused(reason) = error {
            env.checks.refusals.refused(self.life.node, reason);
        }
        if half {
            for (command, args) in queued {
                let _ = self.run_applied(env, db, command, &args.args());
            }
        }
        if error.is_refusal() {
            self.failover_refused(env);
        }
    }

    pub(super) fn master_gone(&mut self, env: &mut Env) {
        let Some(upstream) = &mut self.upstream else { return };
        match &mut upstream.transfer {
            // While it is decoded nobody reads from the connection.
            Some(transfer) if transfer.is_whole => transfer.lost = true,
            _ => self.tell(env, LinkEvent::Lost("the master closed the connection".to_owned())),
        }
    }

    pub(super) fn master_said(&mut self, env: &mut Env, bytes: &[u8]) {
        let Some(upstream) = &mut self.upstream else { return };
        upstream.buffer.extend_from_slice(bytes);
        if upstream.transfer.as_ref().is_some_and(|transfer| transfer.is_whole) {
            return;
        }
        self.tell(env, LinkEvent::Received);
        self.read(env);
    }

    /// Uses what was read, phase by phase.
    fn read(&mut self, env: &mut Env) {
        loop {
            let Some(upstream) = &mut self.upstream else { return };
            if upstream.conn.is_none() {
                return;
            }
            if upstream.transfer.is_some() {
                if !self.take_snapshot(env) {
                    return;
                }
            } else if upstream.streaming {
                if let Err(reason) = self.apply_buffer(env) {
                    let id = self.random_replid();
                    env.checks.forks.left(self.node(), id);
                    self.ledger().leave_history(id);
                    self.drop_all_feeds(env);
                    self.tell(env, LinkEvent::StreamRefused(reason));
                }
                return;
            } else {
                let Some(end) = upstream.buffer.iter().position(|byte| *byte == b'\n') else { return };
                let mut line: Vec<u8> = upstream.buffer.drain(..=end).collect();
                line.truncate(end - usize::from(line[..end].ends_with(b"\r")));
                self.tell(env, LinkEvent::Line(&line));
            }
        }
    }

    /// `true` if there is more to read behind the snapshot.
    fn take_snapshot(&mut self, env: &mut Env) -> bool {
        let node = self.node();
        let Some(upstream) = &mut self.upstream else { return false };
        let generation = upstream.generation;
        let Some(transfer) = &mut upstream.transfer else { return false };
        if transfer.is_whole {
            return false;
        }
        let mut read = std::mem::take(&mut upstream.buffer);
        transfer.chunk.append(&mut read);
        let (ready, is_last) = transfer.bytes.take(&mut transfer.chunk, &mut upstream.buffer);
        transfer.snapshot.extend(transfer.chunk.drain(..ready));
        if is_last {
            transfer.is_whole = true;
            if env.net.flip == Some(node) && transfer.is_from_file {
                env.net.flip = None;
                let at = env.rng.index(transfer.snapshot.len());
                let bit = 1 << env.rng.below(8);
                transfer.snapshot[at] ^= bit;
                env.note(node, "flipped", at as u64);
            }
            let pause = env.rng.below(100 * MILLI);
            env.after(pause, Event::SnapshotLoaded(self.life, generation));
            self.tell(env, LinkEvent::SnapshotReceived);
        }
        false
    }

    /// The decoder has read the whole snapshot.
    pub fn snapshot_loaded(&mut self, env: &mut Env, generation: u64) {
        let seed = self.random();
        let now = self.millis(env);
        let Some(upstream) = &mut self.upstream else { return };
        if upstream.generation != generation || !upstream.link.is_syncing() {
            return;
        }
        let Some(transfer) = upstream.transfer.take() else { return };
        if !transfer.is_whole {
            upstream.transfer = Some(transfer);
            return;
        }
        let options = LoadOptions {
            databases: DATABASES,
            seed,
            now,
            keep_expired: true,
            verify_checksum: !env.is(Mutant::ForgetCrc),
            encodings: ENCODINGS,
            ending: Ending::File,
            ..LoadOptions::default()
        };
        let of = upstream.granted;
        match load(Bytes::new(&transfer.snapshot), &options, |_| ControlFlow::Continue(())) {
            Ok(loaded) => {
                upstream.loaded_db = Some(loaded.aux.repl_stream_db.map_or(0, |db| db as u16));
                upstream.last = None;
                self.store = loaded.store;
                let id = self.random_replid();
                self.ledger().adopt_full(of, id);
                self.drop_all_feeds(env);
                self.restart_log(env);
                self.update_streaming();
                env.checks.replaced(env.now, self);
                self.tell(env, LinkEvent::SnapshotLoaded);
            }
            Err(error) => {
                let digest = of_store(&self.store, Keys::All);
                env.checks.transfers.failed(self.life.node, transfer.digest, digest);
                self.tell(env, LinkEvent::SnapshotFailed(error.to_string()));
            }
        }
        if transfer.lost {
            self.master_gone(env);
        } else {
            self.read(env);
        }
        self.after_writes(env);
    }

    /// The link streams, and all of it is applied.
    pub fn link_is_up(&self) -> bool {
        self.upstream.as_ref().is_none_or(|upstream| upstream.link.is_up())
    }
}
