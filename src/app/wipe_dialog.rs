//! The question that a replica asks: may its master, which came back without its data, take the replica's too?

use eframe::egui::{Button, RichText, Ui, vec2};

use super::actions::Action;
use super::format;
use super::panels::Cx;
use super::theme::{self, Tokens};
use crate::lab::LabCommand;
use crate::lab::model::Asking;

/// Draws the question about the replicas of one master; closes when there is none.
pub(crate) fn ui(ui: &mut Ui, cx: &mut Cx<'_>) {
    let Some(first) = cx.model.asking().next() else {
        ui.close();
        return;
    };
    let master = first.node.master_port();
    let asking: Vec<Asking<'_>> =
        cx.model.asking().filter(|asking| asking.node.master_port() == master).collect();
    // The one that has applied most loses least.
    let Some(best) = asking.iter().max_by_key(|asking| (asking.node.offset(), asking.keys)) else { return };
    let master = master.map_or_else(|| "the master".to_owned(), |port| port.to_string());
    let tokens = Tokens::of(ui);
    ui.set_max_width(460.0);
    ui.label(RichText::new(format!("Replace the data of {master}'s replicas?")).heading());
    ui.add_space(theme::TIGHT);
    let offered = match first.offered {
        0 => "without any data".to_owned(),
        keys => format!("with {} keys", format::number(keys)),
    };
    ui.label(format!(
        "{master} came back {offered} and with another history. A full sync from it would replace what they have:"
    ));
    ui.add_space(theme::TIGHT);
    for Asking { node, keys, .. } in &asking {
        ui.horizontal(|ui| {
            ui.label(RichText::new(node.port.to_string()).color(tokens.series(cx.index(node.id))).strong());
            ui.label(format!("{} keys", format::number(*keys)));
        });
    }
    ui.add_space(theme::TIGHT);
    ui.label(
        RichText::new(format!(
            "Until you decide they keep their data and serve it. Promote {} to go on with it: {master} and the others then \
             follow. Redis would not have asked.",
            best.node.port
        ))
        .color(tokens.dim),
    );
    ui.add_space(theme::PAD);
    ui.horizontal(|ui| {
        let height = 30.0;
        let promote = format!("Promote {}", best.node.port);
        let button = Button::new(RichText::new(promote).color(tokens.surface)).fill(tokens.good);
        if ui.add(button.min_size(vec2(110.0, height))).clicked() {
            cx.push(Action::LabConfirmed(LabCommand::Promote(best.node.id)));
            ui.close();
        }
        let button = Button::new(RichText::new("Replace their data").color(tokens.surface)).fill(tokens.bad);
        if ui.add(button.min_size(vec2(130.0, height))).clicked() {
            for Asking { node, .. } in &asking {
                cx.push(Action::LabConfirmed(LabCommand::LetWipe(node.id)));
            }
            ui.close();
        }
        if ui.add(Button::new("Decide later").min_size(vec2(100.0, height))).clicked() {
            ui.close();
        }
    });
}
