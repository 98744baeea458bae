//! The replica's side of a stream: executes, counts and passes on, as the node's `apply` does.

use repliscope::commands::{Command, ExpiryMode, NodeCommand, Run, check};
use repliscope::protocol::{Args, Body, Limits};
use repliscope::replication::LinkEvent;

use super::{DATABASES, MINE, Server};
use crate::env::Env;
use crate::mutant::Mutant;

/// How the application of the stream went.
type Applying = Result<(), String>;

impl Server {
    /// Applies whole commands from the front of the buffer.
    pub(super) fn apply_buffer(&mut self, env: &mut Env) -> Applying {
        let Some(upstream) = &mut self.upstream else { return Ok(()) };
        let mut buffer = std::mem::take(&mut upstream.buffer);
        let mut decoder = std::mem::take(&mut upstream.decoder);
        let limits = Limits::of_server(512 << 20);
        if env.is(Mutant::AckEarly) && !buffer.is_empty() {
            let offset = self.history.offset() + buffer.len() as u64;
            let ack = repliscope::replication::encode_command(&[
                b"REPLCONF",
                b"ACK",
                offset.to_string().as_bytes(),
            ]);
            if let Some(conn) = self.upstream.as_ref().and_then(|upstream| upstream.conn) {
                env.checks.acks.sent(self.life.node, &ack, self.history.offset());
                env.send(conn, MINE, &ack);
            }
        }
        let mut result = Ok(());
        loop {
            let request = match decoder.next(&buffer, &limits) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) => {
                    result = Err(format!("protocol error: {error}"));
                    break;
                }
            };
            let applied = match &request.body {
                Body::Inline(_) => Err("an inline command".to_owned()),
                Body::Spans { first, count } => {
                    let args = Args::new(&buffer, &decoder.spans()[*first..*first + *count]);
                    let bytes = &buffer[request.start..request.end];
                    self.apply_one(env, &args, bytes)
                        .map_err(|reason| format!("'{}': {reason}", args.name().escape_ascii()))
                }
            };
            if applied.is_err() {
                result = applied;
                break;
            }
        }
        let consumed = decoder.consume();
        buffer.drain(..consumed);
        if let Some(upstream) = &mut self.upstream {
            (upstream.buffer, upstream.decoder) = (buffer, decoder);
        }
        result
    }

    /// Executes one command, counts it and passes it on.
    fn apply_one(&mut self, env: &mut Env, args: &Args<'_>, bytes: &[u8]) -> Applying {
        let command = check(args).map_err(|error| error.to_string())?;
        self.apply(env, command, args)?;
        let now = self.since_start(env);
        let Some(upstream) = &mut self.upstream else { return Ok(()) };
        let mut actions = Vec::new();
        if args.is(0, "replconf") && args.is(1, "getack") {
            // The answer excludes the bytes of the question.
            upstream.link.on_event(now, LinkEvent::GetAck, &mut actions);
        }
        let applied = upstream.applied.command(&[args.get(0), args.get(1)], bytes.len() as u64);
        if applied > 0 {
            upstream.link.on_event(now, LinkEvent::Applied(applied), &mut actions);
        }
        if let Some(backlog) = &mut self.backlog {
            upstream.relay.pass_on(
                &mut self.history,
                backlog,
                bytes,
                if applied > 0 { bytes.len() } else { 0 },
            );
        }
        if applied > 0 {
            env.checks.durable.executed(self);
            env.checks.observe(env.now, self);
        }
        for action in actions {
            self.perform(env, action);
        }
        Ok(())
    }

    fn apply(&mut self, env: &mut Env, command: &'static Command, args: &Args<'_>) -> Applying {
        let Some(upstream) = &mut self.upstream else { return Ok(()) };
        if let Some(transaction) = &mut upstream.transaction
            && !matches!(command.run, Run::Node(NodeCommand::Exec | NodeCommand::Discard))
        {
            transaction.push((command, args.to_owned_args()));
            return Ok(());
        }
        match command.run {
            Run::Data(_) => {
                let db = upstream.db;
                upstream.last = Some((db, (command, args.to_owned_args())));
                self.run_applied(env, db, command, args)
            }
            Run::Node(NodeCommand::Multi) => {
                upstream.transaction = Some(Vec::new());
                Ok(())
            }
            Run::Node(NodeCommand::Discard) => {
                upstream.transaction = None;
                Ok(())
            }
            Run::Node(NodeCommand::Exec) => {
                let queued = upstream.transaction.take().ok_or("EXEC without MULTI")?;
                let db = upstream.db;
                if let Some(log) = &mut self.log {
                    log.writer.multi(db);
                }
                let applied =
                    queued.iter().try_for_each(|(command, args)| self.apply(env, command, &args.args()));
                if let Some(log) = &mut self.log {
                    log.writer.exec();
                }
                applied
            }
            Run::Node(NodeCommand::Select) => {
                upstream.db = database(args).ok_or("no such database")?;
                Ok(())
            }
            Run::Describe(_) | Run::Node(NodeCommand::Ping | NodeCommand::Replconf) => Ok(()),
            Run::Node(other) => Err(format!("{other:?} does not belong into a replication stream")),
            Run::Container(_) => Err("a container without subcommand".to_owned()),
        }
    }

    /// Executes a data command that came from a master or a file, as it came.
    pub(super) fn run_applied(
        &mut self,
        env: &Env,
        db: usize,
        command: &Command,
        args: &Args<'_>,
    ) -> Applying {
        let Run::Data(run) = command.run else { return Ok(()) };
        self.effects.clear();
        let mut replies = std::mem::take(&mut self.replies);
        let mut ctx = self.ctx(env, db, &mut replies);
        if !env.is(Mutant::ExpireOnReplica) {
            ctx.expiry = ExpiryMode::Visible;
        }
        let ran = run(&mut ctx, args).map_err(|error| error.to_string());
        replies.truncate(0);
        self.replies = replies;
        ran?;
        if self.effects.dirty > 0
            && let Some(log) = &mut self.log
        {
            let parts: Vec<&[u8]> = args.from(0).collect();
            log.writer.command(db, &parts);
        }
        Ok(())
    }
}

/// The database that SELECT names.
pub(super) fn database(args: &Args<'_>) -> Option<usize> {
    std::str::from_utf8(args.get(1)).ok()?.parse().ok().filter(|db| *db < DATABASES)
}
