//! From a read buffer to replies: parse a group of requests, touch their keys, check and execute each.
// Long because a request goes through it from its first byte to its effects.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::flow::Flow;
use super::handlers::handler;
use super::parse::{args_of, is_http};
use crate::commands::{CmdError, CmdResult, Command, Flags, NodeCommand, Run};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::{Pending, ReplyMode, Session};
use crate::node::exec::accounting::TimedRun;
use crate::node::messages::pubsub::changes_subscriptions;
use crate::node::node::Node;
use crate::protocol::{Args, Decoder};

/// A connection gives way to the others after this many requests, …
const TURN_REQUESTS: usize = 1000;
/// … after this time, …
const TURN_TIME: Duration = Duration::from_micros(200);
/// … and when this many bytes of replies wait.
pub(in crate::node) const TURN_REPLIES: usize = 1024 * 1024;

impl Node {
    /// Executes what is complete in `buffer`, up to the bounds of one turn.
    pub(in crate::node) fn run_batch(&mut self, session: &mut Session, buffer: &[u8]) -> Flow {
        let mut decoder = std::mem::take(&mut session.decoder);
        let mut pending = std::mem::take(&mut session.pending);
        let begun = Instant::now();
        self.clock.tick(begun);
        session.client.outbox.move_into(&mut session.out);
        self.bound_replies(session);
        session.client.last_active.set(self.clock.since_start());
        self.clients.current = Some(Rc::clone(&session.client));
        let flow = self.run_requests(session, &mut decoder, &mut pending, buffer, begun);
        self.clients.current = None;
        session.decoder = decoder;
        session.pending = pending;
        session.client.last_active.set(self.clock.since_start());
        self.end_turn(begun);
        if flow == Flow::Close {
            // Nothing follows the reply that a connection is closed on.
            session.client.outbox.clear();
        }
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
                if decoder.is_after_empty() {
                    session.end_skip();
                }
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
                if request.after_empty {
                    session.end_skip();
                }
                flow = self.execute(session, &request.command, &args_of(&request.body, buffer, decoder));
                executed += 1;
                let was_called = std::mem::take(&mut self.figures.called);
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
                if is_http(args.name()) {
                    return self.refuse_stranger();
                }
                if let CmdError::Arity(Cow::Borrowed(name)) = error {
                    self.figures.stats.by_command.entry(name).or_default().rejected += 1;
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
            self.figures.stats.by_command.entry(command.full_name).or_default().rejected += 1;
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
        self.figures.called = true;
        let result = self.call(session, command, args);
        if self.data.effects.has_ready() {
            self.serve_ready();
        }
        match result {
            Ok(flow) => flow,
            Err(error) => {
                self.figures.stats.by_command.entry(command.full_name).or_default().failed += 1;
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
        self.figures.stats.count_error(&error.to_string());
        error.write_to(&mut session.out);
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
                self.data.effects.clear();
                let may_block =
                    self.data.collected.is_none() && session.client.kind.get() == ClientKind::Normal;
                let mut ctx = self.ctx(session.db, &mut session.out);
                ctx.may_block = may_block;
                let result = run(&mut ctx, args);
                if self.data.effects.serving && !self.data.effects.whole_dbs.is_empty() {
                    self.signal_dbs();
                }
                if self.data.effects.has_any() {
                    self.after_write(session, args);
                }
                result?;
                let wait = self.data.effects.wait.take();
                Ok(wait.map_or(Flow::Next, |wait| self.block(session, command, args, wait)))
            }
            Run::Describe(what) => {
                what.run(&self.config.command_names, &mut session.out, args).map(|()| Flow::Next)
            }
            Run::Node(command) => handler(command)(self, session, args),
            Run::Container(_) => Err(CmdError::Syntax),
        };
        if !session.client.outbox.is_empty() {
            // It listens to what it has said itself.
            session.client.outbox.move_before(&mut session.out, mark);
        }
        if self.clients.observed {
            self.remember_keys(session, command, args);
            if self.clients.blocking.ready_key.is_none() {
                self.feed_monitors(session, command, args);
            }
            self.settle_tracking(session, command);
        }
        result
    }
}

/// Commands that act on the transaction instead of joining it.
fn runs_inside_multi(command: &Command) -> bool {
    use NodeCommand as N;
    matches!(command.run, Run::Node(N::Exec | N::Discard | N::Multi | N::Watch | N::Quit | N::Reset))
}
