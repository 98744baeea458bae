//! The lab's commands: what each wish of the user leads to, or why it cannot be fulfilled.
//!
//! Owns the cluster as a whole: planning, ending, adding, removing, console and workload. The life of a single node
//! is in `lifecycle`, who follows whom in `topology`. Nothing here waits: what takes time is a task.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout, timeout_at};

use super::console::{self, Line};
use super::folder::NodeFolder;
use super::lifecycle::NodeEvents;
use super::member::{Ending, Member, Run, State, plan};
use super::recorder::Recorder;
use super::runner::Runner;
use super::workload::{self, Targets};
use super::{
    ConsoleTarget, Event, LabCommand, LabOptions, NodeId, NodePlan, NoticeLevel, Preset, ReplyValue,
    WorkloadSettings, ports, recording,
};

/// Most nodes of one cluster.
pub(super) const NODES_MAX: usize = 64;

/// How long nodes may take to end when the user ends the cluster; a large data set is saved meanwhile.
const END_WITHIN: Duration = Duration::from_secs(10);

/// How long after a start the same wish counts as a double click.
const DOUBLE_CLICK: Duration = Duration::from_secs(2);

/// How long a killed node may take to be gone.
pub(super) const KILL_WITHIN: Duration = Duration::from_millis(500);

/// Why a wish is not fulfilled; becomes a notice.
pub(super) struct Refusal {
    level: NoticeLevel,
    node: Option<NodeId>,
    text: String,
}

impl Refusal {
    /// The wish cannot be fulfilled.
    pub(super) fn error(node: impl Into<Option<NodeId>>, text: impl Into<String>) -> Self {
        Self { level: NoticeLevel::Error, node: node.into(), text: text.into() }
    }

    /// It is fulfilled already.
    pub(super) fn already(node: impl Into<Option<NodeId>>, text: impl Into<String>) -> Self {
        Self { level: NoticeLevel::Info, node: node.into(), text: text.into() }
    }
}

pub(super) type Done = Result<(), Refusal>;

/// The lab: shared by its tasks, its state never borrowed across an await.
pub(super) struct Lab {
    pub(super) recorder: Rc<Recorder>,
    pub(super) state: RefCell<State>,
    pub(super) options: LabOptions,
    pub(super) runner: Box<dyn Runner>,
    pub(super) events: NodeEvents,
    /// Told after every change of a node's life.
    pub(super) changed: Notify,
    workload: watch::Sender<WorkloadSettings>,
    targets: watch::Sender<Targets>,
}

impl Lab {
    pub(super) fn new(
        recorder: Rc<Recorder>,
        options: LabOptions,
        runner: Box<dyn Runner>,
        events: NodeEvents,
    ) -> Rc<Self> {
        let (workload, settings) = watch::channel(WorkloadSettings::default());
        let (targets, whom) = watch::channel(Targets::default());
        spawn_local(workload::run(Rc::clone(&recorder), settings, whom));
        Rc::new(Self {
            recorder,
            state: RefCell::new(State::new()),
            options,
            runner,
            events,
            changed: Notify::new(),
            workload,
            targets,
        })
    }

    /// Carries out one wish; whatever stands against it is told by a notice.
    pub(super) fn execute(self: &Rc<Self>, command: LabCommand) {
        self.recorder.record(Event::Asked(command.clone()));
        let done = match command {
            LabCommand::StartCluster { preset, port } => self.start_cluster(preset, port),
            LabCommand::StopCluster => self.stop_cluster(),
            LabCommand::AddNode { master } => self.add_node(master),
            LabCommand::RemoveNode(node) => self.remove_node(node),
            LabCommand::Start(node) => self.start_node(node),
            LabCommand::Stop(node) => self.stop_node(node, false),
            LabCommand::Restart(node) => self.stop_node(node, true),
            LabCommand::Kill(node) => self.kill_node(node),
            LabCommand::Freeze(node) => self.freeze(node),
            LabCommand::Thaw(node) => self.thaw(node),
            LabCommand::Promote(node) => self.promote(node),
            LabCommand::ReplicaOf { node, master } => self.replica_of(node, master),
            LabCommand::CutLink(node) => self.cut_link(node),
            LabCommand::HealLink(node) => self.heal_link(node),
            LabCommand::Console { id, target, line } => {
                self.console(id, target, &line);
                Ok(())
            }
            LabCommand::Workload(settings) => self.set_workload(settings),
            LabCommand::SaveRecording(path) => {
                self.save_recording(path);
                Ok(())
            }
            LabCommand::ClearFaults => self.clear_faults(),
        };
        if let Err(Refusal { level, node, text }) = done {
            self.recorder.notice(level, node, text);
        }
        self.refresh_targets();
    }

    /// Lets the workload know where to go.
    pub(super) fn refresh_targets(&self) {
        let targets = self.state.borrow().targets();
        self.targets.send_if_modified(|known| {
            let news = *known != targets;
            *known = targets;
            news
        });
    }

    /// Waits until `condition` holds; `false` if `deadline` passed first.
    pub(super) async fn until(&self, deadline: Instant, condition: impl Fn(&State) -> bool) -> bool {
        loop {
            let changed = self.changed.notified();
            if condition(&self.state.borrow()) {
                return true;
            }
            if timeout_at(deadline, changed).await.is_err() {
                return condition(&self.state.borrow());
            }
        }
    }

