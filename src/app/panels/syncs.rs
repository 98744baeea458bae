//! Every sync, phase by phase: how long each took, how much came over, and why it was full or partial.

use std::collections::BTreeMap;
use std::time::Duration;

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    Align, Color32, Frame, Label, Layout, Margin, Rect, RichText, Role, ScrollArea, Sense, Stroke, TextStyle,
    Ui, WidgetInfo, vec2,
};

use super::Cx;
use crate::app::format;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::{chip, empty_state};
use crate::lab::model::{PhaseSpan, SyncEnd, SyncRecord, SyncStep};
use crate::node::SyncOutcome;
use crate::replication::explain;

/// Least width of a phase in the bar: it must be seen and hovered however short it was.
const PHASE_MIN: f32 = 7.0;

/// Heights of cards as they were drawn last, so that those out of sight need not be drawn.
#[derive(Default)]
pub(crate) struct Syncs {
    heights: BTreeMap<u64, f32>,
}

impl Syncs {
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if cx.model.syncs.is_empty() {
            empty_state(ui, "No sync yet", "Each attempt of a replica to get in step is a row here");
            return;
        }
        let oldest = cx.model.syncs.front().map_or(0, |sync| sync.number);
        self.heights.retain(|number, _| *number >= oldest);
        ScrollArea::vertical().auto_shrink(false).id_salt("syncs").show(ui, |ui| {
            for sync in cx.model.syncs.iter().rev() {
                if let Some(height) = self.heights.get(&sync.number).filter(|_| !sync.is_running()) {
                    let place = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), *height));
                    if !ui.is_rect_visible(place) {
                        ui.allocate_space(place.size());
                        continue;
                    }
                }
                let height = card(ui, cx, sync);
                self.heights.insert(sync.number, height);
            }
        });
        if cx.live && cx.model.syncs.iter().any(SyncRecord::is_running) {
            ui.request_repaint_after(Duration::from_millis(100));
        }
    }
}

fn card(ui: &mut Ui, cx: &Cx<'_>, sync: &SyncRecord) -> f32 {
    let tokens = Tokens::of(ui);
    let frame =
        Frame::new().fill(tokens.raised).corner_radius(theme::ROUND).inner_margin(Margin::symmetric(10, 8));
    let response = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        header(ui, cx, sync, tokens);
        bar(ui, cx, sync, tokens);
        phases(ui, cx, sync, tokens);
        why(ui, sync, tokens);
    });
    response.response.rect.height()
}

fn header(ui: &mut Ui, cx: &Cx<'_>, sync: &SyncRecord, tokens: &Tokens) {
    ui.horizontal(|ui| {
        let replica = cx.model.port(sync.replica);
        let master = sync.master_port.map_or_else(|| "?".to_owned(), |port| port.to_string());
        ui.label(RichText::new(replica.to_string()).color(tokens.series(cx.index(sync.replica))));
        ui.label(RichText::new(format!("from {master}")).color(tokens.dim));
        let (word, colour) = match (&sync.end, sync.is_partial()) {
            (SyncEnd::Failed { .. }, None) => ("no sync", tokens.bad),
            (_, Some(true)) => ("partial", tokens.good),
            (_, Some(false)) => ("full", tokens.warn),
            (_, None) => ("asking", tokens.accent),
        };
        chip(ui, word, colour);
        match &sync.end {
            SyncEnd::Running => {
                chip(ui, "under way", tokens.accent);
            }
            SyncEnd::Failed { .. } if sync.is_partial().is_some() => {
                chip(ui, "failed", tokens.bad);
            }
            SyncEnd::Failed { .. } | SyncEnd::Finished { .. } => {}
        }
        if sync.attempts > 1 {
            ui.label(RichText::new(format!("{} attempts", sync.attempts)).color(tokens.dim));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(format::clock(sync.started)).monospace().color(tokens.dim))
                .on_hover_text("When it began");
            ui.label(format::duration(sync.took(cx.now))).on_hover_text(took_meaning(sync));
        });
    });
}

/// What the figure at the right means, with the replica's own for comparison.
fn took_meaning(sync: &SyncRecord) -> String {
    let meaning =
        "All phases together: from the first connect to the first streamed byte, or until it ended otherwise";
    match sync.end {
        SyncEnd::Finished { took, .. } => {
            let from = if sync.attempts > 1 { " from its last attempt on" } else { "" };
            format!("{meaning}\nThe replica itself measured {}{from}", format::duration(took))
        }
        SyncEnd::Running | SyncEnd::Failed { .. } => meaning.to_owned(),
    }
}

