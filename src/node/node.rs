//! Everything that one node owns, on its one thread.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use super::config::{Config, MaxmemoryPolicy};
use super::event::{LogLevel, NodeEvent, NodeRole};
use super::tasks::{Exit, guarded};
use crate::commands::{Access, Ctx, ExpiryMode, Garbage, LfuTuning};
use crate::node::clients::registry::Clients;
use crate::node::disk::files::Disk;
use crate::node::keys::dataset::Dataset;
use crate::node::observe::figures::Figures;
use crate::node::program::process::Process;
use crate::node::replication::state::Replication;
use crate::node::time::clock::Clock;
use crate::protocol::Replies;
use crate::replication::ReplId;

/// The node as its tasks share it. Never borrowed across an `.await`.
pub(super) type Shared = Rc<RefCell<Node>>;

/// A helper thread may outlive the node: its file must not replace that of a node started after it.
impl Drop for Node {
    fn drop(&mut self) {
        if let Some(saving) = &self.disk.save.running {
            saving.abandoned.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        self.replication.snapshot.give_up_file();
    }
}

/// One running server.
pub(super) struct Node {
    pub(super) me: Weak<RefCell<Node>>,
    pub(super) exit: Rc<Exit>,
    pub(super) config: Config,
    pub(super) config_file: Option<PathBuf>,
    pub(super) run_id: String,
    pub(super) clock: Clock,
    pub(super) events: Box<dyn FnMut(NodeEvent)>,
    pub(super) process: Process,
    pub(super) figures: Figures,
    pub(super) data: Dataset,
    pub(super) disk: Disk,
    pub(super) clients: Clients,
    pub(super) replication: Replication,
}

impl Node {
    /// 64 random bits from the node's own generator.
    pub(super) fn random(&mut self) -> u64 {
        self.data.random.bits()
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
        let hides = self.replication.upstream.is_some() || self.is_paused();
        let expiry = if hides { ExpiryMode::Hide } else { ExpiryMode::Delete };
        Ctx {
            store: &mut self.data.store,
            db,
            now: self.clock.millis(),
            expiry,
            access,
            shares_integers,
            lfu,
            lazy_expire: self.config.lazyfree_lazy_expire,
            max_string: self.config.proto_max_bulk_len as usize,
            verify_checksum: !self.data.skips_checksums,
            encodings: &self.config.encodings,
            may_block: false,
            ready_key: self.clients.blocking.ready_key.as_deref(),
            out,
            effects: &mut self.data.effects,
            stats: &mut self.data.data_stats,
            random: &mut self.data.random,
            garbage: &mut self.data.garbage,
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
        self.replication.upstream.is_some()
    }

    pub(super) fn role(&self) -> NodeRole {
        match &self.replication.upstream {
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
            replid: self.replication.history.replid(),
            replid2: self.replication.history.replid2(),
            offset: self.replication.history.offset(),
            second_offset: self.replication.history.second_offset(),
        };
        self.emit(event);
    }

    /// Writes a line to the node's log.
    pub(super) fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        let text = text.into();
        if self.figures.log.wants(level) {
            self.figures.log.write(level, self.is_replica(), &text);
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
        let garbage = std::mem::take(&mut self.data.garbage);
        let takes_long = garbage.iter().any(|piece| match piece {
            Garbage::Keyspace(keyspace) => keyspace.len() > 1000 || keyspace.memory() > 1024 * 1024,
            Garbage::Object(_) => true,
        });
        if takes_long {
            let count = garbage.iter().map(|piece| match piece {
                Garbage::Keyspace(keyspace) => keyspace.len() as u64,
                Garbage::Object(_) => 1,
            });
            self.figures.stats.lazyfree.free(count.sum(), garbage);
        }
    }

    /// Bytes that clients take. O(clients).
    pub(super) fn client_bytes(&self) -> u64 {
        self.clients.by_id.values().map(|client| client.memory() as u64).sum()
    }

    /// Bytes that this node holds: data, backlog, buffers of clients.
    pub(super) fn used_memory(&self) -> u64 {
        let backlog = self.replication.backlog.as_ref().map_or(0, |backlog| backlog.memory() as u64);
        let aof = self.disk.aof.log.as_ref().map_or(0, crate::node::disk::aof::append::Log::buffered);
        self.data.store.memory()
            + backlog
            + self.client_bytes()
            + aof as u64
            + crate::node::observe::stats::BASE_MEMORY
    }
}
