//! Nodes and links as a picture: who follows whom, how they are, and what flows between them.

mod card;
mod drag;
mod links;
mod place;

use std::collections::BTreeMap;

use eframe::egui::{Rect, ScrollArea, Sense, Ui, Vec2};

pub(crate) use card::role_word;

use super::Cx;
use crate::app::actions::Action;
use crate::app::theme::{self, Tokens};
use crate::lab::{LabCommand, NodeId};

/// Draws the picture.
pub(crate) fn ui(ui: &mut Ui, cx: &mut Cx<'_>) {
    toolbar(ui, cx);
    let available = ui.available_size();
    ScrollArea::both().auto_shrink(false).id_salt("topology").show(ui, |ui| {
        let picture = place::place(cx.model, available - Vec2::splat(theme::TIGHT));
        let (canvas, _) = ui.allocate_exact_size(picture.size, Sense::hover());
        let moved = |rect: &Rect| rect.translate(canvas.min.to_vec2());
        // Links first: cards lie above them.
        for node in cx.model.nodes.values() {
            let Some(master) = cx.model.master_of(node) else { continue };
            if let (Some(from), Some(to)) = (picture.cards.get(&master.id), picture.cards.get(&node.id)) {
                links::link_ui(ui, cx, node, master, (moved(from), moved(to)), picture.scale);
            }
        }
        let cards: BTreeMap<NodeId, Rect> =
            picture.cards.iter().map(|(id, rect)| (*id, moved(rect))).collect();
        let mut dragged = None;
        for (id, rect) in &cards {
            let Some(node) = cx.model.nodes.get(id) else { continue };
            let response = card::card_ui(ui, cx, node, *rect, picture.scale);
            if cx.live && (response.dragged() || response.drag_stopped()) {
                dragged = response.interact_pointer_pos().map(|at| (*id, at, response.drag_stopped()));
            }
        }
        if let Some((id, at, dropped)) = dragged {
            drag::over(ui, cx, id, &cards, at, dropped);
        }
    });
}

fn toolbar(ui: &mut Ui, cx: &mut Cx<'_>) {
    let tokens = Tokens::of(ui);
    ui.horizontal_wrapped(|ui| {
        let master = cx.model.current_master();
        let add = ui.add_enabled(cx.live && master.is_some(), eframe::egui::Button::new("Add replica"));
        let add = add
            .on_hover_text("Start another node on the next free port, as replica of the present master")
            .on_disabled_hover_text(if cx.live { "No master answers" } else { "This is a recording" });
        if add.clicked() {
            cx.push(Action::Lab(LabCommand::AddNode { master }));
        }
        let faults = cx.model.faults.active().next().is_some()
            || cx.model.nodes.values().any(|node| node.life() == &crate::lab::model::Life::Frozen);
        let clear = ui.add_enabled(cx.live && faults, eframe::egui::Button::new("Clear faults"));
        let clear = clear.on_hover_text("Thaw every node, heal every link and every disk");
        if clear.on_disabled_hover_text("Nothing is wrong").clicked() {
            cx.push(Action::Lab(LabCommand::ClearFaults));
        }
        ui.label(
            eframe::egui::RichText::new(
                "Right-click a node for its menu, drag it onto another one to follow that",
            )
            .text_style(eframe::egui::TextStyle::Small)
            .color(tokens.dim),
        );
    });
}
