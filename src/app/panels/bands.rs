//! Faults on a graph over time: a tint for as long as each lasted, and a strip with its name at the foot.

use std::ops::RangeInclusive;

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{FontId, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};
use egui_plot::{PlotTransform, PlotUi, Span};

use super::{Cx, faults};
use crate::app::describe;
use crate::app::theme::Tokens;
use crate::lab::model::{FaultSpan, LabModel};

/// Strips that stand above one another; more share the uppermost.
const ROWS_MAX: usize = 4;
/// Height of a strip with the space below it.
const ROW: f32 = 18.0;
/// A strip is this wide at least, however short its fault was.
const WIDTH_MIN: f32 = 4.0;
/// From this width on a strip has room for the begin of a name.
const NAMED_FROM: f32 = 26.0;

/// The faults within the time that a graph shows.
pub(crate) struct Bands<'a> {
    bands: Vec<(usize, &'a FaultSpan)>,
    now: f64,
}

impl<'a> Bands<'a> {
    pub(crate) fn of(model: &'a LabModel, shown: &RangeInclusive<f64>, now: f64) -> Self {
        // What is told apart by the eye needs this much between it.
        let near = (shown.end() - shown.start()) * 0.01;
        let mut free_from = [f64::NEG_INFINITY; ROWS_MAX];
        let mut bands = Vec::new();
        for span in model.faults.spans() {
            let (start, end) = (span.begun.as_secs_f64(), end(span, now));
            if end < *shown.start() || start > *shown.end() {
                continue;
            }
            let row = free_from.iter().position(|free| *free <= start).unwrap_or(ROWS_MAX - 1);
            free_from[row] = free_from[row].max(end.max(start + near));
            bands.push((row, span));
        }
        Self { bands, now }
    }

    /// How much of a graph of this height the strips take.
    pub(crate) fn share(&self, height: f32) -> f64 {
        let rows = self.bands.iter().map(|(row, _)| row + 1).max().unwrap_or(0);
        f64::from((rows as f32 * ROW / height.max(1.0)).min(0.5))
    }

    /// Behind the lines.
    pub(crate) fn tint(&self, plot: &mut PlotUi<'_>, tokens: &Tokens) {
        for (_, span) in &self.bands {
            let colour = faults::colour(span.fault.kind(), tokens);
            let range = span.begun.as_secs_f64()..=end(span, self.now);
            let edge = Stroke::new(1.0, colour.gamma_multiply(0.5));
            plot.add(Span::new("", range).fill(colour.gamma_multiply(0.10)).border(edge));
        }
    }

    /// In front of them: names, with all that is known on hover.
    pub(crate) fn strips(&self, ui: &Ui, cx: &Cx<'_>, transform: &PlotTransform) {
        let tokens = Tokens::of(ui);
        let frame = *transform.frame();
        let painter = ui.painter().with_clip_rect(frame);
        for (index, (row, span)) in self.bands.iter().enumerate() {
            let x = |seconds: f64| transform.position_from_point_x(seconds);
            let left = x(span.begun.as_secs_f64()).clamp(frame.left(), frame.right() - WIDTH_MIN);
            let right = x(end(span, self.now)).clamp(left + WIDTH_MIN, frame.right().max(left + WIDTH_MIN));
            let bottom = frame.bottom() - *row as f32 * ROW - 1.0;
            let rect = Rect::from_min_max(pos2(left, bottom - ROW + 2.0), pos2(right, bottom));
            let colour = faults::colour(span.fault.kind(), tokens);
            painter.rect(rect, 3, tokens.tint(colour), Stroke::new(1.0, colour), StrokeKind::Inside);
            let name = format!("{} {}", span.fault.kind(), describe::name(cx.model, span.node));
            if rect.width() >= NAMED_FROM {
                let mut job = LayoutJob::simple_singleline(name, FontId::proportional(11.0), colour);
                job.wrap = TextWrapping::truncate_at_width(rect.width() - 8.0);
                let galley = painter.layout_job(job);
                let at = pos2(rect.left() + 4.0, rect.center().y - galley.size().y / 2.0);
                painter.galley(at, galley, colour);
            }
            let (title, times) = (faults::title(cx.model, span), faults::times(span, cx.now));
            let response = ui.interact(rect, ui.scope_id().with(("band", index)), Sense::hover());
            response
                .widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Band: {title}, {times}")));
            response.on_hover_ui(|ui| {
                ui.label(&title);
                ui.weak(&times);
            });
        }
    }
}

fn end(span: &FaultSpan, now: f64) -> f64 {
    span.ended.map_or(now, |(end, _)| end.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::{Entry, Event, FaultEnd, NodeId, NodePlan, Preset};
    use crate::node::{Fault, FaultKind};

    #[test]
    fn faults_at_the_same_time_stand_above_one_another_and_later_ones_below_again() {
        let mut model = LabModel::default();
        let node = NodeId(1);
        let plan = NodePlan { node, port: 7001, master: None };
        let begun = |fault| Event::FaultBegun { node, fault, lasts: None };
        let ended = |kind| Event::FaultEnded { node, kind, how: FaultEnd::Healed };
        let tale = [
            (0, Event::ClusterPlanned { preset: Preset::Single, nodes: vec![plan] }),
            (10, begun(Fault::BlackHole)),
            (12, begun(Fault::FullDisk)),
            (20, ended(FaultKind::BlackHole)),
            (30, begun(Fault::Cut)),
            (31, ended(FaultKind::Cut)),
        ];
        for (seconds, event) in tale {
            model.fold(&Entry { seq: 0, at: Duration::from_secs(seconds), event });
        }
        let rows = |from: f64, to: f64| -> Vec<(usize, FaultKind)> {
            let bands = Bands::of(&model, &(from..=to), 60.0).bands;
            bands.into_iter().map(|(row, span)| (row, span.fault.kind())).collect()
        };
        assert_eq!(
            rows(0.0, 60.0),
            [(0, FaultKind::BlackHole), (1, FaultKind::FullDisk), (0, FaultKind::Cut)]
        );
        assert_eq!(rows(40.0, 60.0), [(0, FaultKind::FullDisk)], "it lasts until now");
        assert_eq!(rows(61.0, 70.0), []);
    }
}
