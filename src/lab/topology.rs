//! Who follows whom: promotion, REPLICAOF, and the links between nodes.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_local};
use tokio::time::{Instant, sleep};

use super::client::{RespClient, text};
use super::lab::Lab;
use super::member::Run;
use super::refusal::{Done, Refusal};
use super::{Event, NodeId, NoticeLevel, PromotionStep};
use crate::node::{FaultKind, pulse};
use crate::protocol::frame::{Frame, FrameLimits};

/// How long a node may take to carry out an order; a frozen one never does.
const ORDER_WITHIN: Duration = Duration::from_secs(2);

/// How long a promoted node may take to accept a write.
const WRITABLE_WITHIN: Duration = Duration::from_secs(5);

/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(5);

/// What tests whether writes are accepted: DEL of a key that does not exist. It passes or fails every check of a
/// write (READONLY, NOREPLICAS, MISCONF, CLIENT PAUSE), changes nothing, and adds no byte to the stream.
const WRITE_PROBE: [&str; 2] = ["DEL", "repliscope:promotion:probe"];

impl Lab {
    pub(super) fn promote(self: &Rc<Self>, node: NodeId) -> Done {
        self.with_member(node, |member| match member.run {
            Run::Off | Run::Stopping => {
                Err(Refusal::error(node, format!("{node} does not run: start it, then promote it")))
            }
            _ if member.frozen => {
                Err(Refusal::error(node, format!("{node} is frozen: thaw it, then promote it")))
            }
            _ if member.is_master() => Err(Refusal::already(node, format!("{node} is a master already"))),
            Run::Starting | Run::Up => Ok(()),
        })?;
        let mut state = self.state.borrow_mut();
        if let Some(other) = state.promoting {
            return Err(Refusal::error(node, format!("{other} is being promoted: wait for the end of it")));
        }
        state.promoting = Some(node);
        drop(state);
        let (lab, asked) = (Rc::clone(self), Instant::now());
        spawn_local(async move {
            lab.run_promotion(node, asked).await;
            let mut state = lab.state.borrow_mut();
            if state.promoting == Some(node) {
                state.promoting = None;
            }
        });
        Ok(())
    }

    async fn run_promotion(self: &Rc<Self>, node: NodeId, asked: Instant) {
        let Some((addr, old)) = self.addr_and_master(node) else { return };
        let cluster = self.state.borrow().cluster;
        let ordered = order(addr, &["REPLICAOF", "NO", "ONE"]).await;
        if !self.is_still(cluster) {
            return; // node names now mean others
        }
        if let Err(why) = ordered {
            self.promotion_failed(node, asked, &format!("{node} was not promoted: {why}"));
            return;
        }
        self.step(node, asked, PromotionStep::Promoted);
        self.update(node, |member| (member.master, member.outside) = (None, false));
        self.state.borrow_mut().leader = Some(node);
        let followers = self.hand_over(node, old);
        self.refresh_targets();

        // Both at once: a master with min-replicas accepts no write before its replicas are back.
        let mut steps = JoinSet::new();
        for (follower, follower_addr) in followers {
            let lab = Rc::clone(self);
            steps.spawn_local(async move {
                if lab.reparent(follower, follower_addr, node).await {
                    lab.step(node, asked, PromotionStep::Reparented(follower));
                }
            });
        }
        let lab = Rc::clone(self);
        steps.spawn_local(async move {
            match first_write(addr).await {
                Ok(()) => lab.step(node, asked, PromotionStep::Writable),
                Err(why) => {
                    let text = format!("{node} is a master but accepts no writes: {why}");
                    lab.promotion_failed(node, asked, &text);
                }
            }
        });
        steps.join_all().await;
        self.rewrite_config(node, addr).await;
    }

    /// The cluster that an order was given to still runs.
    fn is_still(&self, cluster: u64) -> bool {
        let state = self.state.borrow();
        state.cluster == cluster && state.ending.is_none() && !state.closing
    }

