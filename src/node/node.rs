//! Everything that one node owns, on its one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::config::{Config, MaxmemoryPolicy};
use super::event::{LogLevel, NodeEvent, NodeRole};
use super::tasks::{Exit, guarded};
use crate::commands::{Access, Ctx, Effects, ExpiryMode, Garbage, LfuTuning, Stats, next_random};
use crate::node::clients::client::{Client, ClientId};
use crate::node::observe::log::Log;
use crate::node::observe::stats::NodeStats;
use crate::node::replication::master::feed::Feed;
use crate::node::replication::replica::upstream::Upstream;
use crate::node::time::clock::Clock;
use crate::node::time::lag::LoopLag;
use crate::protocol::Replies;
use crate::replication::{Backlog, History, ReplId, StreamWriter, Waits};
use crate::store::Store;

/// The node as its tasks share it. Never borrowed across an `.await`.
pub(super) type Shared = Rc<RefCell<Node>>;

/// What is known of saving to the RDB file.
#[derive(Debug)]
pub(super) struct SaveState {
    /// Changes since the last save.
    pub(super) dirty: u64,
    /// Unix time in seconds of the last success.
    pub(super) last_save: u64,
    pub(super) last_ok: bool,
    pub(super) last_took: Option<Duration>,
    pub(super) last_try: Duration,
    /// A background save, and when it began.
    pub(super) running: Option<Saving>,
    /// One more save is wanted when the present one ends (BGSAVE SCHEDULE).
    pub(super) scheduled: bool,
    /// FLUSHALL has emptied the data in this turn.
    pub(super) emptied: bool,
    pub(super) saves: u64,
}

/// A background save under way.
#[derive(Debug)]
pub(super) struct Saving {
    pub(super) begun: Duration,
    pub(super) progress: crate::node::disk::snapshot::Progress,
    /// Set when the file is not wanted any more.
    pub(super) abandoned: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// Changes at its begin: they are in the file.
    pub(super) dirty_before: u64,
}

