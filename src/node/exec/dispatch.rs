//! From a read buffer to replies: parse a group of requests, touch their keys, check and execute each.
// Long because a request goes through it from its first byte to its effects.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::streams::streams;
use crate::commands::{CmdError, CmdResult, Command, CommandNames, Flags, Group, NodeCommand, Run};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::{Pending, ReplyMode, Session};
use crate::node::config::ProtectedAction;
use crate::node::keys::eviction::{OUT_OF_MEMORY, Room};
use crate::node::messages::pubsub::{changes_subscriptions, serves_subscribers};
use crate::node::node::Node;
use crate::node::observe::slowlog::TimedRun;
use crate::protocol::{Args, Body, Decoder, Limits, ProtocolError};
use crate::replication::Unit;

/// Requests parsed before the first of them is executed: their keys are touched together, so that the cache
/// misses overlap.
const GROUP: usize = 16;
/// A connection gives way to the others after this many requests, …
const TURN_REQUESTS: usize = 1000;
/// … after this time, …
const TURN_TIME: Duration = Duration::from_micros(200);
/// … and when this many bytes of replies wait.
pub(in crate::node) const TURN_REPLIES: usize = 1024 * 1024;

/// How long a held-back write waits before it looks again by itself.
const HELD_BACK: Duration = Duration::from_secs(1);

/// How a connection goes on after a batch, or after one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Flow {
    /// Go on with the next command; for a batch: all was executed, read more.
    Next,
    /// The turn is over, but requests are left.
    More,
    /// Close once the replies are out.
    Close,
    /// Close at once, without a reply.
    Drop,
    /// Wait until the client is woken with a number (WAIT), at most this long.
    Wait(Option<Duration>),
    /// Wait until one of some keys is ready, at most this long.
    Block(Option<Duration>),
    /// Clients are paused: try again when that ends.
    Paused(Duration),
    /// The connection is a replica's from now on.
    Feed,
}

impl Node {
    /// Executes what is complete in `buffer`, up to the bounds of one turn.
    pub(in crate::node) fn run_batch(&mut self, session: &mut Session, buffer: &[u8]) -> Flow {
        let mut decoder = std::mem::take(&mut session.decoder);
        let mut pending = std::mem::take(&mut session.pending);
        let begun = Instant::now();
        self.clock.tick(begun);
        session.client.outbox.move_into(&mut session.out);
        self.bound_replies(session);
        self.current = Some(Rc::clone(&session.client));
        let flow = self.run_requests(session, &mut decoder, &mut pending, buffer, begun);
        self.current = None;
        self.broadcast_invalidations();
        if flow == Flow::Close {
            // Nothing follows the reply that a connection is closed on.
            session.client.outbox.clear();
        }
        session.decoder = decoder;
        session.pending = pending;
        session.client.last_active.set(self.clock.since_start());
        if !self.garbage.is_empty() {
            self.free_garbage();
        }
        self.flush_aof();
        self.save_if_emptied();
        self.wake_feeds();
        self.lag.record(begun);
        flow
    }

    fn run_requests(
        &mut self,
        session: &mut Session,
        decoder: &mut Decoder,
        pending: &mut std::collections::VecDeque<Pending>,
        buffer: &[u8],
        begun: Instant,
    ) -> Flow {
        let mut executed = 0;
        loop {
            if pending.is_empty()
                && let Err(error) = self.parse_group(session, decoder, pending, buffer)
            {
                return self.refuse_protocol(session, &error);
            }
            if pending.is_empty() {
                return Flow::Next;
            }
            let mut run = TimedRun::new(Instant::now());
            let mut flow = Flow::Next;
            let mut last: Option<Pending> = None;
            while let Some(request) = pending.pop_front() {
                let next = request.command.as_ref().ok().copied();
                if let Some(last) = &last
                    && !run.takes(next)
                {
                    self.end_run(&mut run, &session.client, &args_of(&last.body, buffer, decoder));
                }
                flow = self.execute(session, &request.command, &args_of(&request.body, buffer, decoder));
                executed += 1;
                let was_called = std::mem::take(&mut self.called);
                match next {
                    Some(command) if was_called && matches!(flow, Flow::Block(_)) => {
                        self.count_blocked(command);
                        break;
                    }
                    Some(command) if was_called => self.count_call(&mut run, command),
                    _ => {}
                }
                if matches!(flow, Flow::Paused(_)) {
                    pending.push_front(request);
                    break;
                }
                last = Some(request);
                if flow != Flow::Next || session.out.len() >= TURN_REPLIES {
                    break;
                }
            }
            if let Some(last) = &last {
                self.end_run(&mut run, &session.client, &args_of(&last.body, buffer, decoder));
            }
            if flow != Flow::Next {
                return flow;
            }
            if executed >= TURN_REQUESTS || session.out.len() >= TURN_REPLIES || begun.elapsed() >= TURN_TIME
            {
                return Flow::More;
            }
        }
    }

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
            let keyspace = self.store.db(session.db);
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

