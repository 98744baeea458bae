//! Short messages at the lower edge: what failed, where, and what to do.

use std::collections::VecDeque;

use eframe::egui::{self, Align2, Area, Frame, Id, Margin, RichText, Stroke, Ui, vec2};

use super::panels::Cx;
use super::theme::{self, Tokens};
use crate::lab::NoticeLevel;

/// Seconds for which a message stays; the list of notices keeps it.
const STAYS: f64 = 8.0;
/// The same for an error.
const ERROR_STAYS: f64 = 30.0;
/// Characters of a message; the list of notices has the rest.
const TEXT_MAX: usize = 280;
/// Messages that are shown at once; older ones are in the list of notices.
const SHOWN_MAX: usize = 3;

/// Messages on screen.
#[derive(Default)]
pub(crate) struct Toasts {
    shown: VecDeque<Toast>,
    next: u64,
}

struct Toast {
    number: u64,
    level: NoticeLevel,
    text: String,
    since: f64,
}

impl Toasts {
    /// Shows a message from `time` on.
    pub(crate) fn push(&mut self, level: NoticeLevel, mut text: String, time: f64) {
        if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
            text.truncate(end);
            text.push('…');
        }
        if self.shown.len() >= SHOWN_MAX {
            self.shown.pop_front();
        }
        self.shown.push_back(Toast { number: self.next, level, text, since: time });
        self.next += 1;
    }

    /// Takes all away: they are read in the list of notices.
    pub(crate) fn clear(&mut self) {
        self.shown.clear();
    }

    pub(crate) fn ui(&mut self, ui: &Ui) {
        let now = ui.input(|input| input.time);
        self.shown.retain(|toast| toast.left(now) > 0.0);
        let Some(next) = self.shown.iter().map(|toast| toast.left(now)).min_by(f64::total_cmp) else {
            return;
        };
        ui.request_repaint_after(std::time::Duration::from_secs_f64(next.max(0.02)));
        let mut dismissed = None;
        Area::new(Id::unique("toasts"))
            // Above the panels, and behind a question: they must not cover its buttons.
            .order(egui::Order::Middle)
            // At the left stands a graph; at the right one types.
            .anchor(Align2::LEFT_BOTTOM, vec2(theme::PAD, -36.0))
            .show(ui, |ui| {
                for toast in &self.shown {
                    if toast_ui(ui, toast) {
                        dismissed = Some(toast.number);
                    }
                }
            });
        self.shown.retain(|toast| Some(toast.number) != dismissed);
    }
}

impl Toast {
    /// Seconds that are left of its time.
    fn left(&self, now: f64) -> f64 {
        let stays = if self.level == NoticeLevel::Error { ERROR_STAYS } else { STAYS };
        self.since + stays - now
    }
}

/// Draws one; `true` when it is dismissed.
fn toast_ui(ui: &mut Ui, toast: &Toast) -> bool {
    let tokens = Tokens::of(ui);
    let (colour, word) = level_look(toast.level, tokens);
    let frame = Frame::new()
        .fill(tokens.raised)
        .stroke(Stroke::new(1.0, colour))
        .corner_radius(8)
        .inner_margin(Margin::same(10))
        .shadow(ui.visuals().popup_shadow);
    frame
        .show(ui, |ui| {
            ui.set_width(330.0);
            ui.horizontal(|ui| {
                ui.label(RichText::new(word).color(colour));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let close = ui.small_button("Dismiss");
                    close.accessible_name(format!("Dismiss message {}", toast.number + 1)).clicked()
                })
                .inner
            })
            .inner
                | {
                    ui.label(&toast.text);
                    false
                }
        })
        .inner
}

/// Colour and word of a level.
pub(crate) fn level_look(level: NoticeLevel, tokens: &Tokens) -> (egui::Color32, &'static str) {
    match level {
        NoticeLevel::Info => (tokens.accent, "Good to know"),
        NoticeLevel::Warning => (tokens.warn, "Warning"),
        NoticeLevel::Error => (tokens.bad, "Failed"),
    }
}

/// The list of notices, newest first.
pub(crate) fn notices_ui(ui: &mut Ui, cx: &Cx<'_>) {
    let tokens = Tokens::of(ui);
    if cx.model.notices.is_empty() {
        ui.label(RichText::new("Nothing has failed so far").color(tokens.dim));
        return;
    }
    for notice in cx.model.notices.iter().rev() {
        let (colour, word) = level_look(notice.level, tokens);
        let text = super::describe::by_ports(cx.model, &notice.text);
        ui.horizontal(|ui| {
            ui.label(RichText::new(super::format::clock(notice.at)).monospace().color(tokens.dim));
            ui.label(RichText::new(word).color(colour));
            let name = notice.node.map(|node| super::describe::name(cx.model, node));
            // Most texts begin with the node.
            if let Some(name) = name.filter(|name| !text.starts_with(name)) {
                ui.label(name);
            }
        });
        ui.label(text);
        ui.add_space(theme::TIGHT);
    }
}
