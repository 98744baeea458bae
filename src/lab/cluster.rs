//! The lab's commands: what each wish of the user leads to, or why it cannot be fulfilled.
//!
//! Owns the lab's shared state, and hands each wish on: clusters to `planning`, the life of a node to `lifecycle`, who
//! follows whom to `topology`. Nothing here waits: what takes time is a task.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;

use super::browse::Browsed;
use super::browser::{self, Ask};
use super::console::{self, Line};
use super::lifecycle::NodeEvents;
use super::member::{Member, Run, State};
use super::recorder::Recorder;
use super::runner::Runner;
use super::workload::{self, Targets};
use super::{
    ConsoleTarget, Event, LabCommand, LabOptions, NodeId, NoticeLevel, ReplyValue, WorkloadSettings,
    recording,
};
use crate::node::pulse;

/// How long a killed node may take to be gone.
pub(super) const KILL_WITHIN: Duration = Duration::from_millis(500);

/// Why a wish is not fulfilled; becomes a notice.
pub(super) struct Refusal {
    pub(super) level: NoticeLevel,
    pub(super) node: Option<NodeId>,
    pub(super) text: String,
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
    /// Replicas ask before an emptied master takes their data from them.
    pub(super) asks_before_wipe: Cell<bool>,
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
        recorder.record(Event::AsksBeforeWipe(options.asks_before_wipe));
        Rc::new(Self {
            asks_before_wipe: Cell::new(options.asks_before_wipe),
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
            LabCommand::AskBeforeWipe(asks) => {
                self.ask_before_wipe(asks);
                Ok(())
            }
            LabCommand::LetWipe(node) => self.let_wipe(node),
            LabCommand::BeginFault { node, fault, lasts } => self.begin_fault(node, fault, lasts),
            LabCommand::HealFault { node, kind } => self.heal_fault(node, kind),
            LabCommand::Console { id, target, line } => {
                self.console(id, target, &line);
                Ok(())
            }
            LabCommand::StopConsole(node) => {
                // Without a console there is nothing to end.
                let state = self.state.borrow();
                if let Some(console) = state.members.get(&node).and_then(|member| member.console.as_ref()) {
                    console.stop.notify_waiters();
                }
                Ok(())
            }
            LabCommand::Edit { id, node, db, line } => {
                self.console_line(Line { id, text: line, db: Some(db) }, node);
                Ok(())
            }
            LabCommand::Browse { id, node, db, what } => {
                if let Err(why) = self.browse(node, Ask { id, db, what }) {
                    let answer = Browsed::Failed(why);
                    self.recorder.record(Event::Browsed { id, node, answer, took: Duration::ZERO });
                }
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

    /// Waits until `condition` holds; `false` if `limit` passed first.
    pub(super) async fn until(&self, limit: Duration, condition: impl Fn(&State) -> bool) -> bool {
        let holds = async {
            loop {
                let changed = self.changed.notified();
                if condition(&self.state.borrow()) {
                    return;
                }
                changed.await;
            }
        };
        pulse::within(limit, holds).await.is_some() || condition(&self.state.borrow())
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
            self.console_line(Line { id, text: line.to_owned(), db: None }, node);
        }
    }

    /// Passes a line to the console of a node; a line that cannot be passed on is answered here.
    fn console_line(&self, line: Line, node: NodeId) {
        let id = line.id;
        if let Err(why) = self.pass_line(line, node) {
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

    fn pass_line(&self, line: Line, node: NodeId) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        let member = running(&mut state, node)?;
        let addr = member.addr();
        let console =
            member.console.get_or_insert_with(|| console::start(node, addr, Rc::clone(&self.recorder)));
        console
            .lines
            .try_send(line)
            .map_err(|_| format!("{} lines wait for {node} already", console::LINES_MAX))
    }

    /// Passes a question to the browser of a node.
    fn browse(&self, node: NodeId, ask: Ask) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        let member = running(&mut state, node)?;
        let addr = member.addr();
        let asks = member.browser.get_or_insert_with(|| {
            let (asks, asked) = mpsc::channel(browser::ASKS_MAX);
            spawn_local(browser::serve(node, addr, Rc::clone(&self.recorder), asked));
            asks
        });
        asks.try_send(ask).map_err(|_| format!("{} looks wait for {node} already", browser::ASKS_MAX))
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
}

/// The node, if it can be talked to now.
fn running(state: &mut State, node: NodeId) -> Result<&mut Member, String> {
    let member = state.members.get_mut(&node).ok_or_else(|| format!("there is no node {node}"))?;
    match member.run {
        Run::Up => Ok(member),
        Run::Off => Err(format!("{node} is stopped")),
        Run::Starting => Err(format!("{node} is still starting")),
        Run::Stopping => Err(format!("{node} is stopping")),
    }
}
