//! The window before there is a cluster: one big button, other shapes, and recordings.

use eframe::egui::{
    self, Align, Button, Color32, DragValue, Frame, Layout, Margin, RichText, ScrollArea, Sense, Ui, vec2,
};

use super::Cx;
use crate::app::actions::{Action, THREE_NODES, preset_label, preset_ports};
use crate::app::theme::{self, Tokens};
use crate::app::widgets::mark;
use crate::lab::model::PortsTaken;
use crate::lab::{LabCommand, Preset};

/// Ports that are named one by one.
const PORTS_NAMED_MAX: usize = 12;
/// A second click within this time is a double click and no second wish.
const STARTING_SECONDS: f64 = 2.0;

/// View state of the empty window.
pub(crate) struct Home {
    /// First port of the next cluster.
    pub(crate) port: u16,
    asked_at: Option<f64>,
    focused: bool,
}

impl Default for Home {
    fn default() -> Self {
        Self { port: 7001, asked_at: None, focused: false }
    }
}

impl Home {
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let tokens = Tokens::of(ui);
        let starting = self.is_starting(ui, cx);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.with_layout(Layout::top_down(Align::Center), |ui| {
                ui.add_space(((ui.available_height() - 460.0) * 0.45).max(theme::PAD));
                let (sign, _) = ui.allocate_exact_size(vec2(72.0, 72.0), Sense::hover());
                mark(ui, ui.painter(), sign);
                ui.label(RichText::new("Repliscope").text_style(theme::display()));
                ui.label(
                    RichText::new("A scope for Redis replication: start it, see it, break it")
                        .color(tokens.dim),
                );
                ui.add_space(theme::WIDE);

                self.big_button(ui, cx, starting, tokens);
                ui.label(RichText::new(self.port_range()).color(tokens.dim));
                ui.add_space(theme::PAD);
                if let Some(taken) = &cx.model.ports_taken {
                    ports_taken(ui, taken, &mut self.port, cx.actions);
                    ui.add_space(theme::PAD);
                }
                self.other_shapes(ui, cx, starting);
                ui.add_space(theme::WIDE);
                if ui.button(Action::OpenRecording.label()).clicked() {
                    cx.push(Action::OpenRecording);
                }
                ui.add_space(theme::PAD);
            });
        });
    }

    fn is_starting(&mut self, ui: &Ui, cx: &Cx<'_>) -> bool {
        let now = ui.input(|input| input.time);
        if cx.model.ports_taken.is_some() {
            self.asked_at = None;
        }
        let Some(asked_at) = self.asked_at else { return false };
        let left = STARTING_SECONDS - (now - asked_at);
        if left <= 0.0 {
            self.asked_at = None;
            return false;
        }
        ui.request_repaint_after(std::time::Duration::from_secs_f64(left));
        true
    }

    fn big_button(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, starting: bool, tokens: &Tokens) {
        let text = if starting { "Starting…" } else { "Start 3-node cluster" };
        let text = RichText::new(text).size(19.0).color(tokens.on_accent);
        let button = Button::new(text).fill(tokens.accent).corner_radius(10).min_size(vec2(300.0, 56.0));
        let response = ui.add_enabled(!starting, button);
        if !self.focused {
            // Enter starts the cluster of a window that was just opened.
            response.request_focus();
            self.focused = true;
        }
        if response.has_focus() {
            ring(ui, response.rect, tokens.accent);
        }
        if response.accessible_name("Start 3-node cluster").clicked() {
            self.start(ui, cx, THREE_NODES);
        }
    }

    fn other_shapes(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, starting: bool) {
        const SHAPES: [(Preset, &str); 4] = [
            (Preset::Star { replicas: 1 }, "1 + 1"),
            (Preset::Star { replicas: 2 }, "1 + 2"),
            (Preset::Chain { nodes: 3 }, "Chain of 3"),
            (Preset::Single, "Empty node"),
        ];
        centered_row(ui, "shapes", |ui| {
            for (preset, text) in SHAPES {
                let button = Button::new(text).min_size(vec2(84.0, 30.0));
                let response = ui
                    .add_enabled(!starting, button)
                    .on_hover_text(format!("Start {}", preset_label(preset)));
                if response.accessible_name(format!("Start {text}")).clicked() {
                    self.start(ui, cx, preset);
                }
            }
            ui.add_space(theme::PAD);
            let label = ui.label("First port");
            ui.add(DragValue::new(&mut self.port).range(1_024..=65_500).speed(1.0))
                .labelled_by(label.id)
                .on_hover_text("The nodes listen on 127.0.0.1, on this port and those after it");
        });
    }

    fn start(&mut self, ui: &Ui, cx: &mut Cx<'_>, preset: Preset) {
        self.asked_at = Some(ui.input(|input| input.time));
        cx.push(Action::Lab(LabCommand::StartCluster { preset, port: self.port }));
    }

    fn port_range(&self) -> String {
        let last = self.port.saturating_add(preset_ports(THREE_NODES) - 1);
        format!("Master on 127.0.0.1:{}, replicas up to {last}. Nothing to install", self.port)
    }
}

/// Names what is in the way, and offers the next free block.
fn ports_taken(ui: &mut Ui, taken: &PortsTaken, port: &mut u16, actions: &mut Vec<Action>) {
    let tokens = Tokens::of(ui);
    Frame::new()
        .fill(tokens.tint(tokens.warn))
        .stroke(egui::Stroke::new(1.0, tokens.warn))
        .corner_radius(8)
        .inner_margin(Margin::same(theme::PAD as i8))
        .show(ui, |ui| {
            ui.set_max_width(460.0);
            ui.label(RichText::new("Nothing was started: ports are taken").text_style(theme::section()));
            for (port, holder) in taken.taken.iter().take(PORTS_NAMED_MAX) {
                let holder = holder.as_deref().unwrap_or("another program");
                ui.label(format!("{port} is held by {holder}"));
            }
            ui.add_space(theme::TIGHT);
            let last = taken.offer.saturating_add(preset_ports(taken.preset).saturating_sub(1));
            let text = if last == taken.offer {
                format!("Use port {last} instead")
            } else {
                format!("Use ports {}–{last} instead", taken.offer)
            };
            let button = Button::new(RichText::new(&text).color(tokens.on_accent)).fill(tokens.accent);
            if ui.add(button.min_size(vec2(220.0, 32.0))).clicked() {
                *port = taken.offer;
                actions
                    .push(Action::Lab(LabCommand::StartCluster { preset: taken.preset, port: taken.offer }));
            }
        });
}

fn ring(ui: &Ui, rect: egui::Rect, colour: Color32) {
    ui.painter().rect_stroke(rect.expand(3.0), 12, egui::Stroke::new(1.5, colour), egui::StrokeKind::Outside);
}

/// A row that is as wide as its content and stands in the middle: its width is known from the last frame.
fn centered_row(ui: &mut Ui, salt: &str, content: impl FnOnce(&mut Ui)) {
    let id = ui.scope_id().with(salt);
    let width: f32 = ui.data(|data| data.get_temp(id)).unwrap_or(520.0);
    let before = ((ui.available_width() - width) / 2.0).max(0.0);
    ui.horizontal_wrapped(|ui| {
        ui.add_space(before);
        let start = ui.cursor().min.x;
        content(ui);
        let measured = ui.min_rect().max.x - start;
        if (measured - width).abs() > 0.5 {
            ui.data_mut(|data| data.insert_temp(id, measured));
            ui.request_discard("centring a row");
        }
    });
}
