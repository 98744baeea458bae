//! Carries out the lab's commands: what each wish of the user leads to, or why it cannot be fulfilled.
//!
//! Hands each wish on: clusters to `plan`, the life of a node to `lifecycle`, who follows whom to `topology`. Nothing
//! here waits: what takes time is a task.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::browser::look::Browsed;
use super::browser::{self, Ask};
use super::console::{self, Line};
use super::lab::Lab;
use super::member::{Member, Run, State};
use super::refusal::{Done, Refusal};
use super::{
    ConsoleTarget, Event, LabCommand, NodeId, NoticeLevel, ReplyValue, WorkloadSettings, recording, workload,
};

impl Lab {
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
            LabCommand::Edit { id, node, db, edit } => {
                self.console_line(Line { id, text: edit.line(), db: Some(db) }, node);
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
