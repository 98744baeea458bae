//! Master side: full syncs, from the wish of a replica to the last byte of its snapshot.
//!
//! Diskless, the encoder's chunks go straight to the sockets; disk-based, they go to the RDB file first. Either way a
//! bounded channel slows the encoder down to what the replicas take, and never the clients.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::feed::{Feed, Transfer};
use crate::node::clients::client::ClientId;
use crate::node::disk::snapshot::{Job, Outcome, Progress};
use crate::node::event::{FeedPhase, NodeEvent, SnapshotTarget};
use crate::node::node::{Node, Shared};
use crate::node::tasks::on_thread;
use crate::replication::{EOF_MARK_LEN, FeedState, ReplId, SnapshotFilter, Transport, full_resync_line};
use crate::store::Store;

/// Chunks that wait between the encoder and the sockets.
const CHUNKS_WAITING: usize = 8;

/// Syncs that are wanted or under way.
#[derive(Debug, Default)]
pub(in crate::node) struct SyncState {
    /// Since when a replica waits for a snapshot that has not begun.
    waiting_since: Option<Duration>,
    /// The snapshot under way, if it is for replicas.
    running: Option<Running>,
    generation: u64,
    /// The RDB file was written for replicas.
    has_left_file: bool,
}

impl SyncState {
    /// A snapshot for replicas is being made.
    pub(in crate::node) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// It goes to the RDB file first.
    pub(in crate::node) fn writes_file(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.transport == Transport::Disk && !running.sending)
    }

    /// The file of a disk-based sync is not wanted any more.
    pub(in crate::node) fn give_up_file(&mut self) {
        if let Some(running) = &mut self.running {
            running.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct Running {
    generation: u64,
    transport: Transport,
    /// History that the snapshot belongs to.
    replid: ReplId,
    /// Offset that the snapshot stands for.
    offset: u64,
    /// The first byte has gone out: nobody can join any more.
    sending: bool,
    /// Set when nobody wants it any more.
    abandoned: Arc<AtomicBool>,
}

impl Node {
    /// A replica waits for a snapshot: join the one under way, begin one, or let the delay pass.
    pub(in crate::node) fn sync_wanted(&mut self) {
        self.replication.snapshot.waiting_since.get_or_insert(self.clock.since_start());
        if let Some(running) = &self.replication.snapshot.running {
            let same_history = running.replid == self.replication.history.replid();
            let lives = !running.abandoned.load(Ordering::Relaxed);
            if self.replication.snapshot.writes_file() && same_history && lives {
                self.join_running();
            }
            return;
        }
        let waiting = self.waiting_feeds().len();
        let enough = self.config.repl_diskless_sync_max_replicas as usize;
        if !self.syncs_diskless()
            || self.config.repl_diskless_sync_delay.is_zero()
            || (enough > 0 && waiting >= enough)
        {
            self.begin_sync();
        }
    }

    /// Once a second: the delay in which further replicas may join is over.
    pub(in crate::node) fn tick_sync(&mut self) {
        let Some(since) = self.replication.snapshot.waiting_since else { return };
        let delay = self.config.repl_diskless_sync_delay;
        let waited = self.clock.since_start().saturating_sub(since);
        if self.replication.snapshot.running.is_none() && (waited >= delay || !self.config.repl_diskless_sync)
        {
            self.begin_sync();
        }
    }

    /// Once a second: a node without persistence need not keep data in a file (`rdb-del-sync-files`).
    pub(in crate::node) fn remove_sync_file(&mut self) {
        if !self.config.rdb_del_sync_files {
            // Who turns it on means the files of later syncs.
            self.replication.snapshot.has_left_file = false;
        }
        let is_wanted = |feed: &Feed| feed.core.state() != FeedState::Online;
        let persists = self.config.appendonly || !self.config.save.is_empty();
        if !self.replication.snapshot.has_left_file
            || persists
            || self.replication.feeds.values().any(is_wanted)
            || self.writes_file()
        {
            return;
        }
        self.replication.snapshot.has_left_file = false;
        self.notice("Removing the RDB file used to feed replicas in a persistence-less instance");
        // Somebody may have taken it away already.
        let _ = crate::persistence::remove(&self.rdb_path());
    }

    /// Whether the replicas that wait can get the snapshot straight from memory. Others need not wait for company: the
    /// file is made at once, and those who come later get it too.
    fn syncs_diskless(&self) -> bool {
        if self.wanted_filter() != SnapshotFilter::Everything {
            return true;
        }
        let takes =
            |id: &ClientId| self.replication.feeds.get(id).is_some_and(|feed| feed.core.options().capa_eof);
        self.config.repl_diskless_sync && self.waiting_feeds().iter().all(takes)
    }

    /// Those that wait for the next snapshot: all of them want the same of it. Others come after them.
    fn waiting_feeds(&self) -> Vec<ClientId> {
        let wanted = self.wanted_filter();
        let fits = |feed: &Feed| is_waiting(feed) && feed.core.options().filter == wanted;
        self.replication.feeds.iter().filter(|(_, feed)| fits(feed)).map(|(id, _)| *id).collect()
    }

    /// Which part of the data set the next snapshot is to hold: as the replica wants it that came first.
    fn wanted_filter(&self) -> SnapshotFilter {
        let first = self.replication.feeds.values().find(|feed| is_waiting(feed));
        first.map_or(SnapshotFilter::Everything, |feed| feed.core.options().filter)
    }

    /// A further replica gets the disk-based snapshot that is being made.
    fn join_running(&mut self) {
        let Some(running) = &self.replication.snapshot.running else { return };
        if self.wanted_filter() != SnapshotFilter::Everything {
            return;
        }
        let offset = running.offset;
        let waiting = self.waiting_feeds();
        for id in waiting {
            self.grant_snapshot(id, offset);
        }
        self.replication.snapshot.waiting_since = None;
    }

    /// Tells a replica which snapshot it will get; the stream behind it waits in the backlog.
    fn grant_snapshot(&mut self, id: ClientId, offset: u64) {
        let Some(backlog) = &self.replication.backlog else { return };
        let replid = self.replication.history.replid();
        let Some(feed) = self.replication.feeds.get_mut(&id) else { return };
        let Some(cursor) = backlog.open(offset + 1) else {
            feed.end("the backlog was replaced before the snapshot began");
            return;
        };
        feed.core.snapshot_begun(cursor);
        if feed.core.by_psync() {
            feed.send(full_resync_line(replid, offset).as_bytes());
        }
        let port = feed.port();
        self.emit(NodeEvent::Feed { replica_port: port, phase: FeedPhase::WaitSnapshot });
    }

    fn begin_sync(&mut self) {
        let waiting = self.waiting_feeds();
        if waiting.is_empty() {
            self.replication.snapshot.waiting_since = None;
            return;
        }
        // Before they are granted: who is left waiting then may want something else.
        let (diskless, filter) = (self.syncs_diskless(), self.wanted_filter());
        if !diskless && self.writes_file() {
            // The timer tries again when the file is free.
            return;
        }
        self.replication.snapshot.waiting_since = None;
        let transport = if diskless { Transport::Diskless } else { Transport::Disk };
        let offset = self.replication.history.offset();
        for id in &waiting {
            self.grant_snapshot(*id, offset);
        }
        // The snapshot's reader has selected nothing.
        self.replication.writer.force_select();
        let reader = match filter {
            SnapshotFilter::Everything => self.begin_snapshot(),
            SnapshotFilter::Nothing => Store::new(0, 0).begin_snapshot(),
            SnapshotFilter::Functions => {
                let mut store = Store::new(0, 0);
                store.libraries = self.data.store.libraries.clone();
                store.begin_snapshot()
            }
        };
        let progress = Progress::new(reader.keys());
        let abandoned = Arc::new(AtomicBool::new(false));
        self.replication.snapshot.generation += 1;
        let generation = self.replication.snapshot.generation;
        self.replication.snapshot.running = Some(Running {
            generation,
            transport,
            replid: self.replication.history.replid(),
            offset,
            sending: diskless,
            abandoned: Arc::clone(&abandoned),
        });
        let target = if diskless { SnapshotTarget::Replicas(waiting.len()) } else { SnapshotTarget::File };
        self.emit(NodeEvent::SnapshotBegun { target, keys: reader.keys(), offset });
        let how = if diskless { "replicas sockets" } else { "disk" };
        self.notice(format!("Starting BGSAVE for SYNC with target: {how}"));
        let Some(shared) = self.me.upgrade() else { return };
        let begun = Instant::now();
        let job = Job {
            reader,
            options: self.write_options(!diskless),
            progress,
            abandoned,
            disk: self.disk.files.clone(),
            piecewise: self.config.rdb_save_incremental_fsync,
        };
        if diskless {
            self.spawn(run_diskless(shared, job, waiting, generation, begun));
        } else {
            let path = self.rdb_path();
            self.spawn(run_disk(shared, job, path, generation, begun));
        }
    }

    /// A replica went away in the middle of its sync; a snapshot that nobody wants is given up.
    pub(super) fn sync_abandoned(&mut self) {
        let wanted = self
            .replication
            .feeds
            .values()
            .any(|feed| feed.core.state() != FeedState::Online && feed.core.cursor().is_some());
        if let Some(running) = &self.replication.snapshot.running
            && !wanted
        {
            running.abandoned.store(true, Ordering::Relaxed);
        }
    }

    fn sync_ended(&mut self, generation: u64, target: SnapshotTarget, outcome: &Outcome, begun: Instant) {
        if self.replication.snapshot.running.as_ref().is_some_and(|running| running.generation == generation)
        {
            self.replication.snapshot.running = None;
        }
        let (bytes, error) = match outcome {
            Ok(written) => (written.bytes, None),
            Err(error) => (0, Some(error.clone())),
        };
        if let Some(error) = &error {
            self.warning(format!("The snapshot for replicas failed: {error}"));
        }
        self.emit(NodeEvent::SnapshotEnded { target, bytes, took: begun.elapsed(), error });
        if !self.waiting_feeds().is_empty() {
            self.sync_wanted();
        }
    }
}

/// It waits for a snapshot that has not begun.
fn is_waiting(feed: &Feed) -> bool {
    feed.core.state() == FeedState::WaitSnapshot && feed.core.cursor().is_none()
}

/// Encodes straight to the sockets of the replicas in `ids`.
async fn run_diskless(shared: Shared, job: Job, ids: Vec<ClientId>, generation: u64, begun: Instant) {
    let mark: Vec<u8> = {
        let mut node = shared.borrow_mut();
        let id = node.random_replid().to_string();
        debug_assert_eq!(id.len(), EOF_MARK_LEN);
        id.into_bytes()
    };
    let progress = job.progress.clone();
    let mut outputs = Vec::new();
    {
        let mut node = shared.borrow_mut();
        for id in &ids {
            let Some(feed) = node.replication.feeds.get_mut(id) else { continue };
            let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
            feed.send_snapshot(Transfer {
                chunks,
                transport: Transport::Diskless,
                total: None,
                progress: progress.clone(),
            });
            outputs.push(sender);
        }
    }
    let (sender, mut chunks) = mpsc::channel::<Bytes>(CHUNKS_WAITING);
    let preamble = Bytes::from([b"$EOF:", &mark[..], b"\r\n"].concat());
    let target = SnapshotTarget::Replicas(outputs.len());
    let encoding = on_thread("snapshot", move || {
        let gone = |_| std::io::Error::other("all replicas are gone");
        sender.blocking_send(preamble).map_err(|error| gone(error).to_string())?;
        let written = job.encode(|chunk| sender.blocking_send(chunk).map_err(gone))?;
        sender.blocking_send(Bytes::from(mark)).map_err(|error| gone(error).to_string())?;
        Ok(written)
    });
    let fan_out = async {
        while let Some(chunk) = chunks.recv().await {
            // A replica that is gone leaves; the others go on at the pace of the slowest.
            let mut alive = Vec::with_capacity(outputs.len());
            for output in outputs.drain(..) {
                if output.send(chunk.clone()).await.is_ok() {
                    alive.push(output);
                }
            }
            outputs = alive;
            if outputs.is_empty() {
                break;
            }
        }
        drop(chunks);
        outputs
    };
    let (outcome, outputs) = tokio::join!(encoding, fan_out);
    let outcome = outcome.unwrap_or_else(Err);
    if outcome.is_ok() {
        progress.complete();
    }
    let left = outputs.len();
    drop(outputs);
    let mut node = shared.borrow_mut();
    node.notice(match left {
        0 => "Diskless rdb transfer, last replica dropped, the snapshot is given up.".to_owned(),
        left => format!("Diskless rdb transfer, done reading from pipe, {left} replicas still up."),
    });
    node.sync_ended(generation, target, &outcome, begun);
}

/// Writes the RDB file, then sends it to every replica that waits for it.
async fn run_disk(shared: Shared, job: Job, path: PathBuf, generation: u64, begun: Instant) {
    let progress = job.progress.clone();
    let file = path.clone();
    let outcome = on_thread("snapshot", move || job.write_file(&file)).await.unwrap_or_else(Err);
    let opened = outcome.as_ref().map_err(Clone::clone).and_then(|written| {
        let file = crate::persistence::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((file, written.bytes))
    });
    let mut node = shared.borrow_mut();
    let waiting: Vec<ClientId> = {
        let granted =
            |feed: &Feed| feed.core.state() == FeedState::WaitSnapshot && feed.core.cursor().is_some();
        node.replication.feeds.iter().filter(|(_, feed)| granted(feed)).map(|(id, _)| *id).collect()
    };
    match opened {
        Ok((file, bytes)) => {
            node.replication.snapshot.has_left_file = true;
            for id in waiting {
                let Some(feed) = node.replication.feeds.get_mut(&id) else { continue };
                let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
                let progress = Progress::new(progress.keys().1);
                progress.set_keys(progress.keys().1);
                feed.send_snapshot(Transfer {
                    chunks,
                    transport: Transport::Disk,
                    total: Some(bytes),
                    progress: progress.clone(),
                });
                let Ok(file) = file.try_clone() else { continue };
                let started = crate::node::tasks::start("snapshot", move || {
                    send_file(&file, bytes, &sender, &progress);
                });
                if started.is_err() {
                    feed.end("no thread to read the snapshot file");
                }
            }
        }
        Err(error) => {
            for id in waiting {
                node.close_feed(id, &error);
            }
        }
    }
    node.sync_ended(generation, SnapshotTarget::File, &outcome, begun);
}

/// Reads the file from its start at its own position: several replicas read the same file at once.
fn send_file(file: &std::fs::File, bytes: u64, chunks: &mpsc::Sender<Bytes>, progress: &Progress) {
    if chunks.blocking_send(Bytes::from(format!("${bytes}\r\n"))).is_err() {
        return;
    }
    let mut at = 0;
    while at < bytes {
        let mut chunk = vec![0; (bytes - at).min(crate::persistence::CHUNK as u64) as usize];
        if read_exact_at(file, &mut chunk, at).is_err() {
            return;
        }
        at += chunk.len() as u64;
        if chunks.blocking_send(Bytes::from(chunk)).is_err() {
            return;
        }
    }
    progress.complete();
}

#[cfg(unix)]
fn read_exact_at(file: &std::fs::File, buffer: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(windows)]
fn read_exact_at(file: &std::fs::File, mut buffer: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !buffer.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buffer, at)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        at += count as u64;
        buffer = &mut buffer[count..];
    }
    Ok(())
}
