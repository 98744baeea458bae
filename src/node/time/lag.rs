//! How long single steps of the node's thread take: while one runs, every client waits.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Histogram of step durations in microseconds, from 1 us to one minute at two digits.
#[derive(Debug)]
pub(in crate::node) struct LoopLag {
    steps: Histogram<u32>,
    max: Duration,
    /// The longest step since the watchdog last looked.
    recent_max: Duration,
}

const MINUTE_US: u64 = 60_000_000;

impl LoopLag {
    pub(in crate::node) fn new() -> Self {
        let steps = Histogram::new_with_bounds(1, MINUTE_US, 2).expect("the bounds are constants in range");
        Self { steps, max: Duration::ZERO, recent_max: Duration::ZERO }
    }

    /// A step that began at `begun` is over.
    #[inline]
    pub(in crate::node) fn record(&mut self, begun: Instant) {
        let took = begun.elapsed();
        self.max = self.max.max(took);
        self.recent_max = self.recent_max.max(took);
        self.steps.saturating_record(took.as_micros() as u64);
    }

    /// Forgets all (CONFIG RESETSTAT).
    pub(in crate::node) fn reset(&mut self) {
        self.steps.reset();
        self.max = Duration::ZERO;
    }

    /// The longest step since the last call.
    pub(super) fn take_recent_max(&mut self) -> Duration {
        std::mem::take(&mut self.recent_max)
    }

    /// The longest step.
    pub(in crate::node) fn max(&self) -> Duration {
        self.max
    }

    /// The step that 99 % of all were shorter than, in microseconds.
    pub(in crate::node) fn p99_us(&self) -> u64 {
        self.steps.value_at_quantile(0.99)
    }

    /// The median step in microseconds.
    pub(in crate::node) fn p50_us(&self) -> u64 {
        self.steps.value_at_quantile(0.5)
    }

    /// How many steps there were.
    pub(in crate::node) fn count(&self) -> u64 {
        self.steps.len()
    }
}
