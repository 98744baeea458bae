//! BGREWRITEAOF: a new base file out of a snapshot, beside the commands that go on.
//!
//! At the instant of the snapshot commands go into a new increment. When the base is on the disk the manifest names it in
//! place of everything before that instant. A crash anywhere leaves the old manifest or the new one, each with all of
//! its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::append::Log;
use crate::commands::{CmdError, CmdResult};
use crate::node::clients::session::Session;
use crate::node::disk::snapshot::{Job, Progress};
use crate::node::event::{NodeEvent, SnapshotTarget};
use crate::node::exec::flow::Flow;
use crate::node::node::{Node, Shared};
use crate::node::tasks::on_thread;
use crate::persistence::{
    AppendFile, Manifest, Part, PendingFile, encode_dataset, move_aside, open_to_write, remove,
    write_whole_to,
};
use crate::protocol::Args;

/// Pause before an automatic rewrite is tried again after one that failed; doubled each time, …
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// … up to this.
const RETRY_MAX: Duration = Duration::from_hours(1);
/// Increment of the first base, until that is there.
const FIRST_INCREMENT: &str = "temp-appendonly.aof.incr";

/// What is known of rewrites.
#[derive(Debug, Default)]
pub(in crate::node) struct RewriteState {
    running: Option<Running>,
    /// Asked for, to be begun when the disk is free.
    scheduled: bool,
    /// The files cannot be trusted: a new base is needed.
    wanted: bool,
    /// The present increment belongs to no manifest before the first base is done.
    pub(in crate::node) is_first: bool,
    failures: u32,
    last_try: Option<Instant>,
    last_took: Option<Duration>,
    last_failed: bool,
    rewrites: u64,
    /// Bytes after the last rewrite, or at the start: growth counts from here.
    pub(in crate::node) base_size: u64,
}

#[derive(Debug)]
struct Running {
    begun: Instant,
    progress: Progress,
    abandoned: Arc<AtomicBool>,
}

impl RewriteState {
    pub(in crate::node) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    pub(in crate::node) fn reset_counters(&mut self) {
        (self.rewrites, self.failures) = (0, 0);
    }

    /// Pause until the next try.
    fn patience(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => (RETRY_FIRST * 2u32.saturating_pow(failures - 1)).min(RETRY_MAX),
        }
    }

    fn may_try(&self) -> bool {
        self.last_try.is_none_or(|last| last.elapsed() >= self.patience())
    }
}

impl Drop for RewriteState {
    /// A helper thread may outlive the node: its file must not replace that of a node started after it.
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

/// What INFO shows of rewrites.
pub(in crate::node) struct RewriteFigures {
    pub(in crate::node) in_progress: bool,
    pub(in crate::node) scheduled: bool,
    pub(in crate::node) last_seconds: i64,
    pub(in crate::node) current_seconds: i64,
    pub(in crate::node) last_ok: bool,
    pub(in crate::node) rewrites: u64,
    /// In a row.
    pub(in crate::node) failures: u32,
    pub(in crate::node) keys: Option<(u64, u64)>,
}

impl Node {
    pub(in crate::node) fn rewrite_figures(&self) -> RewriteFigures {
        let state = &self.disk.aof.rewrite;
        let seconds = |took: Option<Duration>| took.map_or(-1, |took| took.as_secs() as i64);
        RewriteFigures {
            in_progress: state.is_running(),
            scheduled: state.scheduled,
            last_seconds: seconds(state.last_took),
            current_seconds: seconds(state.running.as_ref().map(|running| running.begun.elapsed())),
            last_ok: !state.last_failed,
            rewrites: state.rewrites,
            failures: state.failures,
            keys: state.running.as_ref().map(|running| running.progress.keys()),
        }
    }

    /// `BGREWRITEAOF`
    pub(in crate::node) fn rewrite_command(
        &mut self,
        session: &mut Session,
        _: &Args<'_>,
    ) -> CmdResult<Flow> {
        if self.disk.aof.rewrite.is_running() {
            return Err(CmdError::text("ERR Background append only file rewriting already in progress"));
        }
        // Inside EXEC the file lacks what the transaction has changed so far.
        if self.writes_file() || self.data.collected.is_some() {
            self.disk.aof.rewrite.scheduled = true;
            session.out.simple("Background append only file rewriting scheduled");
            return Ok(Flow::Next);
        }
        self.begin_rewrite().map_err(|error| {
            CmdError::from(format!("ERR Can't execute an AOF background rewriting. {error}"))
        })?;
        session.out.simple("Background append only file rewriting started");
        Ok(Flow::Next)
    }

