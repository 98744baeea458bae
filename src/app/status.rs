//! The lower edge: how many nodes answer, who takes the writes, what needs attention; and the banner of a recording.

use std::time::Duration;

use eframe::egui::{Align, Frame, Layout, Margin, RichText, Sense, Slider, TextStyle, Ui, Vec2};

use super::actions::Action;
use super::panels::Cx;
use super::replay::Replay;
use super::theme::{self, Tokens};
use super::toasts::level_look;
use super::widgets::life_glyph;
use super::{describe, format};
use crate::lab::NoticeLevel;
use crate::lab::model::Life;

/// Draws the status bar.
pub(crate) fn bar(ui: &mut Ui, cx: &mut Cx<'_>, notices_seen: u64) {
    let tokens = Tokens::of(ui);
    ui.horizontal_centered(|ui| {
        if cx.model.has_cluster() {
            nodes(ui, cx, tokens);
        } else {
            ui.label(RichText::new("No cluster").color(tokens.dim));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            notices(ui, cx, notices_seen, tokens);
            let time = RichText::new(format::clock(cx.now)).font(eframe::egui::FontId::monospace(11.5));
            ui.label(time.color(tokens.dim)).on_hover_text("Time since the lab started");
        });
    });
}

fn nodes(ui: &mut Ui, cx: &Cx<'_>, tokens: &Tokens) {
    let (up, all) = (cx.model.answering(), cx.model.nodes.len());
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
    let shape = if up == all { Life::Answering } else { Life::Silent { reason: String::new() } };
    life_glyph(ui.painter(), rect.center(), 5.0, &shape, tokens, tokens.base);
    ui.label(format!("{up} of {all} nodes answer"))
        .on_hover_text("A node counts once it has answered a PING");
    ui.separator();
    match cx.model.current_master() {
        Some(master) => ui.label(format!("Master {}", describe::name(cx.model, master))),
        None => ui.label(RichText::new("No master").color(tokens.bad)),
    };
    if cx.model.workload.settings.on {
        ui.separator();
        let writes = cx.model.workload.samples.back().map_or(0, |(_, sample)| sample.writes_ok);
        ui.label(format!("{} writes/s", format::number(writes)));
    }
}

fn notices(ui: &mut Ui, cx: &mut Cx<'_>, seen: u64, tokens: &Tokens) {
    let new: Vec<_> = cx.model.notices.iter().filter(|notice| notice.number >= seen).collect();
    let worst = new.iter().map(|notice| notice.level).max();
    let text = match worst {
        None => RichText::new("Notices"),
        Some(level) => RichText::new(format!("Notices ({})", new.len()))
            .color(level_look(level.max(NoticeLevel::Info), tokens).0),
    };
    if ui.small_button(text).accessible_name("Notices").clicked() {
        cx.push(Action::Notices);
    }
}

/// Draws the banner of a recording with its scrubber.
pub(crate) fn recording(ui: &mut Ui, replay: &mut Replay, actions: &mut Vec<Action>) {
    let tokens = Tokens::of(ui);
    let name = replay.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Frame::new().fill(tokens.tint(tokens.accent)).inner_margin(Margin::symmetric(10, 5)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.horizontal(|ui| {
            let title =
                ui.add(eframe::egui::Label::new(RichText::new(format!("Recording {name}"))).truncate());
            title.on_hover_text(format!(
                "{}, {} entries",
                replay.path.display(),
                format::number(replay.len() as u64)
            ));
        });
        ui.horizontal(|ui| {
            if ui.button(if replay.playing { "Pause" } else { "Play" }).clicked() {
                replay.toggle();
            }
            let clock = format!("{} of {}", format::clock(replay.position), format::clock(replay.end()));
            ui.label(RichText::new(clock).monospace().text_style(TextStyle::Monospace));
            let end = replay.end().as_secs_f64();
            let mut at = replay.position.as_secs_f64();
            ui.spacing_mut().slider_width = (ui.available_width() - 120.0).max(60.0);
            let slider = ui.add(Slider::new(&mut at, 0.0..=end.max(0.001)).show_value(false));
            if slider.accessible_name("Position in the recording").changed() {
                replay.playing = false;
                replay.seek(Duration::from_secs_f64(at.max(0.0)));
            }
            if ui.button(Action::BackToLive.label()).clicked() {
                actions.push(Action::BackToLive);
            }
        });
        ui.add_space(theme::TIGHT / 2.0);
    });
}
