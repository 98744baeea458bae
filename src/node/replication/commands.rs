//! REPLICAOF, ROLE, REPLCONF, PSYNC, WAIT: what a node answers about replication.

use std::time::Duration;

use crate::commands::{CmdError, CmdResult};
use crate::node::clients::client::{Client, ClientKind};
use crate::node::clients::session::Session;
use crate::node::event::NodeEvent;
use crate::node::exec::dispatch::Flow;
use crate::node::node::Node;
use crate::node::replication::master::feed::Feed;
use crate::node::replication::replica::upstream::Held;
use crate::protocol::{Args, strict_i64};
use crate::replication::{
    Acked, Ledger, MasterFeed, MinReplicas, PsyncRequest, PsyncVerdict, ReplId, Replconf, ReplicaOptions,
    SnapshotFilter, continue_line, count_acked, count_good, judge,
};

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
            || rule.allow_write(self.feeds.values().map(|feed| &feed.core), self.clock.since_start())
    }

    pub(in crate::node) fn good_replicas(&self) -> usize {
        let max_lag = self.min_replicas().max_lag;
        count_good(self.feeds.values().map(|feed| &feed.core), self.clock.since_start(), max_lag)
    }

    pub(in crate::node) fn acked_by(&self, offset: u64) -> usize {
        count_acked(self.feeds.values().map(|feed| &feed.core), offset)
    }

    /// What commands change is written down by a master that has a backlog, and by a node with an append-only file.
    pub(in crate::node) fn update_streaming(&mut self) {
        self.effects.streaming =
            self.aof.log.is_some() || (self.upstream.is_none() && self.backlog.is_some());
    }

    /// What else hangs on the role, which has just changed.
    pub(in crate::node) fn settle_role(&mut self) {
        self.update_streaming();
        self.update_watching();
        if self.upstream.is_none() {
            self.own_expires.clear();
        }
        self.emit_role();
    }

    pub(in crate::node) fn role_command(&mut self, session: &mut Session) {
        let out = &mut session.out;
        if let Some(upstream) = &self.upstream {
            out.array(5);
            out.bulk(b"slave");
            out.bulk(upstream.host.as_bytes());
            out.integer(i64::from(upstream.port));
            out.bulk(upstream.role_word().as_bytes());
            out.integer(upstream.applied_offset().map_or(-1, |offset| offset as i64));
            return;
        }
        let online: Vec<_> = self.feeds.values().filter(|feed| feed.core.is_online()).collect();
        out.array(3);
        out.bulk(b"master");
        out.integer(self.history.offset() as i64);
        out.array(online.len());
        for feed in online {
            out.array(3);
            out.bulk(feed.ip().as_bytes());
            out.bulk(feed.port().to_string().as_bytes());
            out.bulk(feed.core.acked().to_string().as_bytes());
        }
    }

    pub(in crate::node) fn replicaof_command(
        &mut self,
        session: &mut Session,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        if session.client.kind.get() == ClientKind::Replica {
            return Err(CmdError::text("ERR Command is not valid when client is a replica."));
        }
        if self.failover.is_some() {
            return Err(CmdError::text("ERR REPLICAOF not allowed while failing over."));
        }
        if args.is(1, "no") && args.is(2, "one") {
            if self.upstream.is_some() {
                let client = session.client.addr;
                self.promote();
                self.notice(format!("MASTER MODE enabled (user request from '{client}')"));
            }
            session.out.ok();
            return Ok(Flow::Next);
        }
        let invalid = || CmdError::text("ERR Invalid master port");
        let number = strict_i64(args.get(2)).ok_or_else(invalid)?;
        let port = u16::try_from(number).map_err(|_| invalid())?;
        let host = std::str::from_utf8(args.get(1)).map_err(|_| CmdError::Syntax)?.to_owned();
        if self.upstream.as_ref().is_some_and(|upstream| upstream.host == host && upstream.port == port) {
            session.out.simple("OK Already connected to specified master");
            return Ok(Flow::Next);
        }
        if port == self.config.port && is_own_address(&host) {
            return Err(CmdError::text("ERR a node cannot replicate from itself"));
        }
        self.follow(host.clone(), port);
        let client = session.client.addr;
        self.notice(format!("REPLICAOF {host}:{port} enabled (user request from '{client}')"));
        session.out.ok();
        Ok(Flow::Next)
    }

    /// `REPLICAOF NO ONE`: the history forks here, under a new name.
    pub(in crate::node) fn promote(&mut self) {
        if self.upstream.is_none() {
            return;
        }
        self.end_upstream();
        let id = self.random_replid();
        self.ledger().promote(id);
        self.config.replicaof = None;
        self.without_replicas_since = self.feeds.is_empty().then(|| self.clock.since_start());
        // Sub-replicas hear of the new name when they come back, which costs them a partial resync.
        self.drop_all_feeds("the node was promoted: reconnect to learn the new replid");
        self.settle_role();
    }

    /// `REPLICAOF host port`.
    pub(in crate::node) fn follow(&mut self, host: String, port: u16) {
        self.config.replicaof = Some((host.clone(), port));
        let held = if self.upstream.is_some() {
            self.end_upstream()
        } else {
            // A master tries to continue its own history on the new master.
            self.backlog.is_some().then(|| self.ledger().own())
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
    fn take_over(&mut self, session: &Session, replid: &[u8]) -> CmdResult {
        let named = String::from_utf8_lossy(replid).into_owned();
        self.warning(format!("Failover request received for replid {named}."));
        if self.upstream.is_none() {
            return Err(CmdError::text("ERR PSYNC FAILOVER can't be sent to a master."));
        }
        if ReplId::parse(replid) != Some(self.history.replid()) {
            return Err(CmdError::text("ERR PSYNC FAILOVER replid must match my replid."));
        }
        self.promote();
        let client = session.client.addr;
        self.notice(format!("MASTER MODE enabled (failover request from '{client}')"));
        Ok(())
    }

    /// What the replicas may continue, to change it.
    pub(in crate::node) fn ledger(&mut self) -> Ledger<'_> {
        let Self { history, backlog, writer, .. } = self;
        Ledger { history, backlog, writer, backlog_size: self.config.repl_backlog_size }
    }

    pub(in crate::node) fn replconf_command(
        &mut self,
        session: &mut Session,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        let words: Vec<&[u8]> = args.from(1).collect();
        let now = self.clock.since_start();
        let outcome = match self.feeds.get_mut(&session.client.id) {
            Some(feed) => feed.core.options_mut().apply(&words),
            None => session.replica_options.apply(&words),
        };
        match outcome.map_err(|error| CmdError::from(error.to_string()))? {
            Replconf::Ok => session.out.ok(),
            Replconf::Ignored => {}
            Replconf::GetAck => {
                if let Some(upstream) = &mut self.upstream {
                    upstream.want_ack();
                }
            }
            Replconf::Ack(offset) => {
                let written = self.history.offset();
                let Some(feed) = self.feeds.get_mut(&session.client.id) else { return Ok(Flow::Next) };
                match feed.core.on_ack(offset, written, now) {
                    Ok(Acked::StreamStarts) => {
                        feed.wake.notify_one();
                        self.feed_online(session.client.id);
                        self.wake_waits();
                    }
                    Ok(Acked::Further) => self.wake_waits(),
                    Ok(Acked::Alive) => {}
                    Err(fault) => {
                        self.close_feed(session.client.id, &fault.to_string());
                        return Ok(Flow::Close);
                    }
                }
            }
        }
        Ok(Flow::Next)
    }

    pub(in crate::node) fn wake_waits(&mut self) {
        if self.waits.is_empty() {
            return;
        }
        let feeds = &self.feeds;
        let done = self.waits.satisfied(|offset| count_acked(feeds.values().map(|feed| &feed.core), offset));
        for wait in done {
            if let Some(client) = self.clients.get(&wait.who) {
                client.wake_value.set(Some(wait.acked as i64));
                client.wake.notify_one();
            }
        }
    }

    pub(in crate::node) fn wait_command(
        &mut self,
        session: &mut Session,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        if self.is_replica() {
            return Err(CmdError::text(
                "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica \
                 is configured to be writable (which is not the default) writes to replicas are just local and are \
                 not propagated.",
            ));
        }
        let replicas = strict_i64(args.get(1)).ok_or(CmdError::NotAnInteger)?;
        let millis =
            strict_i64(args.get(2)).ok_or(CmdError::text("ERR timeout is not an integer or out of range"))?;
        let millis = u64::try_from(millis).map_err(|_| CmdError::text("ERR timeout is negative"))?;
        let acked = self.acked_by(session.last_write);
        let inside_multi = self.collected.is_some();
        let replicas = usize::try_from(replicas).unwrap_or(0);
        if acked >= replicas || inside_multi {
            session.out.integer(acked as i64);
            return Ok(Flow::Next);
        }
        self.waits.add(session.client.id, session.last_write, replicas, None);
        if self.waits.take_ask()
            && let Some(backlog) = &mut self.backlog
        {
            self.writer.get_ack(&mut self.history, backlog);
        }
        session.client.wake_value.set(None);
        Ok(Flow::Wait((millis > 0).then(|| Duration::from_millis(millis))))
    }

    /// `PSYNC replid offset` and `SYNC`.
    pub(in crate::node) fn psync_command(
        &mut self,
        session: &mut Session,
        args: &Args<'_>,
        is_psync: bool,
    ) -> CmdResult<Flow> {
        if session.client.kind.get() == ClientKind::Replica {
            return Ok(Flow::Next);
        }
        if args.len() > 3 && args.is(3, "failover") {
            self.take_over(session, args.get(1))?;
        }
        if self.failover.is_some() {
            return Err(CmdError::text("NOMASTERLINK Can't SYNC while failing over"));
        }
        if self.upstream.as_ref().is_some_and(|upstream| !upstream.is_up()) {
            return Err(CmdError::text("NOMASTERLINK Can't SYNC while not connected with my master"));
        }
        if !session.out.is_empty() {
            return Err(CmdError::text("ERR SYNC and PSYNC are invalid with pending output"));
        }
        let wanted = &session.replica_options;
        if wanted.filter != SnapshotFilter::Everything && !wanted.capa_eof {
            // The file of a disk-based sync is that of the whole data set.
            return Err(CmdError::text("ERR Filtered replica requires EOF capability"));
        }
        let asked = if is_psync {
            let Some(asked) = PsyncRequest::parse(args.get(1), args.get(2)) else {
                let line = session.client.addr;
                self.warning(format!("Replica {line} asks for synchronization but with a wrong offset"));
                return Err(CmdError::NotAnInteger);
            };
            asked
        } else {
            PsyncRequest::Fresh
        };
        let verdict = judge(&self.history, self.backlog.as_ref(), asked);
        let port = session.replica_options.listening_port.unwrap_or(0);
        let name = replica_name(&session.client, &session.replica_options);
        self.emit(NodeEvent::Psync { replica_port: port, asked: asked.asked(), verdict: verdict.clone() });
        session.client.kind.set(ClientKind::Replica);
        let options = session.replica_options.clone();
        let now = self.clock.since_start();
        self.without_replicas_since = None;
        if let PsyncVerdict::Continue { from, bytes, .. } = verdict
            && let Some(cursor) = self.backlog.as_ref().and_then(|backlog| backlog.open(from))
        {
            self.stats.sync_partial_ok += 1;
            let line = continue_line(self.history.replid(), options.capa_psync2);
            let core = MasterFeed::continuing(options, cursor, now);
            self.add_feed(session, core, line.into_bytes());
            self.notice(format!(
                "Partial resynchronization request from {name} accepted. Sending {bytes} bytes of \
                 backlog starting from offset {from}."
            ));
            self.feed_online(session.client.id);
            return Ok(Flow::Feed);
        }
        if asked.hoped_for_partial() {
            self.stats.sync_partial_err += 1;
        }
        self.stats.sync_full += 1;
        let text =
            format!("Replica {name} asks for synchronization: {}", crate::replication::explain(&verdict));
        self.notice(text);
        let id = self.random_replid();
        if self.ledger().begin_to_feed(id) {
            self.update_streaming();
            self.emit_role();
        }
        let core = MasterFeed::waiting(options, is_psync, now);
        self.add_feed(session, core, Vec::new());
        self.sync_wanted();
        Ok(Flow::Feed)
    }

    fn add_feed(&mut self, session: &Session, core: MasterFeed, first: Vec<u8>) {
        let feed = Feed::new(core, std::rc::Rc::clone(&session.client), first);
        self.feeds.insert(session.client.id, feed);
    }

    /// The data set is another master's now: adopt its history, and tell nobody below that nothing changed.
    pub(in crate::node) fn adopt_full_sync(&mut self, of: Option<Held>) {
        let id = self.random_replid();
        self.ledger().adopt_full(of, id);
        self.drop_all_feeds("the node has a new data set after a full sync");
        self.update_streaming();
    }
}

