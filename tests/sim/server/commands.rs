//! Clients' commands: the checks before one, what it leaves behind it, MULTI and WAIT.

use std::time::Duration;

use repliscope::commands::{CmdError, Command, Flags, NodeCommand, Run, check};
use repliscope::protocol::{Args, OwnedArgs};
use repliscope::replication::{ReplOffset, Unit, WaitDone, encode_command};

use super::Server;
use super::apply::database;
use crate::env::{Answer, Env};

/// What a client has selected and queued.
#[derive(Debug, Default)]
pub struct Session {
    pub client: usize,
    pub db: usize,
    pub transaction: Option<Vec<(&'static Command, OwnedArgs)>>,
    pub failed: bool,
    /// Offset after its last write: what WAIT waits for.
    pub last_write: ReplOffset,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The reply, as it goes over the wire.
    Reply(Vec<u8>),
    /// It waits for replicas.
    Waits,
    /// FAILOVER holds it back: it is to be sent again.
    Held,
}

impl Verdict {
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Reply(reply) if reply.first() == Some(&b'-'))
    }
}

impl Server {
    /// Executes one request of a client, or queues it, or refuses it.
    pub fn request(&mut self, env: &mut Env, session: &mut Session, parts: &[&[u8]]) -> Verdict {
        let owned = OwnedArgs::from_parts(parts.iter().copied());
        let args = owned.args();
        let before = self.history.offset();
        let verdict = match self.execute(env, session, &args) {
            Ok(verdict) => verdict,
            Err(error) => {
                if let Some(queued) = &session.transaction {
                    session.failed |= !queued.is_empty() || !args.is(0, "exec");
                }
                Verdict::Reply(format!("-{error}\r\n").into_bytes())
            }
        };
        if self.is_replica() {
            env.checks.replicas.answered(self, before, &verdict);
        }
        verdict
    }

    fn execute(
        &mut self,
        env: &mut Env,
        session: &mut Session,
        args: &Args<'_>,
    ) -> Result<Verdict, CmdError> {
        let command = check(args)?;
        let queued = session.transaction.as_deref().unwrap_or_default();
        let is_exec = matches!(command.run, Run::Node(NodeCommand::Exec));
        let queue_writes = queued.iter().any(|(command, _)| command.flags.has(Flags::WRITE));
        let writes = command.flags.has(Flags::WRITE) || (is_exec && queue_writes);
        if writes {
            if let Some(error) = self.log.as_ref().and_then(|log| log.failure.clone()) {
                return Err(CmdError::from(format!("MISCONF Errors writing to the AOF file: {error}")));
            }
            if self.is_replica() {
                return Err(CmdError::text("READONLY You can't write against a read only replica."));
            }
        }
        let joins =
            !matches!(command.run, Run::Node(NodeCommand::Exec | NodeCommand::Multi | NodeCommand::Discard));
        if let Some(queue) = &mut session.transaction
            && joins
        {
            queue.push((command, args.to_owned_args()));
            return Ok(Verdict::Reply(b"+QUEUED\r\n".to_vec()));
        }
        if writes && self.is_paused() {
            return Ok(Verdict::Held);
        }
        match command.run {
            Run::Data(_) => self.call(env, session, command, args),
            Run::Node(NodeCommand::Select) => {
                session.db = database(args).ok_or(CmdError::DbOutOfRange)?;
                Ok(Verdict::Reply(b"+OK\r\n".to_vec()))
            }
            Run::Node(NodeCommand::Multi) => {
                session.transaction = Some(Vec::new());
                session.failed = false;
                Ok(Verdict::Reply(b"+OK\r\n".to_vec()))
            }
            Run::Node(NodeCommand::Exec) => self.exec(env, session),
            Run::Node(NodeCommand::Wait) => self.wait(env, session, args),
            _ => Err(CmdError::text("ERR not simulated")),
        }
    }

    fn exec(&mut self, env: &mut Env, session: &mut Session) -> Result<Verdict, CmdError> {
        let queued = session.transaction.take().ok_or(CmdError::text("ERR EXEC without MULTI"))?;
        if std::mem::take(&mut session.failed) {
            return Err(CmdError::text("EXECABORT Transaction discarded because of previous errors."));
        }
        let mut reply = format!("*{}\r\n", queued.len()).into_bytes();
        self.collected = Some(Vec::new());
        for (command, args) in &queued {
            match self.call(env, session, command, &args.args()) {
                Ok(Verdict::Reply(bytes)) => reply.extend_from_slice(&bytes),
                Ok(_) => {}
                Err(error) => reply.extend_from_slice(format!("-{error}\r\n").as_bytes()),
            }
        }
        let collected = self.collected.take().unwrap_or_default();
        if !collected.is_empty() {
            self.streams().0.collected(&collected);
            session.last_write = self.history.offset();
        }
        Ok(Verdict::Reply(reply))
    }