    fn refuse_protocol(&mut self, session: &mut Session, error: &ProtocolError) -> Flow {
        if *error == ProtocolError::ForeignProtocol {
            return self.refuse_stranger(session);
        }
        let line = error.to_string();
        self.stats.count_error(&line);
        session.out.error(line.as_bytes());
        Flow::Close
    }

    /// A browser or another program that must not get its bytes executed.
    pub(in crate::node) fn refuse_stranger(&mut self, session: &mut Session) -> Flow {
        let addr = session.client.addr;
        self.warning(format!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. \
             This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis \
             instance. Connection from {addr} aborted."
        ));
        Flow::Drop
    }

    /// Executes one request of a client, or queues it, or refuses it.
    fn execute(
        &mut self,
        session: &mut Session,
        command: &Result<&'static Command, CmdError>,
        args: &Args<'_>,
    ) -> Flow {
        let mark = session.out.len();
        let flow = match command {
            Ok(command) => self.admit_and_run(session, command, args),
            Err(error) => {
                if args.name().eq_ignore_ascii_case(b"post") || args.name().eq_ignore_ascii_case(b"host:") {
                    return self.refuse_stranger(session);
                }
                if let CmdError::Arity(Cow::Borrowed(name)) = error {
                    self.stats.by_command.entry(name).or_default().rejected += 1;
                }
                self.refuse(session, error, args.name().eq_ignore_ascii_case(b"exec"));
                Flow::Next
            }
        };
        if session.reply != ReplyMode::On {
            session.answer_unwanted = matches!(flow, Flow::Block(_));
            if !command.as_ref().is_ok_and(|command| changes_subscriptions(command)) {
                session.out.truncate(mark);
            }
            session.reply = match session.reply {
                ReplyMode::SkipNext => ReplyMode::SkipThis,
                ReplyMode::SkipThis => ReplyMode::On,
                mode => mode,
            };
        }
        flow
    }

    fn admit_and_run(&mut self, session: &mut Session, command: &'static Command, args: &Args<'_>) -> Flow {
        session.client.last_command.set(command.full_name);
        if let Err(error) = self.admit(session, command) {
            self.stats.by_command.entry(command.full_name).or_default().rejected += 1;
            self.refuse(session, &error, matches!(command.run, Run::Node(NodeCommand::Exec)));
            if matches!(command.run, Run::Node(NodeCommand::Exec)) {
                self.feed_monitors(session, command, args);
            }
            return Flow::Next;
        }
        if let Some(transaction) = &mut session.transaction
            && !runs_inside_multi(command)
        {
            if command.flags.has(Flags::NO_MULTI) {
                self.refuse(session, &CmdError::text("ERR Command not allowed inside a transaction"), false);
                return Flow::Next;
            }
            let args = args.to_owned_args();
            let bytes = session.client.queued_bytes.get() + args.memory();
            transaction.commands.push((command, args));
            session.client.note_queue(transaction.commands.len() as i64, bytes);
            session.out.simple("QUEUED");
            return Flow::Next;
        }
        if let Some(wait) = self.paused_for(session, command) {
            return Flow::Paused(wait);
        }
        self.called = true;
        let result = self.call(session, command, args);
        if self.effects.has_ready() {
            self.serve_ready();
        }
        match result {
            Ok(flow) => flow,
            Err(error) => {
                self.stats.by_command.entry(command.full_name).or_default().failed += 1;
                self.reply_error(session, &error);
                Flow::Next
            }
        }
    }

    /// A command that cannot even be queued: a transaction under way is spoilt by it, and ended if it is EXEC.
    fn refuse(&mut self, session: &mut Session, error: &CmdError, is_exec: bool) {
        if is_exec {
            self.discard(session);
            let text = error.to_string();
            let reason = text.strip_prefix("ERR ").unwrap_or(&text);
            let abort = CmdError::from(format!("EXECABORT Transaction discarded because of: {reason}"));
            return self.reply_error(session, &abort);
        }
        if let Some(transaction) = &mut session.transaction {
            transaction.failed = true;
        }
        self.reply_error(session, error);
    }

    pub(in crate::node) fn reply_error(&mut self, session: &mut Session, error: &CmdError) {
        self.stats.count_error(&error.to_string());
        error.write_to(&mut session.out);
    }

    /// The checks before a command, in Redis' order.
    fn admit(&mut self, session: &Session, command: &Command) -> CmdResult {
        if command.flags.has(Flags::PROTECTED) {
            self.admit_protected(session, command)?;
        }
        if !session.authenticated && !command.flags.has(Flags::NO_AUTH) {
            return Err(CmdError::text("NOAUTH Authentication required."));
        }
        if self.make_room() == Room::None && may_use_memory(session, command) {
            return Err(OUT_OF_MEMORY);
        }
        let writes = command.flags.has(Flags::WRITE)
            || (matches!(command.run, Run::Node(NodeCommand::Exec)) && transaction_writes(session));
        // A health check that only pings must see it as well.
        if writes || matches!(command.run, Run::Node(NodeCommand::Ping)) {
            self.admit_by_disk()?;
        }
        if writes {
            self.admit_write(session)?;
        }
        if !session.out.is_resp3() && session.client.is_subscriber() && !serves_subscribers(command) {
            return Err(CmdError::from(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed \
                 in this context",
                command.full_name
            )));
        }
        let link_down = self.upstream.as_ref().is_some_and(|upstream| !upstream.is_up());
        if link_down && !self.config.replica_serve_stale_data && lacks(session, command, Flags::STALE) {
            return Err(CmdError::text(
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            ));
        }
        if (self.is_loading() && lacks(session, command, Flags::LOADING))
            || (command.flags.has(Flags::NO_ASYNC_LOADING) && self.is_swapping())
        {
            return Err(crate::node::disk::loading::LOADING);
        }
        let touches_keys = command.flags.has(Flags::WRITE) || command.flags.has(Flags::READONLY);
        let only_listens =
            session.client.kind.get() == ClientKind::Replica || session.client.monitoring.get();
        if only_listens && touches_keys {
            return Err(CmdError::text("ERR Replica can't interact with the keyspace"));
        }
        Ok(())
    }

    /// What may do harm beyond the data is allowed by a parameter of its own, which only redis.conf can set.
    fn admit_protected(&self, session: &Session, command: &Command) -> CmdResult {
        let (name, parameter, allowed) = match command.run {
            Run::Node(NodeCommand::Debug) => {
                ("DEBUG", "enable-debug-command", self.config.enable_debug_command)
            }
            _ => ("MODULE", "enable-module-command", self.config.enable_module_command),
        };
        let is_allowed = match allowed {
            ProtectedAction::Yes => true,
            ProtectedAction::Local => session.client.is_local(),
            ProtectedAction::No => false,
        };
        if is_allowed {
            return Ok(());
        }
        Err(CmdError::from(format!(
            "ERR {name} command not allowed. If the {parameter} option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart \
             the server."
        )))
    }

    /// What was written could not be kept.
    fn admit_by_disk(&self) -> CmdResult {
        if self.config.stop_writes_on_bgsave_error && !self.config.save.is_empty() && !self.save.last_ok {
            return Err(CmdError::text(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                 Commands that may modify the data set are disabled, because this instance is configured to report \
                 errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check \
                 the Redis logs for details about the RDB error.",
            ));
        }
        self.admit_by_aof()
    }

    fn admit_write(&self, session: &Session) -> CmdResult {
        let is_master = self.upstream.is_none();
        if is_master && !self.enough_good_replicas() {
            return Err(CmdError::text("NOREPLICAS Not enough good replicas to write."));
        }
        if !is_master && self.config.replica_read_only && session.client.kind.get() != ClientKind::Master {
            return Err(CmdError::text("READONLY You can't write against a read only replica."));
        }
        Ok(())
    }

    /// How long this command has to wait because clients are paused.
    fn paused_for(&mut self, session: &Session, command: &Command) -> Option<Duration> {
        let now = self.clock.since_start();
        if self.pause.is_some_and(|pause| pause.until <= now) {
            self.end_pause();
        }
        if !self.is_paused() {
            return None;
        }
        let exempt = session.client.kind.get() != ClientKind::Normal
            || matches!(command.run, Run::Node(NodeCommand::ClientUnpause));
        let writes = command.flags.has(Flags::WRITE)
            || command.flags.has(Flags::MAY_REPLICATE)
            || (matches!(command.run, Run::Node(NodeCommand::Exec)) && transaction_writes(session));
        let all = self
            .pause
            .filter(|pause| !pause.writes_only || writes)
            .map(|pause| pause.until.saturating_sub(now));
        // What else holds writes back ends them by a call.
        let held_back = (writes && self.holds_writes_back()).then_some(HELD_BACK);
        if exempt { None } else { all.max(held_back) }
    }

    /// Runs one command and sends what it changed into the stream.
    pub(in crate::node) fn call(
        &mut self,
        session: &mut Session,
        command: &'static Command,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        let mark = session.out.len();
        let result = match command.run {
            Run::Data(run) => {
                self.effects.clear();
                let may_block = self.collected.is_none() && session.client.kind.get() == ClientKind::Normal;
                let mut ctx = self.ctx(session.db, &mut session.out);
                ctx.may_block = may_block;
                let result = run(&mut ctx, args);
                if self.effects.serving && !self.effects.whole_dbs.is_empty() {
                    self.signal_dbs();
                }
                if self.effects.has_any() {
                    self.after_write(session, args);
                }
                result?;
                let wait = self.effects.wait.take();
                Ok(wait.map_or(Flow::Next, |wait| self.block(session, command, args, wait)))
            }
            Run::Node(command) => self.run_node_command(session, command, args),
            Run::Container(_) => Err(CmdError::Syntax),
        };
        if !session.client.outbox.is_empty() {
            // It listens to what it has said itself.
            session.client.outbox.move_before(&mut session.out, mark);
        }
        if self.observed {
            self.remember_keys(session, command, args);
            if self.blocking.ready_key.is_none() {
                self.feed_monitors(session, command, args);
            }
            self.settle_tracking(session, command);
        }
        result
    }

    /// A command changed something: watchers, save points and replicas hear of it.
    pub(in crate::node) fn after_write(&mut self, session: &mut Session, args: &Args<'_>) {
        self.save.dirty += self.effects.dirty;
        if !self.effects.whole_dbs.is_empty() && self.config.command_names.means(args.name(), "flushall") {
            self.save_emptiness();
        }
        if self.effects.watching {
            self.mark_watchers();
            if self.is_writable_replica() {
                self.note_own_expires();
            }
        }
        self.publish_events();
        if self.effects.streaming {
            self.propagate(session.db, args);
            session.last_write = self.history.offset();
        }
    }

    /// Sends the effects of a command into the stream: as one transaction if there is more than one.
    fn propagate(&mut self, db: usize, args: &Args<'_>) {
        if let Some(collected) = &mut self.collected {
            collected.extend(self.effects.sent().map(|(db, command)| (db, command.to_vec())));
            if self.effects.sends_itself() {
                collected.push((db, encode(args)));
            }
            return;
        }
        // Keys that SCAN and RANDOMKEY find expired have nothing to do with each other.
        let names = &self.config.command_names;
        let apart = names.means(args.name(), "scan") || names.means(args.name(), "randomkey");
        let unit = if apart { Unit::Apart } else { Unit::Together };
        let mut streams = streams!(self);
        with_parts(args, |parts| streams.effects(&self.effects, db, parts, unit));
    }

    /// Sends commands that were collected during EXEC, or made by the node itself.
    pub(in crate::node) fn propagate_collected(&mut self, commands: &[(usize, Vec<u8>)]) {
        streams!(self).collected(commands);
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

/// Commands that act on the transaction instead of joining it.
fn runs_inside_multi(command: &Command) -> bool {
    use NodeCommand as N;
    matches!(command.run, Run::Node(N::Exec | N::Discard | N::Multi | N::Watch | N::Quit | N::Reset))
}

/// Whether a command may be refused for want of memory. So may everything that a transaction would queue; a MULTI
/// without end would take all of it.
fn may_use_memory(session: &Session, command: &Command) -> bool {
    use NodeCommand as N;
    let queued = session.transaction.iter().flat_map(|transaction| &transaction.commands);
    match command.run {
        Run::Node(N::Exec) => queued.into_iter().any(|(command, _)| command.flags.has(Flags::DENYOOM)),
        Run::Node(N::Discard | N::Quit | N::Reset) => false,
        _ => session.transaction.is_some() || command.flags.has(Flags::DENYOOM),
    }
}

/// Whether a command, or one of the transaction that it executes, lacks the flag: [`Flags::STALE`] for what may run on
/// data that may be old, [`Flags::LOADING`] for what needs no data.
fn lacks(session: &Session, command: &Command, flag: Flags) -> bool {
    let queued = session.transaction.iter().flat_map(|transaction| &transaction.commands);
    let executes = matches!(command.run, Run::Node(NodeCommand::Exec));
    !command.flags.has(flag) || (executes && queued.into_iter().any(|(command, _)| !command.flags.has(flag)))
}

fn transaction_writes(session: &Session) -> bool {
    let commands = session.transaction.iter().flat_map(|transaction| &transaction.commands);
    commands.into_iter().any(|(command, _)| command.flags.has(Flags::WRITE))
}

/// Hands the arguments over as a slice; on the stack for all but the longest commands.
pub(in crate::node) fn with_parts<R>(args: &Args<'_>, use_them: impl FnOnce(&[&[u8]]) -> R) -> R {
    let mut on_stack: [&[u8]; 8] = [&[]; 8];
    if let Some(parts) = on_stack.get_mut(..args.len()) {
        parts.iter_mut().zip(args.from(0)).for_each(|(part, arg)| *part = arg);
        return use_them(parts);
    }
    let parts: Vec<&[u8]> = args.from(0).collect();
    use_them(&parts)
}

fn encode(args: &Args<'_>) -> Vec<u8> {
    with_parts(args, crate::replication::encode_command)
}