fn is_own_address(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1"].iter().any(|own| host.eq_ignore_ascii_case(own))
}

/// A replica in a line of the log: the address and the port that others reach it by.
pub(in crate::node) fn replica_name(client: &Client, options: &ReplicaOptions) -> String {
    let ip = options.ip_address.clone().unwrap_or_else(|| client.addr.ip().to_string());
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip };
    match options.listening_port {
        Some(port) if port != 0 => format!("{ip}:{port}"),
        _ => format!("{ip}:<unknown-replica-port>"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_log_names_a_replica_by_its_own_address() {
        let name = |peer: &str, ip_address: Option<&str>, listening_port| {
            let peer = peer.parse().unwrap();
            let client = Client::new(1, peer, peer, Duration::ZERO);
            let ip_address = ip_address.map(str::to_owned);
            replica_name(&client, &ReplicaOptions { listening_port, ip_address, ..ReplicaOptions::default() })
        };
        assert_eq!(name("192.0.2.7:50000", None, Some(6380)), "192.0.2.7:6380");
        assert_eq!(name("192.0.2.7:50000", Some("cache-2"), Some(6380)), "cache-2:6380");
        assert_eq!(name("[2001:db8::7]:50000", None, Some(6380)), "[2001:db8::7]:6380");
        assert_eq!(name("192.0.2.7:50000", None, None), "192.0.2.7:<unknown-replica-port>");
    }
}
