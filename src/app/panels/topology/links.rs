//! One link: a curve from master to replica, its phase in words, and dots where bytes flow.

use std::time::Duration;

use eframe::egui::epaint::{CubicBezierShape, PathStroke};
use eframe::egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use crate::app::format;
use crate::app::panels::{Cx, faults};
use crate::app::theme::Tokens;
use crate::lab::model::{Life, NodeModel};
use crate::node::{FaultKind, LinkPhase};

/// One dot goes from end to end in this time.
const TRAVEL_SECONDS: f64 = 1.6;
/// Frames while bytes flow.
const FRAME: Duration = Duration::from_millis(33);
/// Traffic below this is a heartbeat, not worth thirty frames a second.
const FLOWS_FROM: f64 = 64.0;

/// How a link is drawn.
struct Look {
    colour: Color32,
    text: String,
    solid: bool,
    cut: bool,
    /// Bytes per second that move along it.
    flow: f64,
}

/// Draws the link by which `replica` follows `master`.
pub(crate) fn link_ui(
    ui: &Ui,
    cx: &mut Cx<'_>,
    replica: &NodeModel,
    master: &NodeModel,
    ends: (Rect, Rect),
    scale: f32,
) {
    let tokens = Tokens::of(ui);
    let look = look(cx, replica, master, tokens);
    let curve = Curve::between(ends.0, ends.1);
    let painter = ui.painter();
    let stroke = Stroke::new(2.0, look.colour);
    if look.solid {
        painter.add(CubicBezierShape::from_points_stroke(
            curve.points,
            false,
            Color32::TRANSPARENT,
            PathStroke::new(stroke.width, stroke.color),
        ));
    } else {
        let line: Vec<Pos2> = (0..=32).map(|step| curve.at(step as f32 / 32.0)).collect();
        painter.extend(Shape::dashed_line(&line, stroke, 6.0, 5.0));
    }
    arrow(painter, &curve, look.colour);
    if look.flow >= FLOWS_FROM {
        dots(ui, &curve, &look, tokens);
        ui.request_repaint_after(FRAME);
    }
    if look.cut {
        scissors(painter, curve.at(0.2), tokens);
    }
    let below = label(ui, cx, (replica, master), &curve, &look, scale);
    let wrong = faults::lasting(cx, replica.id, true);
    faults::badge(ui, cx, &wrong, below, Align2::CENTER_TOP, scale);
}

fn look(cx: &Cx<'_>, replica: &NodeModel, master: &NodeModel, tokens: &Tokens) -> Look {
    let plain = |colour, text: String, solid| Look { colour, text, solid, cut: false, flow: 0.0 };
    if cx.model.faults.is_cut(replica.id) {
        return Look { cut: true, ..plain(tokens.bad, "cut".to_owned(), false) };
    }
    if !replica.is_running() {
        return plain(tokens.dim, format::life(replica.life()).into_owned(), false);
    }
    let Some(link) = replica.link else {
        return plain(tokens.dim, "no link yet".to_owned(), false);
    };
    let flow = cx.model.link_rate(replica.id, cx.now);
    match link.phase {
        LinkPhase::Connect if replica.link_lost.is_some() => {
            plain(tokens.bad, "link lost, retrying".to_owned(), false)
        }
        _ if frozen(replica) || frozen(master) => plain(tokens.ice, "stands still".to_owned(), false),
        LinkPhase::Streaming if !master.is_running() => plain(tokens.bad, "master is gone".to_owned(), false),
        LinkPhase::Streaming if is_held(cx, replica) => {
            plain(tokens.warn, "streaming, bytes held".to_owned(), false)
        }
        LinkPhase::Streaming => {
            let text = if flow >= 1.0 {
                format!("streaming {}", format::rate(flow))
            } else {
                "streaming".to_owned()
            };
            Look { flow, ..plain(tokens.good, text, true) }
        }
        LinkPhase::Transfer { .. } | LinkPhase::Load { .. } => {
            Look { flow: flow.max(FLOWS_FROM), ..plain(tokens.accent, format::link_phase(link.phase), true) }
        }
        phase => plain(tokens.warn, format::link_phase(phase), false),
    }
}

/// Both ends believe in the link, but something on it holds what they send.
fn is_held(cx: &Cx<'_>, replica: &NodeModel) -> bool {
    let holds = |kind| matches!(kind, FaultKind::BlackHole | FaultKind::OneWayCut);
    cx.model.faults.of(replica.id).any(|span| holds(span.fault.kind()))
}

