//! Whether a command may run now: the checks before it, in Redis' order.

use std::time::Duration;

use crate::commands::{CmdError, CmdResult, Command, Flags, NodeCommand, Run};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::Session;
use crate::node::config::ProtectedAction;
use crate::node::disk::loading::LOADING;
use crate::node::keys::eviction::{OUT_OF_MEMORY, Room};
use crate::node::messages::pubsub::serves_subscribers;
use crate::node::node::Node;

/// How long a held-back write waits before it looks again by itself.
const HELD_BACK: Duration = Duration::from_secs(1);

impl Node {
    /// The checks before a command, in Redis' order.
    pub(super) fn admit(&mut self, session: &Session, command: &Command) -> CmdResult {
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
        let link_down = self.replication.upstream.as_ref().is_some_and(|upstream| !upstream.is_up());
        if link_down && !self.config.replica_serve_stale_data && lacks(session, command, Flags::STALE) {
            return Err(CmdError::text(
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            ));
        }
        if (self.is_loading() && lacks(session, command, Flags::LOADING))
            || (command.flags.has(Flags::NO_ASYNC_LOADING) && self.is_swapping())
        {
            return Err(LOADING);
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
        if self.config.stop_writes_on_bgsave_error && !self.config.save.is_empty() && !self.disk.save.last_ok
        {
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
        let is_master = self.replication.upstream.is_none();
        if is_master && !self.enough_good_replicas() {
            return Err(CmdError::text("NOREPLICAS Not enough good replicas to write."));
        }
        if !is_master && self.config.replica_read_only && session.client.kind.get() != ClientKind::Master {
            return Err(CmdError::text("READONLY You can't write against a read only replica."));
        }
        Ok(())
    }

    /// How long this command has to wait because clients are paused.
    pub(super) fn paused_for(&mut self, session: &Session, command: &Command) -> Option<Duration> {
        let now = self.clock.since_start();
        if self.clients.pause.is_some_and(|pause| pause.until <= now) {
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
            .clients
            .pause
            .filter(|pause| !pause.writes_only || writes)
            .map(|pause| pause.until.saturating_sub(now));
        // What else holds writes back ends them by a call.
        let held_back = (writes && self.holds_writes_back()).then_some(HELD_BACK);
        if exempt { None } else { all.max(held_back) }
    }
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
