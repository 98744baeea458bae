//! From bytes to requests, a group at a time.

use std::time::Duration;

use super::flow::Flow;
use crate::commands::{CmdResult, Command, CommandNames, Group};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::{Pending, ReplyMode, Session};
use crate::node::node::Node;
use crate::protocol::{Args, Body, Decoder, Limits, ProtocolError};

/// Requests parsed before the first of them is executed: their keys are touched together, so that the cache
/// misses overlap.
const GROUP: usize = 16;

/// A warning of a stranger is followed by another one only after this time, as in Redis.
const STRANGERS_AGAIN: Duration = Duration::from_mins(1);

/// When the log last told of a stranger.
#[derive(Debug, Default)]
pub(in crate::node) struct StrangerWarning {
    told: Option<Duration>,
}

impl StrangerWarning {
    /// Whether the log tells of one now.
    fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.told.is_none_or(|told| now.saturating_sub(told) > STRANGERS_AGAIN);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}

impl Node {
    /// Parses up to [`GROUP`] requests and touches their keys, or the elements that they are about.
    ///
    /// # Errors
    /// What comes next is no request. Those before it are handed out first; nothing after it ever is.
    pub(in crate::node) fn parse_group(
        &mut self,
        session: &mut Session,
        decoder: &mut Decoder,
        pending: &mut std::collections::VecDeque<Pending>,
        buffer: &[u8],
    ) -> Result<(), ProtocolError> {
        let limits = Limits {
            bulk: self.config.proto_max_bulk_len as i64,
            authenticated: session.authenticated,
            strict: session.client.kind.get() == ClientKind::Master,
        };
        // AUTH may lift the limits for the request behind it.
        let group = if session.authenticated { GROUP } else { 1 };
        while pending.len() < group && session.broken.is_none() {
            match decoder.next(buffer, &limits) {
                Ok(Some(request)) => {
                    let command =
                        find(&self.config.command_names, session, &args_of(&request.body, buffer, decoder));
                    pending.push_back(Pending {
                        body: request.body,
                        command,
                        range: (request.start, request.end),
                        after_empty: request.after_empty,
                    });
                }
                Ok(None) => break,
                Err(error) => session.broken = Some(error),
            }
        }
        if pending.len() > 1 {
            let keyspace = self.data.store.db(session.db);
            for request in &*pending {
                if let Ok(command) = request.command
                    && command.keys.first > 0
                {
                    let args = args_of(&request.body, buffer, decoder);
                    let key = args.get(command.keys.first as usize);
                    let hash = keyspace.hash(key);
                    match command.group {
                        Group::Hash | Group::Set => keyspace.touch_element(hash, key, args.get(2)),
                        Group::SortedSet => keyspace.touch_element(hash, key, args.get(args.len() - 1)),
                        _ => keyspace.touch(hash),
                    }
                }
            }
        }
        match &session.broken {
            Some(error) if pending.is_empty() => Err(error.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn refuse_protocol(&mut self, session: &mut Session, error: &ProtocolError) -> Flow {
        self.figures.stats.count_error("ERR");
        if session.reply == ReplyMode::On {
            session.out.error(&error.reply());
        }
        Flow::Close
    }

    /// A browser that was made to send requests: what follows must not be executed. The log tells of it now and then
    /// only, or whoever does it could fill the disk.
    pub(super) fn refuse_stranger(&mut self) -> Flow {
        if self.figures.stranger_warning.is_due(self.clock.since_start()) {
            self.warning(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to \
                 Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise \
                 your Redis instance. Connection aborted.",
            );
        }
        Flow::Drop
    }
}

/// The arguments of a parsed request.
pub(in crate::node) fn args_of<'a>(body: &'a Body, buffer: &'a [u8], decoder: &'a Decoder) -> Args<'a> {
    match body {
        Body::Spans { first, count } => Args::new(buffer, &decoder.spans()[*first..*first + *count]),
        Body::Inline(args) => args.args(),
    }
}

/// The command of a request; the one found last is tried first.
fn find(names: &CommandNames, session: &mut Session, args: &Args<'_>) -> CmdResult<&'static Command> {
    if let Some((name, command)) = &session.last_found
        && name == args.name()
        && command.accepts(args.len())
    {
        return Ok(command);
    }
    let is_stream = session.client.kind.get() == ClientKind::Master;
    let command = if is_stream { names.check_any(args)? } else { names.check(args)? };
    if !command.full_name.contains('|') {
        session.last_found = Some((args.name().to_vec(), command));
    }
    Ok(command)
}

/// Whether a command's name is a line of HTTP: of a request that carries data, or of the header that each has. Compared
/// as C does, up to a NUL.
pub(super) fn is_http(name: &[u8]) -> bool {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_of_strangers_once_in_a_minute() {
        let mut warning = StrangerWarning::default();
        let due = [0, 1, 60, 61, 62, 121, 122].map(|secs| warning.is_due(Duration::from_secs(secs)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
