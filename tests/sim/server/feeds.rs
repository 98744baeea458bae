//! The master's side: what replicas say, and what goes to each of them.

use repliscope::protocol::{Body, Decoder, Limits};
use repliscope::replication::{
    Acked, FeedAction, MasterFeed, PsyncRequest, PsyncVerdict, Replconf, ReplicaOptions, Transport,
    continue_line, count_acked, judge,
};

use super::{Server, THEIRS};
use crate::env::Env;
use crate::mutant::Mutant;
use crate::net::ConnId;

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Peer {
    node: usize,
    buffer: Vec<u8>,
    decoder: Decoder,
    options: ReplicaOptions,
    feed: Option<Feed>,
}

/// One replica, as its master sees it.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) node: usize,
    pub(super) core: MasterFeed,
    /// Bytes that go out before anything else.
    pub(super) outbox: Vec<u8>,
    pub(super) snapshot: Option<Sending>,
}

/// A snapshot on its way to one replica.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) transport: Transport,
    pub(super) bytes: Vec<u8>,
    pub(super) sent: usize,
}

impl Peer {
    pub(super) fn new(node: usize) -> Self {
        let (buffer, decoder, options) = (Vec::new(), Decoder::new(), ReplicaOptions::default());
        Self { node, buffer, decoder, options, feed: None }
    }
}

impl Server {
    pub(super) fn feeds(&self) -> impl Iterator<Item = (ConnId, &Feed)> {
        self.peers.iter().filter_map(|(conn, peer)| Some((*conn, peer.feed.as_ref()?)))
    }

