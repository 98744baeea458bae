//! The journal of one lab: numbers and times every event, and keeps them within named bounds.
//!
//! Owns what is kept and what is thinned. It must not know channels, windows or files (see [`recording`](super::recording)).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Entry, Event, ReplyValue};
use crate::node::{FeedPhase, LinkPhase, NodeEvent};

/// Most state changes kept. Beyond it the oldest that do not shape the cluster are forgotten.
pub const CHANGES_MAX: usize = 200_000;

/// Most samples kept. Beyond it every second one of the older half is forgotten, so that a long
/// session keeps its whole course, coarser the longer ago it was.
pub const SAMPLES_MAX: usize = 100_000;

/// Most bytes of console replies kept; beyond it the oldest replies are forgotten.
pub const REPLY_BYTES_MAX: usize = 64 << 20;

/// How much an event matters to whoever folds the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A step of the story: never dropped on its way to the window.
    Change,
    /// A figure that the next one replaces, or a line of chatter: dropped when nobody keeps up.
    Sample,
}

/// Everything that happened in a lab so far, in order.
#[derive(Debug)]
pub struct Journal {
    started: Instant,
    next: u64,
    changes: VecDeque<Arc<Entry>>,
    samples: VecDeque<Arc<Entry>>,
    reply_bytes: usize,
    changes_max: usize,
    samples_max: usize,
    reply_bytes_max: usize,
}

impl Journal {
    /// An empty journal whose clock starts now.
    pub fn new() -> Self {
        Self::with_bounds(CHANGES_MAX, SAMPLES_MAX, REPLY_BYTES_MAX)
    }

    fn with_bounds(changes_max: usize, samples_max: usize, reply_bytes_max: usize) -> Self {
        Self {
            started: Instant::now(),
            next: 0,
            changes: VecDeque::new(),
            samples: VecDeque::new(),
            reply_bytes: 0,
            changes_max,
            samples_max,
            reply_bytes_max,
        }
    }

    /// Time since the lab started.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Appends an event that happens now.
    pub fn record(&mut self, event: Event) -> Arc<Entry> {
        self.record_at(Instant::now(), event)
    }

    /// Appends an event that happened at `at`.
    pub fn record_at(&mut self, at: Instant, event: Event) -> Arc<Entry> {
        let at = at.saturating_duration_since(self.started);
        let entry = Arc::new(Entry { seq: self.next, at, event });
        self.next += 1;
        match weight(&entry.event) {
            Weight::Change => {
                self.reply_bytes += reply_size(&entry.event);
                self.changes.push_back(Arc::clone(&entry));
                self.forget_changes();
            }
            Weight::Sample => {
                self.samples.push_back(Arc::clone(&entry));
                self.thin_samples();
            }
        }
        entry
    }

