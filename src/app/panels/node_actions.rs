//! What can be done with one node: the same list behind its menu, the inspector and the palette.

use eframe::egui::{Button, RichText, Ui};

use super::Cx;
use crate::app::actions::Action;
use crate::lab::model::{LabModel, Link, NodeModel};
use crate::lab::{LabCommand, NodeId};
use crate::node::{Fault, FaultKind, LinkPhase};
use crate::replication::PsyncVerdict;

/// What the dialog of faults is for.
pub(crate) const FAULTS: &str =
    "Let the link to its master or its disk go wrong for a while: late, narrow, silent, slow, full…";

/// One entry of the list.
pub(crate) struct NodeAction {
    /// What is asked of the lab.
    pub(crate) command: LabCommand,
    /// Why it cannot be done now.
    pub(crate) hindrance: Option<&'static str>,
    /// What it does.
    pub(crate) tip: &'static str,
}

impl NodeAction {
    fn new(command: LabCommand, tip: &'static str, hindrance: Option<&'static str>) -> Self {
        Self { command, hindrance, tip }
    }
}

/// The list for `node`, apart from whom it could follow.
pub(crate) fn of(model: &LabModel, node: &NodeModel) -> Vec<NodeAction> {
    let (id, running, frozen) = (node.id, node.is_running(), node.life() == &crate::lab::model::Life::Frozen);
    let only_running = (!running).then_some("It does not run");
    let only_awake = only_running.or(frozen.then_some("It is frozen: thaw it first"));
    let mut list = Vec::new();
    if running {
        list.push(NodeAction::new(
            LabCommand::Kill(id),
            "End it as a crash would: nothing is flushed, sockets are reset",
            None,
        ));
        list.push(NodeAction::new(
            LabCommand::Stop(id),
            "SHUTDOWN: save the data set, then end in good order",
            only_awake,
        ));
        list.push(NodeAction::new(LabCommand::Restart(id), "Stop, then start", only_awake));
    } else {
        list.push(NodeAction::new(
            LabCommand::Start(id),
            "Start it again; it follows the present master if there is another",
            None,
        ));
    }
    if frozen {
        list.push(NodeAction::new(LabCommand::Thaw(id), "Let it go on", None));
    } else {
        list.push(NodeAction::new(
            LabCommand::Freeze(id),
            "Let it stand still with its sockets open, as SIGSTOP does",
            only_running,
        ));
    }
    if matches!(node.link, Some(Link { phase: LinkPhase::AskWipe { .. }, .. })) {
        list.push(NodeAction::new(
            LabCommand::LetWipe(id),
            "Its master came back with far less: take that in place of what it has",
            only_awake,
        ));
    }
    list.push(NodeAction::new(
        LabCommand::Promote(id),
        "REPLICAOF NO ONE; the replicas of its old master then follow it",
        if node.is_master() { Some("It is a master") } else { only_awake },
    ));
    if model.faults.is_cut(id) {
        list.push(NodeAction::new(
            LabCommand::HealFault { node: id, kind: FaultKind::Cut },
            "Let it connect to its master again",
            None,
        ));
    } else {
        list.push(NodeAction::new(
            LabCommand::BeginFault { node: id, fault: Fault::Cut, lasts: None },
            "Drop the link to its master and let no new one through",
            if node.is_master() { Some("A master follows nobody") } else { only_running },
        ));
    }
    if !running {
        list.push(NodeAction::new(LabCommand::RemoveNode(id), "Take it out of the cluster", None));
    }
    list
}

/// Nodes that `node` could follow, each with the reason if it cannot.
pub(crate) fn masters_for(model: &LabModel, node: NodeId) -> Vec<(NodeId, u16, Option<&'static str>)> {
    let Some(follower) = model.nodes.get(&node) else { return Vec::new() };
    model
        .nodes
        .values()
        .filter(|other| other.id != node)
        .map(|other| {
            let hindrance = if !follower.is_running() {
                Some("It does not run")
            } else if follower.master_port() == Some(other.port) {
                Some("It follows it already")
            } else if follows(model, other, node) {
                Some("That would close a loop")
            } else {
                None
            };
            (other.id, other.port, hindrance)
        })
        .collect()
}

/// `node` follows `above`, directly or through others.
fn follows(model: &LabModel, node: &NodeModel, above: NodeId) -> bool {
    let mut at = node;
    for _ in 0..model.nodes.len() {
        match model.master_of(at) {
            Some(master) if master.id == above => return true,
            Some(master) => at = master,
            None => return false,
        }
    }
    true
}

/// The menu of a node.
pub(crate) fn menu(ui: &mut Ui, node: &NodeModel, cx: &mut Cx<'_>) {
    ui.set_min_width(150.0);
    for action in of(cx.model, node) {
        let enabled = cx.live && action.hindrance.is_none();
        let wish = Action::Lab(action.command);
        let button = ui.add_enabled(enabled, Button::new(wish.label()));
        let button =
            button.on_hover_text(action.tip).on_disabled_hover_text(why_not(cx.live, action.hindrance));
        if button.clicked() {
            cx.push(wish);
            ui.close();
        }
    }
    if ui.button("Faults…").on_hover_text(FAULTS).clicked() {
        cx.push(Action::Faults(node.id));
        ui.close();
    }
    ui.menu_button("Make replica of", |ui| master_choices(ui, node, cx));
    ui.separator();
    if ui.button("Open console").clicked() {
        cx.push(Action::OpenConsole(node.id));
        ui.close();
    }
    if ui.button("Copy redis-cli command").clicked() {
        cx.push(Action::Copy(endpoint(node)));
        ui.close();
    }
}

/// Whom `node` could follow, as menu entries.
pub(crate) fn master_choices(ui: &mut Ui, node: &NodeModel, cx: &mut Cx<'_>) {
    let choices = masters_for(cx.model, node.id);
    if choices.is_empty() {
        ui.weak("There is no other node");
    }
    for (master, port, hindrance) in choices {
        let enabled = cx.live && hindrance.is_none();
        let cost = match cx.model.predict_sync(node.id, master) {
            _ if hindrance.is_some() => "",
            Some(PsyncVerdict::Continue { .. }) => "partial resync",
            Some(PsyncVerdict::Full(_)) => "full sync",
            None => "",
        };
        let cost = RichText::new(cost).small().weak();
        let button = ui.add_enabled(enabled, Button::new((port.to_string(), cost)));
        let button = button
            .on_hover_text("What it would take now, by the last figures")
            .on_disabled_hover_text(why_not(cx.live, hindrance));
        let name = format!("Make {} replica of {port}", node.port);
        if button.accessible_name(name).clicked() {
            cx.push(Action::Lab(LabCommand::ReplicaOf { node: node.id, master }));
            ui.close();
        }
    }
}

/// Why a button is grey.
pub(crate) fn why_not(live: bool, hindrance: Option<&'static str>) -> &'static str {
    if live { hindrance.unwrap_or_default() } else { "This is a recording" }
}

/// How a client gets there.
pub(crate) fn endpoint(node: &NodeModel) -> String {
    format!("redis-cli -p {}", node.port)
}
