//! Words and numbers in their usual clothes.

use eframe::egui::{Align, Color32, Frame, Label, Layout, Margin, Response, RichText, TextStyle, Ui};

use crate::app::theme::{self, Tokens};

/// Title of a section within a pane.
pub(crate) fn section_title(ui: &mut Ui, text: &str) -> Response {
    ui.label(RichText::new(text).text_style(theme::section()))
}

/// A short word on a tinted ground.
pub(crate) fn chip(ui: &mut Ui, text: &str, colour: Color32) -> Response {
    let tokens = Tokens::of(ui);
    Frame::new()
        .fill(tokens.tint(colour))
        .corner_radius(4)
        .inner_margin(Margin::symmetric(6, 1))
        .show(ui, |ui| ui.label(RichText::new(text).text_style(TextStyle::Small).color(colour)))
        .inner
}

/// One figure: what it is, its value, and on hover what it means, where it comes from and how it is computed.
pub(crate) fn figure(ui: &mut Ui, name: &str, value: impl Into<RichText>, meaning: &str) {
    let tokens = Tokens::of(ui);
    ui.label(RichText::new(name).color(tokens.dim)).on_hover_text(meaning);
    ui.add(Label::new(value.into()).truncate()).on_hover_text(meaning);
    ui.end_row();
}

/// What a pane says while it has nothing to show.
pub(crate) fn empty_state(ui: &mut Ui, title: &str, hint: &str) {
    let tokens = Tokens::of(ui);
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((ui.available_height() * 0.35 - 24.0).max(theme::PAD));
        ui.label(RichText::new(title).text_style(theme::section()));
        ui.label(RichText::new(hint).color(tokens.dim));
    });
}
