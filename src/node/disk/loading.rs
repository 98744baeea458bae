//! The data set at the node's start, while the node answers already: `-LOADING` to what needs the data.
//!
//! An RDB file is decoded beside the node's thread; commands of an append-only file are executed in short turns of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::commands::CmdError;
use crate::node::config::DisklessLoad;
use crate::node::event::NodeEvent;
use crate::node::node::Node;

/// The refusal of a command that needs the data.
pub(in crate::node) const LOADING: CmdError =
    CmdError::text("LOADING Redis is loading the dataset in memory");
/// How often the observer is told how far it is; a load that is over sooner is not worth a word.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// A load under way.
#[derive(Debug)]
pub(in crate::node) struct Loading {
    /// Since the start of the node.
    begun: Duration,
    begun_unix: u64,
    /// Bytes of all files.
    total: u64,
    /// Bytes of the files that are through.
    before: u64,
    /// Bytes of the present one; a helper thread may count them.
    current: Arc<AtomicU64>,
    told: Duration,
}

impl Loading {
    fn loaded(&self) -> u64 {
        self.before + self.current.load(Ordering::Relaxed)
    }

    /// The next `bytes` of the present file are through.
    pub(super) fn note(&self, bytes: u64) {
        self.current.store(bytes, Ordering::Relaxed);
    }

    /// Where a helper thread notes that.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.current)
    }

    /// The present file is through.
    pub(super) fn next_file(&mut self) {
        self.before += self.current.swap(0, Ordering::Relaxed);
    }
}

/// A snapshot that arrives.
#[derive(Debug, Clone, Copy)]
pub(in crate::node) struct TransferIn {
    /// Since the start of the node.
    pub(in crate::node) begun: Duration,
    pub(in crate::node) begun_unix: u64,
    pub(in crate::node) total: Option<u64>,
    pub(in crate::node) received: u64,
    pub(in crate::node) last_io: Duration,
    /// Clients get `-LOADING` meanwhile, where Redis refuses with it too: `repl-diskless-load swapdb` does not show
    /// another master's history, `on-empty-db` no emptiness. Otherwise the old data serves until the new is whole.
    pub(in crate::node) hides_data: bool,
}

impl Node {
    fn transfer(&self) -> Option<&TransferIn> {
        self.replication.upstream.as_ref()?.transfer.as_ref()
    }

    /// `loading`: the data set is not there, or not to be seen.
    pub(in crate::node) fn is_loading(&self) -> bool {
        self.loading_since().is_some()
    }

    /// When that began, since the start of the node.
    pub(in crate::node) fn loading_since(&self) -> Option<Duration> {
        let hidden = self.transfer().filter(|transfer| transfer.hides_data);
        self.disk.loading.as_ref().map(|loading| loading.begun).or(hidden.map(|transfer| transfer.begun))
    }

    /// `async_loading`: another data set comes in beside the one that serves.
    pub(in crate::node) fn is_loading_aside(&self) -> bool {
        self.transfer().is_some() && !self.is_loading()
    }

    /// The same as Redis knows it: with `repl-diskless-load swapdb`. What could disturb it is refused then.
    pub(in crate::node) fn is_swapping(&self) -> bool {
        self.config.repl_diskless_load == DisklessLoad::Swapdb && self.is_loading_aside()
    }

    /// From here on nothing may look at the data.
    pub(super) fn begin_loading(&mut self, total: u64) {
        let begun = self.clock.since_start();
        self.disk.loading = Some(Loading {
            begun,
            begun_unix: self.clock.unix().as_secs(),
            total,
            before: 0,
            current: Arc::default(),
            told: begun,
        });
    }

    /// Ten times a second.
    pub(in crate::node) fn tell_loading(&mut self) {
        let now = self.clock.since_start();
        let Some(loading) = &mut self.disk.loading else { return };
        if now.saturating_sub(loading.told) < TELL_EVERY {
            return;
        }
        loading.told = now;
        let event = NodeEvent::Loading { loaded: loading.loaded(), total: loading.total };
        self.emit(event);
    }

    /// `loading_*` of INFO, as Redis has them while it loads.
    pub(in crate::node) fn loading_figures(&self) -> Vec<(&'static str, String)> {
        let (begun, begun_unix, total, loaded) = match (&self.disk.loading, self.transfer()) {
            (Some(file), _) => (file.begun, file.begun_unix, file.total, file.loaded()),
            (None, Some(from)) => (from.begun, from.begun_unix, from.total.unwrap_or(0), from.received),
            (None, None) => return Vec::new(),
        };
        let elapsed = self.clock.since_start().saturating_sub(begun).as_secs_f64();
        // A master that streams does not know how much is to come; Redis too shows 0 and a second left then.
        let percent = if total == 0 { 0.0 } else { loaded as f64 * 100.0 / total as f64 };
        let left = if total == 0 {
            1.0
        } else {
            total.saturating_sub(loaded) as f64 * elapsed / loaded.max(1) as f64
        };
        vec![
            ("loading_start_time", begun_unix.to_string()),
            ("loading_total_bytes", total.to_string()),
            ("loading_rdb_used_mem", "0".to_owned()),
            ("loading_loaded_bytes", loaded.to_string()),
            ("loading_loaded_perc", format!("{percent:.2}")),
            ("loading_eta_seconds", format!("{}", left as u64)),
        ]
    }
}