    fn addr_and_master(&self, node: NodeId) -> Option<(SocketAddr, Option<NodeId>)> {
        let state = self.state.borrow();
        state.members.get(&node).map(|member| (member.addr(), member.master))
    }

    fn step(&self, node: NodeId, asked: Instant, step: PromotionStep) {
        self.recorder.record(Event::Promotion { node, step, after: asked.elapsed() });
    }

    fn promotion_failed(&self, node: NodeId, asked: Instant, text: &str) {
        self.step(node, asked, PromotionStep::Failed(text.to_owned()));
        self.recorder.notice(
            NoticeLevel::Error,
            Some(node),
            format!("{text}. Look at its log, then try again"),
        );
    }

    /// Everyone who followed the old master, and the old master itself, is to follow the new one. Gives back who
    /// can be told now; who is stopped hears it at its start, who is frozen when it thaws.
    fn hand_over(&self, new: NodeId, old: Option<NodeId>) -> Vec<(NodeId, SocketAddr)> {
        let Some(old) = old else { return Vec::new() };
        let mut now = Vec::new();
        for member in self.state.borrow_mut().members.values_mut() {
            let orphan = member.master == Some(old);
            // Two masters would both take writes. An old master that itself follows someone just goes on.
            let rival = member.id == old && member.is_master();
            if member.id == new || !(orphan || rival) {
                continue;
            }
            if matches!(member.run, Run::Off | Run::Stopping) {
                (member.master, member.outside, member.deposed) = (Some(new), false, true);
            } else if member.frozen {
                member.owed = Some(new);
            } else {
                now.push((member.id, member.addr()));
            }
        }
        now
    }

    /// Makes a running node follow another; on failure the debt is kept and told.
    async fn reparent(&self, node: NodeId, addr: SocketAddr, master: NodeId) -> bool {
        let Some(port) = self.state.borrow().port_of(Some(master)) else { return false };
        let cluster = self.state.borrow().cluster;
        match order(addr, &["REPLICAOF", "127.0.0.1", &port.to_string()]).await {
            _ if !self.is_still(cluster) => false,
            Ok(()) => {
                self.update(node, |member| {
                    (member.master, member.outside, member.owed) = (Some(master), false, None);
                });
                self.refresh_targets();
                self.rewrite_config(node, addr).await;
                true
            }
            Err(why) => {
                self.update(node, |member| member.owed = Some(master));
                let text =
                    format!("{node} could not be told to follow {master}: {why}. It is told when it is back");
                self.recorder.notice(NoticeLevel::Warning, Some(node), text);
                false
            }
        }
    }

    /// Pays what a node is owed, now that it can listen again.
    pub(super) fn settle(self: &Rc<Self>, node: NodeId) {
        let debt = {
            let mut state = self.state.borrow_mut();
            let member = state.members.get_mut(&node).filter(|member| member.can_listen());
            member.and_then(|member| Some((member.owed.take()?, member.addr())))
        };
        let Some((master, addr)) = debt else { return };
        let lab = Rc::clone(self);
        spawn_local(async move {
            if lab.reparent(node, addr, master).await {
                let text = format!("{node} is back and follows {master}, which took over meanwhile");
                lab.recorder.notice(NoticeLevel::Info, Some(node), text);
            }
        });
    }

    pub(super) fn replica_of(self: &Rc<Self>, node: NodeId, master: NodeId) -> Done {
        if node == master {
            return Err(Refusal::error(node, format!("{node} cannot follow itself")));
        }
        self.with_member(master, |_| Ok(()))?;
        let chain = self.state.borrow().chain(master);
        let addr = self.with_member(node, |member| {
            if chain.contains(&node) {
                let text = format!(
                    "{master} follows {node} already, so {node} cannot follow it: promote {master} first"
                );
                return Err(Refusal::error(node, text));
            }
            if member.master == Some(master) && member.owed.is_none() {
                return Err(Refusal::already(node, format!("{node} follows {master} already")));
            }
            if member.frozen {
                let text = format!("{node} is frozen and hears nothing: thaw it first");
                return Err(Refusal::error(node, text));
            }
            if matches!(member.run, Run::Off | Run::Stopping) {
                (member.master, member.outside, member.owed) = (Some(master), false, None);
                return Err(Refusal::already(
                    node,
                    format!("{node} does not run: it follows {master} once it starts"),
                ));
            }
            Ok(member.addr())
        })?;
        let lab = Rc::clone(self);
        spawn_local(async move {
            lab.reparent(node, addr, master).await;
        });
        Ok(())
    }

