//! The data set at the node's start, while the node answers already: `-LOADING` to what needs the data.
//!
//! An RDB file is decoded beside the node's thread; commands of an append-only file are executed in short turns of it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::snapshot::on_thread;
use crate::commands::CmdError;
use crate::node::config::DisklessLoad;
use crate::node::event::NodeEvent;
use crate::node::node::{Node, Shared};
use crate::node::replication::replica::upstream::TransferIn;
use crate::persistence::{LoadOptions, Loaded, Progress, load};

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
    pub(in crate::node) fn note(&self, bytes: u64) {
        self.current.store(bytes, Ordering::Relaxed);
    }

    /// The present file is through.
    pub(in crate::node) fn next_file(&mut self) {
        self.before += self.current.swap(0, Ordering::Relaxed);
    }
}

/// Stops the helper thread when nobody waits for it any more.
#[derive(Debug, Default)]
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Node {
    fn transfer(&self) -> Option<&TransferIn> {
        self.upstream.as_ref()?.transfer.as_ref()
    }

    /// `loading`: the data set is not there, or not to be seen.
    pub(in crate::node) fn is_loading(&self) -> bool {
        self.loading_since().is_some()
    }

    /// When that began, since the start of the node.
    pub(in crate::node) fn loading_since(&self) -> Option<Duration> {
        let hidden = self.transfer().filter(|transfer| transfer.hides_data);
        self.loading.as_ref().map(|loading| loading.begun).or(hidden.map(|transfer| transfer.begun))
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
    fn begin_loading(&mut self, total: u64) {
        let begun = self.clock.since_start();
        self.loading = Some(Loading {
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
        let Some(loading) = &mut self.loading else { return };
        if now.saturating_sub(loading.told) < TELL_EVERY {
            return;
        }
        loading.told = now;
        let event = NodeEvent::Loading { loaded: loading.loaded(), total: loading.total };
        self.emit(event);
    }

    /// `loading_*` of INFO, as Redis has them while it loads.
    pub(in crate::node) fn loading_figures(&self) -> Vec<(&'static str, String)> {
        let (begun, begun_unix, total, loaded) = match (&self.loading, self.transfer()) {
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

/// Data and history from the files, at the node's start. Returns the keys loaded.
///
/// # Errors
/// A file is there and cannot be served whole, which is in the log already; the node must not start, because it would
/// write over it.
pub(in crate::node) async fn load_at_start(shared: &Shared) -> Result<u64, String> {
    let appendonly = {
        let mut node = shared.borrow_mut();
        let total = node.bytes_to_load();
        node.begin_loading(total);
        node.config.appendonly
    };
    let loaded = if appendonly {
        crate::node::disk::aof::load::at_start(shared).await
    } else {
        from_rdb(shared).await
    };
    shared.borrow_mut().loading = None;
    loaded
}

/// From the RDB file, if there is one.
pub(in crate::node) async fn from_rdb(shared: &Shared) -> Result<u64, String> {
    let (begun, path, options) = {
        let mut node = shared.borrow_mut();
        (node.clock.since_start(), node.rdb_path(), node.load_options())
    };
    let loaded = match crate::persistence::open(&path) {
        Ok(file) => decode(shared, file, options).await,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => Err(error.to_string()),
    };
    let mut node = shared.borrow_mut();
    match loaded {
        Ok(loaded) => {
            let took = node.clock.since_start().saturating_sub(begun);
            Ok(node.adopt_rdb(loaded, took))
        }
        Err(error) => {
            let error = format!("{}: {error}", path.display());
            node.warning(format!("Fatal error loading the DB, check server logs. Exiting. {error}"));
            Err(error)
        }
    }
}

/// Decodes an RDB file, or one that begins as one, beside the node's thread.
pub(in crate::node) async fn decode(
    shared: &Shared,
    file: std::fs::File,
    options: LoadOptions,
) -> Result<Loaded, String> {
    let bytes = shared.borrow().loading.as_ref().map(|loading| Arc::clone(&loading.current));
    let bytes = bytes.unwrap_or_default();
    let abandon = Abandon::default();
    let abandoned = Arc::clone(&abandon.0);
    let result = on_thread("load", move || {
        load(file, &options, |progress: &Progress| {
            bytes.store(progress.bytes, Ordering::Relaxed);
            if abandoned.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    result.await?.map_err(|error| error.to_string())
}
