//! Windows in front of the window: questions before something is lost, shortcuts, about, and the list of actions.

use eframe::egui::{
    Button, Frame, Grid, Id, Key, Margin, Modal, Modifiers, RichText, ScrollArea, TextEdit, Ui, vec2,
};

use super::actions::Action;
use super::confirm::Question;
use super::fault_dialog::FaultForm;
use super::panels::{Cx, node_actions};
use super::theme::{self, Tokens};
use super::toasts;
use super::wipe_dialog;
use crate::lab::LabCommand;

/// What stands in front.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Dialog {
    /// Is it to be done?
    Confirm(Question),
    /// What is wrong with a node, and what is to be.
    Faults(FaultForm),
    /// May an emptied master take its replicas' data from them?
    AskWipe,
    /// What needs attention.
    Notices,
    /// Which keys do what.
    Shortcuts,
    /// What this is.
    About,
    /// Everything that can be done, by name.
    Palette {
        /// What was typed.
        text: String,
        /// Which of those that match.
        chosen: usize,
    },
}

/// Draws `dialog`; returns it unless it was closed.
pub(crate) fn show(ui: &Ui, cx: &mut Cx<'_>, mut dialog: Dialog) -> Option<Dialog> {
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(18)).corner_radius(12);
    let response = Modal::new(Id::unique("dialog")).frame(frame).show(ui, |ui| {
        ui.set_max_width((ui.content_rect().width() - 80.0).min(520.0));
        match &mut dialog {
            Dialog::Confirm(question) => confirm_ui(ui, cx, question),
            Dialog::Faults(form) => form.ui(ui, cx),
            Dialog::AskWipe => wipe_dialog::ui(ui, cx),
            Dialog::Notices => framed(ui, "Notices", |ui| toasts::notices_ui(ui, cx)),
            Dialog::Shortcuts => framed(ui, "Keyboard shortcuts", shortcuts_ui),
            Dialog::About => framed(ui, "About Repliscope", about_ui),
            Dialog::Palette { text, chosen } => palette_ui(ui, cx, text, chosen),
        }
    });
    if response.should_close() { None } else { Some(dialog) }
}

fn confirm_ui(ui: &mut Ui, cx: &mut Cx<'_>, question: &Question) {
    let tokens = Tokens::of(ui);
    ui.set_max_width(440.0);
    ui.label(RichText::new(&question.title).heading());
    ui.add_space(theme::TIGHT);
    for line in &question.consequences {
        ui.label(line);
    }
    ui.add_space(theme::PAD);
    ui.horizontal(|ui| {
        let button = Button::new(RichText::new(&question.button).color(tokens.surface)).fill(tokens.bad);
        if ui.add(button.min_size(vec2(110.0, 30.0))).clicked() {
            cx.push(Action::LabConfirmed(question.command.clone()));
            ui.close();
        }
        if ui.add(Button::new("Cancel").min_size(vec2(90.0, 30.0))).clicked() {
            ui.close();
        }
    });
}

/// A title, content that scrolls, and a button to close.
fn framed(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui)) {
    ui.label(RichText::new(title).heading());
    ui.add_space(theme::TIGHT);
    let height = (ui.content_rect().height() - 180.0).max(120.0);
    ScrollArea::vertical().max_height(height).min_scrolled_height(height.min(200.0)).show(ui, |ui| {
        ui.set_min_width(360.0_f32.min(ui.available_width()));
        content(ui);
    });
    ui.add_space(theme::GAP);
    // In a row its text stands in the middle, as on the buttons of a question.
    if ui.horizontal(|ui| ui.add(Button::new("Close").min_size(vec2(90.0, 30.0)))).inner.clicked() {
        ui.close();
    }
}

fn shortcuts_ui(ui: &mut Ui) {
    let tokens = Tokens::of(ui);
    Grid::new("shortcuts").num_columns(2).spacing(vec2(theme::WIDE, 6.0)).show(ui, |ui| {
        for action in Action::fixed() {
            let Some(shortcut) = action.shortcut() else { continue };
            ui.label(RichText::new(ui.format_shortcut(&shortcut)).monospace());
            ui.label(action.label());
            ui.end_row();
        }
        let others = [
            ("Tab", "Next control; nodes of the topology are controls too"),
            ("Enter", "Press the control in focus"),
            ("Up / Down", "In the console: earlier and later lines"),
            ("Tab", "In the console: complete the command"),
            ("Esc", "Close what stands in front"),
        ];
        for (key, what) in others {
            ui.label(RichText::new(key).monospace());
            ui.label(RichText::new(what).color(tokens.dim));
            ui.end_row();
        }
    });
}

