//! Commands to one node or to all: history, completion, help, and replies by their type.

mod input;
mod output;

use eframe::egui::{Button, FontId, Label, RichText, ScrollArea, TextStyle, Ui};

use super::Cx;
use crate::app::actions::Action;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::empty_state;
use crate::lab::model::LabModel;
use crate::lab::{ConsoleTarget, LabCommand, NodeId};
use input::Input;
use output::{Output, Row};

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