    /// `CONFIG SET appendonly yes`: commands are kept from now on; the base is made in the background.
    ///
    /// # Errors
    /// Why the files cannot be made.
    pub(in crate::node) fn start_aof(&mut self) -> Result<(), String> {
        if self.disk.aof.log.is_some() {
            return Ok(());
        }
        self.read_manifest_again()?;
        self.disk.aof.log = Some(Log::new(self.empty_first_increment()?, 0));
        self.disk.aof.rewrite.is_first = true;
        self.update_streaming();
        if self.writes_file() {
            self.disk.aof.rewrite.scheduled = true;
            self.warning(
                "AOF was enabled but there is already another background operation. An AOF background was scheduled to \
                 start when possible.",
            );
            return Ok(());
        }
        if self.data.collected.is_some() {
            // A base made now would hold what the transaction has changed so far, and the increment would repeat it.
            self.disk.aof.rewrite.scheduled = true;
            self.warning(
                "AOF was enabled during a transaction. An AOF background was scheduled to start when possible.",
            );
            return Ok(());
        }
        self.begin_rewrite()
    }

    /// `CONFIG SET appendonly no`: what was appended is on the disk before the answer.
    pub(in crate::node) fn stop_aof(&mut self) {
        if let Err(error) = self.finish_aof() {
            self.warning(format!("Fail to fsync the AOF file: {error}"));
        }
        self.give_up_rewrite();
        self.disk.aof.log = None;
        self.disk.aof.failure = None;
        self.update_streaming();
    }

    fn give_up_rewrite(&mut self) {
        if let Some(running) = self.disk.aof.rewrite.running.take() {
            self.notice("Killing running AOF rewrite child: a helper thread");
            running.abandoned.store(true, Ordering::Relaxed);
        }
        (self.disk.aof.rewrite.scheduled, self.disk.aof.rewrite.wanted, self.disk.aof.rewrite.is_first) =
            (false, false, false);
    }

    /// A full sync has replaced all data: what was appended before has nothing to do with them.
    pub(in crate::node) fn restart_aof(&mut self) {
        if self.disk.aof.log.is_none() {
            return;
        }
        self.stop_aof();
        if let Err(error) = self.start_aof() {
            self.warning(format!("Failed enabling the AOF after successful master synchronization: {error}"));
            self.disk.aof.failure = Some(error);
            self.disk.aof.rewrite.want();
        }
    }

    /// Once a second: rewrites that were scheduled, are needed, or are due by the growth of the file.
    pub(in crate::node) fn rewrite_if_due(&mut self) {
        if self.disk.aof.rewrite.is_running() || self.writes_file() {
            return;
        }
        let (percentage, least) =
            (self.config.auto_aof_rewrite_percentage, self.config.auto_aof_rewrite_min_size);
        let state = &self.disk.aof.rewrite;
        let grown = self.disk.aof.log.as_ref().is_some_and(|log| {
            let (size, base) = (log.size(), state.base_size.max(1));
            percentage > 0 && size > least && size.saturating_sub(base) * 100 / base >= u64::from(percentage)
        });
        let needed = (state.wanted || state.is_first) && self.disk.aof.log.is_some();
        if state.scheduled || ((grown || needed) && state.may_try()) {
            if grown {
                self.notice("Starting automatic rewriting of AOF");
            }
            if let Err(error) = self.begin_rewrite() {
                self.warning(format!("Can't execute an AOF background rewriting: {error}"));
            }
        }
    }

    fn begin_rewrite(&mut self) -> Result<(), String> {
        self.disk.aof.rewrite.scheduled = false;
        self.disk.aof.rewrite.last_try = Some(Instant::now());
        let begun = self.try_begin_rewrite();
        if begun.is_err() {
            self.note_rewrite_failed();
        }
        begun
    }

    fn note_rewrite_failed(&mut self) {
        self.disk.aof.rewrite.failures += 1;
        self.disk.aof.rewrite.last_failed = true;
    }

