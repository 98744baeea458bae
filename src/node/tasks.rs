//! Helper threads: they encode, decode, read files and free memory, and get immutable data only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, mpsc};

/// Runs `work` on a helper thread.
///
/// # Errors
/// The system refused a thread; `work` is dropped.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}

/// Values that are freed beside a node's work: how many wait for it, and how many are gone.
#[derive(Debug, Default, Clone)]
pub(super) struct LazyFree {
    pending: Arc<AtomicU64>,
    freed: Arc<AtomicU64>,
}

/// What the thread that frees is given.
struct Garbage {
    values: Box<dyn Send>,
    count: u64,
    counters: LazyFree,
}

impl Drop for Garbage {
    fn drop(&mut self) {
        self.values = Box::new(());
        self.counters.pending.fetch_sub(self.count, Ordering::Relaxed);
        self.counters.freed.fetch_add(self.count, Ordering::Relaxed);
    }
}

/// One thread frees for all nodes: to begin one costs more than most values. `None` if the system refused it.
static FREEING: LazyLock<Option<mpsc::Sender<Garbage>>> = LazyLock::new(|| {
    let (sender, garbage) = mpsc::channel();
    start("lazyfree", move || garbage.into_iter().for_each(drop)).ok().map(|()| sender)
});

impl LazyFree {
    /// Frees `values`, which are `count` objects, on a thread of its own; without one, here.
    pub(super) fn free(&self, count: u64, values: impl Send + 'static) {
        self.pending.fetch_add(count, Ordering::Relaxed);
        let garbage = Garbage { values: Box::new(values), count, counters: self.clone() };
        if let Some(freeing) = &*FREEING {
            // What cannot be sent comes back and is freed here.
            let _ = freeing.send(garbage);
        }
    }

    /// Objects that are still to be freed.
    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Objects that were freed.
    pub(super) fn freed(&self) -> u64 {
        self.freed.load(Ordering::Relaxed)
    }

    /// The same with none freed yet (CONFIG RESETSTAT). What is under way counts for both.
    pub(super) fn reset(&self) -> Self {
        Self { pending: Arc::clone(&self.pending), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says so when it is dropped.
    struct Tells(mpsc::Sender<()>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn what_is_freed_is_counted_and_a_reset_forgets_only_that() {
        let (freed, told) = mpsc::channel();
        let counters = LazyFree::default();
        counters.free(3, Tells(freed));
        told.recv().expect("it is freed");
        while counters.freed() == 0 {
            std::thread::yield_now();
        }
        assert_eq!((counters.pending(), counters.freed()), (0, 3));
        assert_eq!(counters.reset().freed(), 0);
    }
}
