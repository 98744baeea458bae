//! Everything about replication that a node keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::master::feed::Feed;
use super::master::full_sync::SyncState;
use super::replica::upstream::Upstream;
use super::shutdown::Shutdown;
use crate::node::clients::client::ClientId;
use crate::node::faults::link::LinkFaults;
use crate::replication::{Backlog, Failover, History, ReplId, StreamWriter, Waits};

/// Both sides of replication.
#[derive(Debug)]
pub(in crate::node) struct Replication {
    pub(in crate::node) history: History,
    /// The history came with the data from the RDB file: a partial resync may continue it.
    pub(in crate::node) restored: bool,
    pub(in crate::node) backlog: Option<Backlog>,
    pub(in crate::node) writer: StreamWriter,
    /// When the last replica left: the backlog is freed `repl-backlog-ttl` later.
    pub(in crate::node) without_replicas_since: Option<Duration>,
    pub(in crate::node) last_ping: Duration,
    pub(in crate::node) feeds: BTreeMap<ClientId, Feed>,
    pub(in crate::node) snapshot: SyncState,
    pub(in crate::node) waits: Waits<ClientId>,
    pub(in crate::node) upstream: Option<Upstream>,
    pub(in crate::node) link_faults: LinkFaults,
    /// See [`NodeHandle::ask_before_wipe`](crate::node::NodeHandle::ask_before_wipe).
    pub(super) asks_before_wipe: bool,
    /// An end that waits for replicas. It holds writes back.
    pub(in crate::node) shutdown: Option<Shutdown>,
    /// A FAILOVER under way. It holds writes back, too.
    pub(in crate::node) failover: Option<Failover>,
}

impl Replication {
    /// That of a master without replicas, whose history begins with this id.
    pub(in crate::node) fn new(replid: ReplId, asks_before_wipe: bool) -> Self {
        Self {
            history: History::new(replid),
            restored: false,
            backlog: None,
            writer: StreamWriter::default(),
            without_replicas_since: None,
            last_ping: Duration::ZERO,
            feeds: BTreeMap::new(),
            snapshot: SyncState::default(),
            waits: Waits::default(),
            upstream: None,
            link_faults: LinkFaults::default(),
            asks_before_wipe,
            shutdown: None,
            failover: None,
        }
    }
}
