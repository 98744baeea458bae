//! The role of the node, and what a change of it leads to.

use super::state::Replication;
use crate::commands::{CmdError, CmdResult};
use crate::node::clients::session::Session;
use crate::node::node::Node;
use crate::replication::{Held, Ledger, MinReplicas, ReplId, count_acked, count_good};

impl Node {
    pub(in crate::node) fn min_replicas(&self) -> MinReplicas {
        MinReplicas {
            to_write: self.config.min_replicas_to_write as usize,
            max_lag: self.config.min_replicas_max_lag,
        }
    }

    pub(in crate::node) fn enough_good_replicas(&self) -> bool {
        let rule = self.min_replicas();
        !rule.is_active()
            || rule
                .allow_write(self.replication.feeds.values().map(|feed| &feed.core), self.clock.since_start())
    }

    pub(in crate::node) fn good_replicas(&self) -> usize {
        let max_lag = self.min_replicas().max_lag;
        count_good(self.replication.feeds.values().map(|feed| &feed.core), self.clock.since_start(), max_lag)
    }

    pub(in crate::node) fn acked_by(&self, offset: u64) -> usize {
        count_acked(self.replication.feeds.values().map(|feed| &feed.core), offset)
    }

    /// What else hangs on the role, which has just changed.
    pub(in crate::node) fn settle_role(&mut self) {
        self.update_streaming();
        self.update_watching();
        if self.replication.upstream.is_none() {
            self.data.own_expires.clear();
        }
        self.emit_role();
    }

    /// `REPLICAOF NO ONE`: the history forks here, under a new name.
    pub(super) fn promote(&mut self) {
        if self.replication.upstream.is_none() {
            return;
        }
        self.end_upstream();
        let id = self.random_replid();
        self.ledger().promote(id);
        self.config.replicaof = None;
        self.replication.without_replicas_since =
            self.replication.feeds.is_empty().then(|| self.clock.since_start());
        // Sub-replicas hear of the new name when they come back, which costs them a partial resync.
        self.drop_all_feeds("the node was promoted: reconnect to learn the new replid");
        self.settle_role();
    }

    /// `REPLICAOF host port`.
    pub(super) fn follow(&mut self, host: String, port: u16) {
        self.config.replicaof = Some((host.clone(), port));
        let held = if self.replication.upstream.is_some() {
            self.end_upstream()
        } else {
            // A master tries to continue its own history on the new master.
            self.replication.backlog.is_some().then(|| self.ledger().own())
        };
        self.disconnect_blocked();
        self.start_upstream(host, port, held, true);
        self.settle_role();
    }

    /// A transaction has written and made its node a replica: Redis sends none of it into the stream, so no history
    /// has these writes, and none may be continued with them.
    pub(in crate::node) fn leave_own_history(&mut self) {
        let Some((host, port)) = self.config.replicaof.clone() else { return };
        self.end_upstream();
        let id = self.random_replid();
        self.ledger().leave_history(id);
        self.start_upstream(host, port, None, true);
        self.settle_role();
    }

    /// `PSYNC … FAILOVER`: our master wants this node in its place.
    pub(super) fn take_over(&mut self, session: &Session, replid: &[u8]) -> CmdResult {
        let named = String::from_utf8_lossy(replid).into_owned();
        self.warning(format!("Failover request received for replid {named}."));
        if self.replication.upstream.is_none() {
            return Err(CmdError::text("ERR PSYNC FAILOVER can't be sent to a master."));
        }
        if ReplId::parse(replid) != Some(self.replication.history.replid()) {
            return Err(CmdError::text("ERR PSYNC FAILOVER replid must match my replid."));
        }
        self.promote();
        let client = session.client.addr;
        self.notice(format!("MASTER MODE enabled (failover request from '{client}')"));
        Ok(())
    }

    /// What the replicas may continue, to change it.
    pub(in crate::node) fn ledger(&mut self) -> Ledger<'_> {
        let Replication { history, backlog, writer, .. } = &mut self.replication;
        Ledger { history, backlog, writer, backlog_size: self.config.repl_backlog_size }
    }

    pub(super) fn wake_waits(&mut self) {
        if self.replication.waits.is_empty() {
            return;
        }
        let feeds = &self.replication.feeds;
        let done = self
            .replication
            .waits
            .satisfied(|offset| count_acked(feeds.values().map(|feed| &feed.core), offset));
        for wait in done {
            if let Some(client) = self.clients.by_id.get(&wait.who) {
                client.wake_value.set(Some(wait.acked as i64));
                client.wake.notify_one();
            }
        }
    }

    /// The data set is another master's now: adopt its history, and tell nobody below that nothing changed.
    pub(super) fn adopt_full_sync(&mut self, of: Option<Held>) {
        let id = self.random_replid();
        self.ledger().adopt_full(of, id);
        self.drop_all_feeds("the node has a new data set after a full sync");
        self.update_streaming();
    }
}
