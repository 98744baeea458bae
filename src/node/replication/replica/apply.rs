//! Replica side: the master's stream is executed, counted, and passed on byte for byte.

use std::time::Instant;

use super::upstream::Upstream;
use crate::commands::{CmdError, Command, ExpiryMode, Flags, NodeCommand, Run};
use crate::node::admin::dump::data_run;
use crate::node::clients::session::{Pending, Session, Transaction};
use crate::node::config::PropagationErrorBehavior;
use crate::node::exec::accounting::TimedRun;
use crate::node::exec::effects::with_parts;
use crate::node::exec::parse::args_of;
use crate::node::exec::transaction::exec_abort;
use crate::node::node::Node;
use crate::protocol::{Args, Body, Decoder, strict_i64};
use crate::replication::{LinkAction, LinkEvent};

/// Commands applied before other tasks get their turn.
const TURN_COMMANDS: usize = 2000;

impl Upstream {
    /// A command was executed or queued: counts it, and answers GETACK. `true` if all bytes up to its end are
    /// applied now: not so inside a transaction.
    fn note_applied(
        &mut self,
        now: std::time::Duration,
        args: &Args<'_>,
        bytes: usize,
        actions: &mut Vec<LinkAction>,
    ) -> bool {
        if args.is(0, "replconf") && args.is(1, "getack") {
            // The answer excludes the bytes of the question.
            self.link.on_event(now, LinkEvent::GetAck, actions);
        }
        let applied = self.applied.command(&[args.get(0), args.get(1)], bytes as u64);
        if applied > 0 {
            self.link.on_event(now, LinkEvent::Applied(applied), actions);
        }
        applied > 0
    }
}

impl Node {
    /// Applies whole commands from the front of `buffer` and takes them off it; `true` if there may be more.
    ///
    /// # Errors
    /// Why the stream cannot be applied: unknown command, refused command, no RESP array. Going on after that
    /// would let the data sets drift apart unnoticed.
    pub(super) fn apply_batch(
        &mut self,
        session: &mut Session,
        buffer: &mut Vec<u8>,
        actions: &mut Vec<LinkAction>,
    ) -> Result<bool, String> {
        let mut decoder = std::mem::take(&mut session.decoder);
        let mut pending = std::mem::take(&mut session.pending);
        let begun = Instant::now();
        self.clock.tick(begun);
        let now = self.clock.since_start();
        let mut count = 0;
        let mut due = 0;
        let mut held_at = None;
        let mut result = Ok(());
        session.client.last_active.set(now);
        'turn: while count < TURN_COMMANDS {
            if let Err(error) = self.parse_group(session, &mut decoder, &mut pending, buffer) {
                result = Err(format!("protocol error: {error}"));
                break;
            }
            if pending.is_empty() {
                break;
            }
            let mut run = TimedRun::new(Instant::now());
            let mut last: Option<Pending> = None;
            while let Some(request) = pending.pop_front() {
                let next = request.command.as_ref().ok().copied();
                if let Some(last) = &last
                    && !run.takes(next)
                {
                    self.end_run(&mut run, &session.client, &args_of(&last.body, buffer, &decoder));
                }
                let in_transaction = session.transaction.is_some();
                if next.is_some_and(|command| self.holds_stream(session, command)) {
                    held_at = Some(request.range.0);
                    break;
                }
                let args = args_of(&request.body, buffer, &decoder);
                let outcome = match (&request.body, &request.command) {
                    (Body::Inline(_), _) => Err("an inline command".to_owned()),
                    (_, Err(error)) => self.refuse_streamed(session, error),
                    (_, Ok(command)) => self.apply(session, command, &args),
                };
                if let Err(reason) = outcome {
                    result = Err(format!("'{}': {reason}", args.name().escape_ascii()));
                    break 'turn;
                }
                if self.data.effects.has_ready() && session.transaction.is_none() {
                    self.serve_ready();
                }
                count += 1;
                let is_queued = in_transaction && session.transaction.is_some();
                if let Some(command) = next.filter(|_| !is_queued) {
                    self.count_call(&mut run, command);
                }
                let (from, to) = request.range;
                let Some(upstream) = &mut self.replication.upstream else { break 'turn };
                if upstream.note_applied(now, &args, to - from, actions) {
                    due = to;
                }
                last = Some(request);
            }
            if let Some(last) = &last {
                self.end_run(&mut run, &session.client, &args_of(&last.body, buffer, &decoder));
            }
            if held_at.is_some() {
                break;
            }
        }
        let consumed = match held_at {
            None => decoder.consume(),
            // What is held is parsed again when its time has come.
            Some(at) => {
                decoder = Decoder::default();
                pending.clear();
                session.broken = None;
                at
            }
        };
        self.pass_on(&buffer[..consumed], due);
        buffer.drain(..consumed);
        session.decoder = decoder;
        session.out.truncate(0);
        self.end_turn(begun);
        self.check_held()?;
        result.map(|()| count >= TURN_COMMANDS)
    }

    /// Whether a command of the stream waits because clients are paused, the master being one of them. A transaction
    /// that has begun is not held up.
    fn holds_stream(&self, session: &Session, command: &Command) -> bool {
        let pause = self.clients.pause.filter(|pause| pause.until > self.clock.since_start());
        let Some(pause) = pause.filter(|_| session.transaction.is_none()) else { return false };
        !pause.writes_only
            || command.flags.has(Flags::WRITE)
            || command.flags.has(Flags::MAY_REPLICATE)
            || matches!(command.run, Run::Node(NodeCommand::Multi))
    }

    /// Shows an executed command of the stream to those who watch.
    fn show_streamed(&mut self, session: &Session, command: &'static Command, args: &Args<'_>) {
        session.client.last_command.set(command.full_name);
        if !self.clients.monitors.is_empty() && !session.is_file() {
            self.feed_monitors(session, command, args);
        }
    }

