//! The sign of Repliscope: a master and two replicas, seen through a scope.

use eframe::egui::{Painter, Rect, Shape, Stroke, Ui, vec2};

use crate::app::theme::Tokens;

/// Draws the sign into `rect`.
pub(crate) fn mark(ui: &Ui, painter: &Painter, rect: Rect) {
    let tokens = Tokens::of(ui);
    let (center, unit) = (rect.center(), rect.width().min(rect.height()) / 2.0);
    let at = |x: f32, y: f32| center + vec2(x, y) * unit;
    painter.circle(center, unit * 0.96, tokens.raised, Stroke::new(unit * 0.05, tokens.line));
    for (x, y) in [(0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (1.0, 0.0)] {
        painter.line_segment(
            [at(x * 0.96, y * 0.96), at(x * 0.84, y * 0.84)],
            Stroke::new(unit * 0.05, tokens.dim),
        );
    }
    let (master, left, right) = (at(0.0, -0.42), at(-0.46, 0.38), at(0.46, 0.38));
    for (replica, colour) in [(left, tokens.series(1)), (right, tokens.series(2))] {
        painter.add(Shape::line_segment([master, replica], Stroke::new(unit * 0.07, tokens.dim)));
        painter.circle_filled(master + (replica - master) * 0.56, unit * 0.075, tokens.good);
        painter.circle_filled(replica, unit * 0.19, colour);
    }
    painter.circle_filled(master, unit * 0.25, tokens.series(0));
}
