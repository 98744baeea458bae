//! `maxmemory-clients`: the largest clients are closed when all of them together take too much.

use std::rc::Rc;

use super::client::{Client, ClientKind};
use crate::node::node::Node;

/// Less than this could not even be talked with, as in Redis.
const LIMIT_MIN: u64 = 128 * 1024;

/// Who takes how much.
#[derive(Debug, Default)]
pub(super) struct ClientEviction {
    /// 0 for none; nothing is counted then.
    limit: u64,
    /// Bytes of all clients together.
    bytes: u64,
    /// The limit is passed by clients that must not be closed, and the log says so.
    is_helpless: bool,
}

impl Node {
    /// `maxmemory-clients` or what it is a part of was set.
    pub(in crate::node) fn set_client_limit(&mut self) {
        let wanted = self.config.integer("maxmemory-clients");
        let bytes = if wanted < 0 { i128::from(self.config.maxmemory) * -wanted / 100 } else { wanted };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.clients.client_eviction.limit = if bytes == 0 { 0 } else { bytes.max(LIMIT_MIN) };
        if let Some(current) = &self.clients.current {
            // Its request is executed already and will be gone when the others are looked at next.
            current.query_bytes.set(0);
        }
        self.count_clients();
    }

    /// Ten times a second: what others have sent a client is not seen before.
    pub(in crate::node) fn count_clients(&mut self) {
        self.clients.client_eviction.bytes = 0;
        if self.clients.client_eviction.limit == 0 {
            return;
        }
        for client in self.clients.by_id.values() {
            client.counted.set(counts(client));
            self.clients.client_eviction.bytes += client.counted.get();
        }
        self.evict_clients();
    }

    /// Looks at what a client takes; `false` if it must be closed now.
    #[inline]
    pub(super) fn client_stays(&mut self, client: &Client) -> bool {
        self.clients.client_eviction.limit == 0 || self.count_client(client)
    }

    #[cold]
    fn count_client(&mut self, client: &Client) -> bool {
        self.forget_client(client);
        client.counted.set(counts(client));
        self.clients.client_eviction.bytes += client.counted.get();
        self.evict_clients();
        self.clients.by_id.contains_key(&client.id)
    }

    /// A client has gone.
    pub(super) fn forget_client(&mut self, client: &Client) {
        let bytes = client.counted.take();
        self.clients.client_eviction.bytes = self.clients.client_eviction.bytes.saturating_sub(bytes);
    }

    /// Closes the largest until the others are below the limit.
    fn evict_clients(&mut self) {
        let limit = self.clients.client_eviction.limit;
        if self.clients.client_eviction.bytes < limit {
            self.clients.client_eviction.is_helpless = false;
            return;
        }
        let may_go = |client: &&Rc<Client>| !client.no_evict.get() && client.counted.get() > 0;
        let mut largest: Vec<Rc<Client>> = self.clients.by_id.values().filter(may_go).cloned().collect();
        largest.sort_by_key(|client| client.counted.get());
        while self.clients.client_eviction.bytes >= limit {
            let Some(client) = largest.pop() else {
                if !std::mem::replace(&mut self.clients.client_eviction.is_helpless, true) {
                    self.warning("Over client maxmemory after evicting all evictable clients");
                }
                break;
            };
            self.notice(format!("Evicting client: {}", client.describe(self.clock.since_start())));
            self.figures.stats.evicted_clients += 1;
            self.forget_client(&client);
            self.forget_client_memory(&client);
            self.clients.by_id.remove(&client.id);
            self.forget_blocked(client.id);
            client.kill();
        }
    }
}

/// Replicas and masters have limits of their own.
fn counts(client: &Client) -> u64 {
    if client.kind.get() == ClientKind::Normal { client.whole_memory() as u64 } else { 0 }
}