fn about_ui(ui: &mut Ui) {
    ui.label(format!("Repliscope {}", env!("CARGO_PKG_VERSION")));
    ui.label("A scope for Redis replication. One click runs a real replicated cluster, and everything that replication does becomes visible, breakable and repeatable.");
    ui.add_space(theme::GAP);
    ui.label("The nodes speak the Redis 7.0 protocol on 127.0.0.1: any Redis client can connect. Nothing leaves this machine.");
    ui.add_space(theme::GAP);
    ui.weak(
        "MIT or Apache-2.0. Redis is a registered trademark of Redis Ltd.; this is an independent program.",
    );
}

fn palette_ui(ui: &mut Ui, cx: &mut Cx<'_>, text: &mut String, chosen: &mut usize) {
    let steps = ui.input_mut(|input| {
        let down = input.consume_key(Modifiers::NONE, Key::ArrowDown);
        let up = input.consume_key(Modifiers::NONE, Key::ArrowUp);
        i32::from(down) - i32::from(up)
    });
    ui.set_min_width(400.0_f32.min(ui.available_width()));
    let field = TextEdit::singleline(text).hint_text("Find an action").desired_width(f32::INFINITY);
    let field = ui.add(field).accessible_name("Find an action");
    field.request_focus();
    if field.changed() {
        *chosen = 0;
    }
    let found = matches(palette(cx), text);
    *chosen = (*chosen as i32 + steps).clamp(0, found.len().saturating_sub(1) as i32) as usize;
    let enter = ui.input(|input| input.key_pressed(Key::Enter));
    ScrollArea::vertical().max_height(280.0).min_scrolled_height(200.0).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        if found.is_empty() {
            ui.weak("No action has this name");
        }
        for (index, (name, action)) in found.into_iter().enumerate() {
            let shortcut =
                action.shortcut().map(|shortcut| ui.format_shortcut(&shortcut)).unwrap_or_default();
            let button = Button::selectable(index == *chosen, &name).shortcut_text(shortcut);
            let response = ui.add(button.min_size(vec2(ui.available_width(), 24.0)));
            let response = response.accessible_name(name);
            if index == *chosen && steps != 0 {
                response.scroll_to_me(None);
            }
            if response.clicked() || (enter && index == *chosen) {
                cx.push(action);
                ui.close();
            }
        }
    });
}

/// Everything that can be done now, each under a name of its own.
fn palette(cx: &Cx<'_>) -> Vec<(String, Action)> {
    let model = cx.model;
    let mut all = Vec::new();
    // Ways to look come first, so that Enter on an empty line breaks nothing.
    all.extend(
        model
            .nodes
            .values()
            .map(|node| (format!("Open console of {}", node.port), Action::OpenConsole(node.id))),
    );
    let usable = |action: &Action| match action {
        Action::BackToLive => !cx.live,
        Action::Lab(_) => cx.live && model.has_cluster(),
        Action::Palette => false,
        _ => true,
    };
    all.extend(Action::fixed().into_iter().filter(usable).map(|action| (action.label(), action)));
    if cx.live {
        for node in model.nodes.values() {
            for action in
                node_actions::of(model, node).into_iter().filter(|action| action.hindrance.is_none())
            {
                let action = Action::Lab(action.command);
                all.push((format!("{} {}", action.label(), node.port), action));
            }
            all.push((format!("Faults of {}…", node.port), Action::Faults(node.id)));
            for span in model.faults.of(node.id) {
                let kind = span.fault.kind();
                let heal = LabCommand::HealFault { node: node.id, kind };
                all.push((format!("Heal {kind} of {}", node.port), Action::Lab(heal)));
            }
            for (master, port, hindrance) in node_actions::masters_for(model, node.id) {
                if hindrance.is_none() {
                    let command = LabCommand::ReplicaOf { node: node.id, master };
                    all.push((format!("Make {} replica of {port}", node.port), Action::Lab(command)));
                }
            }
        }
        let ask = LabCommand::AskBeforeWipe(!model.asks_before_wipe);
        all.push((Action::Lab(ask.clone()).label(), Action::Lab(ask)));
        if model.asking().next().is_some() {
            all.push(("Decide about the data of replicas…".to_owned(), Action::AskWipe));
        }
        if let Some(master) = model.current_master() {
            all.push(("Add replica".to_owned(), Action::Lab(LabCommand::AddNode { master: Some(master) })));
        }
    }
    all
}

/// Those whose name has all typed letters in their order, names that begin with them first.
fn matches(all: Vec<(String, Action)>, text: &str) -> Vec<(String, Action)> {
    let needle = text.trim().to_lowercase();
    let mut found: Vec<(u8, (String, Action))> = all
        .into_iter()
        .filter_map(|entry| {
            let name = entry.0.to_lowercase();
            let rank = if name.starts_with(&needle) {
                0
            } else if name.contains(&needle) {
                1
            } else if is_subsequence(&needle, &name) {
                2
            } else {
                return None;
            };
            Some((rank, entry))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn is_subsequence(needle: &str, name: &str) -> bool {
    let mut name = name.chars();
    needle.chars().filter(|letter| !letter.is_whitespace()).all(|letter| name.any(|other| other == letter))
}
