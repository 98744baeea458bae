//! Counters of a node, as INFO shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Flat allowance in bytes for what a node takes beside its data: thread, runtime, tables. An estimate and no
/// measurement; the difference between two readings of `used_memory` does not depend on it.
pub(in crate::node) const BASE_MEMORY: u64 = 512 * 1024;

/// Ticks of the rate windows: Redis averages 16 samples of 100 ms.
const SAMPLES: usize = 16;

/// A rate over the last 1.6 seconds.
#[derive(Debug, Default)]
pub(in crate::node) struct Rate {
    samples: [f64; SAMPLES],
    at: usize,
    last_total: u64,
    last_time: Duration,
}

impl Rate {
    /// Notes the counter's value; called ten times a second.
    pub(super) fn sample(&mut self, total: u64, now: Duration) {
        let passed = now.saturating_sub(self.last_time).as_secs_f64();
        if passed > 0.0 {
            self.samples[self.at] = total.saturating_sub(self.last_total) as f64 / passed;
            self.at = (self.at + 1) % SAMPLES;
        }
        (self.last_total, self.last_time) = (total, now);
    }

    /// Units per second.
    pub(super) fn per_second(&self) -> f64 {
        self.samples.iter().sum::<f64>() / SAMPLES as f64
    }
}

/// Calls of one command.
#[derive(Debug, Default)]
pub(in crate::node) struct CommandStats {
    pub(in crate::node) calls: u64,
    pub(in crate::node) nanos: u64,
    pub(in crate::node) rejected: u64,
    pub(in crate::node) failed: u64,
    /// Nanoseconds of each call (`latency-tracking`).
    pub(super) histogram: Option<Box<Histogram<u32>>>,
}

/// Counters since the start or CONFIG RESETSTAT.
#[derive(Debug, Default)]
pub(in crate::node) struct NodeStats {
    pub(in crate::node) connections: u64,
    pub(in crate::node) rejected_connections: u64,
    /// Closed by `maxmemory-clients`.
    pub(in crate::node) evicted_clients: u64,
    /// Snapshots for which Redis would have forked.
    pub(in crate::node) snapshots: u64,
    /// How long the begin of the last one held up the node.
    pub(in crate::node) snapshot_begin: Duration,
    pub(in crate::node) commands: u64,
    pub(in crate::node) net_input: u64,
    pub(in crate::node) net_output: u64,
    pub(in crate::node) repl_input: u64,
    pub(in crate::node) repl_output: u64,
    pub(in crate::node) sync_full: u64,
    pub(in crate::node) sync_partial_ok: u64,
    pub(in crate::node) sync_partial_err: u64,
    /// `unexpected_error_replies`: commands of a master's stream that failed and were passed over.
    pub(in crate::node) unexpected_errors: u64,
    pub(in crate::node) error_replies: u64,
    pub(in crate::node) errors: BTreeMap<String, u64>,
    pub(in crate::node) by_command: BTreeMap<&'static str, CommandStats>,
    pub(in crate::node) peak_memory: u64,
    pub(in crate::node) reads: u64,
    pub(in crate::node) writes: u64,
    /// Times that clients got less room for replies, and more.
    pub(in crate::node) reply_shrinks: u64,
    pub(in crate::node) reply_expands: u64,
    pub(in crate::node) ops: Rate,
    pub(in crate::node) input_rate: Rate,
    pub(in crate::node) output_rate: Rate,
    pub(in crate::node) repl_input_rate: Rate,
    pub(in crate::node) repl_output_rate: Rate,
    pub(in crate::node) load_keys_loaded: u64,
    pub(in crate::node) load_keys_expired: u64,
    pub(in crate::node) lazyfree: crate::node::tasks::LazyFree,
}

/// Different error codes that are counted one by one.
const ERROR_CODES_MAX: usize = 128;

impl NodeStats {
    /// Counts an error reply by its code, the first word.
    pub(in crate::node) fn count_error(&mut self, line: &str) {
        self.error_replies += 1;
        let code = line.split(' ').next().unwrap_or("ERR");
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.to_owned(), 1);
        }
    }

    /// Ten times a second.
    pub(in crate::node) fn sample_rates(&mut self, now: Duration) {
        self.ops.sample(self.commands, now);
        self.input_rate.sample(self.net_input, now);
        self.output_rate.sample(self.net_output, now);
        self.repl_input_rate.sample(self.repl_input, now);
        self.repl_output_rate.sample(self.repl_output, now);
    }
}