fn bar(ui: &mut Ui, cx: &Cx<'_>, sync: &SyncRecord, tokens: &Tokens) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 14.0), Sense::hover());
    let label = format!("Phases of sync {} of {}", sync.number, cx.model.port(sync.replica));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
    let total: f32 = sync.phases.iter().map(|span| span.took(cx.now).as_secs_f32()).sum();
    let spare = (rect.width() - PHASE_MIN * sync.phases.len() as f32).max(0.0);
    let pointer = response.hover_pos();
    let mut left = rect.left();
    let mut hovered = None;
    for span in &sync.phases {
        let share = if total > 0.0 { span.took(cx.now).as_secs_f32() / total } else { 0.0 };
        let width = PHASE_MIN + spare * share;
        let piece =
            Rect::from_min_size(eframe::egui::pos2(left, rect.top()), vec2(width - 1.0, rect.height()));
        let colour = step_colour(span.step, tokens);
        ui.painter().rect_filled(piece, 2, colour);
        if span.end.is_none() {
            ui.painter().rect_stroke(
                piece,
                2,
                Stroke::new(1.5, tokens.text),
                eframe::egui::StrokeKind::Inside,
            );
        }
        if pointer.is_some_and(|at| piece.expand2(vec2(0.5, 0.0)).contains(at)) {
            hovered = Some(span);
        }
        left += width;
    }
    if let Some(span) = hovered {
        response.on_hover_text_at_pointer(phase_text(span, cx.now));
    }
}

/// The same in words: nothing is told by colour alone.
fn phases(ui: &mut Ui, cx: &Cx<'_>, sync: &SyncRecord, tokens: &Tokens) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::PAD, 0.0);
        ui.spacing_mut().interact_size.y = 16.0;
        for span in &sync.phases {
            let mut text = LayoutJob::default();
            let small = TextStyle::Small.resolve(ui.style());
            text.append("■ ", 0.0, TextFormat::simple(small.clone(), step_colour(span.step, tokens)));
            text.append(&phase_text(span, cx.now), 0.0, TextFormat::simple(small, tokens.text));
            ui.add(Label::new(text).extend());
        }
    });
}

fn why(ui: &mut Ui, sync: &SyncRecord, tokens: &Tokens) {
    if let Some(verdict) = &sync.verdict {
        ui.label(explain(verdict));
    } else if let Some(outcome) = &sync.outcome {
        let text = match outcome {
            SyncOutcome::Partial { .. } => "The master granted to continue; it told no more",
            SyncOutcome::Full { .. } => "The master granted a full sync; it told no reason",
        };
        ui.label(RichText::new(text).color(tokens.dim));
    }
    match &sync.end {
        SyncEnd::Failed { reason, .. } => {
            ui.label(RichText::new(format!("Ended: {reason}")).color(tokens.bad));
        }
        SyncEnd::Finished { snapshot_bytes, keys, .. } if *snapshot_bytes > 0 => {
            let text =
                format!("Took over {} with {} keys", format::bytes(*snapshot_bytes), format::number(*keys));
            ui.label(RichText::new(text).color(tokens.dim));
        }
        SyncEnd::Finished { .. } | SyncEnd::Running => {}
    }
}

fn phase_text(span: &PhaseSpan, now: Duration) -> String {
    let (step, took) = (format::step(span.step), format::duration(span.took(now)));
    let bytes = format::bytes(span.bytes);
    match (span.bytes, span.bytes_total) {
        (0, _) => format!("{step} {took}"),
        (some, Some(total)) if some < total => {
            format!("{step} {took}, {bytes} of {}", format::bytes(total))
        }
        _ => format!("{step} {took}, {bytes}"),
    }
}

fn step_colour(step: SyncStep, tokens: &Tokens) -> Color32 {
    let shade = |share| theme::mix(tokens.raised, tokens.dim, share);
    match step {
        SyncStep::Connect => shade(0.35),
        SyncStep::Ping => shade(0.5),
        SyncStep::Auth => shade(0.6),
        SyncStep::Replconf => shade(0.75),
        SyncStep::Psync => shade(1.0),
        SyncStep::WaitSnapshot => tokens.warn,
        SyncStep::Transfer => tokens.accent,
        SyncStep::Load => tokens.good,
        SyncStep::AskWipe => tokens.bad,
    }
}
