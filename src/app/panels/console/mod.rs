//! Commands to one node or to all: history, completion, help, and replies by their type.

mod input;
mod output;

use std::time::Duration;

use eframe::egui::{Button, Event, FontId, Key, Label, Modifiers, RichText, ScrollArea, TextStyle, Ui};

use super::Cx;
use crate::app::actions::Action;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::empty_state;
use crate::lab::model::LabModel;
use crate::lab::{ConsoleMode, ConsoleTarget, LabCommand, NodeId};
use input::Input;
use output::{Output, Row};

/// A line that waits this long can be stopped.
const WAITS_FROM: Duration = Duration::from_millis(500);

/// View state of the console.
#[derive(Default)]
pub(crate) struct Console {
    target: Option<ConsoleTarget>,
    input: Input,
    output: Output,
    wants_focus: bool,
}

impl Console {
    /// The next frame shows this node, ready to type.
    pub(crate) fn open(&mut self, node: NodeId) {
        self.target = Some(ConsoleTarget::Node(node));
        self.wants_focus = true;
    }

    /// The next frame is ready to type.
    pub(crate) fn focus(&mut self) {
        self.wants_focus = true;
    }

    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if !cx.model.has_cluster() {
            empty_state(ui, "No node to talk to", "Start a cluster, then type commands to its nodes here");
            return;
        }
        let target = self.target_now(cx.model);
        self.targets(ui, cx, target);
        self.stream(ui, cx, target);
        let row = ui.text_style_height(&TextStyle::Monospace) + 3.0;
        let below = Input::height(ui);
        let height = (ui.available_height() - below).max(row * 2.0);
        self.transcript(ui, cx, target, row, height);
        let line = self.input.ui(ui, cx, target, std::mem::take(&mut self.wants_focus));
        if let Some(line) = line {
            self.submit(cx, target, line);
        }
    }

    /// The chosen target, or the master while none is chosen or it is gone.
    fn target_now(&self, model: &LabModel) -> ConsoleTarget {
        match self.target {
            Some(ConsoleTarget::Node(node)) if model.nodes.contains_key(&node) => ConsoleTarget::Node(node),
            Some(ConsoleTarget::All) => ConsoleTarget::All,
            _ => model
                .current_master()
                .or_else(|| model.nodes.keys().next().copied())
                .map_or(ConsoleTarget::All, ConsoleTarget::Node),
        }
    }

    fn targets(&mut self, ui: &mut Ui, cx: &Cx<'_>, target: ConsoleTarget) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::TIGHT;
            for node in cx.model.nodes.values() {
                let chosen = target == ConsoleTarget::Node(node.id);
                let role = if node.is_master() { "master" } else { "replica" };
                let button = ui.add(Button::selectable(chosen, node.port.to_string()));
                let button = button.on_hover_text(format!("Type to {role} {}", node.port));
                if button.accessible_name(format!("Console target {}", node.port)).clicked() {
                    self.target = Some(ConsoleTarget::Node(node.id));
                    self.wants_focus = true;
                }
            }
            let all = ui.add(Button::selectable(target == ConsoleTarget::All, "All nodes"));
            let all = all.on_hover_text("Every line runs on each node, one after the other");
            if all.accessible_name("Console target all").clicked() {
                self.target = Some(ConsoleTarget::All);
                self.wants_focus = true;
            }
        });
    }

    /// What streams or blocks on the consoles that are shown, with what ends it.
    fn stream(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, target: ConsoleTarget) {
        let tokens = Tokens::of(ui);
        let busy: Vec<(NodeId, String)> = cx
            .model
            .nodes
            .keys()
            .filter(|node| target == ConsoleTarget::All || target == ConsoleTarget::Node(**node))
            .filter_map(|node| Some((*node, busy(cx.model, *node, target)?)))
            .collect();
        if busy.is_empty() || !cx.live {
            return;
        }
        let escape = self.input.is_idle(ui)
            && ui.input_mut(|input| {
                // The system's own Ctrl+C comes as a wish to copy; nothing is selected, so it is free.
                let copy = input.events.iter().any(|event| matches!(event, Event::Copy));
                copy || input.consume_key(Modifiers::NONE, Key::Escape)
                    || input.consume_key(Modifiers::CTRL, Key::C)
            });
        // Esc took the focus from the line.
        self.wants_focus |= escape;
        ui.horizontal_wrapped(|ui| {
            for (node, what) in busy {
                let port = cx.model.port(node);
                ui.label(RichText::new(format!("● {port} {what}")).color(tokens.accent));
                let stop = ui.small_button("Stop").on_hover_text("Esc or Ctrl+C in the line does it too");
                if stop.accessible_name(format!("Stop console of {port}")).clicked() || escape {
                    cx.push(Action::Lab(LabCommand::StopConsole(node)));
                }
            }
        });
    }

    fn transcript(&mut self, ui: &mut Ui, cx: &Cx<'_>, target: ConsoleTarget, row: f32, height: f32) {
        let tokens = Tokens::of(ui);
        self.output.follow(cx.model, target);
        let rows = self.output.rows();
        let scroll = ScrollArea::both()
            .id_salt("console transcript")
            .auto_shrink(false)
            .max_height(height)
            .stick_to_bottom(true);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            if rows.is_empty() {
                ScrollArea::vertical().id_salt("console empty").auto_shrink(false).max_height(height).show(
                    ui,
                    |ui| {
                        ui.weak(
                            "Try SET greeting hello, then GET greeting on a replica, or INFO replication",
                        );
                    },
                );
                return;
            }
            scroll.show_rows(ui, row, rows.len(), |ui, range| {
                for shown in &rows[range] {
                    row_ui(ui, cx, shown, row, tokens);
                }
            });
        });
    }

    fn submit(&mut self, cx: &mut Cx<'_>, target: ConsoleTarget, line: String) {
        if line.eq_ignore_ascii_case("clear") {
            self.output.clear(cx.model, target);
            return;
        }
        let id = cx.new_id();
        cx.push(Action::Lab(LabCommand::Console { id, target, line }));
    }
}

