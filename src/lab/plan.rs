//! A cluster as a whole: planned, started, extended, ended.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::Instant;

use super::folder::NodeFolder;
use super::lab::Lab;
use super::lifecycle::KILL_WITHIN;
use super::member::{Ending, Member, Run, State, plan};
use super::refusal::{Done, Refusal};
use super::{Event, NodeId, NodePlan, NoticeLevel, Preset, ports};
use crate::node::pulse;

/// Most nodes of one cluster.
const NODES_MAX: usize = 64;

/// How long nodes may take to end when the user ends the cluster; a large data set is saved meanwhile.
const END_WITHIN: Duration = Duration::from_secs(10);

/// How long after a start the same wish counts as a double click.
const DOUBLE_CLICK: Duration = Duration::from_secs(2);

impl Lab {
    pub(super) fn start_cluster(self: &Rc<Self>, preset: Preset, port: u16) -> Done {
        let count = plan(preset).len();
        if !(1..=NODES_MAX).contains(&count) {
            return Err(Refusal::error(None, format!("A cluster has 1 to {NODES_MAX} nodes, not {count}")));
        }
        let mut state = self.state.borrow_mut();
        if let Some(ending) = &mut state.ending {
            ending.next = Some((preset, port));
            return Ok(());
        }
        if let Some((same_preset, same_port, at)) = state.planned
            && (same_preset, same_port) == (preset, port)
            && at.elapsed() < DOUBLE_CLICK
            && state.members.values().any(|member| member.run != Run::Off)
        {
            return Err(Refusal::already(None, "This cluster is starting already"));
        }
        let held = state.held_ports();
        drop(state);
        if self.ports_are_free(preset, port, &held) {
            self.end_cluster(Some((preset, port)));
        }
        Ok(())
    }

    /// Probes the ports of a planned cluster, and tells those that are taken with an offer.
    fn ports_are_free(&self, preset: Preset, port: u16, held: &[u16]) -> bool {
        let count = plan(preset).len() as u16;
        let taken = ports::taken_ports(port, count, held);
        if taken.is_empty() {
            return true;
        }
        // Behind the end of the port numbers the search begins again where ordinary ports do.
        let offer = ports::next_free_block(port, count, held)
            .or_else(|| ports::next_free_block(1024, count, held))
            .unwrap_or(0);
        let taken = taken.into_iter().map(|taken| (taken.port, taken.holder)).collect();
        self.recorder.record(Event::PortsTaken { preset, taken, offer });
        false
    }

    pub(super) fn stop_cluster(self: &Rc<Self>) -> Done {
        let mut state = self.state.borrow_mut();
        if let Some(ending) = &mut state.ending {
            ending.next = None;
            return Ok(());
        }
        if state.members.is_empty() {
            return Err(Refusal::already(None, "No cluster runs"));
        }
        drop(state);
        self.end_cluster(None);
        Ok(())
    }

    /// Ends the cluster, if there is one, and then starts the next, if there is one.
    fn end_cluster(self: &Rc<Self>, next: Option<(Preset, u16)>) {
        if self.state.borrow().members.is_empty() {
            if let Some((preset, port)) = next {
                self.plan_cluster(preset, port);
            }
            return;
        }
        self.state.borrow_mut().ending = Some(Ending { next });
        let lab = Rc::clone(self);
        spawn_local(async move {
            lab.end_nodes(END_WITHIN).await;
            let next = lab.state.borrow_mut().ending.take().and_then(|ending| ending.next);
            if lab.state.borrow().closing {
                return; // the lab itself ends and tells so
            }
            lab.forget_cluster();
            if let Some((preset, port)) = next
                && lab.ports_are_free(preset, port, &[])
            {
                lab.plan_cluster(preset, port);
            }
            lab.refresh_targets();
        });
    }

    /// Drops all nodes, which have ended.
    pub(super) fn forget_cluster(&self) {
        let nodes: Vec<_> = self.state.borrow().members.keys().copied().collect();
        if nodes.is_empty() {
            return;
        }
        for node in nodes {
            self.faults_lost(node, |_| true);
        }
        let mut state = self.state.borrow_mut();
        state.members.clear();
        state.leader = None;
        state.planned = None;
        state.promoting = None;
        drop(state);
        self.recorder.record(Event::ClusterStopped);
    }

    fn plan_cluster(self: &Rc<Self>, preset: Preset, port: u16) {
        let id = |position: u16| NodeId(position + 1);
        let nodes: Vec<NodePlan> = plan(preset)
            .into_iter()
            .zip(0..)
            .map(|(master, n)| NodePlan { node: id(n), port: port + n, master: master.map(id) })
            .collect();
        for node in &nodes {
            let master_port = node.master.map(|NodeId(master)| port + master - 1);
            if let Err(refusal) = self.prepare_folder(node.node, node.port, master_port) {
                return self.recorder.notice(refusal.level, refusal.node, refusal.text);
            }
            if NodeFolder::new(&self.options.data_dir, node.port).has_data() {
                let text = format!("{} starts with the data that its folder holds", node.node);
                self.recorder.notice(NoticeLevel::Info, Some(node.node), text);
            }
        }
        let mut state = self.state.borrow_mut();
        state.cluster += 1;
        state.planned = Some((preset, port, Instant::now()));
        state.leader = Some(id(0));
        state.next_id = nodes.len() as u16 + 1;
        state.members = nodes.iter().map(|n| (n.node, Member::new(n.node, n.port, n.master))).collect();
        drop(state);
        let ids: Vec<_> = nodes.iter().map(|node| node.node).collect();
        self.recorder.record(Event::ClusterPlanned { preset, nodes });
        for node in ids {
            self.launch(node);
        }
    }