    pub(super) fn feeds_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut Feed)> {
        self.peers.iter_mut().filter_map(|(conn, peer)| Some((*conn, peer.feed.as_mut()?)))
    }

    pub(super) fn cores(&self) -> impl Iterator<Item = &MasterFeed> {
        self.feeds().map(|(_, feed)| &feed.core)
    }

    pub(super) fn has_feeds(&self) -> bool {
        self.feeds().next().is_some()
    }

    pub(super) fn count_acked(&self, offset: u64) -> usize {
        count_acked(self.cores(), offset)
    }

    /// Replicas that have acknowledged an offset and still live as they did then.
    pub fn acked_by(&self, env: &Env, offset: u64) -> Vec<usize> {
        let has = |feed: &Feed| feed.core.is_online() && feed.core.has_acked(offset);
        self.feeds()
            .filter(|(conn, feed)| has(feed) && env.net.is_whole(*conn))
            .map(|(_, feed)| feed.node)
            .collect()
    }

    /// A replica has sent bytes.
    pub(super) fn peer_said(&mut self, env: &mut Env, conn: ConnId, bytes: &[u8]) {
        let now = self.since_start(env);
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.buffer.extend_from_slice(bytes);
        if let Some(feed) = &mut peer.feed {
            feed.core.on_sign_of_life(now);
        }
        let mut buffer = std::mem::take(&mut peer.buffer);
        let mut decoder = std::mem::take(&mut peer.decoder);
        let limits = Limits { bulk: 1 << 20, authenticated: true, strict: false };
        while let Ok(Some(request)) = decoder.next(&buffer, &limits) {
            let Body::Spans { first, count } = request.body else { continue };
            let args = repliscope::protocol::Args::new(&buffer, &decoder.spans()[first..first + count]);
            let words: Vec<&[u8]> = args.from(0).collect();
            let is_alive = self.obey_replica(env, conn, &words);
            if !is_alive {
                return self.drop_peer(env, conn);
            }
        }
        let consumed = decoder.consume();
        buffer.drain(..consumed);
        if let Some(peer) = self.peers.get_mut(&conn) {
            (peer.buffer, peer.decoder) = (buffer, decoder);
        }
    }

    /// `false` if the connection is to be closed.
    fn obey_replica(&mut self, env: &mut Env, conn: ConnId, words: &[&[u8]]) -> bool {
        let is = |at: usize, word: &str| {
            words.get(at).is_some_and(|arg: &&[u8]| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        if is(0, "ping") {
            env.send(conn, THEIRS, b"+PONG\r\n");
        } else if is(0, "replconf") {
            return self.replconf(env, conn, &words[1..]);
        } else if is(0, "psync") {
            if is(3, "failover")
                && let Err(error) = self.take_over(env, words[1])
            {
                env.send(conn, THEIRS, format!("-{error}\r\n").as_bytes());
                return true;
            }
            if let Err(error) = self.psync(env, conn, words[1], words[2]) {
                env.send(conn, THEIRS, format!("-{error}\r\n").as_bytes());
            }
        }
        true
    }

    fn replconf(&mut self, env: &mut Env, conn: ConnId, words: &[&[u8]]) -> bool {
        let (now, written) = (self.since_start(env), self.history.offset());
        let node = self.life.node;
        let Some(peer) = self.peers.get_mut(&conn) else { return false };
        let options = peer.feed.as_mut().map_or(&mut peer.options, |feed| feed.core.options_mut());
        match options.apply(words) {
            Ok(Replconf::Ok) => env.send(conn, THEIRS, b"+OK\r\n"),
            Ok(Replconf::Ack(offset)) => {
                let Some(feed) = &mut peer.feed else { return true };
                match feed.core.on_ack(offset, written, now) {
                    Ok(Acked::Alive) => {}
                    Ok(Acked::StreamStarts | Acked::Further) => self.wake_waits(env),
                    Err(fault) => {
                        env.checks.acks.lied(node, &fault.to_string());
                        return false;
                    }
                }
            }
            Ok(Replconf::GetAck | Replconf::Ignored) => {}
            Err(error) => env.send(conn, THEIRS, format!("-{error}\r\n").as_bytes()),
        }
        true
    }

    pub(super) fn wake_waits(&mut self, env: &mut Env) {
        let mut waits = std::mem::take(&mut self.waits);
        let done = waits.satisfied(|offset| self.count_acked(offset));
        self.waits = waits;
        for done in done {
            self.wait_done(env, done);
        }
    }

    /// `PSYNC … FAILOVER`: our master wants this node in its place.
    fn take_over(&mut self, env: &mut Env, replid: &[u8]) -> Result<(), &'static str> {
        if self.upstream.is_none() {
            return Err("ERR PSYNC FAILOVER can't be sent to a master.");
        }
        if repliscope::replication::ReplId::parse(replid) != Some(self.history.replid()) {
            return Err("ERR PSYNC FAILOVER replid must match my replid.");
        }
        self.promote(env);
        Ok(())
    }

    fn psync(
        &mut self,
        env: &mut Env,
        conn: ConnId,
        replid: &[u8],
        offset: &[u8],
    ) -> Result<(), &'static str> {
        if self.failover.is_some() {
            return Err("NOMASTERLINK Can't SYNC while failing over");
        }
        if !self.link_is_up() {
            return Err("NOMASTERLINK Can't SYNC while not connected with my master");
        }
        let now = self.since_start(env);
        let asked =
            PsyncRequest::parse(replid, offset).ok_or("ERR value is not an integer or out of range")?;
        let verdict = judge(&self.history, self.backlog.as_ref(), asked);
        self.without_replicas_since = None;
        let Some(peer) = self.peers.get_mut(&conn) else { return Ok(()) };
        let (node, options) = (peer.node, peer.options.clone());
        if let PsyncVerdict::Continue { from, .. } = verdict
            && let Some(cursor) = self.backlog.as_ref().and_then(|backlog| backlog.open(from))
        {
            env.note(self.life.node, "grants partial", from);
            let line = continue_line(self.history.replid(), options.capa_psync2);
            let core = MasterFeed::continuing(options, cursor, now);
            peer.feed = Some(Feed { node, core, outbox: line.into_bytes(), snapshot: None });
            return Ok(());
        }
        env.note(self.life.node, "grants full", self.history.offset());
        let id = self.random_replid();
        if self.ledger().begin_to_feed(id) {
            env.checks.forks.left(self.life.node, id);
            self.update_streaming();
        }
        let core = MasterFeed::waiting(options, true, now);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.feed = Some(Feed { node, core, outbox: Vec::new(), snapshot: None });
        }
        self.sync_wanted(env);
        Ok(())
    }

    pub(super) fn drop_peer(&mut self, env: &mut Env, conn: ConnId) {
        env.close(conn, THEIRS);
        self.peer_gone(env, conn);
    }

    pub(super) fn peer_gone(&mut self, env: &mut Env, conn: ConnId) {
        let Some(peer) = self.peers.remove(&conn) else { return };
        if peer.feed.is_some() {
            self.sync_abandoned();
            if !self.has_feeds() {
                self.without_replicas_since = Some(self.since_start(env));
            }
            self.wake_waits(env);
        }
    }

    pub(super) fn drop_all_feeds(&mut self, env: &mut Env) {
        let conns: Vec<ConnId> = self.feeds().map(|(conn, _)| conn).collect();
        for conn in conns {
            self.drop_peer(env, conn);
        }
    }

    /// Replicas for which too many bytes wait are dropped.
    pub(super) fn check_buffers(&mut self, env: &mut Env) {
        let (limits, now) = (self.feed_limits(), self.since_start(env));
        let Self { peers, backlog: Some(backlog), .. } = self else { return };
        let mut dropped = Vec::new();
        for (conn, peer) in peers {
            if let Some(feed) = &mut peer.feed
                && feed.core.check_buffer(now, &limits, backlog).is_err()
            {
                dropped.push(*conn);
            }
        }
        for conn in dropped {
            self.drop_peer(env, conn);
        }
    }

    /// Once a second: keep-alives, time-outs.
    pub(super) fn tick_feeds(&mut self, env: &mut Env) {
        let (limits, now) = (self.feed_limits(), self.since_start(env));
        let Self { peers, backlog: Some(backlog), .. } = self else { return };
        backlog.trim();
        let mut dropped = Vec::new();
        for (conn, peer) in peers {
            let Some(feed) = &mut peer.feed else { continue };
            match feed.core.on_tick(now, &limits, backlog) {
                Some(FeedAction::SendKeepAlive) => feed.outbox.extend_from_slice(b"\n"),
                Some(FeedAction::Drop(_)) => dropped.push(*conn),
                None => {}
            }
        }
        for conn in dropped {
            env.note(self.node(), "replica timed out", 0);
            self.drop_peer(env, conn);
        }
    }

    pub(super) fn pump_all(&mut self, env: &mut Env) {
        let conns: Vec<ConnId> = self.feeds().map(|(conn, _)| conn).collect();
        for conn in conns {
            self.pump(env, conn);
        }
    }

    /// Sends to one replica what the system takes.
    pub(super) fn pump(&mut self, env: &mut Env, conn: ConnId) {
        let now = self.since_start(env);
        let Self { peers, backlog, .. } = self;
        let Some(feed) = peers.get_mut(&conn).and_then(|peer| peer.feed.as_mut()) else { return };
        if !feed.outbox.is_empty() {
            env.send(conn, THEIRS, &std::mem::take(&mut feed.outbox));
        }
        if let Some(snapshot) = &mut feed.snapshot {
            if snapshot.sent == 0 {
                feed.core.transfer_begun(snapshot.transport, now);
            }
            let left = &snapshot.bytes[snapshot.sent..];
            let taken = left.len().min(env.net.room(conn, THEIRS));
            env.send(conn, THEIRS, &left[..taken]);
            snapshot.sent += taken;
            if taken > 0 {
                feed.core.transfer_went_on(now);
            }
            if snapshot.sent < snapshot.bytes.len() {
                return;
            }
            feed.snapshot = None;
            feed.core.transfer_done(now);
        }
        let Some(backlog) = backlog else { return };
        if !feed.core.streams() {
            return;
        }
        let Some(cursor) = feed.core.cursor_mut() else { return };
        let room = env.net.room(conn, THEIRS);
        let mut bytes = backlog.slices(cursor, room).collect::<Vec<_>>().concat();
        if bytes.is_empty() {
            return;
        }
        backlog.consume(cursor, bytes.len() as u64);
        if env.is(Mutant::SkipStreamByte) && env.rng.percent(3) {
            let at = env.rng.index(bytes.len());
            bytes.remove(at);
        }
        env.send(conn, THEIRS, &bytes);
    }
}