fn frozen(node: &NodeModel) -> bool {
    node.life() == &Life::Frozen
}

fn arrow(painter: &Painter, curve: &Curve, colour: Color32) {
    let (tip, before) = (curve.points[3], curve.points[2]);
    let along = (tip - before).normalized();
    let side = along.rot90() * 4.5;
    let back = tip - along * 9.0;
    painter.add(Shape::convex_polygon(vec![tip, back + side, back - side], colour, Stroke::NONE));
}

/// More bytes, more dots: one per factor of ten above 10 bytes a second.
fn dots(ui: &Ui, curve: &Curve, look: &Look, tokens: &Tokens) {
    let count = look.flow.max(10.0).log10().round().clamp(1.0, 8.0);
    let time = ui.input(|input| input.time) / TRAVEL_SECONDS;
    for index in 0..count as usize {
        let share = (time + index as f64 / count).fract() as f32;
        let at = curve.at(share);
        ui.painter().circle(at, 4.0, look.colour, Stroke::new(1.5, tokens.surface));
    }
}

/// A gap with two strokes: cut, also without colour.
fn scissors(painter: &Painter, at: Pos2, tokens: &Tokens) {
    painter.circle_filled(at, 9.0, tokens.surface);
    let stroke = Stroke::new(2.2, tokens.bad);
    painter.line_segment([at + vec2(-5.0, -5.0), at + vec2(5.0, 5.0)], stroke);
    painter.line_segment([at + vec2(5.0, -5.0), at + vec2(-5.0, 5.0)], stroke);
}

fn label(
    ui: &Ui,
    cx: &Cx<'_>,
    (replica, master): (&NodeModel, &NodeModel),
    curve: &Curve,
    look: &Look,
    scale: f32,
) -> Pos2 {
    let tokens = Tokens::of(ui);
    let galley =
        ui.painter().layout_no_wrap(look.text.clone(), FontId::proportional(12.0 * scale), look.colour);
    let rect = Rect::from_center_size(curve.at(0.5), galley.size() + vec2(16.0, 6.0));
    ui.painter().rect(rect, 9, tokens.surface, Stroke::new(1.0, look.colour), StrokeKind::Inside);
    if let Some(share) = replica.link.and_then(|link| format::progress(link.phase)) {
        let track =
            Rect::from_min_max(rect.left_bottom() + vec2(8.0, -4.0), rect.right_bottom() + vec2(-8.0, -2.0));
        let done = Rect::from_min_size(track.min, vec2(track.width() * share, track.height()));
        ui.painter().rect_filled(track, 1, tokens.line);
        ui.painter().rect_filled(done, 1, look.colour);
    }
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), rect).min;
    ui.painter().galley(at, galley, look.colour);

    let id = ui.scope_id().with(("link", replica.id.0));
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Label, true, format!("Link of {}: {}", replica.port, look.text))
    });
    response.on_hover_ui(|ui| {
        ui.label(format!("Link of {}: {}", replica.port, look.text));
        if let Some(reason) = &replica.link_lost {
            ui.label(format!("Lost: {reason}"));
        }
        if let Some(feed) = master.feeds.get(&replica.port) {
            ui.label(format!("Master's side: {}", format::feed(feed)));
        }
        if let Some(link) = replica.link {
            let since = cx.now.saturating_sub(link.since);
            ui.weak(format!("In this phase for {}", format::duration(since)));
        }
    });
    faults::below(rect, scale)
}

/// A curve that leaves one card and meets the other at a right angle.
struct Curve {
    points: [Pos2; 4],
}

impl Curve {
    fn between(from: Rect, to: Rect) -> Self {
        let below = to.top() > from.bottom();
        let (start, end, bend) = if below {
            let (start, end) = (from.center_bottom(), to.center_top());
            (start, end, vec2(0.0, (end.y - start.y) * 0.5))
        } else if to.left() > from.right() {
            let (start, end) = (from.right_center(), to.left_center());
            (start, end, vec2((end.x - start.x) * 0.5, 0.0))
        } else {
            (from.center(), to.center(), Vec2::ZERO)
        };
        Self { points: [start, start + bend, end - bend, end] }
    }

    /// The point at this share of the way.
    fn at(&self, share: f32) -> Pos2 {
        let [start, first, second, end] = self.points.map(Pos2::to_vec2);
        let rest = 1.0 - share;
        let sum = start * rest.powi(3)
            + first * (3.0 * rest.powi(2) * share)
            + second * (3.0 * rest * share.powi(2))
            + end * share.powi(3);
        pos2(sum.x, sum.y)
    }
}
