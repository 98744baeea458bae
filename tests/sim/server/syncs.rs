//! Full syncs on the master's side: who gets which snapshot, and when it is made.

use std::time::Duration;

use repliscope::persistence::{Aux, RdbWriter, WriteOptions};
use repliscope::replication::{EOF_MARK_LEN, FeedState, ReplId, Transport, full_resync_line};
use repliscope::store::SnapshotReader;

use super::feeds::{Feed, Sending};
use super::{Server, THEIRS};
use crate::env::{Env, Event, MILLI};
use crate::net::ConnId;

/// A snapshot under way for replicas.
#[derive(Debug)]
pub(super) struct Running {
    generation: u64,
    transport: Transport,
    replid: ReplId,
    offset: u64,
    reader: SnapshotReader,
    options: WriteOptions,
    abandoned: bool,
}

impl Server {
    /// A replica waits for a snapshot: join the one under way, begin one, or let the delay pass.
    pub(super) fn sync_wanted(&mut self, env: &mut Env) {
        let now = self.since_start(env);
        self.waiting_since.get_or_insert(now);
        if let Some(running) = &self.running {
            let same_history = running.replid == self.history.replid();
            if running.transport == Transport::Disk && same_history && !running.abandoned {
                let offset = running.offset;
                for conn in self.waiting_feeds() {
                    self.grant_snapshot(env, conn, offset);
                }
                self.waiting_since = None;
            }
            return;
        }
        if !self.config.diskless || self.config.sync_delay.is_zero() {
            self.begin_sync(env);
        }
    }

    /// Once a second: the delay in which further replicas may join is over.
    pub(super) fn tick_sync(&mut self, env: &mut Env) {
        let Some(since) = self.waiting_since else { return };
        let waited = self.since_start(env).saturating_sub(since);
        if self.running.is_none() && (waited >= self.config.sync_delay || !self.config.diskless) {
            self.begin_sync(env);
        }
    }

    fn waiting_feeds(&self) -> Vec<ConnId> {
        let waits =
            |feed: &Feed| feed.core.state() == FeedState::WaitSnapshot && feed.core.cursor().is_none();
        self.feeds().filter(|(_, feed)| waits(feed)).map(|(conn, _)| conn).collect()
    }

    /// Tells a replica which snapshot it will get; the stream behind it waits in the backlog.
    fn grant_snapshot(&mut self, env: &mut Env, conn: ConnId, offset: u64) {
        let replid = self.history.replid();
        let Some(cursor) = self.backlog.as_ref().and_then(|backlog| backlog.open(offset + 1)) else {
            return self.drop_peer(env, conn);
        };
        if let Some((_, feed)) = self.feeds_mut().find(|(id, _)| *id == conn) {
            feed.core.snapshot_begun(cursor);
            feed.outbox.extend_from_slice(full_resync_line(replid, offset).as_bytes());
        }
    }

    fn begin_sync(&mut self, env: &mut Env) {
        let waiting = self.waiting_feeds();
        self.waiting_since = None;
        if waiting.is_empty() {
            return;
        }
        let transport = if self.config.diskless { Transport::Diskless } else { Transport::Disk };
        let (replid, offset) = (self.history.replid(), self.history.offset());
        for conn in waiting {
            self.grant_snapshot(env, conn, offset);
        }
        // The snapshot's reader has selected nothing.
        self.writer.force_select();
        env.checks.observe(env.now, self);
        env.checks.equal.record(self);
        let reader = self.store.begin_snapshot();
        self.store.capture(2);
        let options = self.write_options(env, transport == Transport::Disk);
        self.generation += 1;
        let generation = self.generation;
        self.running =
            Some(Running { generation, transport, replid, offset, reader, options, abandoned: false });
        let pause = env.rng.below(200 * MILLI);
        env.after(pause, Event::SnapshotReady(self.life, generation));
    }

    /// A replica went away; a snapshot that nobody wants is given up.
    pub(super) fn sync_abandoned(&mut self) {
        let wanted = self
            .feeds()
            .any(|(_, feed)| feed.core.state() != FeedState::Online && feed.core.cursor().is_some());
        if let Some(running) = &mut self.running
            && !wanted
        {
            running.abandoned = true;
        }
    }

    /// The encoder is done.
    pub fn snapshot_ready(&mut self, env: &mut Env, generation: u64) {
        if self.running.as_ref().is_none_or(|running| running.generation != generation) {
            return;
        }
        let Some(running) = self.running.take() else { return };
        self.store.capture(usize::MAX);
        let granted =
            |feed: &Feed| feed.core.state() == FeedState::WaitSnapshot && feed.core.cursor().is_some();
        let conns: Vec<ConnId> =
            self.feeds().filter(|(_, feed)| granted(feed)).map(|(conn, _)| conn).collect();
        let encoded = if running.abandoned { None } else { encode(running.reader, &running.options) };
        let encoded = match (running.transport, encoded) {
            (Transport::Disk, Some(bytes)) => self.write_rdb(env, &bytes).is_ok().then_some(bytes),
            (_, encoded) => encoded,
        };
        let Some(bytes) = encoded else {
            for conn in conns {
                self.drop_peer(env, conn);
            }
            return self.sync_again(env);
        };
        let framed = match running.transport {
            Transport::Disk => [format!("${}\r\n", bytes.len()).as_bytes(), &bytes].concat(),
            Transport::Diskless => {
                let mark = self.random_replid().to_string().into_bytes();
                debug_assert_eq!(mark.len(), EOF_MARK_LEN);
                [b"$EOF:", &mark[..], b"\r\n", &bytes, &mark].concat()
            }
        };
        for (_, feed) in self.feeds_mut().filter(|(conn, _)| conns.contains(conn)) {
            feed.snapshot = Some(Sending { transport: running.transport, bytes: framed.clone(), sent: 0 });
        }
        self.sync_again(env);
        self.after_writes(env);
    }

    fn sync_again(&mut self, env: &mut Env) {
        if !self.waiting_feeds().is_empty() {
            self.sync_wanted(env);
        }
    }

    /// How snapshots are encoded here.
    pub(super) fn write_options(&self, env: &Env, to_file: bool) -> WriteOptions {
        let replid = self.history.replid().to_string();
        let has_history = self.backlog.is_some() || self.upstream.is_some();
        let db = match &self.upstream {
            Some(upstream) => Some(usize::from(upstream.applied.db())),
            None => self.writer.selected().map(usize::from),
        };
        WriteOptions {
            compress: to_file,
            checksum: to_file,
            now: self.millis(env),
            key_delay: Duration::ZERO,
            aux: Aux {
                repl_stream_db: has_history.then_some(db.unwrap_or(0)),
                repl_id: has_history.then(|| replid.as_bytes().try_into().ok()).flatten(),
                repl_offset: has_history.then(|| self.history.offset()),
                ..Aux::default()
            },
            ..WriteOptions::default()
        }
    }

    /// The end of the connection that a master's side holds.
    pub fn is_fed(&self, conn: ConnId, end: usize) -> bool {
        end == THEIRS && self.feeds().any(|(id, _)| id == conn)
    }
}

/// Encodes a snapshot whose segments are all captured.
pub(super) fn encode(reader: SnapshotReader, options: &WriteOptions) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let sink = |chunk: bytes::Bytes| {
        bytes.extend_from_slice(&chunk);
        Ok(())
    };
    RdbWriter::encode(reader, options, sink, |_| {}).ok()?;
    Some(bytes)
}
