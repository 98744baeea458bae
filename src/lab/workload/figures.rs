//! The workload's tally, and what is known of each key.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::lab::WorkloadSample;

/// Slowest write that the tally tells apart.
const SLOWEST: Duration = Duration::from_mins(1);

/// Longest error text that is kept.
const ERROR_MAX: usize = 200;

/// Counts since the last sample, and the last acknowledged write of every key.
pub(super) struct Figures {
    sample: WorkloadSample,
    /// Microseconds.
    writes: Option<Histogram<u64>>,
    /// Number of the last write that was acknowledged, by key; 0 for none.
    acknowledged: Vec<u64>,
    /// Writes numbered so far, over all connections: a later write always has the higher number.
    numbered: u64,
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            sample: WorkloadSample::default(),
            // Bounds that are constants and valid; without a histogram there would just be no median.
            writes: Histogram::new_with_bounds(1, SLOWEST.as_micros() as u64, 2).ok(),
            acknowledged: Vec::new(),
            numbered: 0,
        }
    }

    /// Whether anything happened since the last sample.
    pub(super) fn counted(&self) -> bool {
        let sample = &self.sample;
        sample.writes_ok + sample.writes_failed + sample.reads_ok + sample.reads_failed > 0
    }

    /// Ends the interval.
    pub(super) fn take(&mut self) -> WorkloadSample {
        let mut sample = std::mem::take(&mut self.sample);
        if let Some(writes) = &mut self.writes {
            sample.write_p50 = Duration::from_micros(writes.value_at_quantile(0.5));
            writes.reset();
        }
        sample
    }

    /// A new cluster holds none of the old one's keys.
    pub(super) fn forget_keys(&mut self) {
        self.acknowledged.clear();
    }

    pub(super) fn number_write(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    pub(super) fn write_ok(&mut self, key: u32, number: u64, took: Duration) {
        self.sample.writes_ok += 1;
        self.sample.write_max = self.sample.write_max.max(took);
        if let Some(writes) = &mut self.writes {
            writes.saturating_record(took.as_micros() as u64);
        }
        let key = key as usize;
        if self.acknowledged.len() <= key {
            self.acknowledged.resize(key + 1, 0);
        }
        self.acknowledged[key] = self.acknowledged[key].max(number);
    }

    pub(super) fn writes_failed(&mut self, count: u64, why: &str) {
        self.sample.writes_failed += count;
        self.failed(count, why);
    }

    pub(super) fn read_ok(&mut self, stale: bool) {
        self.sample.reads_ok += 1;
        self.sample.reads_stale += u64::from(stale);
    }

    pub(super) fn reads_failed(&mut self, count: u64, why: &str) {
        self.sample.reads_failed += count;
        self.failed(count, why);
    }

    fn failed(&mut self, count: u64, why: &str) {
        if count > 0 {
            self.sample.last_error = Some(why.chars().take(ERROR_MAX).collect());
        }
    }

    /// Last acknowledged write of `key`, 0 for none.
    pub(super) fn acknowledged(&self, key: u32) -> u64 {
        self.acknowledged.get(key as usize).copied().unwrap_or(0)
    }
}
