//! The line that is typed: history, completion and help.

use eframe::egui::text::{CCursor, CCursorRange, CharIndex};
use eframe::egui::{
    Button, FontId, Id, Key, Label, Modifiers, Popup, PopupCloseBehavior, RectAlign, Response, RichText,
    TextEdit, TextStyle, Ui, vec2,
};

use crate::app::help::{self, CommandHelp};
use crate::app::panels::Cx;
use crate::app::theme::{self, Tokens};
use crate::lab::{ConsoleMode, ConsoleTarget};

/// Lines that Up can bring back.
const HISTORY_MAX: usize = 200;
/// Names that are offered at once.
const OFFERED_MAX: usize = 7;

/// The line being typed.
#[derive(Default)]
pub(super) struct Input {
    text: String,
    history: Vec<String>,
    /// Which line of the history is shown; its length while it is a new one.
    at: usize,
    /// The new line, while an older one is shown.
    draft: String,
    /// What was typed before Tab completed it, and which of the offers that was.
    completing: Option<(String, usize)>,
    /// Esc has put the offers away until something else is typed.
    dismissed: bool,
    /// The pointer is over the offers: a press there takes the focus from the line and is no reason to close.
    offers_hovered: bool,
    /// It had the focus in the last frame: Esc takes that away before anybody sees the key.
    had_focus: bool,
}

impl Input {
    /// Space that [`Input::ui`] takes.
    pub(super) fn height(ui: &Ui) -> f32 {
        let small = ui.text_style_height(&TextStyle::Small);
        ui.spacing().interact_size.y + small + 3.0 * ui.spacing().item_spacing.y + theme::GAP
    }

    /// Whether the line is typed into, and neither offers nor selected text want Esc and Ctrl+C.
    pub(super) fn is_idle(&self, ui: &Ui) -> bool {
        let selected = TextEdit::load_state(ui, ui.scope_id().with("console line"))
            .and_then(|state| state.cursor.char_range())
            .is_some_and(|range| range.primary != range.secondary);
        let offered = !self.offered().is_empty() && !self.dismissed;
        self.had_focus && !offered && !selected
    }

