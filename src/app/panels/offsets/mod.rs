//! Offsets over time with the master's backlog as a band, and how far each replica is behind.

mod behind;
mod series;

use std::ops::RangeInclusive;

use eframe::egui::{
    Align, Align2, ComboBox, Layout, RichText, Role, ScrollArea, TextStyle, Ui, UiBuilder, WidgetInfo, vec2,
};
use egui_plot::{FilledArea, HoverPosition, Line, LineStyle, Plot, PlotPoint, PlotPoints, Text, VLine};

use super::Cx;
use super::bands::Bands;
use crate::app::format;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::empty_state;
use crate::lab::NodeId;
use crate::lab::model::LabModel;

/// Seconds that can be followed, with their names.
const WINDOWS: [(f64, &str); 5] =
    [(15.0, "15 s"), (60.0, "1 min"), (300.0, "5 min"), (1_800.0, "30 min"), (f64::INFINITY, "all")];
/// Pixels from point to point of a line: more points are not seen, and would be drawn as a smear.
const POINT_EVERY: f32 = 3.0;
/// Seconds between lines of the grid.
const TIME_STEPS: [f64; 13] =
    [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 18_000.0, 36_000.0];
/// Pixels of a line that may be drawn broken.
const BROKEN_MAX: f64 = 20_000.0;
/// How replicas' lines are broken.
const REPLICA_STYLES: [LineStyle; 4] = [
    LineStyle::Dotted { spacing: 6.0 },
    LineStyle::Dashed { length: 18.0 },
    LineStyle::Dashed { length: 8.0 },
    LineStyle::Dashed { length: 13.0 },
];
/// Width of the figures beside the graph.
const SIDE: f32 = 326.0;
/// Below this width the figures go under the graph.
const SIDE_FROM: f32 = 600.0;

/// View state of the graph.
pub(crate) struct Offsets {
    follow: bool,
    window: f64,
}

impl Default for Offsets {
    fn default() -> Self {
        Self { follow: true, window: 60.0 }
    }
}

impl Offsets {
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if cx.model.nodes.values().all(|node| node.history.points().is_empty()) {
            empty_state(ui, "No offsets yet", "They are drawn as soon as a node answers INFO");
            return;
        }
        let master = shown_master(cx.model);
        let all = ui.available_rect_before_wrap();
        let beside = all.width() >= SIDE_FROM;
        let (graph, side) = if beside {
            all.split_left_right_at_x(all.right() - SIDE)
        } else {
            all.split_top_bottom_at_y(all.bottom() - (all.height() * 0.42).min(170.0))
        };
        ui.scope_builder(UiBuilder::new().max_rect(graph), |ui| {
            self.toolbar(ui);
            self.graph(ui, cx, master);
        });
        let side = if beside { side.with_min_x(side.left() + theme::PAD) } else { side };
        ui.scope_builder(UiBuilder::new().max_rect(side), |ui| {
            ScrollArea::both().auto_shrink(false).id_salt("behind").show(ui, |ui| behind::ui(ui, cx, master));
        });
        ui.advance_cursor_after_rect(all);
    }

    fn toolbar(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            ui.checkbox(&mut self.follow, "Follow live")
                .on_hover_text("Keep the present at the right edge; drag or zoom the graph to look around");
            let name = WINDOWS.iter().find(|(seconds, _)| *seconds >= self.window).map_or("all", |(_, name)| name);
            let combo = ComboBox::from_id_salt("offsets window").selected_text(name).width(64.0).show_ui(ui, |ui| {
                for (seconds, name) in WINDOWS {
                    if ui.selectable_value(&mut self.window, seconds, name).clicked() {
                        self.follow = true;
                    }
                }
            });
            combo.response.accessible_name("Time shown").on_hover_text("How much time the graph shows");
            let tokens = Tokens::of(ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let hint = RichText::new("below the band: full sync").text_style(TextStyle::Small).color(tokens.dim);
                ui.add(eframe::egui::Label::new(hint).truncate()).on_hover_text(
                    "The band is what the master's backlog holds. A replica whose offset lies in the band can \
                     continue by a partial resync; one below it needs a full sync",
                );
            });
        });
    }

    fn graph(&mut self, ui: &mut Ui, cx: &Cx<'_>, master: Option<NodeId>) {
        let tokens = Tokens::of(ui);
        let now = cx.now.as_secs_f64();
        let start = if self.window.is_finite() { (now - self.window).max(0.0) } else { 0.0 };
        let live = start..=now.max(start + 1.0);
        let follow = self.follow;
        let names: Vec<(String, NodeId)> =
            cx.model.nodes.values().map(|n| (n.port.to_string(), n.id)).collect();
        let points = (ui.available_width() / POINT_EVERY).max(50.0) as usize;
        let height = ui.available_height().max(60.0);
        let mut plot = Plot::new("offsets")
            .height(height)
            .allow_scroll(false)
            .allow_double_click_reset(false)
            .set_margin_fraction(vec2(0.0, 0.08))
            .y_axis_min_width(62.0)
            .x_grid_spacer(egui_plot::uniform_grid_spacer(|input| time_steps(input.base_step_size)))
            .y_grid_spacer(egui_plot::uniform_grid_spacer(|input| offset_steps(input.base_step_size)))
            .x_axis_formatter(|mark, _| axis_time(mark.value, mark.step_size))
            .y_axis_formatter(|mark, _| axis_offset(mark.value))
            .label_formatter(hover_text)
            .show_background(false)
            .grid_color(tokens.line);
        if follow {
            plot = plot.allow_drag(true).allow_zoom(true);
        }
        let response = plot.show(ui, |plot| {
            let shown = if follow { live.clone() } else { bounds(&plot.plot_bounds()) };
            let bands = Bands::of(cx.model, &shown, now);
            bands.tint(plot, tokens);
            if let Some(node) = master.and_then(|id| cx.model.nodes.get(&id)) {
                let band = series::band(node, &shown, now, points);
                let colour = tokens.series(cx.index(node.id)).gamma_multiply(0.20);
                let area = FilledArea::new("Backlog", &band.at, &band.first, &band.next);
                plot.add(area.fill_color(colour).allow_hover(false));
            }
            let turns = series::turning_points(cx.model, tokens, &shown);
            let rows = turns.iter().map(|turn| turn.row + 1).max().unwrap_or(0);
            let values = series::value_range(cx.model, master, &shown, rows);
            // The strips at the foot get room of their own.
            let room = (values.end() - values.start()) * bands.share(height);
            let values = values.start() - room..=*values.end();
            for turn in turns {
                plot.vline(VLine::new("", turn.at).color(turn.colour).width(1.0).allow_hover(false));
                let top = if follow { *values.end() } else { plot.plot_bounds().max()[1] };
                // Two that are near stand one below the other.
                let text = format!("{} {} ", "\n".repeat(turn.row), turn.text);
                let text = RichText::new(text).text_style(TextStyle::Small);
                let text = Text::new("", PlotPoint::new(turn.at, top), text).color(turn.colour);
                let anchor = if turn.at_edge { Align2::RIGHT_TOP } else { Align2::LEFT_TOP };
                plot.text(text.anchor(anchor).allow_hover(false));
            }
            // The master's line is broad and solid, those on top of it are broken each in its own way: nodes in
            // step are all seen, and lines can be told apart without their colours.
            let mut order: Vec<_> = cx.model.nodes.values().collect();
            order.sort_by_key(|node| Some(node.id) != master);
            for (place, node) in order.into_iter().enumerate() {
                let (style, width) = if Some(node.id) == master {
                    (LineStyle::Solid, 4.0)
                } else {
                    (REPLICA_STYLES[place % REPLICA_STYLES.len()], 2.2)
                };
                for (index, run) in series::runs(node, &shown, now, points).into_iter().enumerate() {
                    // A broken line is drawn dash by dash, also where it is out of sight.
                    let style = if series::length(&run, plot.transform()) > BROKEN_MAX {
                        LineStyle::Solid
                    } else {
                        style
                    };
                    let line = Line::new(node.port.to_string(), PlotPoints::Owned(run)).style(style);
                    plot.line(
                        line.id((node.id.0, index)).color(tokens.series(cx.index(node.id))).width(width),
                    );
                }
            }
            for (at, names) in series::ends(cx.model, &shown, now) {
                let text = RichText::new(names).text_style(TextStyle::Small);
                let text = Text::new("", at, text).color(tokens.text).anchor(Align2::RIGHT_BOTTOM);
                plot.text(text.allow_hover(false));
            }
            if follow {
                plot.set_plot_bounds_x(shown);
                plot.set_plot_bounds_y(values);
            }
            bands
        });
        response.inner.strips(ui, cx, &response.transform);
        let moved = response.response.dragged() || response.response.contains_pointer() && zoomed(ui);
        if moved {
            self.follow = false;
        }
        let label =
            format!("Offsets of {}", names.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", "));
        response.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
    }
}

