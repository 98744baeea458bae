//! Dragging a node onto another one: make it follow that one, and say beforehand what it leads to.

use std::collections::BTreeMap;

use eframe::egui::{Align2, Color32, CursorIcon, FontId, Pos2, Rect, Stroke, StrokeKind, Ui, vec2};

use crate::app::actions::Action;
use crate::app::format;
use crate::app::panels::{Cx, node_actions};
use crate::app::theme::Tokens;
use crate::lab::{LabCommand, NodeId};
use crate::replication::PsyncVerdict;

/// Draws what a drop on each node would do; does it when `dropped`.
pub(super) fn over(
    ui: &Ui,
    cx: &mut Cx<'_>,
    node: NodeId,
    cards: &BTreeMap<NodeId, Rect>,
    pointer: Pos2,
    dropped: bool,
) {
    let tokens = Tokens::of(ui);
    let Some(own) = cards.get(&node) else { return };
    ui.set_cursor_icon(CursorIcon::Grabbing);
    let mut hint = None;
    for (other, _, hindrance) in node_actions::masters_for(cx.model, node) {
        let Some(card) = cards.get(&other) else { continue };
        let (text, colour) = match hindrance {
            Some(reason) => (reason.to_owned(), tokens.dim),
            None => foretold(cx, node, other, tokens),
        };
        let hit = card.contains(pointer);
        let width = if hit { 3.0 } else { 1.5 };
        ui.painter().rect_stroke(card.expand(3.0), 8, Stroke::new(width, colour), StrokeKind::Outside);
        badge(ui, card.center_top() - vec2(0.0, 6.0), &text, colour);
        if hit && hindrance.is_none() {
            hint = Some(other);
        }
    }
    let stroke = Stroke::new(2.0, if hint.is_some() { tokens.good } else { tokens.dim });
    ui.painter().line_segment([own.center(), pointer], stroke);
    ui.painter().circle_filled(pointer, 5.0, stroke.color);
    if let (true, Some(master)) = (dropped, hint) {
        cx.push(Action::Lab(LabCommand::ReplicaOf { node, master }));
    }
}

/// What would follow, in a few words.
fn foretold(cx: &Cx<'_>, node: NodeId, master: NodeId, tokens: &Tokens) -> (String, Color32) {
    match cx.model.predict_sync(node, master) {
        Some(PsyncVerdict::Continue { bytes, .. }) => {
            (format!("Follow: partial resync of {}", format::bytes(bytes)), tokens.good)
        }
        Some(PsyncVerdict::Full(_)) => ("Follow: needs a full sync".to_owned(), tokens.warn),
        None => ("Follow".to_owned(), tokens.good),
    }
}

fn badge(ui: &Ui, at: Pos2, text: &str, colour: Color32) {
    let tokens = Tokens::of(ui);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), FontId::proportional(12.0), colour);
    let rect = Align2::CENTER_CENTER.anchor_size(at, galley.size() + vec2(14.0, 6.0));
    ui.painter().rect(rect, 6, tokens.surface, Stroke::new(1.0, colour), StrokeKind::Inside);
    ui.painter().galley(rect.min + vec2(7.0, 3.0), galley, colour);
}
