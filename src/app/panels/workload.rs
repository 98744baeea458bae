//! The load on the cluster: what it should do, and what came of it.

use eframe::egui::{Button, DragValue, Grid, RichText, ScrollArea, TextStyle, Ui, vec2};
use egui_plot::{Line, Plot, PlotPoints};

use super::Cx;
use super::bands::Bands;
use crate::app::actions::Action;
use crate::app::format;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::section_title;
use crate::lab::model::WorkloadModel;
use crate::lab::{LabCommand, WorkloadSettings};

/// Seconds of the small graph.
const GRAPH_SECONDS: f64 = 120.0;
/// From this width on the graph stands beside the figures, which then are this wide.
const SIDE_BY_SIDE_FROM: f32 = 660.0;
const LEFT: f32 = 390.0;
/// More writes a second than one node of this machine takes.
const RATE_MAX: u32 = 1_000_000;
const VALUE_MAX: u32 = 1 << 20;
const KEYS_MAX: u32 = 10_000_000;

/// The settings as edited; `None` while they are those of the lab.
#[derive(Default)]
pub(crate) struct Workload {
    edited: Option<WorkloadSettings>,
}

impl Workload {
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let model = cx.model;
        ScrollArea::vertical().auto_shrink(false).id_salt("workload").show(ui, |ui| {
            let wide = ui.available_width() >= SIDE_BY_SIDE_FROM;
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(if wide { LEFT } else { ui.available_width() });
                    self.switch(ui, cx);
                    ui.add_space(theme::TIGHT);
                    ui.add_enabled_ui(cx.live, |ui| self.settings(ui, cx));
                    ui.add_space(theme::GAP);
                    figures(ui, &model.workload);
                    if !wide {
                        graph(ui, cx);
                    }
                });
                if wide {
                    ui.vertical(|ui| graph(ui, cx));
                }
            });
        });
    }

    fn switch(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let tokens = Tokens::of(ui);
        let on = cx.model.workload.settings.on;
        ui.horizontal(|ui| {
            let (text, fill, colour) = if on {
                ("Stop workload", tokens.raised, tokens.text)
            } else {
                ("Start workload", tokens.accent, tokens.on_accent)
            };
            let button =
                Button::new(RichText::new(text).color(colour)).fill(fill).min_size(vec2(130.0, 30.0));
            let button = ui.add_enabled(cx.live && cx.model.has_cluster(), button);
            if button.on_disabled_hover_text("This is a recording").clicked() {
                let settings = self.edited.take().unwrap_or(cx.model.workload.settings);
                cx.push(Action::Lab(LabCommand::Workload(WorkloadSettings { on: !on, ..settings })));
            }
            let state = if on { "runs on the present master" } else { "is off" };
            ui.label(RichText::new(state).color(tokens.dim));
        });
    }

    fn settings(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let lab = cx.model.workload.settings;
        let mut settings = self.edited.unwrap_or(lab);
        let mut done = false;
        let mut row = |ui: &mut Ui, name: &str, value: &mut u32, range, suffix: &str, meaning: &str| {
            let label = ui.label(name).on_hover_text(meaning);
            let speed = drag_speed(*value);
            let field = ui.add(DragValue::new(value).range(range).speed(speed).suffix(suffix));
            let field = field.labelled_by(label.id).on_hover_text(meaning);
            done |= field.drag_stopped() || field.lost_focus();
        };
        Grid::new("workload settings").num_columns(4).spacing(vec2(theme::PAD, 4.0)).show(ui, |ui| {
            let writes = &mut settings.writes_per_second;
            row(ui, "Writes per second", writes, 0..=RATE_MAX, "", "SETs, sent to the present master");
            row(ui, "Value size", &mut settings.value_size, 1..=VALUE_MAX, " B", "Bytes of each value");
            ui.end_row();
            row(ui, "Keys", &mut settings.keys, 1..=KEYS_MAX, "", "Number of different keys, chosen at random");
            let reads = &mut settings.reads_per_second;
            row(
                ui,
                "Reads on replicas",
                reads,
                0..=RATE_MAX,
                "/s",
                "GETs, spread over the replicas; one that returns an older value than was acknowledged is stale",
            );
        });
        self.edited = (settings != lab).then_some(settings);
        if done && lab.on && settings != lab {
            cx.push(Action::Lab(LabCommand::Workload(settings)));
        } else if self.edited.is_some() && lab.on {
            ui.weak("Applied when you let go");
        }
    }
}

fn drag_speed(value: u32) -> f64 {
    (f64::from(value) * 0.01).max(0.2)
}

