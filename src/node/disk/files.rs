//! The files of a node, and what is known of them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::aof::Aof;
use super::loading::Loading;
use super::snapshot::Progress;
use crate::persistence::{FaultyDisk, KeyDelay};

/// The disk of a node.
#[derive(Debug)]
pub(in crate::node) struct Disk {
    /// Where its files are.
    pub(in crate::node) files: FaultyDisk,
    pub(in crate::node) save: SaveState,
    pub(in crate::node) aof: Aof,
    /// The data set is not there yet.
    pub(in crate::node) loading: Option<Loading>,
    /// `key-load-delay`, for loads under way too.
    pub(in crate::node) key_load_delay: KeyDelay,
    /// Until then freed memory is given back to the system each second.
    pub(in crate::node) give_back_until: Duration,
}

impl Disk {
    /// Nothing was saved since `now`, in seconds of Unix time.
    pub(in crate::node) fn new(files: FaultyDisk, now: u64, key_load_delay: KeyDelay) -> Self {
        Self {
            files,
            save: SaveState::since(now),
            aof: Aof::default(),
            loading: None,
            key_load_delay,
            give_back_until: Duration::ZERO,
        }
    }
}

/// What is known of saving to the RDB file.
#[derive(Debug)]
pub(in crate::node) struct SaveState {
    /// Changes since the last save.
    pub(in crate::node) dirty: u64,
    /// Unix time in seconds of the last success.
    pub(in crate::node) last_save: u64,
    pub(in crate::node) last_ok: bool,
    pub(in crate::node) last_took: Option<Duration>,
    pub(in crate::node) last_try: Duration,
    /// A background save, and when it began.
    pub(in crate::node) running: Option<Saving>,
    /// One more save is wanted when the present one ends (BGSAVE SCHEDULE).
    pub(super) scheduled: bool,
    /// FLUSHALL has emptied the data in this turn.
    pub(super) emptied: bool,
    pub(in crate::node) saves: u64,
}

/// A background save under way.
#[derive(Debug)]
pub(in crate::node) struct Saving {
    pub(in crate::node) begun: Duration,
    pub(in crate::node) progress: Progress,
    /// Set when the file is not wanted any more.
    pub(in crate::node) abandoned: Arc<AtomicBool>,
    /// Changes at its begin: they are in the file.
    pub(super) dirty_before: u64,
}

impl SaveState {
    /// Nothing was saved since `now`, in seconds of Unix time.
    fn since(now: u64) -> Self {
        Self {
            dirty: 0,
            last_save: now,
            last_ok: true,
            last_took: None,
            last_try: Duration::ZERO,
            running: None,
            scheduled: false,
            emptied: false,
            saves: 0,
        }
    }
}
