//! The state of a node as a shape of its own, so that it can be told without its colour.

use eframe::egui::epaint::{PathShape, PathStroke};
use eframe::egui::{
    Color32, Painter, Pos2, Rect, RichText, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, vec2,
};

use crate::app::format;
use crate::app::theme::Tokens;
use crate::lab::model::Life;
use crate::node::StopReason;

/// The colour that goes with a state; the shape says the same.
pub(crate) fn life_colour(life: &Life, tokens: &Tokens) -> Color32 {
    match life {
        Life::Answering => tokens.good,
        Life::Silent { .. } => tokens.warn,
        Life::Frozen => tokens.ice,
        Life::Starting | Life::Loading { .. } => tokens.accent,
        Life::Planned | Life::Stopped(StopReason::Shutdown) => tokens.dim,
        Life::Stopped(_) => tokens.bad,
    }
}

/// Draws the state of a node: disc with a tick, triangle, square with bars, arc, ring or cross.
pub(crate) fn life_glyph(
    painter: &Painter,
    center: Pos2,
    radius: f32,
    life: &Life,
    tokens: &Tokens,
    ground: Color32,
) {
    let colour = life_colour(life, tokens);
    let thick = Stroke::new((radius * 0.3).max(1.4), colour);
    let mark = Stroke::new((radius * 0.3).max(1.4), ground);
    let at = |x: f32, y: f32| center + vec2(x, y) * radius;
    match life {
        Life::Answering => {
            painter.circle_filled(center, radius, colour);
            painter.line(vec![at(-0.45, 0.05), at(-0.1, 0.4), at(0.5, -0.35)], mark);
        }
        Life::Silent { .. } => {
            let corners = vec![at(0.0, -1.05), at(1.05, 0.85), at(-1.05, 0.85)];
            painter.add(Shape::convex_polygon(corners, colour, Stroke::NONE));
            painter.line_segment([at(0.0, -0.4), at(0.0, 0.25)], mark);
            painter.circle_filled(at(0.0, 0.58), radius * 0.16, ground);
        }
        Life::Frozen => {
            let square = Rect::from_center_size(center, Vec2::splat(radius * 1.9));
            painter.rect_filled(square, radius * 0.35, colour);
            for x in [-0.3, 0.3] {
                painter.line_segment([at(x, -0.45), at(x, 0.45)], mark);
            }
        }
        Life::Starting | Life::Loading { .. } => {
            let arc = (0..=18).map(|step| {
                let angle = std::f32::consts::TAU * (step as f32 / 24.0 - 0.25);
                at(angle.cos() * 0.85, angle.sin() * 0.85)
            });
            painter.add(PathShape::line(arc.collect(), PathStroke::new(thick.width, colour)));
        }
        Life::Planned => {
            painter.circle_stroke(center, radius * 0.85, Stroke::new(1.4, colour));
        }
        Life::Stopped(StopReason::Shutdown) => {
            let square = Rect::from_center_size(center, Vec2::splat(radius * 1.6));
            painter.rect_stroke(square, 1.0, Stroke::new(1.6, colour), StrokeKind::Inside);
        }
        Life::Stopped(_) => {
            painter.circle_filled(center, radius, colour);
            painter.line_segment([at(-0.4, -0.4), at(0.4, 0.4)], mark);
            painter.line_segment([at(0.4, -0.4), at(-0.4, 0.4)], mark);
        }
    }
}

/// Shape and word of a state, in a row.
pub(crate) fn life_label(ui: &mut Ui, life: &Life) {
    let tokens = Tokens::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(14.0), Sense::hover());
    life_glyph(ui.painter(), rect.center(), 6.0, life, tokens, tokens.surface);
    ui.label(RichText::new(format::life(life)).color(life_colour(life, tokens)));
}
