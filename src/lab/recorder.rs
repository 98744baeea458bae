//! The lab's one way to tell something: into the journal, on to the window, and a wake-up for it.
//!
//! Owns the order of entries and what happens when the window is slow. It must not know what the events mean.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::journal::{Journal, Weight, weight};
use super::{Entry, Event, NodeId, NoticeLevel};

/// Least time between two wake-ups of the window: a burst of events costs it one frame.
const WAKE_EVERY: Duration = Duration::from_millis(2);

/// How often a full channel is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(5);

/// State changes that wait for a window that does not take them. Beyond it the window is taken for gone:
/// it gets nothing more, so that it never sees a story with a hole, and the lab's memory stays bounded.
const WAITING_MAX: usize = 200_000;

/// Records events and sends them out; one per lab, shared by all its tasks.
pub(super) struct Recorder {
    inner: RefCell<Inner>,
    sent: Notify,
    dropped: Arc<AtomicU64>,
}

struct Inner {
    journal: Journal,
    out: Option<Sender<Entry>>,
    waiting: VecDeque<Entry>,
}

impl Recorder {
    /// A recorder that sends to `out` and counts in `dropped` the samples that found no room.
    pub(super) fn new(out: Sender<Entry>, dropped: Arc<AtomicU64>) -> Self {
        let inner = Inner { journal: Journal::new(), out: Some(out), waiting: VecDeque::new() };
        Self { inner: RefCell::new(inner), sent: Notify::new(), dropped }
    }

    /// Records what happens now.
    pub(super) fn record(&self, event: Event) {
        self.record_at(std::time::Instant::now(), event);
    }

    /// Records what happened at `at`: a phase of a sync may be shorter than the way of its event to here.
    pub(super) fn record_at(&self, at: std::time::Instant, event: Event) {
        let mut inner = self.inner.borrow_mut();
        if weight(&event) == Weight::Sample && inner.is_behind() {
            // Not even into the journal: what the window saw and what is recorded stay the same story.
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let entry = inner.journal.record_at(at, event);
        inner.send(&entry);
        drop(inner);
        self.sent.notify_one();
    }

    /// Records a [`Event::Notice`].
    pub(super) fn notice(&self, level: NoticeLevel, node: Option<NodeId>, text: impl Into<String>) {
        self.record(Event::Notice { level, node, text: text.into() });
    }

    /// What the journal keeps.
    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.inner.borrow().journal.entries()
    }

    /// Wakes the window after something was sent, and sends what had to wait; runs as long as the lab.
    pub(super) async fn pump(&self, wake: impl Fn()) {
        loop {
            self.sent.notified().await;
            self.inner.borrow_mut().flush();
            wake();
            sleep(WAKE_EVERY).await;
            if !self.inner.borrow().waiting.is_empty() {
                sleep(RETRY_EVERY).await;
                self.sent.notify_one();
            }
        }
    }

    /// Sends what still waits, for at most `timeout`: the last words of a lab that ends.
    pub(super) async fn drain(&self, timeout: Duration, wake: impl Fn()) {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            self.inner.borrow_mut().flush();
            wake();
            if self.inner.borrow().waiting.is_empty() {
                return;
            }
            sleep(RETRY_EVERY).await;
        }
    }
}

impl Inner {
    fn is_behind(&self) -> bool {
        !self.waiting.is_empty() || self.out.as_ref().is_some_and(Sender::is_full)
    }

    fn send(&mut self, entry: &Arc<Entry>) {
        let Some(out) = &self.out else { return };
        let entry = Entry::clone(entry);
        if !self.waiting.is_empty() {
            self.wait(entry);
            return;
        }
        match out.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(entry)) => self.wait(entry),
            Err(TrySendError::Disconnected(_)) => self.out = None,
        }
    }

    fn wait(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
        if self.waiting.len() > WAITING_MAX {
            self.waiting = VecDeque::new();
            self.out = None;
        }
    }

    fn flush(&mut self) {
        while let (Some(out), Some(entry)) = (&self.out, self.waiting.pop_front()) {
            match out.try_send(entry) {
                Ok(()) => {}
                Err(TrySendError::Full(entry)) => {
                    self.waiting.push_front(entry);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => self.out = None,
            }
        }
        if self.out.is_none() {
            self.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    fn sample() -> Event {
        Event::Sample { node: NodeId(1), sample: Box::default() }
    }

    fn change(id: u16) -> Event {
        Event::Answering { node: NodeId(id) }
    }

    #[test]
    fn a_slow_window_loses_samples_but_no_change_and_sees_no_gap() {
        let (out, entries) = crossbeam_channel::bounded(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let recorder = Recorder::new(out, Arc::clone(&dropped));
        for id in 0..10 {
            recorder.record(change(id));
            recorder.record(sample());
        }
        let mut seen = Vec::new();
        for _ in 0..20 {
            seen.extend(entries.try_iter());
            recorder.inner.borrow_mut().flush();
        }
        let seqs: Vec<_> = seen.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (0..seen.len() as u64).collect::<Vec<_>>());
        let changes = seen.iter().filter(|entry| matches!(entry.event, Event::Answering { .. })).count();
        assert_eq!(changes, 10);
        assert_eq!(dropped.load(Ordering::Relaxed), 9, "one sample found room");
    }

    #[test]
    fn a_window_that_is_gone_holds_nothing_up() {
        let (out, entries) = crossbeam_channel::bounded(1);
        let recorder = Recorder::new(out, Arc::default());
        recorder.record(change(1));
        recorder.record(change(2));
        drop(entries);
        recorder.record(change(3));
        recorder.inner.borrow_mut().flush();
        recorder.record(change(4));
        assert!(recorder.inner.borrow().waiting.is_empty());
        assert_eq!(recorder.entries().len(), 4);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_burst_wakes_the_window_once() {
        let (out, _entries) = crossbeam_channel::bounded(1000);
        let recorder = Rc::new(Recorder::new(out, Arc::default()));
        let wakes = Rc::new(Cell::new(0));
        let local = tokio::task::LocalSet::new();
        let (pump, counter) = (Rc::clone(&recorder), Rc::clone(&wakes));
        local.spawn_local(async move { pump.pump(|| counter.set(counter.get() + 1)).await });
        local
            .run_until(async {
                for id in 0..100 {
                    recorder.record(change(id));
                }
                sleep(Duration::from_millis(50)).await;
                assert_eq!(wakes.get(), 1);
                recorder.record(change(1));
                sleep(Duration::from_millis(50)).await;
                assert_eq!(wakes.get(), 2);
            })
            .await;
    }
}
