//! When commands are timed, and what counts and logs their calls.
//!
//! A reading of the clock costs about as much as a tenth of a GET. So a command that is brief by its nature is timed
//! together with its equals next to it in a pipeline; all others, and all when the threshold is below a millisecond,
//! are timed one by one.

use std::time::{Duration, Instant};

use crate::commands::{Command, Flags};
use crate::node::clients::client::Client;
use crate::node::node::Node;
use crate::protocol::Args;

/// Below this threshold every command is timed by itself.
const PRECISE_BELOW_US: i64 = 1000;

/// Calls of one command in a row, timed together.
#[derive(Debug)]
pub(in crate::node) struct TimedRun {
    command: Option<&'static Command>,
    calls: u64,
    begun: Instant,
    /// Others may join.
    open: bool,
}

impl TimedRun {
    pub(in crate::node) fn new(begun: Instant) -> Self {
        Self { command: None, calls: 0, begun, open: true }
    }

    /// Whether a call of `command` can be timed together with those before.
    #[inline]
    pub(in crate::node) fn takes(&self, command: Option<&'static Command>) -> bool {
        match (self.command, command) {
            (None, _) => self.calls == 0,
            (Some(mine), Some(next)) => self.open && std::ptr::eq(mine, next),
            (Some(_), None) => true,
        }
    }
}

/// A command whose time does not depend on much.
fn is_brief(command: &Command) -> bool {
    command.flags.has(Flags::FAST) || command.complexity == "O(1)"
}

impl Node {
    /// A command begins to run: notes it in its run.
    #[inline]
    pub(in crate::node) fn count_call(&self, run: &mut TimedRun, command: &'static Command) {
        if run.command.is_none() {
            run.command = Some(command);
            run.open = is_brief(command) && !self.figures.times_each;
        }
        run.calls += 1;
    }

    /// A command waits for keys. It counts as called already; what it takes is known when it is served.
    pub(super) fn count_blocked(&mut self, command: &'static Command) {
        self.figures.stats.commands += 1;
        self.figures.stats.by_command.entry(command.full_name).or_default().calls += 1;
    }

    /// Ends a run and begins the next: one reading of the clock. `args` is the last request of the run.
    pub(in crate::node) fn end_run(&mut self, run: &mut TimedRun, client: &Client, args: &Args<'_>) {
        let Some(command) = run.command else { return };
        let now = Instant::now();
        self.figures.stats.commands += run.calls;
        self.account(command, run.calls, now.saturating_duration_since(run.begun), client, args);
        *run = TimedRun::new(now);
    }

    /// Adds calls of one command, which took this long together, to everything that counts or logs them. No calls
    /// stand for one that has counted before it waited.
    pub(in crate::node) fn account(
        &mut self,
        command: &'static Command,
        calls: u64,
        took: Duration,
        client: &Client,
        args: &Args<'_>,
    ) {
        let each = took / u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        let tracking = self.config.latency_tracking;
        let stats = self.figures.stats.by_command.entry(command.full_name).or_default();
        stats.calls += calls;
        stats.nanos += took.as_nanos() as u64;
        if tracking {
            stats.note_latency(each, calls.max(1));
        }
        let micros = i64::try_from(each.as_micros()).unwrap_or(i64::MAX);
        let threshold = self.config.slowlog_log_slower_than_us;
        if threshold >= 0 && micros >= threshold && !command.flags.has(Flags::SKIP_SLOWLOG) {
            self.log_slow(command, micros, client, args);
        }
        if self.config.latency_monitor_threshold_ms > 0 {
            let event = match calls {
                0 => "command-unblocking",
                _ if command.flags.has(Flags::FAST) => "fast-command",
                _ => "command",
            };
            self.note_latency(event, each);
        }
    }

    /// Notes whether every command has to be timed by itself (`slowlog-log-slower-than`).
    pub(in crate::node) fn update_timing(&mut self) {
        self.figures.times_each = (0..PRECISE_BELOW_US).contains(&self.config.slowlog_log_slower_than_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::lookup;

    #[test]
    fn brief_equal_commands_are_timed_together_and_others_alone() {
        let now = Instant::now();
        let (get, keys) = (lookup(b"get"), lookup(b"keys"));
        let mut run = TimedRun::new(now);
        assert!(run.takes(get) && run.takes(keys));
        run = TimedRun { command: get, calls: 1, begun: now, open: true };
        assert!(run.takes(get) && !run.takes(keys) && run.takes(None));
        run = TimedRun { command: keys, calls: 1, begun: now, open: false };
        assert!(!run.takes(keys));
        assert!(is_brief(get.expect("GET")) && !is_brief(keys.expect("KEYS")));
    }
}