    /// What is kept, in order. Entries that were thinned out leave gaps in `seq`.
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.changes.iter().chain(&self.samples).cloned().collect();
        all.sort_unstable_by_key(|entry| entry.seq);
        all
    }

    fn forget_changes(&mut self) {
        if self.reply_bytes > self.reply_bytes_max {
            let (excess, mut freed) = (self.reply_bytes - self.reply_bytes_max, 0);
            self.changes.retain(|entry| {
                let size = reply_size(&entry.event);
                let forget = size > 0 && freed < excess;
                freed += if forget { size } else { 0 };
                !forget
            });
            self.reply_bytes -= freed;
        }
        if self.changes.len() > self.changes_max {
            // A tenth at once: one pass over the journal pays for many events.
            let mut left = self.changes_max / 10 + 1;
            self.changes.retain(|entry| {
                let forget = left > 0 && !shapes_the_cluster(&entry.event);
                left -= usize::from(forget);
                !forget
            });
            self.reply_bytes = self.changes.iter().map(|entry| reply_size(&entry.event)).sum();
        }
    }

    fn thin_samples(&mut self) {
        if self.samples.len() > self.samples_max {
            let half = self.samples.len() / 2;
            let mut at = 0;
            self.samples.retain(|_| {
                at += 1;
                at > half || at % 2 == 0
            });
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells steps of the story from figures and chatter.
pub fn weight(event: &Event) -> Weight {
    match event {
        Event::Sample { .. } | Event::Workload(_) | Event::Node { event: NodeEvent::Log { .. }, .. } => {
            Weight::Sample
        }
        // Progress within a phase; its first event (nothing moved yet) is the step.
        Event::Node {
            event:
                NodeEvent::Link(LinkPhase::Transfer { received: 1.., .. } | LinkPhase::Load { keys: 1.., .. })
                | NodeEvent::Feed { phase: FeedPhase::SendSnapshot { sent: 1.., .. }, .. },
            ..
        } => Weight::Sample,
        _ => Weight::Change,
    }
}

/// Without these a fold would not know its nodes.
fn shapes_the_cluster(event: &Event) -> bool {
    matches!(
        event,
        Event::LabStarted { .. }
            | Event::ClusterPlanned { .. }
            | Event::NodeAdded(_)
            | Event::NodeRemoved(_)
            | Event::ClusterStopped
    )
}

fn reply_size(event: &Event) -> usize {
    match event {
        Event::ConsoleReply { reply, .. } => value_size(reply),
        Event::ConsoleMessages { messages, .. } => messages.iter().map(value_size).sum(),
        Event::Browsed { answer, .. } => answer.size(),
        _ => 0,
    }
}

/// Rough memory of a reply: its bytes, and one word-sized constant per element.
fn value_size(value: &ReplyValue) -> usize {
    const ELEMENT: usize = 48;
    ELEMENT
        + match value {
            ReplyValue::Simple(text)
            | ReplyValue::Error(text)
            | ReplyValue::BigNumber(text)
            | ReplyValue::ConnectionFailed(text)
            | ReplyValue::Verbatim(_, text) => text.len(),
            ReplyValue::Bulk(bytes) => bytes.len(),
            ReplyValue::Array(values) | ReplyValue::Set(values) | ReplyValue::Push(values) => {
                values.iter().map(value_size).sum()
            }
            ReplyValue::Map(pairs) => pairs.iter().map(|(k, v)| value_size(k) + value_size(v)).sum(),
            ReplyValue::Integer(_) | ReplyValue::Null | ReplyValue::Double(_) | ReplyValue::Boolean(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{NodeId, NodeSample, Preset};

    fn sample() -> Event {
        Event::Sample { node: NodeId(1), sample: Box::default() }
    }

    fn reply(bytes: usize) -> Event {
        Event::ConsoleReply {
            id: 1,
            node: NodeId(1),
            reply: ReplyValue::Bulk(vec![0; bytes]),
            took: Duration::ZERO,
            db: 0,
            in_multi: false,
        }
    }

    fn seqs(journal: &Journal) -> Vec<u64> {
        journal.entries().iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn entries_are_numbered_from_zero_in_the_order_of_their_events() {
        let mut journal = Journal::new();
        for event in [Event::ClusterStopped, sample(), Event::ClusterStopped, sample()] {
            journal.record(event);
        }
        assert_eq!(seqs(&journal), [0, 1, 2, 3]);
        let times: Vec<_> = journal.entries().iter().map(|entry| entry.at).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn samples_beyond_the_bound_are_thinned_from_their_older_half_and_changes_stay() {
        let mut journal = Journal::with_bounds(100, 8, 100);
        journal.record(Event::ClusterStopped);
        for _ in 0..9 {
            journal.record(sample());
        }
        assert_eq!(seqs(&journal), [0, 2, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn changes_beyond_the_bound_go_oldest_first_but_never_the_plan() {
        let mut journal = Journal::with_bounds(20, 8, 10_000);
        journal.record(Event::ClusterPlanned { preset: Preset::Single, nodes: vec![] });
        for _ in 0..20 {
            journal.record(Event::Answering { node: NodeId(1) });
        }
        let kept = seqs(&journal);
        assert_eq!(kept[0], 0, "the plan is kept");
        assert_eq!(kept[1], 4, "the oldest changes are gone");
        assert_eq!(kept.last(), Some(&20));
    }

    #[test]
    fn large_console_replies_are_forgotten_before_they_fill_memory() {
        let mut journal = Journal::with_bounds(100, 8, 1000);
        for _ in 0..10 {
            journal.record(reply(400));
        }
        assert_eq!(seqs(&journal), [8, 9]);
        assert!(journal.reply_bytes <= 1000);
    }

    #[test]
    fn progress_within_a_phase_is_a_sample_and_its_begin_a_change() {
        let link = |received| Event::Node {
            node: NodeId(2),
            event: NodeEvent::Link(LinkPhase::Transfer { received, total: None, keys: 0, keys_total: 0 }),
        };
        assert_eq!(weight(&link(0)), Weight::Change);
        assert_eq!(weight(&link(1)), Weight::Sample);
        assert_eq!(weight(&Event::Sample { node: NodeId(1), sample: Box::new(NodeSample::default()) }), {
            Weight::Sample
        });
    }
}