/// A helper thread may outlive the node: its file must not replace that of a node started after it.
impl Drop for Node {
    fn drop(&mut self) {
        if let Some(saving) = &self.save.running {
            saving.abandoned.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        self.snapshot.give_up_file();
    }
}

/// One running server.
pub(super) struct Node {
    pub(super) me: Weak<RefCell<Node>>,
    pub(super) config: Config,
    pub(super) config_file: Option<std::path::PathBuf>,
    pub(super) clock: Clock,
    pub(super) run_id: String,
    pub(super) store: Store,
    /// Where its files are.
    pub(super) disk: crate::persistence::FaultyDisk,
    pub(super) effects: Effects,
    pub(super) data_stats: Stats,
    pub(super) stats: NodeStats,
    pub(super) lag: LoopLag,
    pub(super) random: u64,
    pub(super) garbage: Vec<Garbage>,
    pub(super) eviction: crate::node::keys::eviction::Eviction,
    pub(super) active_expire: bool,
    /// Nothing is done by the clock (DEBUG PAUSE-CRON).
    pub(super) cron_paused: bool,
    /// `DEBUG SET-SKIP-CHECKSUM-VALIDATION`.
    pub(super) skips_checksums: bool,
    pub(super) history: History,
    /// The history came with the data from the RDB file: a partial resync may continue it.
    pub(super) restored: bool,
    pub(super) backlog: Option<Backlog>,
    pub(super) writer: StreamWriter,
    /// When the last replica left: the backlog is freed `repl-backlog-ttl` later.
    pub(super) without_replicas_since: Option<Duration>,
    pub(super) last_ping: Duration,
    #[cfg(unix)]
    pub(super) unix_socket: Option<crate::node::clients::unix_socket::UnixSocket>,
    /// Who waits for word of the process.
    pub(super) process: crate::node::program::process::Process,
    /// The data set is not there yet.
    pub(super) loading: Option<crate::node::disk::loading::Loading>,
    pub(super) client_eviction: crate::node::clients::eviction::ClientEviction,
    /// When the load began of which the watchdog has told.
    pub(super) watchdog_told: Option<Duration>,
    /// `key-load-delay`, for loads under way too.
    pub(super) key_load_delay: crate::persistence::KeyDelay,
    pub(super) own_expires: crate::node::keys::own_expires::OwnExpires,
    /// Until then freed memory is given back to the system each second.
    pub(super) give_back_until: Duration,
    pub(super) feeds: BTreeMap<ClientId, Feed>,
    pub(super) snapshot: crate::node::replication::master::full_sync::SyncState,
    pub(super) upstream: Option<Upstream>,
    /// See [`NodeHandle::ask_before_wipe`](crate::node::NodeHandle::ask_before_wipe).
    pub(super) asks_before_wipe: bool,
    pub(super) link_faults: crate::node::faults::link::LinkFaults,
    pub(super) listening: crate::node::clients::listener::Listening,
    pub(super) migrate_targets: crate::node::admin::migrate::Targets,
    pub(super) clients: BTreeMap<ClientId, Rc<Client>>,
    pub(super) next_client: ClientId,
    pub(super) reply_tuning: crate::node::clients::buffers::ReplyTuning,
    pub(super) waits: Waits<ClientId>,
    pub(super) blocking: crate::node::clients::blocking::Blocking,
    pub(super) pubsub: crate::node::messages::pubsub::PubSub,
    pub(super) monitors: Vec<Rc<Client>>,
    pub(super) tracking: crate::node::messages::tracking::TrackingTable,
    /// Somebody looks at commands after they have run: MONITOR, tracking.
    pub(super) observed: bool,
    /// Whose requests are executed.
    pub(super) current: Option<Rc<Client>>,
    /// The last request got as far as being executed.
    pub(super) called: bool,
    pub(super) slowlog: crate::node::observe::slowlog::SlowLog,
    pub(super) latency_events: crate::node::observe::latency::LatencyEvents,
    /// Every command is timed by itself.
    pub(super) times_each: bool,
    pub(super) watched: BTreeMap<(usize, Vec<u8>), Vec<crate::node::exec::transaction::Watcher>>,
    pub(super) pause: Option<crate::node::clients::pause::Pause>,
    /// An end that waits for replicas holds writes back, …
    pub(super) shutdown: Option<crate::node::replication::shutdown::Shutdown>,
    /// … and so does a FAILOVER under way.
    pub(super) failover: Option<crate::replication::Failover>,
    pub(super) unpause: Rc<Notify>,
    pub(super) save: SaveState,
    pub(super) aof: crate::node::disk::aof::Aof,
    /// Commands of the transaction being executed, encoded, each with its database.
    pub(super) collected: Option<Vec<(usize, Vec<u8>)>>,
    pub(super) log: Log,
    pub(super) events: Box<dyn FnMut(NodeEvent)>,
    pub(super) exit: Rc<Exit>,
}

impl Node {
    /// 64 random bits from the node's own generator (SplitMix64).
    pub(super) fn random(&mut self) -> u64 {
        next_random(&mut self.random)
    }