fn zoomed(ui: &Ui) -> bool {
    ui.input(|input| (input.zoom_delta() - 1.0).abs() > f32::EPSILON)
}

fn bounds(bounds: &egui_plot::PlotBounds) -> RangeInclusive<f64> {
    bounds.min()[0]..=bounds.max()[0]
}

fn axis_time(seconds: f64, step: f64) -> String {
    if seconds < 0.0 {
        return String::new();
    }
    if step < 1.0 {
        return format!("{}:{:04.1}", (seconds / 60.0).floor(), seconds % 60.0);
    }
    let whole = seconds.round() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// The three steps from the first that is at least `least` wide.
fn steps(all: &[f64], least: f64) -> [f64; 3] {
    let first = all.partition_point(|step| *step < least).min(all.len() - 3);
    [all[first], all[first + 1], all[first + 2]]
}

/// Steps that suit a clock; beyond, days by powers of ten.
fn time_steps(least: f64) -> [f64; 3] {
    if least <= TIME_STEPS[TIME_STEPS.len() - 3] {
        return steps(&TIME_STEPS, least);
    }
    let days = 86_400.0 * 10.0_f64.powf((least / 86_400.0).log10().ceil());
    [days, days * 10.0, days * 100.0]
}

/// Steps of one and five times a power of ten.
fn offset_steps(least: f64) -> [f64; 3] {
    let power = 10.0_f64.powf(least.max(1.0).log10().floor());
    steps(&[power, 5.0 * power, 10.0 * power, 50.0 * power, 100.0 * power], least)
}

fn axis_offset(offset: f64) -> String {
    // Below zero there is only room for the axis.
    if offset <= 0.0 { String::new() } else { format::number(offset as u64) }
}

fn hover_text(hover: &HoverPosition<'_>) -> Option<String> {
    match hover {
        HoverPosition::NearDataPoint { plot_name, position: PlotPoint { x, y }, .. }
            if !plot_name.is_empty() =>
        {
            let at = format::clock(std::time::Duration::from_secs_f64(x.max(0.0)));
            Some(format!("{plot_name}\noffset {}\nat {at}", format::number(y.max(0.0) as u64)))
        }
        _ => None,
    }
}

/// The master whose backlog is drawn: the present one, or the last one there was.
fn shown_master(model: &LabModel) -> Option<NodeId> {
    model.current_master().or_else(|| {
        model
            .nodes
            .values()
            .filter(|node| node.is_master())
            .max_by_key(|node| node.sampled_at)
            .map(|node| node.id)
    })
}