    fn try_begin_rewrite(&mut self) -> Result<(), String> {
        if self.disk.aof.log.is_none() {
            self.read_manifest_again()?;
        }
        let is_first = self.disk.aof.rewrite.is_first;
        if is_first {
            self.restart_first_increment()?;
        } else if self.disk.aof.log.is_some() {
            self.open_increment()?;
        }
        let reader = self.begin_snapshot();
        let keys = reader.keys();
        let is_rdb = self.config.aof_use_rdb_preamble;
        let base = self.disk.aof.manifest.next_base(&self.config.appendfilename, is_rdb);
        let path = self.aof_folder().join(&base.name);
        let (progress, abandoned) = (Progress::new(keys), Arc::<AtomicBool>::default());
        let mut options = self.write_options(true);
        options.aux.aof_base = true;
        (options.aux.repl_id, options.aux.repl_offset, options.aux.repl_stream_db) = (None, None, None);
        let job = Job {
            reader,
            options,
            progress: progress.clone(),
            abandoned: Arc::clone(&abandoned),
            disk: self.disk.files.clone(),
            piecewise: self.config.aof_rewrite_incremental_fsync,
        };
        let time = self.aof_time();
        let begun = Instant::now();
        self.disk.aof.rewrite.running = Some(Running { begun, progress, abandoned: Arc::clone(&abandoned) });
        let offset = self.replication.history.offset();
        self.emit(NodeEvent::SnapshotBegun { target: SnapshotTarget::AofBase, keys, offset });
        self.notice("Background append only file rewriting started by a helper thread");
        let Some(shared) = self.me.upgrade() else { return Ok(()) };
        // With the file off only this instant is kept.
        let kept = usize::from(self.disk.aof.log.is_some());
        self.spawn(async move {
            let written = on_thread("aof-rewrite", move || write_base(job, is_rdb, time, &path)).await;
            end_rewrite(&shared, &abandoned, base, kept, written.unwrap_or_else(Err), begun);
        });
        Ok(())
    }

    /// Goes on with what is on the disk; the folder is made if it is not there.
    fn read_manifest_again(&mut self) -> Result<(), String> {
        self.make_aof_folder()?;
        let found = self.read_manifest().map_err(|lines| lines.join("\n").trim().to_owned())?;
        let mut manifest = found.unwrap_or_default();
        manifest.go_on_from(&self.disk.aof.manifest);
        self.disk.aof.manifest = manifest;
        Ok(())
    }

    /// Commands go into a new increment from now on, which the manifest names already.
    fn open_increment(&mut self) -> Result<(), String> {
        // The new file says nothing of the old one's bytes. What is known to be lost there, the base makes up for.
        let known = self.disk.aof.rewrite.wanted;
        let finished = self.finish_aof();
        if !known || self.disk.aof.log.as_ref().is_some_and(|log| log.buffered() > 0) {
            finished?;
        }
        let mut manifest = self.disk.aof.manifest.clone();
        let part = manifest.add_increment(&self.config.appendfilename);
        let path = self.aof_folder().join(&part.name);
        let file = AppendFile::open(&path, &self.disk.files)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        self.store_manifest(manifest)?;
        self.notice(format!("Creating AOF incr file {} on background rewrite", part.name));
        if let Some(log) = &mut self.disk.aof.log {
            log.switch_to(file);
        }
        Ok(())
    }

    /// What was appended before the first snapshot is part of it.
    fn restart_first_increment(&mut self) -> Result<(), String> {
        let file = self.empty_first_increment()?;
        if let Some(log) = &mut self.disk.aof.log {
            log.start_over(file);
        }
        Ok(())
    }

