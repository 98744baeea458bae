//! REPLICAOF, ROLE, REPLCONF, PSYNC, WAIT: what a node answers about replication.

use std::time::Duration;

use crate::commands::{CmdError, CmdResult, NodeCommand as N};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::Session;
use crate::node::event::NodeEvent;
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;
use crate::node::replication::master::feed::Feed;
use crate::node::replication::master::name::replica_name;
use crate::protocol::{Args, strict_i64};
use crate::replication::{
    Acked, MasterFeed, PsyncRequest, PsyncVerdict, Replconf, SnapshotFilter, continue_line, judge,
};

pub(in crate::node) const HANDLERS: Handlers = &[
    (N::Failover, Node::failover_command),
    (N::Psync, |node, session, args| node.psync_command(session, args, true)),
    (N::Replconf, Node::replconf_command),
    (N::Replicaof, Node::replicaof_command),
    (N::Role, Node::role_command),
    (N::Shutdown, Node::shutdown_command),
    (N::Sync, |node, session, args| node.psync_command(session, args, false)),
    (N::Wait, Node::wait_command),
];

impl Node {
    fn role_command(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        if let Some(upstream) = &self.replication.upstream {
            out.array(5);
            out.bulk(b"slave");
            out.bulk(upstream.host.as_bytes());
            out.integer(i64::from(upstream.port));
            out.bulk(upstream.role_word().as_bytes());
            out.integer(upstream.applied_offset().map_or(-1, |offset| offset as i64));
            return Ok(Flow::Next);
        }
        let online: Vec<_> = self.replication.feeds.values().filter(|feed| feed.core.is_online()).collect();
        out.array(3);
        out.bulk(b"master");
        out.integer(self.replication.history.offset() as i64);
        out.array(online.len());
        for feed in online {
            out.array(3);
            out.bulk(feed.ip().as_bytes());
            out.bulk(feed.port().to_string().as_bytes());
            out.bulk(feed.core.acked().to_string().as_bytes());
        }
        Ok(Flow::Next)
    }

    fn replicaof_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        if session.client.kind.get() == ClientKind::Replica {
            return Err(CmdError::text("ERR Command is not valid when client is a replica."));
        }
        if self.replication.failover.is_some() {
            return Err(CmdError::text("ERR REPLICAOF not allowed while failing over."));
        }
        if args.is(1, "no") && args.is(2, "one") {
            if self.replication.upstream.is_some() {
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
        if self
            .replication
            .upstream
            .as_ref()
            .is_some_and(|upstream| upstream.host == host && upstream.port == port)
        {
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

    fn replconf_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let words: Vec<&[u8]> = args.from(1).collect();
        let now = self.clock.since_start();
        let outcome = match self.replication.feeds.get_mut(&session.client.id) {
            Some(feed) => feed.core.options_mut().apply(&words),
            None => session.replica_options.apply(&words),
        };
        match outcome.map_err(|error| CmdError::from(error.to_string()))? {
            Replconf::Ok => session.out.ok(),
            Replconf::Ignored => {}
            Replconf::GetAck => {
                if let Some(upstream) = &mut self.replication.upstream {
                    upstream.want_ack();
                }
            }
            Replconf::Ack(offset) => {
                let written = self.replication.history.offset();
                let Some(feed) = self.replication.feeds.get_mut(&session.client.id) else {
                    return Ok(Flow::Next);
                };
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

    fn wait_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
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
        let inside_multi = self.data.collected.is_some();
        let replicas = usize::try_from(replicas).unwrap_or(0);
        if acked >= replicas || inside_multi {
            session.out.integer(acked as i64);
            return Ok(Flow::Next);
        }
        self.replication.waits.add(session.client.id, session.last_write, replicas, None);
        if self.replication.waits.take_ask()
            && let Some(backlog) = &mut self.replication.backlog
        {
            self.replication.writer.get_ack(&mut self.replication.history, backlog);
        }
        session.client.wake_value.set(None);
        Ok(Flow::Wait((millis > 0).then(|| Duration::from_millis(millis))))
    }

    /// `PSYNC replid offset` and `SYNC`.
    fn psync_command(&mut self, session: &mut Session, args: &Args<'_>, is_psync: bool) -> CmdResult<Flow> {
        if session.client.kind.get() == ClientKind::Replica {
            return Ok(Flow::Next);
        }
        if args.len() > 3 && args.is(3, "failover") {
            self.take_over(session, args.get(1))?;
        }
        if self.replication.failover.is_some() {
            return Err(CmdError::text("NOMASTERLINK Can't SYNC while failing over"));
        }
        if self.replication.upstream.as_ref().is_some_and(|upstream| !upstream.is_up()) {
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
        let verdict = judge(&self.replication.history, self.replication.backlog.as_ref(), asked);
        let port = session.replica_options.listening_port.unwrap_or(0);
        let name = replica_name(&session.client, &session.replica_options);
        self.emit(NodeEvent::Psync { replica_port: port, asked: asked.asked(), verdict: verdict.clone() });
        session.client.kind.set(ClientKind::Replica);
        let options = session.replica_options.clone();
        let now = self.clock.since_start();
        self.replication.without_replicas_since = None;
        if let PsyncVerdict::Continue { from, bytes, .. } = verdict
            && let Some(cursor) = self.replication.backlog.as_ref().and_then(|backlog| backlog.open(from))
        {
            self.figures.stats.sync_partial_ok += 1;
            let line = continue_line(self.replication.history.replid(), options.capa_psync2);
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
            self.figures.stats.sync_partial_err += 1;
        }
        self.figures.stats.sync_full += 1;
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
        self.replication.feeds.insert(session.client.id, feed);
    }
}

fn is_own_address(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1"].iter().any(|own| host.eq_ignore_ascii_case(own))
}
