//! A snapshot begins on the node's thread and is encoded beside it.
//!
//! The data set is captured in slices; a helper thread encodes what was captured. Where the bytes go is the
//! business of `save` (the RDB file) and of `full_sync` (replicas).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::node::node::Node;
use crate::persistence::{Aux, FaultyDisk, PendingFile, RdbWriter, WriteOptions, Written};
use crate::store::SnapshotReader;

/// Segments captured in one turn of the node's thread.
const CAPTURE_PER_TURN: usize = 1000;

/// How far a snapshot is encoded; shared with the helper thread.
#[derive(Debug, Clone, Default)]
pub(in crate::node) struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    keys: AtomicU64,
    total: AtomicU64,
    complete: AtomicBool,
}

impl Progress {
    pub(in crate::node) fn new(total: u64) -> Self {
        let progress = Self::default();
        progress.0.total.store(total, Ordering::Relaxed);
        progress
    }

    /// Keys done, keys in all.
    pub(in crate::node) fn keys(&self) -> (u64, u64) {
        (self.0.keys.load(Ordering::Relaxed), self.0.total.load(Ordering::Relaxed))
    }

    /// Every byte was handed over.
    pub(in crate::node) fn is_complete(&self) -> bool {
        self.0.complete.load(Ordering::Acquire)
    }

    pub(in crate::node) fn set_keys(&self, keys: u64) {
        self.0.keys.store(keys, Ordering::Relaxed);
    }

    pub(in crate::node) fn complete(&self) {
        self.0.complete.store(true, Ordering::Release);
    }
}

/// How encoding ended; the error is for people.
pub(in crate::node) type Outcome = Result<Written, String>;

impl Node {
    /// Fixes a snapshot and sees to it that all of it is captured.
    pub(in crate::node) fn begin_snapshot(&mut self) -> SnapshotReader {
        let begun = Instant::now();
        let reader = self.data.store.begin_snapshot();
        let done = self.data.store.capture(CAPTURE_PER_TURN);
        self.figures.stats.snapshots += 1;
        self.figures.stats.snapshot_begin = begun.elapsed();
        self.figures.lag.record(begun);
        if !done && let Some(shared) = self.me.upgrade() {
            self.spawn(async move {
                loop {
                    tokio::task::yield_now().await;
                    let mut node = shared.borrow_mut();
                    let begun = Instant::now();
                    let done = node.data.store.capture(CAPTURE_PER_TURN);
                    node.figures.lag.record(begun);
                    if done {
                        return;
                    }
                }
            });
        }
        reader
    }

    /// How snapshots are encoded here; sockets get neither compression nor a checksum, which cost more than
    /// they save there.
    pub(in crate::node) fn write_options(&self, to_file: bool) -> WriteOptions {
        let replid = self.replication.history.replid().to_string();
        let has_history = self.replication.backlog.is_some() || self.replication.upstream.is_some();
        let db = match &self.replication.upstream {
            Some(upstream) => Some(usize::from(upstream.stream_db())),
            None => self.replication.writer.selected().map(usize::from),
        };
        WriteOptions {
            compress: to_file && self.config.rdbcompression,
            checksum: to_file && self.config.rdbchecksum,
            access: self.access_to_save(),
            lfu: self.lfu_tuning(),
            now: self.clock.millis(),
            key_delay: Duration::from_micros(self.config.rdb_key_save_delay_us.max(0) as u64),
            aux: Aux {
                redis_ver: Some(crate::node::config::REDIS_VERSION.to_owned()),
                redis_bits: Some(64),
                ctime: Some(self.clock.unix().as_secs() as i64),
                used_mem: Some(self.used_memory()),
                repl_stream_db: has_history.then_some(db).flatten().or(has_history.then_some(0)),
                repl_id: has_history.then(|| replid.as_bytes().try_into().ok()).flatten(),
                repl_offset: has_history.then(|| self.replication.history.offset()),
                ..Aux::default()
            },
        }
    }

    /// Where the RDB file is.
    pub(in crate::node) fn rdb_path(&self) -> PathBuf {
        self.config.dir.join(&self.config.dbfilename)
    }
}

/// What a helper thread is given: immutable data, never the store.
pub(in crate::node) struct Job {
    pub(in crate::node) reader: SnapshotReader,
    pub(in crate::node) options: WriteOptions,
    pub(in crate::node) progress: Progress,
    pub(in crate::node) abandoned: Arc<AtomicBool>,
    pub(in crate::node) disk: FaultyDisk,
    /// A file goes to the disk piece by piece.
    pub(in crate::node) piecewise: bool,
}

impl Job {
    /// Encodes into `sink` until the end, an error, or until nobody wants it.
    pub(in crate::node) fn encode(self, mut sink: impl FnMut(Bytes) -> std::io::Result<()>) -> Outcome {
        let (progress, abandoned) = (self.progress, self.abandoned);
        let sink = |chunk: Bytes| {
            if abandoned.load(Ordering::Relaxed) {
                return Err(std::io::Error::other("nobody waits for it any more"));
            }
            sink(chunk)
        };
        RdbWriter::encode(self.reader, &self.options, sink, |keys| progress.set_keys(keys))
            .map_err(|error| error.to_string())
    }

    pub(in crate::node) fn write_file(self, path: &Path) -> Outcome {
        let file = PendingFile::create(self.disk.clone(), path).map_err(|error| error.to_string())?;
        let mut file = file.synced_piecewise(self.piecewise);
        let abandoned = Arc::clone(&self.abandoned);
        let written = self.encode(|chunk| file.write(&chunk).map_err(std::io::Error::other))?;
        if abandoned.load(Ordering::Relaxed) {
            return Err("nobody waits for it any more".to_owned());
        }
        file.commit().map_err(|error| error.to_string())?;
        Ok(written)
    }
}
