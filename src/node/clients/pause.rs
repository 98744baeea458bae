//! CLIENT PAUSE, and whatever else holds writes back.

use std::time::Duration;

use crate::commands::{CmdError, CmdResult};
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};

/// Which clients wait until CLIENT PAUSE ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct Pause {
    pub(in crate::node) until: Duration,
    pub(in crate::node) writes_only: bool,
}

impl Node {
    pub(super) fn client_pause(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let writes_only = match args.len() {
            3 => false,
            4 if args.is(3, "write") => true,
            4 if args.is(3, "all") => false,
            4 => return Err(CmdError::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
            _ => return Err(CmdError::Syntax),
        };
        let millis =
            strict_i64(args.get(2)).ok_or(CmdError::text("ERR timeout is not an integer or out of range"))?;
        let millis = u64::try_from(millis).map_err(|_| CmdError::text("ERR timeout is negative"))?;
        let until = self.clock.since_start().saturating_add(Duration::from_millis(millis));
        // A pause is never shortened or weakened by another one.
        let before = self.clients.pause.filter(|pause| pause.until > self.clock.since_start());
        self.clients.pause = Some(Pause {
            until: before.map_or(until, |pause| pause.until.max(until)),
            writes_only: writes_only && before.is_none_or(|pause| pause.writes_only),
        });
        session.out.ok();
        Ok(Flow::Next)
    }

    /// Nothing may change now: CLIENT PAUSE, or the role is being handed over.
    #[inline]
    pub(in crate::node) fn is_paused(&self) -> bool {
        self.holds_writes_back()
            || self.clients.pause.is_some_and(|pause| pause.until > self.clock.since_start())
    }

    /// CLIENT PAUSE is over: for clients, and for the stream of the master.
    pub(in crate::node) fn end_pause(&mut self) {
        self.clients.pause = None;
        self.clients.unpause.notify_waiters();
        if let Some(upstream) = &self.replication.upstream {
            upstream.wake();
        }
    }

    /// Writes wait until it is clear who is master, or whether the node ends.
    #[inline]
    pub(in crate::node) fn holds_writes_back(&self) -> bool {
        self.replication.failover.is_some() || self.replication.shutdown.is_some()
    }
}