fn figures(ui: &mut Ui, workload: &WorkloadModel) {
    let tokens = Tokens::of(ui);
    let Some((_, last)) = workload.samples.back() else {
        ui.weak("No figures yet: they come once a second while it runs");
        return;
    };
    section_title(ui, "Last second");
    let bad = |count: u64| {
        let text = RichText::new(format::number(count)).monospace();
        if count > 0 { text.color(tokens.bad) } else { text }
    };
    let mono = |text: String| RichText::new(text).monospace();
    Grid::new("workload figures").num_columns(6).min_row_height(18.0).spacing(vec2(theme::PAD, 2.0)).show(
        ui,
        |ui| {
            pair(ui, "Writes ok", mono(format::number(last.writes_ok)), "Acknowledged by the master");
            pair(ui, "Failed", bad(last.writes_failed), "Refused, or lost with the connection");
            let took =
                format!("{}, at most {}", format::duration(last.write_p50), format::duration(last.write_max));
            pair(ui, "Took", mono(took), "Half of the writes were faster; the slowest of the second");
            ui.end_row();
            pair(ui, "Reads ok", mono(format::number(last.reads_ok)), "Answered by replicas");
            pair(ui, "Failed", bad(last.reads_failed), "Refused, or lost with the connection");
            let stale = mono(format::number(last.reads_stale));
            let stale = if last.reads_stale > 0 { stale.color(tokens.warn) } else { stale };
            let meaning = "Reads that returned an older value than the last one acknowledged for that key";
            pair(ui, "Stale", stale, meaning);
            ui.end_row();
        },
    );
    if let Some(error) = &last.last_error {
        ui.label(RichText::new(error).color(tokens.bad));
    }
    let total = &workload.total;
    let text = format!(
        "{} writes in all, {} failed, {} stale reads",
        format::number(total.writes_ok),
        format::number(total.writes_failed),
        format::number(total.reads_stale)
    );
    ui.label(RichText::new(text).text_style(TextStyle::Small).color(tokens.dim));
}

fn pair(ui: &mut Ui, name: &str, value: RichText, meaning: &str) {
    let tokens = Tokens::of(ui);
    ui.label(RichText::new(name).color(tokens.dim)).on_hover_text(meaning);
    ui.label(value).on_hover_text(meaning);
}

fn graph(ui: &mut Ui, cx: &Cx<'_>) {
    let tokens = Tokens::of(ui);
    let samples = &cx.model.workload.samples;
    if samples.len() < 2 {
        return;
    }
    let now = cx.now.as_secs_f64();
    let line = |value: fn(&crate::lab::WorkloadSample) -> u64| -> PlotPoints<'static> {
        samples
            .iter()
            .map(|(at, sample)| [at.as_secs_f64(), value(sample) as f64])
            .filter(|[at, _]| *at >= now - GRAPH_SECONDS)
            .collect()
    };
    ui.add_space(theme::TIGHT);
    ui.horizontal(|ui| {
        let small = |text: &str| RichText::new(text).text_style(TextStyle::Small);
        ui.label(small("Per second").color(tokens.dim));
        ui.label(small("■ writes ok").color(tokens.good));
        ui.label(small("■ writes failed").color(tokens.bad));
    });
    let height = ui.available_height().clamp(70.0, 240.0);
    let shown = (now - GRAPH_SECONDS).max(0.0)..=now.max(1.0);
    let bands = Bands::of(cx.model, &shown, now);
    // The strips at the foot get room of their own.
    let highest = samples.iter().map(|(_, sample)| sample.writes_ok.max(sample.writes_failed)).max();
    let share = bands.share(height);
    let foot = -(highest.unwrap_or(0) as f64) * share / (1.0 - share);
    let response = Plot::new("workload graph")
        .height(height)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_background(false)
        .include_y(foot)
        .include_y(0.0)
        .x_axis_formatter(|mark, _| format!("{:.0} s", mark.value))
        .y_axis_formatter(
            |mark, _| if mark.value < 0.0 { String::new() } else { format!("{:.0}", mark.value) },
        )
        .y_axis_min_width(36.0)
        .grid_color(tokens.line)
        .show(ui, |plot| {
            bands.tint(plot, tokens);
            plot.line(Line::new("writes ok", line(|sample| sample.writes_ok)).color(tokens.good).width(1.8));
            plot.line(
                Line::new("writes failed", line(|sample| sample.writes_failed)).color(tokens.bad).width(1.8),
            );
            plot.set_plot_bounds_x(shown);
        });
    bands.strips(ui, cx, &response.transform);
    response.response.widget_info(|| {
        eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Image, true, "Writes per second over time")
    });
}