    fn empty_first_increment(&self) -> Result<AppendFile, String> {
        let path = self.aof_folder().join(FIRST_INCREMENT);
        let opened = open_to_write(&path)
            .and_then(|file| file.set_len(0))
            .and_then(|()| AppendFile::open(&path, &self.disk.files));
        opened.map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Puts a manifest in the place of the one on the disk.
    pub(super) fn store_manifest(&mut self, manifest: Manifest) -> Result<(), String> {
        write_whole_to(self.disk.files.clone(), &self.manifest_path(), manifest.render().as_bytes())
            .map_err(|error| error.to_string())?;
        self.disk.aof.manifest = manifest;
        Ok(())
    }

    pub(super) fn manifest_path(&self) -> PathBuf {
        self.aof_folder().join(format!("{}.manifest", self.config.appendfilename))
    }

    /// The new base is on the disk: the manifest names it, and what it replaces goes.
    fn adopt_base(&mut self, base: Part, kept: usize, bytes: u64) -> Result<(), String> {
        let folder = self.aof_folder();
        self.write_aof();
        let mut manifest = self.disk.aof.manifest.clone();
        if self.disk.aof.rewrite.is_first && kept > 0 {
            let part = manifest.add_increment(&self.config.appendfilename);
            // Its name is on the disk before the manifest's is.
            move_aside(&folder.join(FIRST_INCREMENT), &folder.join(&part.name))
                .map_err(|error| error.to_string())?;
            self.notice(format!(
                "Successfully renamed the temporary AOF incr file {FIRST_INCREMENT} into {}",
                part.name
            ));
        }
        manifest.replace_base(base, kept);
        self.store_manifest(manifest)?;
        self.disk.aof.rewrite.is_first = false;
        self.disk.aof.rewrite.wanted = false;
        if let Some(log) = &mut self.disk.aof.log {
            log.before = bytes;
            self.disk.aof.rewrite.base_size = log.size();
        }
        self.remove_history();
        Ok(())
    }

    /// Deletes what rewrites have replaced, unless `aof-disable-auto-gc` keeps it.
    pub(in crate::node) fn remove_history(&mut self) {
        if self.config.aof_disable_auto_gc {
            return;
        }
        let folder = self.aof_folder();
        let mut manifest = self.disk.aof.manifest.clone();
        for part in &manifest.history {
            self.notice(format!("Removing the history file {} in the background", part.name));
        }
        manifest.history.retain(|part| match remove(&folder.join(&part.name)) {
            Ok(()) => false,
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        });
        if manifest != self.disk.aof.manifest
            && let Err(error) = self.store_manifest(manifest)
        {
            self.warning(format!("The AOF manifest still names deleted files: {error}"));
        }
    }
}

/// Encodes the base and puts it in place; returns its bytes.
pub(super) fn write_base(job: Job, is_rdb: bool, time: Option<u64>, path: &Path) -> Result<u64, String> {
    if is_rdb {
        return job.write_file(path).map(|written| written.bytes);
    }
    let file = PendingFile::create(job.disk.clone(), path).map_err(|error| error.to_string())?;
    let mut file = file.synced_piecewise(job.piecewise);
    let abandoned = Arc::clone(&job.abandoned);
    let sink = |chunk: &[u8]| {
        if abandoned.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("nobody waits for it any more"));
        }
        file.write(chunk).map_err(std::io::Error::from)
    };
    let bytes = encode_dataset(job.reader, time, sink, |keys| job.progress.set_keys(keys));
    let bytes = bytes.map_err(|error| error.to_string())?;
    file.commit().map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn end_rewrite(
    shared: &Shared,
    abandoned: &AtomicBool,
    base: Part,
    kept: usize,
    written: Result<u64, String>,
    begun: Instant,
) {
    let mut node = shared.borrow_mut();
    if abandoned.load(Ordering::Relaxed) {
        // No manifest names it.
        let _ = remove(&node.aof_folder().join(&base.name));
        return;
    }
    node.disk.aof.rewrite.running = None;
    node.disk.aof.rewrite.last_took = Some(begun.elapsed());
    if written.is_ok() {
        node.notice("Background AOF rewrite terminated with success");
    }
    let outcome = written.and_then(|bytes| node.adopt_base(base, kept, bytes).map(|()| bytes));
    let took = begun.elapsed();
    let (bytes, error) = match outcome {
        Ok(bytes) => {
            node.disk.aof.rewrite.failures = 0;
            node.disk.aof.rewrite.last_failed = false;
            node.disk.aof.rewrite.rewrites += 1;
            node.notice("Background AOF rewrite finished successfully");
            node.tick_aof();
            (bytes, None)
        }
        Err(error) => {
            node.note_rewrite_failed();
            node.warning(&error);
            node.warning("Background AOF rewrite terminated with error");
            (0, Some(error))
        }
    };
    node.emit(NodeEvent::SnapshotEnded { target: SnapshotTarget::AofBase, bytes, took, error });
    if node.disk.save.scheduled && !node.writes_file() {
        node.disk.save.scheduled = false;
        // A failure is in the log and in INFO.
        let _ = node.save_in_background();
    }
}
