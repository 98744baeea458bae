//! The append-only file of a running node: what commands are appended, when they reach the disk, and who waits for it.
//!
//! Writes go into the system's cache on the node's thread, before any reply leaves. A helper thread waits for the disk:
//! every second, or (`appendfsync always`) as often as it can, while the replies of everything that was written
//! meanwhile wait together.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::commands::CmdError;
use crate::node::config::{AppendFsync, system_text};
use crate::node::event::StopReason;
use crate::node::node::{Node, Shared};
use crate::persistence::{AofWriter, AppendFile};

/// How long a write may wait for the disk that a sync keeps busy (`everysec`), as in Redis.
const POSTPONE_MAX: Duration = Duration::from_secs(2);
/// Time between two syncs with `everysec`.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The file that commands are appended to.
#[derive(Debug)]
pub(in crate::node) struct Log {
    pub(super) file: AppendFile,
    pub(in crate::node) writer: AofWriter,
    /// Bytes written since the node began, in all files, …
    written: u64,
    /// … and those of them that are on the disk.
    synced: u64,
    /// Bytes in the files before this one.
    pub(super) before: u64,
    is_syncing: bool,
    last_sync: Instant,
    postponed_since: Option<Instant>,
    on_disk: Rc<Notify>,
}

impl Log {
    pub(super) fn new(file: AppendFile, before: u64) -> Self {
        Self {
            file,
            writer: AofWriter::default(),
            written: 0,
            synced: 0,
            before,
            is_syncing: false,
            last_sync: Instant::now(),
            postponed_since: None,
            on_disk: Rc::default(),
        }
    }

    /// Goes on in another file; who waits for the old one goes on waiting.
    pub(super) fn switch_to(&mut self, file: AppendFile) {
        self.before += self.file.len();
        self.file = file;
        self.writer.another_file();
    }

    /// Goes on in an empty file: what was appended so far is kept elsewhere.
    pub(super) fn start_over(&mut self, file: AppendFile) {
        self.writer.start_over();
        self.before = 0;
        self.file = file;
    }

    /// Bytes of all files, with what is not written yet.
    pub(in crate::node) fn size(&self) -> u64 {
        self.before + self.file.len() + self.buffered() as u64
    }

    pub(in crate::node) fn buffered(&self) -> usize {
        self.writer.unwritten().len()
    }

    pub(in crate::node) fn is_syncing(&self) -> bool {
        self.is_syncing
    }
}

impl Node {
    /// Where the parts of the append-only file are.
    pub(in crate::node) fn aof_folder(&self) -> PathBuf {
        self.config.dir.join(&self.config.appenddirname)
    }