    /// Draws the line; returns it when Enter was pressed.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &Cx<'_>,
        target: ConsoleTarget,
        focus: bool,
    ) -> Option<String> {
        let tokens = Tokens::of(ui);
        let id = ui.scope_id().with("console line");
        if ui.memory(|memory| memory.has_focus(id)) {
            self.keys(ui, id);
        }
        let mut entered = None;
        let field = ui.horizontal(|ui| {
            let prompt = prompt(cx, target);
            ui.label(RichText::new(prompt).font(FontId::monospace(12.5)).color(tokens.dim));
            let run = if cx.live { 54.0 } else { 0.0 };
            let edit = TextEdit::singleline(&mut self.text)
                .id(id)
                .font(FontId::monospace(12.5))
                .hint_text(if cx.live { "Type a command" } else { "This is a recording" })
                .lock_focus(true)
                .desired_width((ui.available_width() - run - theme::GAP * 2.0).max(80.0));
            let field = ui.add_enabled(cx.live, edit).accessible_name("Console line");
            if cx.live && ui.add(Button::new("Run")).accessible_name("Run console line").clicked() {
                entered = self.take();
                field.request_focus();
            }
            field
        });
        let field = field.inner;
        if focus {
            field.request_focus();
        }
        if field.changed() {
            self.completing = None;
            self.dismissed = false;
            self.at = self.history.len();
        }
        if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            entered = self.take();
            field.request_focus();
        }
        self.had_focus = field.has_focus();
        self.offers(ui, &field);
        self.help_line(ui, tokens);
        entered
    }

    /// Up and Down walk the history, Tab completes, Esc puts the offers away. Taken before the field sees them.
    fn keys(&mut self, ui: &Ui, id: Id) {
        let offered = !self.offered().is_empty() && !self.dismissed;
        let (up, down, tab, escape) = ui.input_mut(|input| {
            let tab = !self.text.is_empty() && input.consume_key(Modifiers::NONE, Key::Tab);
            let escape = offered && input.consume_key(Modifiers::NONE, Key::Escape);
            let up = input.consume_key(Modifiers::NONE, Key::ArrowUp);
            (up, input.consume_key(Modifiers::NONE, Key::ArrowDown), tab, escape)
        });
        self.dismissed |= escape;
        let changed = match (up, down, tab) {
            (true, _, _) => self.earlier(),
            (_, true, _) => self.later(),
            (_, _, true) => self.complete(),
            _ => false,
        };
        if changed {
            let mut state = TextEdit::load_state(ui, id).unwrap_or_default();
            let end = CCursor::new(CharIndex(self.text.chars().count()));
            state.cursor.set_char_range(Some(CCursorRange::one(end)));
            state.store(ui, id);
        }
    }

    fn earlier(&mut self) -> bool {
        if self.at == 0 || self.history.is_empty() {
            return false;
        }
        if self.at == self.history.len() {
            self.draft = std::mem::take(&mut self.text);
        }
        self.at -= 1;
        self.show_history();
        true
    }

    fn later(&mut self) -> bool {
        if self.at >= self.history.len() {
            return false;
        }
        self.at += 1;
        self.show_history();
        true
    }

    fn show_history(&mut self) {
        self.text = self.history.get(self.at).cloned().unwrap_or_else(|| std::mem::take(&mut self.draft));
        self.completing = None;
        self.dismissed = true;
    }

    /// Completes to the next offer; again and again goes round.
    fn complete(&mut self) -> bool {
        let (typed, chosen) = match self.completing.take() {
            Some((typed, chosen)) => (typed, chosen + 1),
            None => (self.text.clone(), 0),
        };
        let offers = help::completions(&typed, OFFERED_MAX);
        let Some(offer) = offers.get(chosen % offers.len().max(1)) else { return false };
        self.text = in_case_of(&typed, &offer.name);
        self.text.push(' ');
        self.completing = Some((typed, chosen % offers.len()));
        true
    }

    fn offered(&self) -> Vec<&'static CommandHelp> {
        let typed = self.completing.as_ref().map_or(&self.text, |(typed, _)| typed);
        help::completions(typed, OFFERED_MAX)
    }

    fn take(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.text).trim().to_owned();
        self.completing = None;
        self.dismissed = false;
        if !line.is_empty() && self.history.last() != Some(&line) {
            if self.history.len() >= HISTORY_MAX {
                self.history.remove(0);
            }
            self.history.push(line.clone());
        }
        self.at = self.history.len();
        (!line.is_empty()).then_some(line)
    }

    fn offers(&mut self, ui: &Ui, field: &Response) {
        let offers = self.offered();
        let open = (field.has_focus() || self.offers_hovered) && !self.dismissed && !offers.is_empty();
        let chosen = self.completing.as_ref().map(|(_, chosen)| *chosen);
        let mut clicked = None;
        let tokens = Tokens::of(ui);
        let shown = Popup::from_response(field)
            .open(open)
            .align(RectAlign::TOP_START)
            .close_behavior(PopupCloseBehavior::IgnoreClicks)
            .accessible_name("Completions")
            .show(|ui| {
                ui.set_min_width(260.0);
                for (index, offer) in offers.iter().enumerate() {
                    let name = RichText::new(&offer.name).font(FontId::monospace(12.5));
                    let summary =
                        RichText::new(offer.command.summary).text_style(TextStyle::Small).color(tokens.dim);
                    let button = Button::selectable(chosen == Some(index), (name, summary));
                    let button = ui.add(button.min_size(vec2(260.0, 22.0)));
                    if button.accessible_name(format!("Complete {}", offer.name)).clicked() {
                        clicked = Some(offer.name.as_str());
                    }
                }
                ui.label(RichText::new("Tab completes").text_style(TextStyle::Small).color(tokens.dim));
            });
        self.offers_hovered = shown.is_some_and(|shown| shown.response.contains_pointer());
        if let Some(name) = clicked {
            self.offers_hovered = false;
            self.text = format!("{} ", in_case_of(&self.text, name));
            self.completing = None;
            field.request_focus();
        }
    }

    fn help_line(&self, ui: &mut Ui, tokens: &Tokens) {
        let small = |text: String| RichText::new(text).text_style(TextStyle::Small).color(tokens.dim);
        let Some(CommandHelp { name, command }) = help::of_line(&self.text) else {
            let text = "Up and Down recall lines · Tab completes · clear empties the view";
            ui.add(Label::new(small(text.to_owned())).truncate());
            return;
        };
        let usage = format!("{name} {}", command.arguments);
        let text = format!("{} · {}", usage.trim_end(), command.summary);
        ui.add(Label::new(small(text)).truncate()).on_hover_ui(|ui| {
            ui.label(RichText::new(usage.trim_end()).monospace());
            ui.label(command.summary);
            ui.label(small(format!(
                "Group {} · since {} · {}",
                command.group.name(),
                command.since,
                command.complexity
            )));
        });
    }
}

/// A name written as what was typed of it: all small if that is.
fn in_case_of(typed: &str, name: &str) -> String {
    if typed.chars().any(char::is_uppercase) { name.to_owned() } else { name.to_lowercase() }
}

/// Where the line runs, which database is selected, and whether a transaction is open.
fn prompt(cx: &Cx<'_>, target: ConsoleTarget) -> String {
    match target {
        ConsoleTarget::All => "all nodes>".to_owned(),
        ConsoleTarget::Node(node) => {
            let state = cx.model.console_state.get(&node).copied().unwrap_or_default();
            let db = if state.db == 0 { String::new() } else { format!("[{}]", state.db) };
            let multi = if state.in_multi { "(TX)" } else { "" };
            let mode = match state.mode {
                ConsoleMode::Lines => "",
                ConsoleMode::Subscribed(_) => "(subscribed mode)",
                ConsoleMode::Monitor => "(monitor)",
            };
            format!("{}{db}{multi}{mode}>", cx.model.port(node))
        }
    }
}