    fn prepare_folder(&self, node: NodeId, port: u16, master_port: Option<u16>) -> Done {
        let folder = NodeFolder::new(&self.options.data_dir, port);
        folder.prepare(self.options.keep_data, master_port).map_err(|error| {
            let place = folder.config_file();
            let text = format!(
                "{node} was not started: {} could not be written ({error}). Choose a folder that can be written",
                place.display()
            );
            Refusal::error(node, text)
        })
    }

    pub(super) fn add_node(self: &Rc<Self>, master: Option<NodeId>) -> Done {
        let state = self.state.borrow();
        if state.members.is_empty() || state.ending.is_some() {
            return Err(Refusal::error(None, "No cluster runs: start one first"));
        }
        if state.members.len() >= NODES_MAX {
            return Err(Refusal::error(None, format!("A cluster has at most {NODES_MAX} nodes")));
        }
        if let Some(master) = master.filter(|master| !state.members.contains_key(master)) {
            return Err(Refusal::error(master, format!("There is no node {master} to follow")));
        }
        let highest = state.members.values().map(|member| member.port).max().unwrap_or_default();
        let all: Vec<_> = state.members.values().map(|member| member.port).collect();
        let Some(port) = (highest..u16::MAX)
            .map(|port| port + 1)
            .take(1000)
            .find(|port| !all.contains(port) && ports::is_free(*port))
        else {
            return Err(Refusal::error(None, format!("No port after {highest} is free")));
        };
        let (node, master_port) = (NodeId(state.next_id), state.port_of(master));
        drop(state);
        self.prepare_folder(node, port, master_port)?;
        let mut state = self.state.borrow_mut();
        state.next_id += 1;
        state.members.insert(node, Member::new(node, port, master));
        drop(state);
        self.recorder.record(Event::NodeAdded(NodePlan { node, port, master }));
        self.launch(node);
        Ok(())
    }

    pub(super) fn remove_node(&self, node: NodeId) -> Done {
        self.with_member(node, |member| {
            if member.run == Run::Off {
                Ok(())
            } else {
                Err(Refusal::error(node, format!("{node} still runs: stop it first, then remove it")))
            }
        })?;
        let state = self.state.borrow();
        let follower =
            state.members.values().find(|member| member.master == Some(node) && member.run != Run::Off);
        if let Some(follower) = follower {
            let text = format!("{} follows {node}: make it follow another node first", follower.id);
            return Err(Refusal::error(node, text));
        }
        drop(state);
        self.faults_lost(node, |_| true);
        let mut state = self.state.borrow_mut();
        state.members.remove(&node);
        if state.leader == Some(node) {
            state.leader = state.members.values().find(|member| member.is_master()).map(|member| member.id);
        }
        let leader = state.leader;
        for member in state.members.values_mut() {
            member.owed = member.owed.filter(|owed| *owed != node);
            if member.master == Some(node) {
                // A stopped follower: as a master of its own it would come back beside the cluster's.
                member.master = leader;
                member.deposed = leader.is_some();
            }
        }
        drop(state);
        self.recorder.record(Event::NodeRemoved(node));
        Ok(())
    }

    /// Ends all nodes, replicas before their masters, and kills those that have not ended in time.
    pub(super) async fn end_nodes(self: &Rc<Self>, within: Duration) {
        let deadline = pulse::awake() + within;
        let mut waves = self.state.borrow().leaves_first();
        waves.reverse();
        while let Some(wave) = waves.pop() {
            for &node in &wave {
                self.ask_to_end(node);
            }
            let left = deadline.saturating_sub(pulse::awake());
            // A wave that hangs takes its share of the time, not that of its masters.
            let share = left / (waves.len() as u32 + 1);
            self.until(share, |state| wave.iter().all(|node| is_off(state, *node))).await;
        }
        let hung: Vec<_> = {
            let state = self.state.borrow();
            state.members.keys().copied().filter(|node| !is_off(&state, *node)).collect()
        };
        for &node in &hung {
            let text = format!("{node} did not end in good order and was killed");
            self.recorder.notice(NoticeLevel::Warning, Some(node), text);
            self.kill_handle(node);
        }
        let gone = |state: &State| hung.iter().all(|node| is_off(state, *node));
        if !self.until(KILL_WITHIN, gone).await {
            for node in hung {
                self.give_up(node);
            }
        }
        let reaping = std::mem::take(&mut self.state.borrow_mut().reaping);
        let all = async {
            for thread in reaping {
                let _ = thread.await; // a join that panicked has nothing to tell
            }
        };
        let _ = pulse::within(KILL_WITHIN, all).await;
    }
}

fn is_off(state: &State, node: NodeId) -> bool {
    state.members.get(&node).is_none_or(|member| member.run == Run::Off)
}
