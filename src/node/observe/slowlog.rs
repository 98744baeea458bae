//! SLOWLOG: the commands that took long.

use std::collections::VecDeque;

use crate::commands::{CmdError, CmdResult, Command};
use crate::node::clients::client::Client;
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::messages::monitor::shown_args;
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};

/// Arguments kept of one command, …
const ARGS_MAX: usize = 32;
/// … and bytes kept of each.
const ARG_BYTES_MAX: usize = 128;

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
pub(super) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: i64,
}

impl Node {
    pub(in crate::node) fn log_slow(
        &mut self,
        command: &Command,
        micros: i64,
        client: &Client,
        args: &Args<'_>,
    ) {
        let shown = shown_args(command, args);
        let kept = shown.len().min(ARGS_MAX);
        let mut words: Vec<Vec<u8>> = shown.iter().take(kept).map(|arg| shortened(arg)).collect();
        if shown.len() > ARGS_MAX {
            words[ARGS_MAX - 1] = format!("... ({} more arguments)", shown.len() - ARGS_MAX + 1).into_bytes();
        }
        let entry = Entry {
            id: self.figures.slowlog.next_id,
            unix_secs: self.clock.unix().as_secs(),
            micros,
            args: words,
            addr: client.shown_addr(),
            name: client.name.borrow().clone(),
        };
        self.figures.slowlog.next_id += 1;
        self.figures.slowlog.entries.push_front(entry);
        let most = usize::try_from(self.config.slowlog_max_len).unwrap_or(usize::MAX);
        self.figures.slowlog.entries.truncate(most);
    }

    pub(super) fn slowlog_get(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
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
        out.array(count.min(self.figures.slowlog.entries.len()));
        for entry in self.figures.slowlog.entries.iter().take(count) {
            out.array(6);
            out.integer(entry.id);
            out.integer(entry.unix_secs as i64);
            out.integer(entry.micros);
            out.bulks(entry.args.iter().map(Vec::as_slice));
            out.bulk(entry.addr.as_bytes());
            out.bulk(entry.name.as_bytes());
        }
        Ok(Flow::Next)
    }

    pub(super) fn slowlog_len(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        session.out.integer(self.figures.slowlog.entries.len() as i64);
        Ok(Flow::Next)
    }

    pub(super) fn slowlog_reset(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        self.figures.slowlog.entries.clear();
        session.out.ok();
        Ok(Flow::Next)
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

    #[test]
    fn long_arguments_are_cut() {
        assert_eq!(shortened(&[b'a'; 128]), [b'a'; 128]);
        let cut = shortened(&[b'a'; 129]);
        assert!(cut.ends_with(b"a... (1 more bytes)") && cut.len() == 128 + 18);
    }
}