    fn start_cluster(self: &Rc<Self>, preset: Preset, port: u16) -> Done {
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

    fn stop_cluster(self: &Rc<Self>) -> Done {
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
        let mut state = self.state.borrow_mut();
        if state.members.is_empty() {
            return;
        }
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

    fn add_node(self: &Rc<Self>, master: Option<NodeId>) -> Done {
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
            .find(|port| !all.contains(port) && ports::taken_port(*port).is_none())
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

    fn remove_node(&self, node: NodeId) -> Done {
        self.with_member(node, |member| {
            if member.run == Run::Off {
                Ok(())
            } else {
                Err(Refusal::error(node, format!("{node} still runs: stop it first, then remove it")))
            }
        })?;
        let mut state = self.state.borrow_mut();
        let follower =
            state.members.values().find(|member| member.master == Some(node) && member.run != Run::Off);
        if let Some(follower) = follower {
            let text = format!("{} follows {node}: make it follow another node first", follower.id);
            return Err(Refusal::error(node, text));
        }
        state.members.remove(&node);
        for member in state.members.values_mut() {
            member.owed = member.owed.filter(|owed| *owed != node);
            if member.master == Some(node) {
                member.master = None;
            }
        }
        if state.leader == Some(node) {
            state.leader = state.members.values().find(|member| member.is_master()).map(|member| member.id);
        }
        drop(state);
        self.recorder.record(Event::NodeRemoved(node));
        Ok(())
    }

    /// Does something with a node that exists, in a cluster that is not ending.
    pub(super) fn with_member<T>(
        &self,
        node: NodeId,
        act: impl FnOnce(&mut Member) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = self.state.borrow_mut();
        if state.ending.is_some() {
            return Err(Refusal::error(node, "The cluster is ending: nothing more is done to its nodes"));
        }
        match state.members.get_mut(&node) {
            Some(member) => act(member),
            None => Err(Refusal::error(node, format!("There is no node {node} in this cluster"))),
        }
    }

    fn console(self: &Rc<Self>, id: u64, target: ConsoleTarget, line: &str) {
        let nodes = match target {
            ConsoleTarget::Node(node) => vec![node],
            ConsoleTarget::All => self.state.borrow().members.keys().copied().collect(),
        };
        if nodes.is_empty() {
            let text = "No cluster runs: there is nowhere to send the line";
            self.recorder.notice(NoticeLevel::Error, None, text);
        }
        for node in nodes {
            if let Err(why) = self.console_line(id, node, line.to_owned()) {
                self.recorder.record(Event::ConsoleReply {
                    id,
                    node,
                    reply: ReplyValue::ConnectionFailed(why),
                    took: Duration::ZERO,
                    db: 0,
                    in_multi: false,
                });
            }
        }
    }

    fn console_line(&self, id: u64, node: NodeId, text: String) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        let member = state.members.get_mut(&node).ok_or_else(|| format!("there is no node {node}"))?;
        match member.run {
            Run::Up => {}
            Run::Off => return Err(format!("{node} is stopped")),
            Run::Starting => return Err(format!("{node} is still starting")),
            Run::Stopping => return Err(format!("{node} is stopping")),
        }
        let addr = member.addr();
        let lines = member.console.get_or_insert_with(|| {
            let (lines, typed) = mpsc::channel(console::LINES_MAX);
            spawn_local(console::serve(node, addr, Rc::clone(&self.recorder), typed));
            lines
        });
        lines
            .try_send(Line { id, text })
            .map_err(|_| format!("{} lines wait for {node} already", console::LINES_MAX))
    }

    fn set_workload(&self, wanted: WorkloadSettings) -> Done {
        let settings = workload::bounded(wanted);
        if *self.workload.borrow() != settings {
            self.workload.send_replace(settings);
            self.recorder.record(Event::WorkloadChanged(settings));
        }
        if settings.on && self.state.borrow().members.is_empty() {
            return Err(Refusal::already(None, "The workload begins when a cluster runs"));
        }
        if settings != wanted {
            let text = format!(
                "The workload was brought within its bounds: {} writes/s, values of {} bytes, {} keys, {} reads/s",
                settings.writes_per_second, settings.value_size, settings.keys, settings.reads_per_second
            );
            return Err(Refusal::already(None, text));
        }
        Ok(())
    }

    fn save_recording(&self, path: PathBuf) {
        let entries = self.recorder.entries();
        let recorder = Rc::clone(&self.recorder);
        spawn_local(async move {
            let place = path.display().to_string();
            let written =
                tokio::task::spawn_blocking(move || recording::write_recording(&path, &entries)).await;
            match written {
                Ok(Ok(lines)) => {
                    recorder.notice(NoticeLevel::Info, None, format!("Saved {lines} entries to {place}"));
                }
                Ok(Err(error)) => {
                    let text = format!("The recording was not saved: {error}. Choose another place");
                    recorder.notice(NoticeLevel::Error, None, text);
                }
                Err(_) => {
                    let text = format!("The recording was not saved: writing {place} broke off");
                    recorder.notice(NoticeLevel::Error, None, text);
                }
            }
        });
    }

    /// Ends all nodes, replicas before their masters, and kills those that have not ended in time.
    pub(super) async fn end_nodes(self: &Rc<Self>, within: Duration) {
        let deadline = Instant::now() + within;
        let mut waves = self.state.borrow().leaves_first();
        waves.reverse();
        while let Some(wave) = waves.pop() {
            for &node in &wave {
                self.ask_to_end(node);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // A wave that hangs takes its share of the time, not that of its masters.
            let share = Instant::now() + left / (waves.len() as u32 + 1);
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
        if !self.until(Instant::now() + KILL_WITHIN, gone).await {
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
        let _ = timeout(KILL_WITHIN, all).await;
    }
}

fn is_off(state: &State, node: NodeId) -> bool {
    state.members.get(&node).is_none_or(|member| member.run == Run::Off)
}
