//! The menu bar. Every entry is an action.

use eframe::egui::{Button, Checkbox, Context, MenuBar, RichText, ThemePreference, Ui};
use egui_tiles::Tree;

use super::actions::{Action, THREE_NODES, preset_label};
use super::layout::Pane;
use super::panels::Cx;
use crate::lab::{LabCommand, Preset};

/// The switch of the question that [`super::wipe_dialog`] asks.
const ASK_BEFORE_WIPE: &str = "Ask before an emptied master wipes";

/// Draws the bar.
pub(crate) fn bar(ui: &mut Ui, cx: &mut Cx<'_>, tree: &Tree<Pane>, port: u16) {
    MenuBar::new().ui(ui, |ui| {
        ui.menu_button("File", |ui| file(ui, cx));
        ui.menu_button("Cluster", |ui| cluster(ui, cx, port));
        ui.menu_button("View", |ui| view(ui, cx, tree));
        ui.menu_button("Help", |ui| help(ui, cx));
    });
}

fn file(ui: &mut Ui, cx: &mut Cx<'_>) {
    entry(ui, cx, Action::OpenRecording, true);
    let live = cx.live;
    entry(ui, cx, Action::SaveRecording, live);
    if !live {
        entry(ui, cx, Action::BackToLive, true);
    }
    ui.separator();
    entry(ui, cx, Action::Quit, true);
}

fn cluster(ui: &mut Ui, cx: &mut Cx<'_>, port: u16) {
    let live = cx.live;
    for preset in [THREE_NODES, Preset::Star { replicas: 1 }, Preset::Chain { nodes: 3 }, Preset::Single] {
        let start = Action::Lab(LabCommand::StartCluster { preset, port });
        let button = ui.add_enabled(live, Button::new(format!("Start {}", preset_label(preset))));
        if button.clicked() {
            cx.push(start);
        }
    }
    ui.separator();
    let master = cx.model.current_master();
    entry(ui, cx, Action::Lab(LabCommand::AddNode { master }), live && master.is_some());
    let any = live && cx.model.has_cluster();
    entry(ui, cx, Action::Lab(LabCommand::ClearFaults), any);
    let mut asks = cx.model.asks_before_wipe;
    let switch = ui.add_enabled(live, Checkbox::new(&mut asks, ASK_BEFORE_WIPE));
    if switch.on_hover_text("Redis does not ask: the replicas copy the empty data set").clicked() {
        cx.push(Action::Lab(LabCommand::AskBeforeWipe(asks)));
    }
    ui.separator();
    entry(ui, cx, Action::Lab(LabCommand::StopCluster), any);
}

fn view(ui: &mut Ui, cx: &mut Cx<'_>, tree: &Tree<Pane>) {
    for pane in Pane::ALL {
        let mut open = tree.tiles.find_pane(&pane).is_some();
        if ui.checkbox(&mut open, pane.title()).clicked() {
            cx.push(Action::Toggle(pane));
        }
    }
    entry(ui, cx, Action::ResetLayout, true);
    ui.separator();
    let now = ui.options(|options| options.theme_preference);
    for theme in [ThemePreference::System, ThemePreference::Light, ThemePreference::Dark] {
        let action = Action::Theme(theme);
        if ui.radio(now == theme, action.label()).clicked() {
            cx.push(action);
            ui.close();
        }
    }
    ui.separator();
    entry(ui, cx, Action::ZoomIn, true);
    entry(ui, cx, Action::ZoomOut, true);
    entry(ui, cx, Action::ZoomReset, true);
}

fn help(ui: &mut Ui, cx: &mut Cx<'_>) {
    entry(ui, cx, Action::Palette, true);
    entry(ui, cx, Action::Shortcuts, true);
    entry(ui, cx, Action::About, true);
}

fn entry(ui: &mut Ui, cx: &mut Cx<'_>, action: Action, enabled: bool) {
    let mut button = Button::new(RichText::new(action.label()));
    if let Some(shortcut) = action.shortcut() {
        button = button.shortcut_text(ui.format_shortcut(&shortcut));
    }
    // The key is written on the entry, but is no part of its name.
    if ui.add_enabled(enabled, button).accessible_name(action.label()).clicked() {
        cx.push(action);
    }
}

/// Actions whose keys were pressed.
pub(crate) fn pressed(ctx: &Context) -> Vec<Action> {
    Action::fixed()
        .into_iter()
        .filter(|action| {
            action.shortcut().is_some_and(|shortcut| ctx.input_mut(|input| input.consume_shortcut(&shortcut)))
        })
        .collect()
}
