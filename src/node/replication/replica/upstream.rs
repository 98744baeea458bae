//! Replica side: what a node knows of the link to its master.
//!
//! `link_driver` does the link's input and output, `link_transfer` takes a snapshot in.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::driver::Driver;
use crate::node::clients::client::Client;
use crate::node::disk::loading::TransferIn;
use crate::node::node::Node;
use crate::persistence::Loaded;
use crate::replication::{Applied, Continued, Held, LinkConfig, MasterAuth, Relay, ReplOffset, ReplicaLink};

/// The link to our master.
#[derive(Debug)]
pub(in crate::node) struct Upstream {
    pub(in crate::node) host: String,
    pub(in crate::node) port: u16,
    /// Tells this link from an earlier one whose task has not ended yet.
    pub(super) generation: u64,
    pub(super) link: ReplicaLink,
    pub(super) applied: Applied,
    /// What of the stream goes to our own replicas.
    pub(super) relay: Relay,
    /// Bytes of the stream that were read (`slave_read_repl_offset`).
    pub(super) read_offset: ReplOffset,
    pub(in crate::node) transfer: Option<TransferIn>,
    /// Since when the link is down; `None` while it is up, or if it never was.
    pub(in crate::node) down_since: Option<Duration>,
    pub(super) client: Option<Rc<Client>>,
    pub(super) ack_wanted: bool,
    /// The connection is to be dropped; why.
    pub(super) lost: Option<String>,
    /// The socket of the connection, as long as the driver has one: to end it without waiting for the driver's turn.
    pub(super) socket: Option<socket2::Socket>,
    /// The user has said that what this node has may go: see `wipe_guard`.
    pub(super) may_wipe: bool,
    wake: Rc<Notify>,
    task: Option<AbortHandle>,
}

impl Upstream {
    /// `master_link_status:up`.
    pub(in crate::node) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    pub(in crate::node) fn is_syncing(&self) -> bool {
        self.link.is_syncing()
    }

    pub(in crate::node) fn role_word(&self) -> &'static str {
        self.link.role_word()
    }

    pub(in crate::node) fn heard(&self) -> Duration {
        self.link.heard()
    }

    /// What was applied, if there is a history at all.
    pub(in crate::node) fn applied_offset(&self) -> Option<ReplOffset> {
        self.link.held().map(|(_, offset)| offset)
    }

    pub(in crate::node) fn read_offset(&self) -> ReplOffset {
        self.read_offset
    }

    /// Database that the master's stream has selected.
    pub(in crate::node) fn stream_db(&self) -> u16 {
        self.applied.db()
    }

    /// `REPLCONF GETACK` came from a client: answer our master soon.
    pub(in crate::node) fn want_ack(&mut self) {
        self.ack_wanted = true;
        self.wake.notify_one();
    }

    /// Drops the connection to the master, as CLIENT KILL asks; it is tried again at once. The master hears of it `now`,
    /// even if this node is busy for long: something may be wrong with the link that keeps it from that.
    pub(in crate::node) fn drop_connection(&mut self, reason: &str, now: bool) {
        if let Some(socket) = self.socket.take().filter(|_| now) {
            // It is gone already, then.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        self.lost = Some(reason.to_owned());
        self.wake.notify_one();
    }

    /// Something about the link changed: look again.
    pub(in crate::node) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Node {
    /// Ends the link to the master; returns what another link may continue.
    pub(in crate::node) fn end_upstream(&mut self) -> Option<Continued> {
        let upstream = self.replication.upstream.take()?;
        if let Some(task) = &upstream.task {
            task.abort();
        }
        if let Some(client) = &upstream.client {
            self.clients.by_id.remove(&client.id);
        }
        let (replid, offset) = upstream.link.held()?;
        Some(Continued { replid, offset, db: upstream.applied.db() })
    }

    /// Begins to follow `host:port`; `left` is where a partial resync may go on, `may_wipe` that its data may replace ours
    /// unasked.
    pub(in crate::node) fn start_upstream(
        &mut self,
        host: String,
        port: u16,
        left: Option<Continued>,
        may_wipe: bool,
    ) {
        let config = self.link_config();
        let generation = self.random();
        let held = left.map(|left| (left.replid, left.offset));
        let (offset, db) = left.map_or((0, 0), |left| (left.offset, left.db));
        let now = self.clock.since_start();
        let mut upstream = Upstream {
            host,
            port,
            generation,
            link: ReplicaLink::new(config, held),
            applied: Applied::new(offset, db),
            relay: Relay::default(),
            read_offset: offset,
            transfer: None,
            down_since: held.is_some().then_some(now),
            client: None,
            ack_wanted: false,
            lost: None,
            socket: None,
            may_wipe,
            wake: Rc::new(Notify::new()),
            task: None,
        };
        if self.replication.failover.is_some() {
            upstream.link.hand_over();
        }
        let Some(shared) = self.me.upgrade() else { return };
        let driver = Driver::new(shared, generation, Rc::clone(&upstream.wake));
        upstream.task = Some(self.spawn(driver.run()));
        self.replication.upstream = Some(upstream);
        self.notice("Connecting to MASTER");
    }

    /// A command of the master's stream was refused. Of a transaction, those before it are executed: these data are
    /// no moment of that history, so nobody may continue it here, also not if this node is promoted or saves.
    pub(super) fn leave_refused_history(&mut self) {
        let id = self.random_replid();
        self.ledger().leave_history(id);
        self.drop_all_feeds("the master's stream was refused: the data are no history's");
        self.emit_role();
    }

    fn link_config(&self) -> LinkConfig {
        let config = &self.config;
        let port = if config.replica_announce_port > 0 { config.replica_announce_port } else { config.port };
        LinkConfig {
            listening_port: port,
            announce_ip: config.replica_announce_ip.clone(),
            auth: config
                .masterauth
                .clone()
                .map(|password| MasterAuth { user: config.masteruser.clone(), password }),
            timeout: config.repl_timeout,
        }
    }

    /// A parameter of the link was changed.
    pub(in crate::node) fn configure_link(&mut self) {
        let config = self.link_config();
        if let Some(upstream) = &mut self.replication.upstream {
            upstream.link.configure(config);
        }
    }

    /// Puts the new data set in place of the old one.
    pub(super) fn install(&mut self, loaded: Loaded, of: Option<Held>) {
        let old = std::mem::replace(&mut self.data.store, loaded.store);
        self.note_loaded(&loaded.aux, &loaded.repairs, loaded.keys_loaded, loaded.keys_expired);
        // Freeing a big data set takes long.
        self.figures.stats.lazyfree.free(old.keys(), old);
        self.mark_all_watchers();
        self.data.own_expires.clear();
        self.adopt_full_sync(of);
        self.restart_aof();
        self.serve_all();
        self.tell_supervisor(
            "STATUS=MASTER <-> REPLICA sync: Finished with success. Ready to accept connections in read-write mode.\n",
        );
    }
}
