//! One simulated node: the real cores put together as `src/node` puts them together, without sockets and threads.
//!
//! What decides is the product's: command handlers, `Streams`, `Ledger`, `judge`, `MasterFeed`, `ReplicaLink`, `Relay`,
//! `SnapshotBytes`, `Waits`, `Failover`, the RDB and AOF codecs, `PendingFile`. What is here only carries events in and
//! actions out.

mod apply;
mod commands;
mod feeds;
mod files;
mod syncs;
mod upstream;

use std::collections::BTreeMap;
use std::time::Duration;

use repliscope::commands::{Access, Ctx, Effects, ExpiryMode, Garbage, LfuTuning, Stats};
use repliscope::protocol::Replies;
use repliscope::replication::{
    Backlog, Failover, FailoverStep, FeedLimits, FeedState, History, Ledger, ReplId, StreamWriter, Streams,
    Waits,
};
use repliscope::store::{Encodings, Millis, Random, Store};

pub use commands::{Session, Verdict};
use feeds::Peer;
use files::Log;
use syncs::Running;
use upstream::Upstream;

use crate::disk::SimDisk;
use crate::env::{Answer, Env, Event, Life, MILLI, Micros};
use crate::mutant::Mutant;
use crate::net::{ACCEPTER, ConnId, OPENER};
use crate::plan::NodeConfig;
use crate::rng::mix;

/// When all nodes' clocks began to count, in milliseconds since 1970.
const EPOCH: Millis = 1_700_000_000_000;
const TENTH: Micros = 100 * MILLI;
const ENCODINGS: Encodings = Encodings::REDIS;
const DATABASES: usize = 16;
/// Bytes of a few PINGs.
const HEARTBEATS: u64 = 100;

/// The port that a node announces.
fn port_of(node: usize) -> u16 {
    7000 + node as u16
}

/// What of a node outlives its process.
#[derive(Debug)]
pub struct Machine {
    pub config: NodeConfig,
    pub disk: SimDisk,
    /// How far its clock is off by now, in milliseconds.
    pub clock_offset: i64,
}

/// A running process.
#[derive(Debug)]
pub struct Server {
    pub life: Life,
    config: NodeConfig,
    disk: SimDisk,
    started: Micros,
    clock_offset: i64,
    pub store: Store,
    pub history: History,
    pub backlog: Option<Backlog>,
    pub writer: StreamWriter,
    effects: Effects,
    stats: Stats,
    garbage: Vec<Garbage>,
    random: Random,
    replies: Replies,
    collected: Option<Vec<(usize, Vec<u8>)>>,
    pub upstream: Option<Upstream>,
    peers: BTreeMap<ConnId, Peer>,
    running: Option<Running>,
    waiting_since: Option<Duration>,
    without_replicas_since: Option<Duration>,
    waits: Waits<usize>,
    /// What each client waits for.
    awaited: BTreeMap<usize, u64>,
    failover: Option<Failover>,
    pub log: Option<Log>,
    last_ping: Duration,
    ticks: u64,
    generation: u64,
    /// Why the process must end.
    pub crash: Option<String>,
}

impl Server {
    pub fn node(&self) -> usize {
        self.life.node
    }

    /// Since the process began, as its own clock has it.
    fn since_start(&self, env: &Env) -> Duration {
        let passed = env.now - self.started;
        let drift = passed as i64 * self.config.clock_drift / 1_000_000;
        Duration::from_micros(passed.saturating_add_signed(drift))
    }

    /// Unix time in milliseconds, as its own clock has it.
    pub fn millis(&self, env: &Env) -> Millis {
        let passed = (env.now / MILLI) as i64;
        EPOCH + passed + passed * self.config.clock_drift / 1_000_000 + self.clock_offset
    }

    /// The process did not run for so long.
    pub fn slept(&mut self, time: Micros) {
        self.started += time;
    }

    pub fn set_clock(&mut self, offset: i64) {
        self.clock_offset = offset;
    }

    fn random(&mut self) -> u64 {
        // Not the next of its numbers: a seed that has failed once must stay the same run.
        self.random = Random::new(self.random.seed().wrapping_add(1));
        mix(self.random.seed())
    }

    fn random_replid(&mut self) -> ReplId {
        let mut bytes = [0; 20];
        for chunk in bytes.chunks_mut(8) {
            let random = self.random().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        ReplId::from_bytes(bytes)
    }

    fn ledger(&mut self) -> Ledger<'_> {
        let Self { history, backlog, writer, .. } = self;
        Ledger { history, backlog, writer, backlog_size: self.config.backlog_size }
    }

    pub fn is_replica(&self) -> bool {
        self.upstream.is_some()
    }

    /// FAILOVER holds writes back.
    fn is_paused(&self) -> bool {
        self.failover.is_some()
    }

    fn update_streaming(&mut self) {
        self.effects.streaming = self.log.is_some() || (self.upstream.is_none() && self.backlog.is_some());
    }

    fn streams(&mut self) -> (Streams<'_>, &Effects) {
        let streams = Streams {
            backlog: if self.upstream.is_none() { self.backlog.as_mut() } else { None },
            history: &mut self.history,
            writer: &mut self.writer,
            log: self.log.as_mut().map(|log| &mut log.writer),
        };
        (streams, &self.effects)
    }