    /// A new replid.
    pub(super) fn random_replid(&mut self) -> ReplId {
        let mut bytes = [0; 20];
        for chunk in bytes.chunks_mut(8) {
            let random = self.random().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        ReplId::from_bytes(bytes)
    }

    /// What a data command works with.
    #[inline]
    pub(super) fn ctx<'a>(&'a mut self, db: usize, out: &'a mut Replies) -> Ctx<'a> {
        let (access, lfu) = (self.access(), self.lfu_tuning());
        let shares_integers = self.shares_integers();
        // During a pause nothing may move the offset, not even a read that meets an expired key.
        let hides = self.upstream.is_some() || self.is_paused();
        let expiry = if hides { ExpiryMode::Hide } else { ExpiryMode::Delete };
        Ctx {
            store: &mut self.store,
            db,
            now: self.clock.millis(),
            expiry,
            access,
            shares_integers,
            lfu,
            lazy_expire: self.config.lazyfree_lazy_expire,
            max_string: self.config.proto_max_bulk_len as usize,
            verify_checksum: !self.skips_checksums,
            encodings: &self.config.encodings,
            names: &self.config.command_names,
            may_block: false,
            ready_key: self.blocking.ready_key.as_deref(),
            out,
            effects: &mut self.effects,
            stats: &mut self.data_stats,
            random: &mut self.random,
            garbage: &mut self.garbage,
        }
    }

    /// Whether Redis would keep small integers once for all keys: not with a policy that looks at accesses, because each
    /// key then needs an access time of its own.
    #[inline]
    pub(super) fn shares_integers(&self) -> bool {
        self.config.maxmemory == 0 || self.access_to_save().is_none()
    }

    /// How accesses are noted in keys.
    #[inline]
    pub(super) fn access(&self) -> Access {
        match self.config.maxmemory_policy {
            MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => Access::Lfu,
            _ => Access::Lru,
        }
    }

    /// What a snapshot says about accesses: nothing, unless a policy asks for it.
    pub(super) fn access_to_save(&self) -> Option<Access> {
        use MaxmemoryPolicy as P;
        match self.config.maxmemory_policy {
            P::AllkeysLru | P::VolatileLru => Some(Access::Lru),
            P::AllkeysLfu | P::VolatileLfu => Some(Access::Lfu),
            _ => None,
        }
    }

    /// How the LFU counter moves.
    #[inline]
    pub(super) fn lfu_tuning(&self) -> LfuTuning {
        let config = &self.config;
        LfuTuning { log_factor: config.lfu_log_factor, decay_minutes: config.lfu_decay_time_min }
    }

    pub(super) fn is_replica(&self) -> bool {
        self.upstream.is_some()
    }

    pub(super) fn role(&self) -> NodeRole {
        match &self.upstream {
            None => NodeRole::Master,
            Some(upstream) => NodeRole::Replica { host: upstream.host.clone(), port: upstream.port },
        }
    }

    /// Runs `task` on the node's thread; a panic in it ends the node.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> tokio::task::AbortHandle {
        tokio::task::spawn_local(guarded(Rc::clone(&self.exit), task)).abort_handle()
    }

    /// Tells the observer.
    pub(super) fn emit(&mut self, event: NodeEvent) {
        (self.events)(event);
    }

    /// Tells the observer the present role and history.
    pub(super) fn emit_role(&mut self) {
        let event = NodeEvent::Role {
            role: self.role(),
            replid: self.history.replid(),
            replid2: self.history.replid2(),
            offset: self.history.offset(),
            second_offset: self.history.second_offset(),
        };
        self.emit(event);
    }

    /// Writes a line to the node's log.
    pub(super) fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        let text = text.into();
        if self.log.wants(level) {
            self.log.write(level, self.is_replica(), &text);
            self.emit(NodeEvent::Log { level, text });
        }
    }

    pub(super) fn notice(&mut self, text: impl Into<String>) {
        self.log(LogLevel::Notice, text);
    }

    pub(super) fn warning(&mut self, text: impl Into<String>) {
        self.log(LogLevel::Warning, text);
    }

    /// Frees what FLUSHALL, DEL and full syncs left, on a thread of its own if that takes long.
    pub(super) fn free_garbage(&mut self) {
        let garbage = std::mem::take(&mut self.garbage);
        let takes_long = garbage.iter().any(|piece| match piece {
            Garbage::Keyspace(keyspace) => keyspace.len() > 1000 || keyspace.memory() > 1024 * 1024,
            Garbage::Object(_) => true,
        });
        if takes_long {
            let count = garbage.iter().map(|piece| match piece {
                Garbage::Keyspace(keyspace) => keyspace.len() as u64,
                Garbage::Object(_) => 1,
            });
            self.stats.lazyfree.free(count.sum(), garbage);
        }
    }

    /// Bytes that clients take. O(clients).
    pub(super) fn client_bytes(&self) -> u64 {
        self.clients.values().map(|client| client.memory() as u64).sum()
    }

    /// Bytes that this node holds: data, backlog, buffers of clients.
    pub(super) fn used_memory(&self) -> u64 {
        let backlog = self.backlog.as_ref().map_or(0, |backlog| backlog.memory() as u64);
        let aof = self.aof.log.as_ref().map_or(0, crate::node::disk::aof::append::Log::buffered);
        self.store.memory()
            + backlog
            + self.client_bytes()
            + aof as u64
            + crate::node::observe::stats::BASE_MEMORY
    }
}
