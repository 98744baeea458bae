//! All clients of a node, and what they share.

use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::Notify;

use super::blocking::Blocking;
use super::buffers::ReplyTuning;
use super::client::{Client, ClientId};
use super::eviction::ClientEviction;
use super::listener::Listening;
use super::pause::Pause;
use crate::node::admin::migrate::Targets;
use crate::node::exec::transaction::Watcher;
use crate::node::messages::pubsub::PubSub;
use crate::node::messages::tracking::TrackingTable;

/// The clients of a node.
#[derive(Debug)]
pub(in crate::node) struct Clients {
    pub(in crate::node) by_id: BTreeMap<ClientId, Rc<Client>>,
    pub(in crate::node) next_client: ClientId,
    pub(in crate::node) listening: Listening,
    #[cfg(unix)]
    pub(in crate::node) unix_socket: Option<super::unix_socket::UnixSocket>,
    pub(in crate::node) reply_tuning: ReplyTuning,
    pub(super) client_eviction: ClientEviction,
    pub(in crate::node) blocking: Blocking,
    pub(in crate::node) pubsub: PubSub,
    pub(in crate::node) monitors: Vec<Rc<Client>>,
    pub(in crate::node) tracking: TrackingTable,
    /// Somebody looks at commands after they have run: MONITOR, tracking.
    pub(in crate::node) observed: bool,
    pub(in crate::node) watched: BTreeMap<(usize, Vec<u8>), Vec<Watcher>>,
    /// Whose requests are executed.
    pub(in crate::node) current: Option<Rc<Client>>,
    pub(in crate::node) pause: Option<Pause>,
    /// Wakes clients whose writes were held back.
    pub(in crate::node) unpause: Rc<Notify>,
    /// Connections of MIGRATE to other nodes.
    pub(in crate::node) migrate_targets: Targets,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            next_client: 1,
            listening: Listening::default(),
            #[cfg(unix)]
            unix_socket: None,
            reply_tuning: ReplyTuning::default(),
            client_eviction: ClientEviction::default(),
            blocking: Blocking::default(),
            pubsub: PubSub::default(),
            monitors: Vec::new(),
            tracking: TrackingTable::default(),
            observed: false,
            watched: BTreeMap::new(),
            current: None,
            pause: None,
            unpause: Rc::default(),
            migrate_targets: Targets::default(),
        }
    }
}
