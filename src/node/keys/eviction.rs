//! `maxmemory`: which keys go when the data set is too large, and what happens when none can.
//!
//! Keys are sampled, not sorted: the best candidates of several samples are kept in a pool, which comes close to true
//! LRU at a fraction of its memory. A call is bounded in time; what is left is done by the next ones and by the timer.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::commands::{CmdError, KeyspaceEvents, lfu_counter, lru_clock};
use crate::node::clients::client::Client;
use crate::node::config::MaxmemoryPolicy;
use crate::node::node::Node;
use crate::protocol::Replies;
use crate::store::{EntryRef, Random};

/// Candidates that are remembered between evictions.
const POOL: usize = 16;
/// Keys evicted between two looks at the clock.
const KEYS_PER_LOOK: usize = 16;
/// Most keys that a policy may ask to sample at once, whatever `maxmemory-samples` says.
const SAMPLES_MAX: u32 = 1024;

/// A client whose buffers hold more than this is counted at once.
const MUCH: usize = 16 * 1024;

/// The refusal of a command that may use more memory.
pub(in crate::node) const OUT_OF_MEMORY: CmdError =
    CmdError::text("OOM command not allowed when used memory > 'maxmemory'.");

/// A key that was sampled, and how well it can be missed: higher is better.
#[derive(Debug)]
struct Candidate {
    score: u64,
    db: usize,
    key: Vec<u8>,
}

/// What eviction remembers between two calls.
#[derive(Debug, Default)]
pub(in crate::node) struct Eviction {
    /// The best candidates, the best one last.
    pool: Vec<Candidate>,
    /// Where the next random key is taken from: all databases have their turn.
    next_db: usize,
    /// Bytes of the clients' buffers: summed up at each tick, and kept up to date in between for clients with much.
    client_bytes: u64,
    /// `evicted_keys`
    pub(in crate::node) evicted: u64,
    /// The last call ran out of time, not out of keys.
    unfinished: bool,
}

/// Whether there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Room {
    /// The limit is kept, or will be soon.
    Enough,
    /// The limit is passed, and nothing may be evicted.
    None,
}

impl Eviction {
    /// The limit was changed: the timer looks whether it is kept, also if no command comes.
    pub(in crate::node) fn look_again(&mut self) {
        self.unfinished = true;
    }

    fn offer(&mut self, candidate: Candidate) {
        let known = |known: &Candidate| known.db == candidate.db && known.key == candidate.key;
        if self.pool.iter().any(known) {
            return;
        }
        let at = self.pool.partition_point(|known| known.score < candidate.score);
        if self.pool.len() == POOL {
            if at == 0 {
                return;
            }
            self.pool.remove(0);
            self.pool.insert(at - 1, candidate);
        } else {
            self.pool.insert(at, candidate);
        }
    }
}

/// How long one call may take, by `maxmemory-eviction-tenacity`; `None` for as long as it needs.
fn time_limit(tenacity: u32) -> Option<Duration> {
    match tenacity {
        0..=10 => Some(Duration::from_micros(50 * u64::from(tenacity))),
        11..=99 => Some(Duration::from_micros(500).mul_f64(1.15f64.powi(tenacity as i32 - 10))),
        _ => None,
    }
}

fn only_expiring(policy: MaxmemoryPolicy) -> bool {
    use MaxmemoryPolicy as P;
    matches!(policy, P::VolatileLru | P::VolatileLfu | P::VolatileRandom | P::VolatileTtl)
}

impl Node {
    /// Bytes that count against `maxmemory`: not what replicas have yet to read beyond the backlog's own size.
    fn memory_to_limit(&self) -> u64 {
        let backlog = self.replication.backlog.as_ref().map_or(0, |backlog| backlog.memory() as u64);
        self.data.store.memory()
            + backlog.min(self.config.repl_backlog_size)
            + self.data.eviction.client_bytes
            + crate::node::observe::stats::BASE_MEMORY
    }

    /// Ten times a second.
    pub(in crate::node) fn note_client_memory(&mut self) {
        self.data.eviction.client_bytes = 0;
        for client in self.clients.by_id.values() {
            let bytes = client.memory() as u64;
            client.counted_as_used.set(bytes);
            self.data.eviction.client_bytes += bytes;
        }
    }

    /// A client sends much or leaves much unread: keys make room for that without waiting for the next tick.
    #[inline]
    pub(in crate::node) fn note_memory_of(&mut self, client: &Client) {
        let held = client.query_bytes.get() + client.argument_bytes.get() + client.output_bytes.get();
        if self.config.maxmemory > 0 && held.max(client.counted_as_used.get() as usize) > MUCH {
            self.forget_client_memory(client);
            let bytes = client.memory() as u64;
            client.counted_as_used.set(bytes);
            self.data.eviction.client_bytes += bytes;
        }
    }

    /// A client has gone: keys need not make room for what it took.
    pub(in crate::node) fn forget_client_memory(&mut self, client: &Client) {
        let bytes = client.counted_as_used.take();
        self.data.eviction.client_bytes = self.data.eviction.client_bytes.saturating_sub(bytes);
    }

    /// Makes room if the data set is over `maxmemory`, for a bounded time. Replicas leave that to their master, unless
    /// told otherwise; during a pause nothing may change.
    #[inline]
    pub(in crate::node) fn make_room(&mut self) -> Room {
        let limit = self.config.maxmemory;
        if limit == 0 || self.memory_to_limit() <= limit { Room::Enough } else { self.evict(limit) }
    }

    /// Goes on where the last call ran out of time; `true` if there is more to do.
    pub(in crate::node) fn evict_more(&mut self) -> bool {
        if std::mem::take(&mut self.data.eviction.unfinished) {
            self.clock.tick(Instant::now());
            self.make_room();
        }
        self.data.eviction.unfinished
    }

