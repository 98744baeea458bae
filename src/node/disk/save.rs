//! The RDB file: SAVE and BGSAVE.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::snapshot::{Job, Outcome, Progress};
use crate::commands::{CmdError, CmdResult};
use crate::node::disk::files::Saving;
use crate::node::event::{NodeEvent, SnapshotTarget};
use crate::node::node::Node;
use crate::node::tasks::on_thread;
use crate::persistence::remove_stale;

/// So few keys are written in no time.
const FEW: u64 = 1000;

impl Node {
    /// A helper thread writes the RDB file: one writer at a time, so that an older snapshot never replaces a newer.
    pub(in crate::node) fn writes_file(&self) -> bool {
        self.disk.save.running.is_some() || self.replication.snapshot.writes_file()
    }

    /// At the start: half files of a process that was killed while it saved take up the space of whole ones.
    pub(in crate::node) fn remove_stale_files(&mut self) {
        let folder = self.rdb_path().parent().map(Path::to_owned).unwrap_or_default();
        // A folder that cannot be read is found by the load that follows.
        let stale = [folder, self.aof_folder()].map(|folder| remove_stale(&folder).unwrap_or_default());
        for file in stale.into_iter().flatten() {
            self.notice(format!(
                "Removed {}, left behind by a process that ended while it saved",
                file.display()
            ));
        }
    }

    /// SAVE: the node stands still until the file is written.
    pub(in crate::node) fn save_now(&mut self) -> Outcome {
        if self.writes_file() {
            return Err("ERR Background save already in progress".to_owned());
        }
        let begun = Instant::now();
        let reader = self.data.store.begin_snapshot();
        self.data.store.capture(usize::MAX);
        let keys = reader.keys();
        let offset = self.replication.history.offset();
        self.emit(NodeEvent::SnapshotBegun { target: SnapshotTarget::File, keys, offset });
        let job = Job {
            reader,
            options: self.write_options(true),
            progress: Progress::new(keys),
            abandoned: Arc::default(),
            disk: self.disk.files.clone(),
            piecewise: self.config.rdb_save_incremental_fsync,
        };
        let outcome = job.write_file(&self.rdb_path());
        self.saved(&outcome, begun, 0);
        outcome
    }

    /// BGSAVE: a helper thread writes the file.
    pub(in crate::node) fn save_in_background(&mut self) -> CmdResult {
        if self.writes_file() {
            return Err(CmdError::text("ERR Background save already in progress"));
        }
        let reader = self.begin_snapshot();
        let keys = reader.keys();
        let offset = self.replication.history.offset();
        self.emit(NodeEvent::SnapshotBegun { target: SnapshotTarget::File, keys, offset });
        self.notice("Background saving started by a helper thread");
        let progress = Progress::new(keys);
        let abandoned = Arc::<AtomicBool>::default();
        let job = Job {
            reader,
            options: self.write_options(true),
            progress: progress.clone(),
            abandoned: Arc::clone(&abandoned),
            disk: self.disk.files.clone(),
            piecewise: self.config.rdb_save_incremental_fsync,
        };
        let (path, begun) = (self.rdb_path(), Instant::now());
        self.disk.save.running = Some(Saving {
            begun: self.clock.since_start(),
            progress,
            abandoned,
            dirty_before: self.disk.save.dirty,
        });
        self.disk.save.last_try = self.clock.since_start();
        let Some(shared) = self.me.upgrade() else { return Ok(()) };
        self.spawn(async move {
            let outcome = on_thread("bgsave", move || job.write_file(&path)).await.unwrap_or_else(Err);
            let mut node = shared.borrow_mut();
            let Some(saving) = node.disk.save.running.take() else { return };
            if saving.abandoned.load(Ordering::Relaxed) {
                node.save_given_up(begun);
            } else {
                let dirty_left = node.disk.save.dirty.saturating_sub(saving.dirty_before);
                node.saved(&outcome, begun, dirty_left);
            }
            node.save_if_scheduled();
        });
        Ok(())
    }

    /// FLUSHALL: a save under way would bring back what was deleted, and so would the file of an earlier one.
    pub(in crate::node) fn save_emptiness(&mut self) {
        if let Some(saving) = &self.disk.save.running {
            saving.abandoned.store(true, Ordering::Relaxed);
        }
        // Not now: the stream does not count this command yet.
        self.disk.save.emptied |= !self.config.save.is_empty();
    }

    /// At the end of a turn in which FLUSHALL has emptied the data, which the stream counts now. As in Redis this thread
    /// writes the file: who asks for a save or a rewrite then finds no other under way. A transaction may have filled the
    /// data again; then a helper writes them.
    pub(in crate::node) fn save_if_emptied(&mut self) {
        if !std::mem::take(&mut self.disk.save.emptied) {
            return;
        }
        if self.writes_file() || self.data.store.keys() > FEW {
            self.disk.save.scheduled = true;
        } else {
            // A failure is in the log and in INFO.
            let _ = self.save_now();
        }
    }

    /// Ten times a second: begins the save that was put off, if the file is free.
    pub(in crate::node) fn save_if_scheduled(&mut self) {
        if self.disk.save.scheduled && !self.writes_file() && !self.disk.aof.rewrite.is_running() {
            self.disk.save.scheduled = false;
            // What stands in its way is in the log.
            let _ = self.save_in_background();
        }
    }

    fn save_given_up(&mut self, begun: Instant) {
        self.notice("Background saving was given up: FLUSHALL has deleted what it saved");
        let error = Some("FLUSHALL has deleted what it saved".to_owned());
        self.emit(NodeEvent::SnapshotEnded {
            target: SnapshotTarget::File,
            bytes: 0,
            took: begun.elapsed(),
            error,
        });
    }

    /// Notes how a save ended; `dirty_left` changes came after its begin.
    fn saved(&mut self, outcome: &Outcome, begun: Instant, dirty_left: u64) {
        let took = begun.elapsed();
        let (bytes, error) = match outcome {
            Ok(written) => {
                self.disk.save.dirty = dirty_left;
                self.disk.save.last_save = self.clock.unix().as_secs();
                self.disk.save.saves += 1;
                self.disk.save.last_ok = true;
                self.notice("DB saved on disk");
                (written.bytes, None)
            }
            Err(error) => {
                self.disk.save.last_ok = false;
                self.warning(format!("Saving the RDB file failed: {error}"));
                (0, Some(error.clone()))
            }
        };
        self.disk.save.last_took = Some(took);
        self.emit(NodeEvent::SnapshotEnded { target: SnapshotTarget::File, bytes, took, error });
    }
}
