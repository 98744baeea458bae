//! FAILOVER: a master hands its role to a replica that has everything, and follows it.

use std::time::Duration;

use crate::commands::{ArgCursor, CmdError, CmdResult};
use crate::node::clients::session::Session;
use crate::node::event::{FailoverPhase, NodeEvent};
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};
use crate::replication::{Failover, FailoverStep};

/// What FAILOVER asks for.
#[derive(Debug, Default)]
struct Request {
    target: Option<(String, i64)>,
    timeout: Option<Duration>,
    force: bool,
}

impl Request {
    fn parse(args: &Args<'_>) -> CmdResult<Self> {
        let mut request = Self::default();
        let mut words = ArgCursor::new(args, 1);
        while words.has_more() {
            if request.timeout.is_none()
                && let Some(millis) = words.integer("TIMEOUT")?
            {
                let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0);
                let millis = millis.ok_or(CmdError::text("ERR FAILOVER timeout must be greater than 0"))?;
                request.timeout = Some(Duration::from_millis(millis));
            } else if request.target.is_none()
                && let Some([host, port]) = words.option("TO")
            {
                let port = strict_i64(port).ok_or(CmdError::NotAnInteger)?;
                request.target = Some((String::from_utf8_lossy(host).into_owned(), port));
            } else if !request.force && words.flag("FORCE") {
                request.force = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(request)
    }
}

impl Node {
    /// `FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]`
    pub(super) fn failover_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        if args.len() == 2 && args.is(1, "abort") {
            if self.replication.failover.is_none() {
                return Err(CmdError::text("ERR No failover in progress."));
            }
            self.abort_failover("Failover manually aborted");
            session.out.ok();
            return Ok(Flow::Next);
        }
        let request = Request::parse(args)?;
        if self.replication.failover.is_some() {
            return Err(CmdError::text("ERR FAILOVER already in progress."));
        }
        if self.replication.upstream.is_some() {
            return Err(CmdError::text("ERR FAILOVER is not valid when server is a replica."));
        }
        if self.replication.feeds.is_empty() {
            return Err(CmdError::text("ERR FAILOVER requires connected replicas."));
        }
        if request.force && (request.timeout.is_none() || request.target.is_none()) {
            return Err(CmdError::text(
                "ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
            ));
        }
        let target = request.target.map(|(host, port)| self.failover_target(host, port)).transpose()?;
        self.notice(match &target {
            Some((host, port)) => format!("FAILOVER requested to {host}:{port}."),
            None => "FAILOVER requested to any replica.".to_owned(),
        });
        let deadline = request.timeout.map(|timeout| self.clock.since_start() + timeout);
        self.emit(NodeEvent::Failover(FailoverPhase::WaitingForSync { target: target.clone() }));
        self.replication.failover = Some(Failover::new(target, deadline, request.force));
        session.out.ok();
        Ok(Flow::Next)
    }

    fn failover_target(&self, host: String, port: i64) -> CmdResult<(String, u16)> {
        let found = u16::try_from(port).ok().and_then(|port| {
            let feed =
                self.replication.feeds.values().find(|feed| feed.ip() == host && feed.port() == port)?;
            Some((feed.core.is_online(), port))
        });
        match found {
            None => Err(CmdError::text("ERR FAILOVER target HOST and PORT is not a replica.")),
            Some((false, _)) => Err(CmdError::text("ERR FAILOVER target replica is not online.")),
            Some((true, port)) => Ok((host, port)),
        }
    }

    /// Ten times a second.
    pub(in crate::node) fn tick_failover(&mut self) {
        let Some(failover) = &mut self.replication.failover else { return };
        let offset = self.replication.history.offset();
        let caught_up: Vec<(String, u16)> = self
            .replication
            .feeds
            .values()
            .filter(|feed| feed.core.is_online() && feed.core.has_acked(offset))
            .map(|feed| (feed.ip(), feed.port()))
            .collect();
        match failover.on_tick(self.clock.since_start(), &caught_up) {
            None => {}
            Some(FailoverStep::GiveUp) => self.abort_failover("Replica never caught up before timeout"),
            Some(FailoverStep::Follow { target: (host, port), forced }) => {
                self.notice(if forced {
                    format!("FAILOVER to {host}:{port} time out exceeded, failing over.")
                } else {
                    format!("Failover target {host}:{port} is synced, failing over.")
                });
                self.emit(NodeEvent::Failover(FailoverPhase::InProgress {
                    target: (host.clone(), port),
                    forced,
                }));
                self.follow(host, port);
            }
        }
    }

    /// The target has taken over: what was held back is answered as a replica answers it.
    pub(super) fn finish_failover(&mut self) {
        if self.replication.failover.take().is_some() {
            self.emit(NodeEvent::Failover(FailoverPhase::Done));
            self.clients.unpause.notify_waiters();
        }
    }

    /// The target refuses to take over.
    pub(super) fn failover_refused(&mut self) {
        if self.replication.failover.as_ref().is_some_and(Failover::is_in_progress) {
            self.abort_failover("Failover target rejected psync request");
        }
    }

    /// Goes on as master.
    fn abort_failover(&mut self, reason: &str) {
        let Some(failover) = self.replication.failover.take() else { return };
        self.notice(match failover.target() {
            Some((host, port)) => format!("FAILOVER to {host}:{port} aborted: {reason}"),
            None => format!("FAILOVER to any replica aborted: {reason}"),
        });
        self.emit(NodeEvent::Failover(FailoverPhase::Aborted { reason: reason.to_owned() }));
        if failover.is_in_progress() {
            self.promote();
        }
        self.clients.unpause.notify_waiters();
    }
}
