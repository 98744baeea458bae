//! SLOWLOG: the commands that took long, and when commands are timed at all.
//!
//! A reading of the clock costs about as much as a tenth of a GET. So a command that is brief by its nature is timed
//! together with its equals next to it in a pipeline; all others, and all when the threshold is below a millisecond,
//! are timed one by one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::commands::{CmdError, CmdResult, Command, Flags, NodeCommand};
use crate::node::clients::client::Client;
use crate::node::clients::session::Session;
use crate::node::exec::dispatch::Flow;
use crate::node::messages::monitor::shown_args;
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};

/// Arguments kept of one command, …
const ARGS_MAX: usize = 32;
/// … and bytes kept of each.
const ARG_BYTES_MAX: usize = 128;
/// Below this threshold every command is timed by itself.
const PRECISE_BELOW_US: i64 = 1000;

/// One slow command.
#[derive(Debug)]
struct Entry {
    id: i64,
    unix_secs: u64,
    micros: i64,
    args: Vec<Vec<u8>>,
    addr: String,
    name: String,
}

/// The newest slow commands, newest first.
#[derive(Debug, Default)]
pub(in crate::node) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: i64,
}

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
            run.open = is_brief(command) && !self.times_each;
        }
        run.calls += 1;
    }

    /// A command waits for keys. It counts as called already; what it takes is known when it is served.
    pub(in crate::node) fn count_blocked(&mut self, command: &'static Command) {
        self.stats.commands += 1;
        self.stats.by_command.entry(command.full_name).or_default().calls += 1;
    }

    /// Ends a run and begins the next: one reading of the clock. `args` is the last request of the run.
    pub(in crate::node) fn end_run(&mut self, run: &mut TimedRun, client: &Client, args: &Args<'_>) {
        let Some(command) = run.command else { return };
        let now = Instant::now();
        self.stats.commands += run.calls;
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
        let stats = self.stats.by_command.entry(command.full_name).or_default();
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

    fn log_slow(&mut self, command: &Command, micros: i64, client: &Client, args: &Args<'_>) {
        let shown = shown_args(command, args);
        let kept = shown.len().min(ARGS_MAX);
        let mut words: Vec<Vec<u8>> = shown.iter().take(kept).map(|arg| shortened(arg)).collect();
        if shown.len() > ARGS_MAX {
            words[ARGS_MAX - 1] = format!("... ({} more arguments)", shown.len() - ARGS_MAX + 1).into_bytes();
        }
        let entry = Entry {
            id: self.slowlog.next_id,
            unix_secs: self.clock.unix().as_secs(),
            micros,
            args: words,
            addr: client.shown_addr(),
            name: client.name.borrow().clone(),
        };
        self.slowlog.next_id += 1;
        self.slowlog.entries.push_front(entry);
        let most = usize::try_from(self.config.slowlog_max_len).unwrap_or(usize::MAX);
        self.slowlog.entries.truncate(most);
    }

    /// Notes whether every command has to be timed by itself (`slowlog-log-slower-than`).
    pub(in crate::node) fn update_timing(&mut self) {
        self.times_each = (0..PRECISE_BELOW_US).contains(&self.config.slowlog_log_slower_than_us);
    }

    pub(in crate::node) fn slowlog_command(
        &mut self,
        session: &mut Session,
        command: NodeCommand,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        match command {
            NodeCommand::SlowlogLen => session.out.integer(self.slowlog.entries.len() as i64),
            NodeCommand::SlowlogReset => {
                self.slowlog.entries.clear();
                session.out.ok();
            }
            _ => self.slowlog_get(session, args)?,
        }
        Ok(Flow::Next)
    }

    fn slowlog_get(&self, session: &mut Session, args: &Args<'_>) -> CmdResult {
        let count = match args.len() {
            2 => 10,
            3 => {
                let count = strict_i64(args.get(2)).ok_or(CmdError::NotAnInteger)?;
                match count {
                    -1 => usize::MAX,
                    count => usize::try_from(count)
                        .map_err(|_| CmdError::text("ERR count should be greater than or equal to -1"))?,
                }
            }
            _ => {
                return Err(CmdError::text(
                    "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
                ));
            }
        };
        let out = &mut session.out;
        out.array(count.min(self.slowlog.entries.len()));
        for entry in self.slowlog.entries.iter().take(count) {
            out.array(6);
            out.integer(entry.id);
            out.integer(entry.unix_secs as i64);
            out.integer(entry.micros);
            out.bulks(entry.args.iter().map(Vec::as_slice));
            out.bulk(entry.addr.as_bytes());
            out.bulk(entry.name.as_bytes());
        }
        Ok(())
    }
}

fn shortened(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.to_vec();
    }
    let rest = format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX);
    [&arg[..ARG_BYTES_MAX], rest.as_bytes()].concat()
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

    #[test]
    fn long_arguments_are_cut() {
        assert_eq!(shortened(&[b'a'; 128]), [b'a'; 128]);
        let cut = shortened(&[b'a'; 129]);
        assert!(cut.ends_with(b"a... (1 more bytes)") && cut.len() == 128 + 18);
    }
}
