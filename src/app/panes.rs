//! The panels with their view state, and how each is drawn in the pane that the layout gives it.

use eframe::egui::{self, Frame, Margin, Ui};
use egui_tiles::{SimplificationOptions, TileId};

use super::actions::Action;
use super::layout::Pane;
use super::panels::console::Console;
use super::panels::home::Home;
use super::panels::keys::KeysPanel;
use super::panels::offsets::Offsets;
use super::panels::syncs::Syncs;
use super::panels::timeline::TimelinePanel;
use super::panels::workload::Workload;
use super::panels::{Cx, inspector, topology};
use super::theme::Tokens;

/// View state of every panel.
#[derive(Default)]
pub(crate) struct Panels {
    pub(crate) home: Home,
    offsets: Offsets,
    syncs: Syncs,
    pub(crate) keys: KeysPanel,
    pub(crate) console: Console,
    workload: Workload,
    pub(crate) timeline: TimelinePanel,
}

/// Draws panes where the layout has put them.
pub(crate) struct Panes<'a, 'b> {
    pub(crate) panels: &'a mut Panels,
    pub(crate) cx: &'a mut Cx<'b>,
}

impl egui_tiles::Behavior<Pane> for Panes<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _id: TileId, pane: &mut Pane) -> egui_tiles::UiResponse {
        let fill = Tokens::of(ui).surface;
        Frame::new().fill(fill).inner_margin(Margin::same(10)).show(ui, |ui| {
            ui.take_available_space();
            let (panels, cx) = (&mut *self.panels, &mut *self.cx);
            match pane {
                Pane::Topology => topology::ui(ui, cx),
                Pane::Node => inspector::ui(ui, cx),
                Pane::Timeline => panels.timeline.ui(ui, cx),
                Pane::Offsets => panels.offsets.ui(ui, cx),
                Pane::Syncs => panels.syncs.ui(ui, cx),
                Pane::Keys => panels.keys.ui(ui, cx),
                Pane::Console => panels.console.ui(ui, cx),
                Pane::Workload => panels.workload.ui(ui, cx),
            }
        });
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        pane.title().into()
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut egui_tiles::Tiles<Pane>,
        id: TileId,
        button: egui::Response,
    ) -> egui::Response {
        if let Some(pane) = tiles.get_pane(&id).copied() {
            button.context_menu(|ui| {
                if ui.button(format!("Close {}", pane.title())).clicked() {
                    self.cx.push(Action::Toggle(pane));
                }
            });
        }
        button
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        4.0
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        28.0
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        Tokens::of_visuals(visuals).base
    }
}