    #[cold]
    fn evict(&mut self, limit: u64) -> Room {
        self.data.eviction.unfinished = false;
        let leaves_it = self.replication.upstream.is_some() && self.config.replica_ignore_maxmemory;
        if leaves_it || self.is_paused() || self.disk.loading.is_some() {
            return Room::Enough;
        }
        let policy = self.config.maxmemory_policy;
        if policy == MaxmemoryPolicy::NoEviction {
            return Room::None;
        }
        let begun = Instant::now();
        let time_limit = time_limit(self.config.maxmemory_eviction_tenacity);
        let mut evicted = 0;
        // It is nobody's own change: the client whose command needs the room hears of it before the reply.
        let current = self.clients.current.take();
        self.data.effects.clear();
        let mut room = Room::Enough;
        while self.memory_to_limit() > limit {
            let Some((db, key)) = self.victim(policy) else {
                room = Room::None;
                break;
            };
            self.evict_key(db, &key);
            evicted += 1;
            let late =
                evicted % KEYS_PER_LOOK == 0 && time_limit.is_some_and(|limit| begun.elapsed() > limit);
            if late {
                self.data.eviction.unfinished = true;
                break;
            }
        }
        self.send_own_effects();
        self.clients.current = current;
        if !self.data.garbage.is_empty() {
            self.free_garbage();
        }
        room
    }

    fn evict_key(&mut self, db: usize, key: &[u8]) {
        let lazy = self.config.lazyfree_lazy_eviction;
        let mut replies = Replies::new();
        let mut ctx = self.ctx(db, &mut replies);
        let hash = ctx.hash(key);
        if ctx.delete(db, hash, key) {
            let verb: &[u8] = if lazy { b"UNLINK" } else { b"DEL" };
            ctx.effects.send(db, &[verb, key]);
            ctx.also_changed(db, key);
            ctx.notify(KeyspaceEvents::EVICTED, "evicted", key);
            self.data.eviction.evicted += 1;
        }
    }

    /// The key to go next.
    fn victim(&mut self, policy: MaxmemoryPolicy) -> Option<(usize, Vec<u8>)> {
        use MaxmemoryPolicy as P;
        if matches!(policy, P::AllkeysRandom | P::VolatileRandom) {
            return self.random_victim(only_expiring(policy));
        }
        loop {
            if !self.sample(policy) {
                return None;
            }
            while let Some(Candidate { db, key, .. }) = self.data.eviction.pool.pop() {
                let keyspace = self.data.store.db(db);
                let found = keyspace.get(keyspace.hash(&key), &key);
                // It may be gone by now, or live for ever.
                if found.is_some_and(|entry| !only_expiring(policy) || entry.expire().is_some()) {
                    return Some((db, key));
                }
            }
        }
    }

    fn random_victim(&mut self, expiring: bool) -> Option<(usize, Vec<u8>)> {
        let databases = self.data.store.databases();
        for _ in 0..databases {
            let db = self.data.eviction.next_db % databases;
            self.data.eviction.next_db = db + 1;
            if let Some(entry) = pick(&self.data.store, &mut self.data.random, db, expiring) {
                return Some((db, entry.key().to_vec()));
            }
        }
        None
    }

    /// Looks at some keys of each database; `false` if there are none that may go.
    fn sample(&mut self, policy: MaxmemoryPolicy) -> bool {
        let expiring = only_expiring(policy);
        let samples = self.config.maxmemory_samples.min(SAMPLES_MAX);
        let (now, tuning) = (self.clock.millis(), self.lfu_tuning());
        let mut any = false;
        for db in 0..self.data.store.databases() {
            for _ in 0..samples {
                let Some(entry) = pick(&self.data.store, &mut self.data.random, db, expiring) else { break };
                any = true;
                let access = entry.access().load(Relaxed);
                let score = match policy {
                    MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => {
                        255 - u64::from(lfu_counter(access, now, tuning))
                    }
                    MaxmemoryPolicy::VolatileTtl => u64::MAX - entry.expire().unwrap_or(0).max(0) as u64,
                    _ => u64::from(lru_clock(now).wrapping_sub(access) & 0xFF_FFFF),
                };
                self.data.eviction.offer(Candidate { score, db, key: entry.key().to_vec() });
            }
        }
        any
    }
}

/// Some key of a database, any of them or one that expires.
fn pick<'s>(
    store: &'s crate::store::Store,
    random: &mut Random,
    db: usize,
    expiring: bool,
) -> Option<EntryRef<'s>> {
    let random = || random.bits();
    let keyspace = store.db(db);
    if expiring { keyspace.random_expiring(random) } else { keyspace.random(random) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(score: u64) -> Candidate {
        Candidate { score, db: 0, key: score.to_string().into_bytes() }
    }

    #[test]
    fn the_pool_keeps_the_best_candidates_in_order() {
        let mut eviction = Eviction::default();
        for score in [5, 1, 40, 3, 5, 22, 7] {
            eviction.offer(candidate(score));
        }
        let scores = |eviction: &Eviction| eviction.pool.iter().map(|known| known.score).collect::<Vec<_>>();
        assert_eq!(scores(&eviction), [1, 3, 5, 7, 22, 40]);
        (100..200).for_each(|score| eviction.offer(candidate(score)));
        eviction.offer(candidate(2));
        assert_eq!(scores(&eviction), (184..200).collect::<Vec<_>>());
    }

    #[test]
    fn tenacity_is_time() {
        assert_eq!(time_limit(0), Some(Duration::ZERO));
        assert_eq!(time_limit(10), Some(Duration::from_micros(500)));
        assert!(time_limit(99).is_some_and(|limit| limit > Duration::from_mins(2)));
        assert_eq!(time_limit(100), None);
    }
}
