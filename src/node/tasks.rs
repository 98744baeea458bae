//! Tasks on the node's thread, whose panic ends the node, and helper threads, which get immutable data only.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;

use super::event::StopReason;
use super::program::crash::Crash;

/// Runs `work` on a helper thread.
///
/// # Errors
/// The system refused a thread; `work` is dropped.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}

/// Runs `work` on a thread of its own.
pub(super) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    start(name, move || {
        let _ = sender.send(work());
    })
    .map_err(|error| format!("no thread: {error}"))?;
    receiver.await.map_err(|_| "the helper thread panicked".to_owned())
}

/// How the node is to end, once somebody has decided that.
#[derive(Debug, Default)]
pub(super) struct Exit {
    reason: RefCell<Option<StopReason>>,
    /// Why the node cannot go on, if that is the reason.
    pub(super) crash: RefCell<Option<Crash>>,
    /// The process begins anew, after this time.
    pub(super) restart: Cell<Option<Duration>>,
    notify: Notify,
    /// Sockets are to be reset instead of closed.
    pub(super) reset_sockets: Cell<bool>,
}

impl Exit {
    /// Ends the node; the first reason counts.
    pub(super) fn stop(&self, reason: StopReason) {
        if matches!(reason, StopReason::Killed | StopReason::Crashed(_)) {
            self.reset_sockets.set(true);
        }
        self.reason.borrow_mut().get_or_insert(reason);
        self.notify.notify_one();
    }

    /// Lets the process begin anew, this long after the node has ended.
    pub(super) fn restart(&self, delay: Duration) {
        self.restart.set(Some(delay));
    }

    /// Ends the node because it cannot go on.
    pub(super) fn crash(&self, crash: Crash) {
        self.stop(StopReason::Crashed(crash.why.clone()));
        self.crash.replace(Some(crash));
    }

    pub(super) async fn wait(&self) -> StopReason {
        loop {
            if let Some(reason) = self.reason.borrow().clone() {
                return reason;
            }
            self.notify.notified().await;
        }
    }
}

/// A task whose panic ends the node as a crash, instead of leaving it half dead.
struct Guarded<F> {
    task: Pin<Box<F>>,
    exit: Rc<Exit>,
}

/// Lets a panic inside `task` end the node.
pub(super) fn guarded<F: Future<Output = ()>>(exit: Rc<Exit>, task: F) -> impl Future<Output = ()> {
    Guarded { task: Box::pin(task), exit }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| this.task.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(payload) => {
                this.exit.crash(Crash::caught(payload));
                Poll::Ready(())
            }
        }
    }
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