    fn ctx<'a>(&'a mut self, env: &Env, db: usize, out: &'a mut Replies) -> Ctx<'a> {
        let hides = (self.is_replica() && !env.is(Mutant::ExpireOnReplica)) || self.is_paused();
        Ctx {
            now: self.millis(env),
            store: &mut self.store,
            db,
            expiry: if hides { ExpiryMode::Hide } else { ExpiryMode::Delete },
            access: Access::Lru,
            shares_integers: true,
            lfu: LfuTuning::default(),
            lazy_expire: false,
            max_string: 512 << 20,
            verify_checksum: true,
            encodings: &ENCODINGS,
            may_block: false,
            ready_key: None,
            out,
            effects: &mut self.effects,
            stats: &mut self.stats,
            random: &mut self.random,
            garbage: &mut self.garbage,
        }
    }

    /// Ten times a second.
    pub fn tenth(&mut self, env: &mut Env) {
        self.ticks += 1;
        self.flush_log(env);
        self.tick_failover(env);
        let now = self.since_start(env);
        let mut waits = std::mem::take(&mut self.waits);
        let done = waits.timed_out(now, |offset| self.count_acked(offset));
        self.waits = waits;
        for done in done {
            self.wait_done(env, done);
        }
        if self.ticks.is_multiple_of(10) {
            self.second(env);
        }
        self.expire_some(env);
        self.after_writes(env);
        env.after(TENTH, Event::Tenth(self.life));
    }

    fn second(&mut self, env: &mut Env) {
        let now = self.since_start(env);
        let ping_due = now.saturating_sub(self.last_ping) >= self.config.ping_period;
        if self.upstream.is_none() && self.has_feeds() && ping_due && !self.is_paused() {
            self.last_ping = now;
            if let Some(backlog) = &mut self.backlog {
                self.writer.ping(&mut self.history, backlog);
            }
        }
        self.tick_feeds(env);
        self.tick_sync(env);
        self.free_old_backlog(env);
        self.tick_link(env);
    }

    fn free_old_backlog(&mut self, env: &mut Env) {
        let (now, ttl) = (self.since_start(env), self.config.backlog_ttl);
        if self.upstream.is_some() || ttl.is_zero() || self.has_feeds() || self.backlog.is_none() {
            return;
        }
        let since = *self.without_replicas_since.get_or_insert(now);
        if now.saturating_sub(since) > ttl {
            let id = self.random_replid();
            env.checks.forks.left(self.node(), id);
            self.ledger().free_backlog(id);
            self.update_streaming();
            env.note(self.node(), "backlog freed", 0);
        }
    }

    fn expire_some(&mut self, env: &mut Env) {
        if self.upstream.is_some() || self.is_paused() {
            return;
        }
        let now = self.millis(env);
        for db in 0..DATABASES {
            if self.store.db(db).expires() == 0 {
                continue;
            }
            let mut due: Vec<Vec<u8>> = Vec::new();
            self.store.db_mut(db).due(now, 20, |key| due.push(key.to_vec()));
            if due.is_empty() {
                continue;
            }
            self.effects.clear();
            let mut replies = std::mem::take(&mut self.replies);
            let mut ctx = self.ctx(env, db, &mut replies);
            for key in &due {
                let hash = ctx.hash(key);
                ctx.delete_expired(db, hash, key);
            }
            self.replies = replies;
            if self.effects.streaming {
                let (mut streams, effects) = self.streams();
                for (db, command) in effects.sent() {
                    streams.encoded(db, command);
                }
            }
            self.effects.clear();
        }
        self.garbage.clear();
    }

    /// What commands have written goes to the file, the replicas and the checks.
    pub fn after_writes(&mut self, env: &mut Env) {
        self.flush_log(env);
        self.check_buffers(env);
        self.pump_all(env);
        env.checks.observe(env.now, self);
        self.garbage.clear();
        // A snapshot under way is captured in slices, as between the turns of a node's thread.
        self.store.capture(1);
    }

    fn feed_limits(&self) -> FeedLimits {
        let limits = FeedLimits {
            timeout: self.config.timeout,
            hard: self.config.output_limit,
            ..FeedLimits::default()
        };
        FeedLimits { soft: 0, ..limits }
    }

    /// `REPLICAOF NO ONE`
    pub fn promote(&mut self, env: &mut Env) {
        if self.upstream.is_none() {
            return;
        }
        self.end_upstream(env);
        let id = self.random_replid();
        env.note(self.node(), "promoted", self.history.offset());
        env.checks.promoted(self, id);
        if env.is(Mutant::ReuseReplid) {
            self.writer.force_select();
        } else if env.is(Mutant::NoSelectAfterPromotion) {
            self.ledger().promote(id);
            self.writer = StreamWriter::new(Some(0));
        } else {
            self.ledger().promote(id);
        }
        let now = self.since_start(env);
        self.without_replicas_since = (!self.has_feeds()).then_some(now);
        self.drop_all_feeds(env);
        self.update_streaming();
        env.checks.observe(env.now, self);
    }

