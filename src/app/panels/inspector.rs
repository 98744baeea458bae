//! The selected node: what it is, its figures with their meaning, and what can be done with it.

use eframe::egui::{Button, Grid, RichText, ScrollArea, Ui};

use super::{Cx, node_actions};
use crate::app::actions::Action;
use crate::app::describe;
use crate::app::format;
use crate::app::panels::topology::role_word;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::{chip, empty_state, figure, life_label, section_title};
use crate::lab::model::{Life, NodeModel};
use crate::lab::{FilesSample, NodeSample, PromotionStep};
use crate::node::StopReason;

/// Draws the selected node.
pub(crate) fn ui(ui: &mut Ui, cx: &mut Cx<'_>) {
    let model = cx.model;
    let Some(node) = cx.selected.and_then(|id| model.nodes.get(&id)) else {
        empty_state(ui, "No node selected", "Click a node in the topology to see its figures");
        return;
    };
    ScrollArea::vertical().auto_shrink(false).id_salt("inspector").show(ui, |ui| {
        header(ui, cx, node);
        buttons(ui, cx, node);
        ui.add_space(theme::TIGHT);
        figures(ui, cx, node);
    });
}

fn header(ui: &mut Ui, cx: &mut Cx<'_>, node: &NodeModel) {
    let tokens = Tokens::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(node.port.to_string()).size(22.0));
        chip(ui, role_word(node), tokens.series(cx.index(node.id)));
        life_label(ui, node.life());
    });
    match node.life() {
        Life::Silent { reason } => {
            ui.label(RichText::new(reason).color(tokens.warn));
        }
        Life::Stopped(StopReason::FailedToStart(text) | StopReason::Crashed(text)) => {
            ui.label(RichText::new(text).color(tokens.bad));
        }
        _ => {}
    }
    if let Some(asking) = cx.model.asking().find(|asking| asking.node.id == node.id) {
        let text = format!(
            "Its master came back with {} keys under another history. This node keeps its {} until you promote it or \
             have its data replaced.",
            format::number(asking.offered),
            format::number(asking.keys)
        );
        ui.label(RichText::new(text).color(tokens.warn));
    }
    let endpoint = node_actions::endpoint(node);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&endpoint).monospace());
        let copy = ui.small_button("Copy").on_hover_text("Any Redis client can connect there");
        if copy.accessible_name(format!("Copy {endpoint}")).clicked() {
            cx.push(Action::Copy(endpoint));
        }
    });
}

fn buttons(ui: &mut Ui, cx: &mut Cx<'_>, node: &NodeModel) {
    ui.horizontal_wrapped(|ui| {
        for action in node_actions::of(cx.model, node) {
            let enabled = cx.live && action.hindrance.is_none();
            let wish = Action::Lab(action.command);
            let label = wish.label();
            let button = ui
                .add_enabled(enabled, Button::new(&label))
                .on_hover_text(action.tip)
                .on_disabled_hover_text(node_actions::why_not(cx.live, action.hindrance));
            if button.accessible_name(format!("{label} {}", node.port)).clicked() {
                cx.push(wish);
            }
        }
        let faults = ui.button("Faults…").on_hover_text(node_actions::FAULTS);
        if faults.accessible_name(format!("Faults of {}…", node.port)).clicked() {
            cx.push(Action::Faults(node.id));
        }
        let menu = ui.menu_button("Make replica of ▾", |ui| node_actions::master_choices(ui, node, cx));
        menu.response.accessible_name(format!("Make {} replica of", node.port));
        let console = ui.button("Console").on_hover_text("Type commands to this node");
        if console.accessible_name(format!("Console {}", node.port)).clicked() {
            cx.push(Action::OpenConsole(node.id));
        }
    });
}

fn figures(ui: &mut Ui, cx: &Cx<'_>, node: &NodeModel) {
    let Some(sample) = &node.sample else {
        ui.weak("No figures yet: they come with the first INFO");
        return;
    };
    section_title(ui, "Replication");
    Grid::new("replication figures")
        .num_columns(2)
        .min_col_width(96.0)
        .min_row_height(18.0)
        .spacing([16.0, 3.0])
        .show(ui, |ui| {
            replication(ui, cx, node, sample);
        });
    followers(ui, sample);
    promotion(ui, cx, node);
    ui.add_space(theme::TIGHT);
    section_title(ui, "Files");
    Grid::new("file figures")
        .num_columns(2)
        .min_col_width(96.0)
        .min_row_height(18.0)
        .spacing([16.0, 3.0])
        .show(ui, |ui| {
            files(ui, &sample.files);
        });
    ui.add_space(theme::TIGHT);
    section_title(ui, "Server");
    Grid::new("server figures")
        .num_columns(2)
        .min_col_width(96.0)
        .min_row_height(18.0)
        .spacing([16.0, 3.0])
        .show(ui, |ui| {
            server(ui, node, sample);
        });
}