    /// A command of the stream is unknown or has the wrong number of arguments.
    fn refuse_streamed(&mut self, session: &mut Session, error: &CmdError) -> Result<(), String> {
        if let Some(transaction) = &mut session.transaction {
            transaction.failed = true;
        }
        self.pass_over("<unknown>", error.to_string())
    }

    /// A command of the stream has failed.
    ///
    /// # Errors
    /// The same, unless somebody chose to go on as if nothing had happened (`propagation-error-behavior`).
    fn pass_over(&mut self, command: &str, error: String) -> Result<(), String> {
        if self.config.propagation_error_behavior != Some(PropagationErrorBehavior::Ignore) {
            return Err(error);
        }
        self.figures.stats.unexpected_errors += 1;
        self.warning(format!(
            "== CRITICAL == This replica is sending an error to its master: '{error}' after processing the command \
             '{command}'"
        ));
        Ok(())
    }

    /// Passes applied bytes on to the own backlog; those of an open transaction are held until its end.
    fn pass_on(&mut self, bytes: &[u8], due: usize) {
        let Some(upstream) = &mut self.replication.upstream else { return };
        let Some(backlog) = &mut self.replication.backlog else { return };
        upstream.relay.pass_on(&mut self.replication.history, backlog, bytes, due);
    }

    /// A transaction without end would take all memory.
    fn check_held(&self) -> Result<(), String> {
        let held = self.replication.upstream.as_ref().map_or(0, |upstream| upstream.relay.held() as u64);
        if held > self.config.client_query_buffer_limit {
            return Err(format!("a transaction of more than {held} bytes (client-query-buffer-limit)"));
        }
        Ok(())
    }

    /// Executes one command of the stream, or queues it inside a transaction.
    pub(in crate::node) fn apply(
        &mut self,
        session: &mut Session,
        command: &'static Command,
        args: &Args<'_>,
    ) -> Result<(), String> {
        if let Some(transaction) = &mut session.transaction
            && !matches!(command.run, Run::Node(NodeCommand::Exec | NodeCommand::Discard))
        {
            if matches!(command.run, Run::Node(NodeCommand::Multi)) {
                return Err("MULTI calls can not be nested".to_owned());
            }
            transaction.commands.push((command, args.to_owned_args()));
            return Ok(());
        }
        let run = match command.run {
            Run::Node(node) => data_run(node).map_or(command.run, Run::Data),
            run => run,
        };
        let applied = match run {
            Run::Data(run) => {
                self.data.effects.clear();
                let mut ctx = self.ctx(session.db, &mut session.out);
                ctx.expiry = ExpiryMode::Visible;
                let result = run(&mut ctx, args);
                session.out.truncate(0);
                if let Err(error) = result {
                    self.pass_over(command.full_name, error.to_string())?;
                }
                if self.data.effects.dirty > 0
                    && let Some(log) = &mut self.disk.aof.log
                {
                    with_parts(args, |parts| log.writer.command(session.db, parts));
                }
                if self.data.effects.serving && !self.data.effects.whole_dbs.is_empty() {
                    self.signal_dbs();
                }
                self.disk.save.dirty += self.data.effects.dirty;
                // A file that is loaded emptied the data long ago.
                if !self.data.effects.whole_dbs.is_empty()
                    && !session.is_file()
                    && self.config.command_names.means(args.name(), "flushall")
                {
                    self.save_emptiness();
                }
                if self.data.effects.watching {
                    self.mark_watchers();
                }
                self.publish_events();
                Ok(())
            }
            Run::Describe(_) => Ok(()),
            Run::Node(command) => self.apply_node_command(session, command, args),
            Run::Container(_) => Err("a container without subcommand".to_owned()),
        };
        self.show_streamed(session, command, args);
        applied
    }

    fn apply_node_command(
        &mut self,
        session: &mut Session,
        command: NodeCommand,
        args: &Args<'_>,
    ) -> Result<(), String> {
        match command {
            NodeCommand::Ping | NodeCommand::Replconf => Ok(()),
            NodeCommand::Publish => {
                self.publish(args.get(1), args.get(2));
                Ok(())
            }
            NodeCommand::Spublish => {
                self.publish_to_shard(args.get(1), args.get(2));
                Ok(())
            }
            NodeCommand::Select => {
                let db = strict_i64(args.get(1)).and_then(|db| usize::try_from(db).ok());
                let db = db.filter(|db| *db < self.data.store.databases());
                session.db = db.ok_or("no such database")?;
                session.client.db.set(session.db);
                Ok(())
            }
            NodeCommand::Multi => {
                session.transaction = Some(Transaction::default());
                Ok(())
            }
            NodeCommand::Discard => {
                session.transaction = None;
                Ok(())
            }
            NodeCommand::Exec => {
                let transaction = session.transaction.take().ok_or("EXEC without MULTI")?;
                if transaction.failed {
                    return self.pass_over("exec", exec_abort().to_string());
                }
                let queued = transaction.commands;
                if let Some(log) = &mut self.disk.aof.log {
                    log.writer.multi(session.db);
                }
                let applied = queued.iter().try_for_each(|(command, args)| {
                    let begun = Instant::now();
                    let applied = self.apply(session, command, &args.args());
                    self.figures.stats.commands += 1;
                    if !session.is_file() {
                        self.account(command, 1, begun.elapsed(), &session.client, &args.args());
                    }
                    applied
                });
                if let Some(log) = &mut self.disk.aof.log {
                    log.writer.exec();
                }
                applied
            }
            other => Err(format!("{other:?} does not belong into a replication stream")),
        }
    }
}