    /// The node says that it is a master.
    pub(super) fn on_master(&self, node: NodeId) {
        // What was wrong with its link is gone with the link.
        self.faults_lost(node, FaultKind::is_of_link);
        let mut state = self.state.borrow_mut();
        let Some(member) = state.members.get_mut(&node) else { return };
        let old = member.master.take();
        let was_replica = old.is_some() || member.outside;
        member.outside = false;
        let leader = state.leader.and_then(|leader| state.members.get(&leader));
        let leaderless = leader.is_none_or(|leader| leader.run != Run::Up || leader.id == node);
        if !was_replica || !leaderless || state.promoting == Some(node) {
            return;
        }
        // Someone typed REPLICAOF NO ONE while the master was down: it took over as by a promotion, only that
        // whoever typed it also decides what the other replicas do.
        state.leader = Some(node);
        if let Some(old) = old.and_then(|old| state.members.get_mut(&old))
            && old.is_master()
            && matches!(old.run, Run::Off | Run::Stopping)
        {
            (old.master, old.deposed) = (Some(node), true);
        }
    }

    /// The node says whom it follows.
    pub(super) fn on_replica(&self, node: NodeId, host: &str, port: u16) {
        let mut state = self.state.borrow_mut();
        let here = ["127.0.0.1", "localhost", "::1"].contains(&host);
        let master = state.by_port(port).filter(|master| here && *master != node);
        let Some(member) = state.members.get_mut(&node) else { return };
        (member.master, member.outside) = (master, master.is_none());
        if state.leader == Some(node) {
            let top = state.chain(node).last().copied().filter(|top| *top != node);
            state.leader = top.or(state.leader);
        }
    }

    /// Lets redis.conf say what holds now, so that the node also comes back right when started by hand.
    async fn rewrite_config(&self, node: NodeId, addr: SocketAddr) {
        if let Err(why) = order(addr, &["CONFIG", "REWRITE"]).await {
            let text = format!("{node} could not write its redis.conf: {why}");
            self.recorder.notice(NoticeLevel::Warning, Some(node), text);
        }
    }
}

/// Sends one command on a connection of its own; a node that is just starting is waited for.
async fn order(addr: SocketAddr, args: &[&str]) -> Result<(), String> {
    let deadline = pulse::awake() + ORDER_WITHIN;
    loop {
        let left = deadline.saturating_sub(pulse::awake());
        match RespClient::connect(addr, FrameLimits::default(), left).await {
            Ok(mut client) => {
                return match client.call(args, ORDER_WITHIN).await {
                    Ok(Frame::Error(error)) => Err(text(&error)),
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.to_string()),
                };
            }
            Err(error) if pulse::awake() >= deadline => return Err(error.to_string()),
            Err(_) => sleep(RETRY).await,
        }
    }
}

/// Waits until the node accepts a write.
async fn first_write(addr: SocketAddr) -> Result<(), String> {
    let deadline = pulse::awake() + WRITABLE_WITHIN;
    let mut client = RespClient::connect(addr, FrameLimits::default(), ORDER_WITHIN)
        .await
        .map_err(|error| error.to_string())?;
    loop {
        let left = deadline.saturating_sub(pulse::awake());
        match client.call(&WRITE_PROBE, left).await {
            Ok(Frame::Error(error)) if pulse::awake() >= deadline => return Err(text(&error)),
            Ok(Frame::Error(_)) => sleep(RETRY).await,
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
}
