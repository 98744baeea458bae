//! From bytes to requests, a group at a time.

use super::flow::Flow;
use crate::commands::{CmdResult, Command, CommandNames, Group};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::{Pending, Session};
use crate::node::node::Node;
use crate::protocol::{Args, Body, Decoder, Limits, ProtocolError};

/// Requests parsed before the first of them is executed: their keys are touched together, so that the cache
/// misses overlap.
const GROUP: usize = 16;

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
        let limits =
            Limits { bulk: self.config.proto_max_bulk_len as i64, authenticated: session.authenticated };
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
        if *error == ProtocolError::ForeignProtocol {
            return self.refuse_stranger(session);
        }
        let line = error.to_string();
        self.figures.stats.count_error(&line);
        session.out.error(line.as_bytes());
        Flow::Close
    }

    /// A browser or another program that must not get its bytes executed.
    pub(super) fn refuse_stranger(&mut self, session: &mut Session) -> Flow {
        let addr = session.client.addr;
        self.warning(format!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. \
             This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis \
             instance. Connection from {addr} aborted."
        ));
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