/// What the console of a node does besides waiting for a line.
fn busy(model: &LabModel, node: NodeId, target: ConsoleTarget) -> Option<String> {
    let mode = model.console_state.get(&node).map_or(ConsoleMode::Lines, |state| state.mode);
    match mode {
        ConsoleMode::Monitor => Some("shows MONITOR".to_owned()),
        ConsoleMode::Subscribed(1) => Some("has 1 subscription".to_owned()),
        ConsoleMode::Subscribed(count) => Some(format!("has {count} subscriptions")),
        ConsoleMode::Lines => {
            let line = model.transcript(target)?.lines.back()?;
            let waits = !line.answers.iter().any(|answer| answer.node == node);
            let late = model.now.saturating_sub(line.at) >= WAITS_FROM;
            (waits && late).then(|| "waits for the reply".to_owned())
        }
    }
}

fn row_ui(ui: &mut Ui, cx: &Cx<'_>, row: &Row, height: f32, tokens: &Tokens) {
    let mono = FontId::monospace(12.5);
    ui.horizontal(|ui| {
        ui.set_height(height);
        ui.spacing_mut().item_spacing.x = theme::GAP;
        match row {
            Row::Typed { prompt, line } => {
                ui.label(RichText::new(prompt).font(mono.clone()).color(tokens.dim));
                ui.add(Label::new(RichText::new(line).font(mono).color(tokens.accent)).extend());
            }
            Row::From { node, port } => {
                let colour = tokens.series(cx.index(*node));
                ui.label(RichText::new(format!("{port} answers")).color(colour));
            }
            Row::Value { indent, label, tag, tone, text } => {
                ui.add_space(theme::PAD + *indent as f32 * 16.0);
                if !label.is_empty() {
                    ui.label(RichText::new(label).font(mono.clone()).color(tokens.dim));
                }
                let colour = output::colour(*tone, tokens);
                ui.add(Label::new(RichText::new(text).font(mono).color(colour)).extend());
                if !tag.is_empty() {
                    ui.label(RichText::new(*tag).text_style(TextStyle::Small).color(tokens.dim));
                }
            }
            Row::Waiting => {
                ui.add_space(theme::PAD);
                ui.label(RichText::new("waiting for the reply…").color(tokens.dim));
            }
        }
    });
}