fn replication(ui: &mut Ui, cx: &Cx<'_>, node: &NodeModel, sample: &NodeSample) {
    let mono = |text: String| RichText::new(text).monospace();
    let id =
        |id: Option<crate::replication::ReplId>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
    figure(
        ui,
        "Offset",
        mono(format::number(sample.offset)),
        "Bytes of the replication stream written (master) or applied (replica)\nINFO: master_repl_offset",
    );
    figure(ui, "History", mono(id(sample.replid)), "Identity of the present history\nINFO: master_replid");
    figure(
        ui,
        "Previous",
        mono(id(sample.replid2)),
        "History before the last promotion; replicas of the old master can continue it up to the fork\n\
         INFO: master_replid2, second_repl_offset",
    );
    if let Some(behind) = cx.model.behind(node.id, cx.now) {
        figure(
            ui,
            "Bytes behind",
            behind.bytes.map_or_else(|| "unknown".to_owned(), format::bytes),
            "What the master has written and this replica has not applied\n\
             Formula: the master's master_repl_offset − this node's master_repl_offset, if they share a replid",
        );
        figure(
            ui,
            "Time behind",
            behind.time.map_or_else(|| "unknown".to_owned(), format::duration),
            "How old the oldest byte is that this replica lacks\n\
             Formula: now − the time at which the master's offset first passed this replica's offset",
        );
        figure(
            ui,
            "ACK age",
            behind.ack_age.map_or_else(|| "unknown".to_owned(), |age| format!("{age} s")),
            "Seconds since the master got this replica's last REPLCONF ACK; no measure of data\n\
             INFO of the master: lag of the slaveN line",
        );
    }
    figure(
        ui,
        "Backlog",
        if sample.backlog_active {
            format!("{} of {}", format::bytes(sample.backlog_len), format::bytes(sample.backlog_size))
        } else {
            "none".to_owned()
        },
        "The last bytes of the stream, kept for partial resyncs\nINFO: repl_backlog_histlen, repl_backlog_size",
    );
    figure(
        ui,
        "Syncs granted",
        format!(
            "{} full, {} partial, {} refused",
            sample.sync_full, sample.sync_partial_ok, sample.sync_partial_err
        ),
        "As master, since its start\nINFO: sync_full, sync_partial_ok, sync_partial_err",
    );
}

/// What the node's INFO says of those that follow it.
fn followers(ui: &mut Ui, sample: &NodeSample) {
    if sample.replicas.is_empty() {
        return;
    }
    ui.add_space(theme::TIGHT);
    section_title(ui, "Followed by").on_hover_text("INFO: slaveN lines");
    for line in &sample.replicas {
        let offset = format::number(line.offset);
        ui.label(format!("{} {}, acknowledged {offset}, {} s ago", line.port, line.state, line.ack_age));
    }
}

/// How the node became a master, step by step.
fn promotion(ui: &mut Ui, cx: &Cx<'_>, node: &NodeModel) {
    let Some(report) = cx.model.promotions.iter().rev().find(|report| report.node == node.id) else { return };
    ui.add_space(theme::TIGHT);
    section_title(ui, "Promotion").on_hover_text("Each step with the time since it was asked");
    for (step, after) in &report.steps {
        let text = match step {
            PromotionStep::Promoted => "Acknowledged".to_owned(),
            PromotionStep::Writable => "First write accepted".to_owned(),
            PromotionStep::Reparented(replica) => format!("{} follows", describe::name(cx.model, *replica)),
            PromotionStep::Failed(reason) => format!("Failed: {reason}"),
        };
        ui.label(format!("{text} after {}", format::duration(*after)));
    }
}

/// What of the data is on the disk.
fn files(ui: &mut Ui, files: &FilesSample) {
    let tokens = Tokens::of(ui);
    let failed = |text: &str| RichText::new(text.to_owned()).color(tokens.bad);
    let snapshot = match files {
        FilesSample { saving: true, percent, .. } => RichText::new(format!("being written, {percent} %")),
        FilesSample { save_failed: true, .. } => failed("the last save failed: see the node's log"),
        FilesSample { unsaved: 0, .. } => RichText::new("has everything"),
        FilesSample { unsaved, .. } => RichText::new(format!("lacks {} changes", format::number(*unsaved))),
    };
    figure(
        ui,
        "RDB file",
        snapshot,
        "Whether the RDB file has what the node has in memory\n\
         INFO: rdb_bgsave_in_progress, rdb_last_bgsave_status, rdb_changes_since_last_save",
    );
    let size = format::bytes(files.aof_size);
    let log = match files {
        FilesSample { aof: false, .. } => RichText::new("off"),
        FilesSample { aof_failed: true, .. } => failed("cannot be written: see the node's log"),
        FilesSample { rewriting: true, percent, .. } => {
            RichText::new(format!("{size}, being rewritten, {percent} %"))
        }
        FilesSample { aof_base_size, .. } => {
            RichText::new(format!("{size}, {} after the last rewrite", format::bytes(*aof_base_size)))
        }
    };
    figure(
        ui,
        "AOF",
        log,
        "The append-only file: every write since the last rewrite\n\
         INFO: aof_enabled, aof_last_write_status, aof_rewrite_in_progress, aof_current_size, aof_base_size",
    );
}

fn server(ui: &mut Ui, node: &NodeModel, sample: &NodeSample) {
    figure(ui, "Keys", format::number(sample.keys), "In all databases\nINFO: keyspace");
    figure(ui, "Memory", format::bytes(sample.used_memory), "INFO: used_memory");
    figure(
        ui,
        "Commands",
        format!("{}/s", format::number(sample.ops_per_second)),
        "INFO: instantaneous_ops_per_sec",
    );
    figure(ui, "Clients", format::number(sample.clients), "INFO: connected_clients");
    figure(
        ui,
        "Longest step",
        format!(
            "{} (99 % under {})",
            format::duration(std::time::Duration::from_micros(sample.loop_lag_max_us)),
            format::duration(std::time::Duration::from_micros(sample.loop_lag_p99_us))
        ),
        "Longest time for which the node's thread served nobody, since its start\n\
         INFO: loop_lag_max_usec, loop_lag_p99_usec",
    );
    figure(ui, "Round trip", format::duration(sample.round_trip), "Time from the lab's INFO to its answer");
    if let Some(took) = node.start_took {
        figure(
            ui,
            "Start took",
            format::duration(took),
            "From the start of its thread to the first connection",
        );
    }
}