    /// Makes the folder if it is not there.
    pub(super) fn make_aof_folder(&self) -> Result<(), String> {
        let folder = self.aof_folder();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// Writes what commands have appended. With `everysec` it may wait while a sync keeps the disk busy.
    pub(in crate::node) fn flush_aof(&mut self) {
        let policy = self.config.appendfsync;
        let Some(log) = &mut self.disk.aof.log else { return };
        if log.writer.unwritten().is_empty() {
            return;
        }
        if policy == AppendFsync::EverySec && log.is_syncing {
            // The write would wait for the sync, and all clients with it.
            let since = *log.postponed_since.get_or_insert_with(Instant::now);
            if since.elapsed() < POSTPONE_MAX {
                return;
            }
            self.disk.aof.delayed += 1;
            self.notice(
                "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for \
                 fsync to complete, this may slow down Redis.",
            );
        }
        self.write_aof();
    }

    /// Writes what commands have appended, now.
    pub(super) fn write_aof(&mut self) {
        let policy = self.config.appendfsync;
        let Some(log) = &mut self.disk.aof.log else { return };
        log.postponed_since = None;
        if log.buffered() > 0 && !self.disk.aof.flush_sleep.is_zero() {
            std::thread::sleep(self.disk.aof.flush_sleep);
        }
        match log.file.append(log.writer.unwritten()) {
            Ok(()) => {
                log.written += log.buffered() as u64;
                log.writer.written();
                if policy == AppendFsync::No {
                    log.synced = log.written;
                }
                if self.disk.aof.failure.is_some() && !self.disk.aof.rewrite.is_wanted() {
                    self.disk.aof.failure = None;
                    self.warning("AOF write error looks solved, Redis can write again.");
                }
            }
            Err(error) => {
                let end =
                    "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...";
                let line = format!("Error writing to the AOF file: {}", system_text(&error));
                return self.aof_failed(&line, &error, end);
            }
        }
        if policy == AppendFsync::Always {
            self.sync_aof();
        }
    }

    /// The disk refused. Nothing that is not on it may be acknowledged with `always`: then the node ends.
    fn aof_failed(&mut self, line: &str, error: &std::io::Error, end: &str) {
        if self.disk.aof.failure.is_none() {
            self.warning(line);
        }
        self.disk.aof.failure = Some(system_text(error));
        if self.config.appendfsync == AppendFsync::Always {
            self.warning(end);
            self.exit.stop(StopReason::Crashed(format!("{line} (appendfsync always)")));
        }
    }

    /// Starts to wait for the disk, unless that is under way.
    fn sync_aof(&mut self) {
        let Some(shared) = self.me.upgrade() else { return };
        let spares_disk = self.spares_disk();
        let Some(log) = &mut self.disk.aof.log else { return };
        if log.is_syncing || log.synced == log.written || spares_disk {
            return;
        }
        log.is_syncing = true;
        self.spawn(sync(shared));
    }

    /// `no-appendfsync-on-rewrite`: no sync gets in the way of a snapshot, and nothing waits for one.
    fn spares_disk(&self) -> bool {
        self.config.no_appendfsync_on_rewrite
            && (self.disk.save.running.is_some()
                || self.replication.snapshot.is_running()
                || self.disk.aof.rewrite.is_running())
    }

    /// What `aof-timestamp-enabled` notes: the time in s since 1970.
    pub(super) fn aof_time(&self) -> Option<u64> {
        self.config.aof_timestamp_enabled.then(|| self.clock.unix().as_secs())
    }

    pub(in crate::node) fn set_aof_time(&mut self) {
        let time = self.aof_time();
        if let Some(log) = &mut self.disk.aof.log {
            log.writer.set_time(time);
        }
    }

    /// Ten times a second: writes what waited, and starts the sync of the second.
    pub(in crate::node) fn tick_aof(&mut self) {
        self.set_aof_time();
        self.flush_aof();
        let now_due = self.disk.aof.log.as_ref().is_some_and(|log| log.last_sync.elapsed() >= SYNC_EVERY);
        if now_due && self.config.appendfsync != AppendFsync::No {
            self.sync_aof();
        }
    }

    /// What must be on the disk before the replies of this turn may leave; `None` if they may.
    #[inline]
    pub(in crate::node) fn unsynced(&self) -> Option<Unsynced> {
        let log = self.disk.aof.log.as_ref()?;
        let waits =
            self.config.appendfsync == AppendFsync::Always && log.synced < log.written && !self.spares_disk();
        waits.then(|| Unsynced { up_to: log.written, on_disk: Rc::clone(&log.on_disk) })
    }

    /// Why commands that write are refused: the append-only file cannot be written.
    pub(in crate::node) fn admit_by_aof(&self) -> Result<(), CmdError> {
        match &self.disk.aof.failure {
            None => Ok(()),
            Some(error) => Err(CmdError::from(format!("MISCONF Errors writing to the AOF file: {error}"))),
        }
    }

    /// Writes and syncs on this thread, at the node's end.
    ///
    /// # Errors
    /// What the disk says.
    pub(in crate::node) fn finish_aof(&mut self) -> Result<(), String> {
        self.write_aof();
        let Some(log) = &mut self.disk.aof.log else { return Ok(()) };
        if !log.writer.unwritten().is_empty() {
            return Err(self.disk.aof.failure.clone().unwrap_or_default());
        }
        let synced = log.file.for_sync().and_then(|file| file.sync_data());
        if synced.is_ok() {
            log.synced = log.written;
            log.on_disk.notify_waiters();
        }
        synced.map_err(|error| self.sync_failed(&error))
    }

    /// The system may have dropped what it could not write: no later sync can vouch for these bytes. A rewrite makes a
    /// new file of everything.
    fn sync_failed(&mut self, error: &std::io::Error) -> String {
        let why = system_text(error);
        let end = format!(
            "Can't persist AOF for fsync error when the AOF fsync policy is 'always': {why}. Exiting..."
        );
        self.aof_failed(&format!("Fail to fsync the AOF file: {why}"), error, &end);
        self.disk.aof.rewrite.want();
        error.to_string()
    }
}

/// Bytes that are not on the disk yet.
#[derive(Debug)]
pub(in crate::node) struct Unsynced {
    up_to: u64,
    on_disk: Rc<Notify>,
}

impl Unsynced {
    /// Waits until they are.
    pub(in crate::node) async fn wait(self, shared: &Shared) {
        loop {
            // Registered before the look, so that no call is missed.
            let on_disk = self.on_disk.notified();
            let is_there = match &shared.borrow().disk.aof.log {
                Some(log) if Rc::ptr_eq(&log.on_disk, &self.on_disk) => log.synced >= self.up_to,
                // It was switched off, which writes and syncs all of it.
                _ => true,
            };
            if is_there {
                return;
            }
            on_disk.await;
        }
    }
}

/// Waits for the disk on a helper thread, again and again while more was written (`always`).
async fn sync(shared: Shared) {
    loop {
        let (file, up_to) = {
            let mut node = shared.borrow_mut();
            let Some(log) = &mut node.disk.aof.log else { return };
            log.last_sync = Instant::now();
            (log.file.for_sync(), log.written)
        };
        let outcome = match file {
            Ok(file) => crate::node::tasks::on_thread("aof-fsync", move || file.sync_data()).await,
            Err(error) => Ok(Err(error)),
        };
        let outcome = outcome.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let mut node = shared.borrow_mut();
        let always = node.config.appendfsync == AppendFsync::Always;
        let Some(log) = &mut node.disk.aof.log else { return };
        match outcome {
            Ok(()) => {
                log.synced = log.synced.max(up_to);
                log.on_disk.notify_waiters();
                if !always || log.synced == log.written {
                    log.is_syncing = false;
                    return node.flush_aof();
                }
            }
            Err(error) => {
                log.is_syncing = false;
                node.sync_failed(&error);
                return;
            }
        }
    }
}