    /// Runs one command and sends what it changed into the stream.
    fn call(
        &mut self,
        env: &mut Env,
        session: &mut Session,
        command: &Command,
        args: &Args<'_>,
    ) -> Result<Verdict, CmdError> {
        let Run::Data(run) = command.run else { return Err(CmdError::text("ERR not simulated")) };
        if matches!(command.name, "flushdb" | "flushall" | "swapdb") {
            env.checks.waited_for.flushed();
        }
        self.effects.clear();
        let mut replies = std::mem::take(&mut self.replies);
        let ran = run(&mut self.ctx(env, session.db, &mut replies), args);
        let reply = replies.take();
        self.replies = replies;
        if self.effects.has_any() && self.effects.streaming {
            let parts: Vec<&[u8]> = args.from(0).collect();
            self.propagate(session.db, &parts);
            session.last_write = self.history.offset();
        }
        ran.map(|()| Verdict::Reply(reply))
    }

    fn propagate(&mut self, db: usize, parts: &[&[u8]]) {
        if let Some(collected) = &mut self.collected {
            collected.extend(self.effects.sent().map(|(db, command)| (db, command.to_vec())));
            if self.effects.sends_itself() {
                collected.push((db, encode_command(parts)));
            }
            return;
        }
        let (mut streams, effects) = self.streams();
        streams.effects(effects, db, parts, Unit::Together);
    }

    /// `WAIT numreplicas timeout`
    fn wait(&mut self, env: &Env, session: &Session, args: &Args<'_>) -> Result<Verdict, CmdError> {
        if self.is_replica() {
            return Err(CmdError::text("ERR WAIT cannot be used with replica instances."));
        }
        let number =
            |at: usize| std::str::from_utf8(args.get(at)).ok().and_then(|text| text.parse::<u64>().ok());
        let replicas = number(1).ok_or(CmdError::NotAnInteger)? as usize;
        let timeout = Duration::from_millis(number(2).ok_or(CmdError::NotAnInteger)?);
        let acked = self.count_acked(session.last_write);
        if acked >= replicas {
            return Ok(Verdict::Reply(format!(":{acked}\r\n").into_bytes()));
        }
        let deadline = self.since_start(env) + timeout;
        self.waits.add(session.client, session.last_write, replicas, Some(deadline));
        self.awaited.insert(session.client, session.last_write);
        if self.waits.take_ask()
            && let Some(backlog) = &mut self.backlog
        {
            self.writer.get_ack(&mut self.history, backlog);
        }
        Ok(Verdict::Waits)
    }

    /// A WAIT has ended with this count.
    pub(super) fn wait_done(&mut self, env: &mut Env, done: WaitDone<usize>) {
        let offset = self.awaited.remove(&done.who).unwrap_or(0);
        let acked = self.count_acked(offset);
        if acked != done.acked {
            let text = format!("WAIT answers {}, but {acked} have acknowledged {offset}", done.acked);
            env.checks.verdicts.fail("I7", &text);
        }
        let by = self.acked_by(env, offset);
        env.answers.push((done.who, Answer::Acked(by)));
    }

    /// Puts a command into the stream that no replica can execute, as a faulty master would.
    pub fn send_bad_command(&mut self, in_multi: bool) -> bool {
        if self.is_replica() || self.backlog.is_none() {
            return false;
        }
        let write = encode_command(&[b"SET", b"x:poison", b"1"]);
        let bad = encode_command(&[b"NOSUCHCOMMAND", b"x"]);
        let Some(backlog) = &mut self.backlog else { return false };
        let (history, writer) = (&mut self.history, &mut self.writer);
        if in_multi {
            writer.multi(history, backlog, 0);
            writer.encoded(history, backlog, 0, &write);
            writer.encoded(history, backlog, 0, &encode_command(&[b"LPUSH", b"x:poison", b"1"]));
            writer.exec(history, backlog);
        } else {
            writer.encoded(history, backlog, 0, &bad);
        }
        true
    }
}