    /// `REPLICAOF host port` of a client, which FAILOVER refuses.
    pub fn replicaof(&mut self, env: &mut Env, master: usize) {
        if self.failover.is_none() {
            self.follow(env, master);
        }
    }

    /// Becomes a replica of `master`.
    fn follow(&mut self, env: &mut Env, master: usize) {
        if self.upstream.as_ref().is_some_and(|upstream| upstream.master == master) || master == self.node() {
            return;
        }
        let held = if self.upstream.is_some() {
            self.end_upstream(env)
        } else {
            self.backlog.is_some().then(|| self.ledger().own())
        };
        for who in self.waits.drain() {
            env.answers.push((who, Answer::Unblocked));
        }
        env.note(self.node(), "follows", master as u64);
        self.start_upstream(env, master, held);
        self.update_streaming();
    }

    /// `FAILOVER`
    pub fn begin_failover(&mut self, env: &mut Env, to: Option<usize>, force: bool) {
        let online = |to: usize| self.feeds().any(|(_, feed)| feed.core.is_online() && feed.node == to);
        let possible = self.failover.is_none() && self.upstream.is_none() && self.has_feeds();
        if !possible || to.is_some_and(|to| !online(to)) {
            return;
        }
        let target = to.map(address_of);
        let deadline = Some(self.since_start(env) + Duration::from_secs(1));
        env.note(self.node(), "failover", to.map_or(99, |to| to as u64));
        self.failover = Some(Failover::new(target, deadline, force && to.is_some()));
    }

    fn tick_failover(&mut self, env: &mut Env) {
        let offset = self.history.offset();
        let caught_up: Vec<_> = self
            .feeds()
            .filter(|(_, feed)| feed.core.is_online() && feed.core.has_acked(offset))
            .map(|(_, feed)| address_of(feed.node))
            .collect();
        let now = self.since_start(env);
        let Some(failover) = &mut self.failover else { return };
        match failover.on_tick(now, &caught_up) {
            None => {}
            Some(FailoverStep::GiveUp) => self.abort_failover(env),
            Some(FailoverStep::Follow { target: (_, port), .. }) => {
                self.follow(env, usize::from(port - 7000));
            }
        }
    }

    fn finish_failover(&mut self) {
        self.failover = None;
    }

    fn failover_refused(&mut self, env: &mut Env) {
        if self.failover.as_ref().is_some_and(Failover::is_in_progress) {
            self.abort_failover(env);
        }
    }

    /// Goes on as master.
    pub fn abort_failover(&mut self, env: &mut Env) {
        let Some(failover) = self.failover.take() else { return };
        env.note(self.node(), "failover aborted", 0);
        if failover.is_in_progress() {
            self.promote(env);
        }
    }

    /// A connection was accepted.
    pub fn accepted(&mut self, conn: ConnId, from: usize) {
        self.peers.insert(conn, Peer::new(from));
    }

    /// Bytes came over a connection.
    pub fn received(&mut self, env: &mut Env, conn: ConnId, bytes: &[u8]) {
        if self.peers.contains_key(&conn) {
            self.peer_said(env, conn, bytes);
        } else if self.upstream.as_ref().is_some_and(|upstream| upstream.conn == Some(conn)) {
            self.master_said(env, bytes);
        }
        self.after_writes(env);
    }

    /// A connection ended.
    pub fn lost(&mut self, env: &mut Env, conn: ConnId) {
        if self.peers.contains_key(&conn) {
            self.peer_gone(env, conn);
        } else if self.upstream.as_ref().is_some_and(|upstream| upstream.conn == Some(conn)) {
            self.master_gone(env);
        }
        self.after_writes(env);
    }

    /// The system takes bytes again.
    pub fn writable(&mut self, env: &mut Env, conn: ConnId) {
        self.pump(env, conn);
    }

    /// Where every replica of this node stands, for people.
    pub fn describe(&self) -> String {
        let role = self.upstream.as_ref().map_or("master".to_owned(), |upstream| {
            format!("replica of n{} {}", upstream.master, upstream.link.role_word())
        });
        let (replid, offset) = (self.history.replid().short(), self.history.offset());
        let feeds: Vec<_> =
            self.feeds().map(|(_, feed)| (feed.node, feed.core.state(), feed.core.acked())).collect();
        format!("{role}, {replid}:{offset}, failover {:?}, feeds {feeds:?}", self.failover.is_some())
    }

    /// Every feed streams, and has acknowledged everything but the last heartbeats.
    pub fn feeds_are_settled(&self) -> bool {
        let written = self.history.offset();
        self.feeds().all(|(_, feed)| {
            feed.core.state() == FeedState::Online && feed.core.acked() + HEARTBEATS >= written
        })
    }

    /// The process ends: its connections are the network's to reset.
    pub fn end(self, env: &mut Env) {
        env.reset_all_of(self.node());
    }
}

fn address_of(node: usize) -> (String, u16) {
    ("127.0.0.1".to_owned(), port_of(node))
}

/// The end of a connection that this node has opened or accepted.
const MINE: usize = OPENER;
const THEIRS: usize = ACCEPTER;
