//! The journal as a list: filter it by node, kind and text, and look at an entry as it was recorded.

use std::collections::VecDeque;
use std::time::Duration;

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{
    Align, Button, Color32, ComboBox, FontId, Label, Layout, RichText, Role, ScrollArea, Sense, Stroke,
    StrokeKind, TextEdit, TextStyle, Ui, WidgetInfo, pos2, vec2,
};

use super::Cx;
use crate::app::actions::Action;
use crate::app::describe;
use crate::app::format;
use crate::app::theme::Tokens;
use crate::app::widgets::empty_state;
use crate::lab::model::{EntryKind, LabModel, Timeline as Entries, node_of};
use crate::lab::{Entry, NodeId};

/// Height of a row.
const ROW: f32 = 22.0;
/// Characters of an entry that its details show.
const DETAILS_MAX: usize = 20_000;

/// View state of the list.
#[derive(Default)]
pub(crate) struct TimelinePanel {
    filter: Filter,
    rows: VecDeque<Row>,
    /// Entries below this number have been looked at.
    seen: u64,
    /// First entry of the journal that the rows belong to.
    source: Option<(Duration, u64)>,
    opened: Option<u64>,
}

#[derive(Default, Clone, PartialEq)]
struct Filter {
    node: Option<NodeId>,
    kind: Option<EntryKind>,
    text: String,
}

/// One entry that passes the filter.
struct Row {
    number: u64,
    at: Duration,
    node: Option<NodeId>,
    name: String,
    kind: EntryKind,
    text: String,
}

impl TimelinePanel {
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let before = self.filter.clone();
        self.toolbar(ui, cx);
        if before != self.filter {
            self.forget();
        }
        self.follow(cx.model);
        if self.rows.is_empty() {
            let hint = if cx.model.timeline.is_empty() {
                "Everything that happens is listed here"
            } else {
                "No entry passes the filter"
            };
            empty_state(ui, "Nothing to list", hint);
            return;
        }
        let details = self.opened.and_then(|number| cx.model.timeline.get(number));
        let reserved = if details.is_some() { (ui.available_height() * 0.45).min(180.0) } else { 0.0 };
        let list_height = (ui.available_height() - reserved).max(ROW * 2.0);
        self.list(ui, cx, list_height);
        if let Some(entry) = details {
            self.details(ui, cx.model, entry);
        }
    }

    fn toolbar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let tokens = Tokens::of(ui);
        ui.horizontal_wrapped(|ui| {
            let node =
                self.filter.node.map_or_else(|| "All nodes".to_owned(), |id| describe::name(cx.model, id));
            let nodes =
                ComboBox::from_id_salt("timeline node").selected_text(node).width(84.0).show_ui(ui, |ui| {
                    ui.selectable_value(&mut self.filter.node, None, "All nodes");
                    for node in cx.model.nodes.values() {
                        ui.selectable_value(&mut self.filter.node, Some(node.id), node.port.to_string());
                    }
                });
            nodes.response.accessible_name("Timeline node");
            let kind = self.filter.kind.map_or("All kinds", kind_word);
            let kinds =
                ComboBox::from_id_salt("timeline kind").selected_text(kind).width(84.0).show_ui(ui, |ui| {
                    ui.selectable_value(&mut self.filter.kind, None, "All kinds");
                    for kind in EntryKind::ALL {
                        ui.selectable_value(&mut self.filter.kind, Some(kind), kind_word(kind));
                    }
                });
            kinds.response.accessible_name("Timeline kind");
            let text =
                TextEdit::singleline(&mut self.filter.text).hint_text("Find text").desired_width(110.0);
            ui.add(text).accessible_name("Find in timeline");
            let save = ui.add_enabled(cx.live, Button::new(Action::SaveRecording.label()));
            if save.accessible_name("Save recording from timeline").clicked() {
                cx.push(Action::SaveRecording);
            }
            let open = ui.button(Action::OpenRecording.label());
            if open.accessible_name("Open recording from timeline").clicked() {
                cx.push(Action::OpenRecording);
            }
            let timeline = &cx.model.timeline;
            let mut count =
                format!("{} of {}", format::number(self.rows.len() as u64), format::number(timeline.end()));
            if timeline.forgotten() > 0 {
                count.push_str(", oldest not kept");
            }
            ui.label(RichText::new(count).text_style(TextStyle::Small).color(tokens.dim)).on_hover_text(
                format!(
                    "Entries shown of those that happened; {} figures and progress reports are not listed",
                    format::number(timeline.figures())
                ),
            );
        });
    }

    fn list(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, height: f32) {
        let tokens = Tokens::of(ui);
        ui.spacing_mut().item_spacing.y = 0.0;
        let scroll = ScrollArea::vertical()
            .id_salt("timeline rows")
            .auto_shrink(false)
            .max_height(height)
            .stick_to_bottom(true);
        scroll.show_rows(ui, ROW, self.rows.len(), |ui, range| {
            for row in self.rows.range(range) {
                let opened = self.opened == Some(row.number);
                if row_ui(ui, cx, row, opened, tokens) {
                    self.opened = if opened { None } else { Some(row.number) };
                    if let Some(node) = row.node {
                        cx.push(Action::Select(node));
                    }
                }
            }
        });
    }

    fn details(&mut self, ui: &mut Ui, model: &LabModel, entry: &Entry) {
        let tokens = Tokens::of(ui);
        ui.separator();
        ui.horizontal(|ui| {
            ui.label(
                RichText::new(format!("Entry {} at {}", entry.seq, format::clock(entry.at)))
                    .color(tokens.dim),
            );
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.small_button("Close details").clicked() {
                    self.opened = None;
                }
            });
        });
        ScrollArea::vertical().id_salt("timeline details").auto_shrink(false).show(ui, |ui| {
            ui.label(describe::event(model, &entry.event));
            let mut json = serde_json::to_string_pretty(&entry.event).unwrap_or_default();
            json.truncate(json.floor_char_boundary(DETAILS_MAX));
            ui.add(Label::new(RichText::new(json).monospace().size(11.5).color(tokens.dim)).selectable(true));
        });
    }

    /// Takes up entries that have come since the last frame.
    fn follow(&mut self, model: &LabModel) {
        let entries = &model.timeline;
        let source = entries.iter().next().map(|entry| (entry.at, entry.seq));
        // Entries are only added at the end, unless this is another journal or an earlier point of it.
        let other = entries.end() < self.seen || (entries.forgotten() == 0 && source != self.source);
        if other {
            self.forget();
        }
        self.source = source;
        while self.rows.front().is_some_and(|row| row.number < entries.forgotten()) {
            self.rows.pop_front();
        }
        for number in self.seen.max(entries.forgotten())..entries.end() {
            self.take(model, entries, number);
        }
        self.seen = entries.end();
    }

    fn take(&mut self, model: &LabModel, entries: &Entries, number: u64) {
        let Some(entry) = entries.get(number) else { return };
        let (kind, node) = (EntryKind::of(&entry.event), node_of(&entry.event));
        if self.filter.kind.is_some_and(|wanted| wanted != kind)
            || self.filter.node.is_some_and(|wanted| node != Some(wanted))
        {
            return;
        }
        let text = describe::event(model, &entry.event);
        let needle = self.filter.text.trim().to_lowercase();
        if !needle.is_empty() && !text.to_lowercase().contains(&needle) {
            return;
        }
        let name = node.map(|node| describe::name(model, node)).unwrap_or_default();
        self.rows.push_back(Row { number, at: entry.at, node, name, kind, text });
    }

    /// Starts over: another journal is shown, or another filter applies.
    pub(crate) fn forget(&mut self) {
        self.rows.clear();
        self.seen = 0;
        self.opened = None;
    }
}

/// Draws a row; `true` when it was clicked. It is one control with one name, so its parts are painted.
fn row_ui(ui: &mut Ui, cx: &Cx<'_>, row: &Row, opened: bool, tokens: &Tokens) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| {
        let label = format!("{} {} {}", format::clock(row.at), row.name, row.text);
        WidgetInfo::selected(Role::Button, true, opened, label)
    });
    if opened || response.hovered() || response.has_focus() {
        let line = if response.has_focus() { tokens.accent } else { tokens.line };
        let fill = if opened { tokens.hover } else { Color32::TRANSPARENT };
        ui.painter().rect(rect, 3, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    }
    let small = TextStyle::Small.resolve(ui.style());
    let body = TextStyle::Body.resolve(ui.style());
    let node = row.node.map_or(tokens.dim, |node| tokens.series(cx.index(node)));
    let colour = if row.kind == EntryKind::Notice { tokens.warn } else { tokens.text };
    let text = row.text.lines().next().unwrap_or_default();
    let cells = [
        (4.0, 78.0, format::clock(row.at), FontId::monospace(11.5), tokens.dim),
        (84.0, 40.0, row.name.clone(), body.clone(), node),
        (128.0, 56.0, kind_word(row.kind).to_owned(), small, tokens.dim),
        (188.0, (rect.width() - 192.0).max(20.0), text.to_owned(), body, colour),
    ];
    for (left, width, text, font, colour) in cells {
        let mut job = LayoutJob::simple_singleline(text, font, colour);
        job.wrap = TextWrapping::truncate_at_width(width);
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        let at = pos2(rect.left() + left, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, colour);
    }
    response.clicked()
}

fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Asked => "asked",
        EntryKind::Life => "life",
        EntryKind::Role => "role",
        EntryKind::Sync => "sync",
        EntryKind::Fault => "fault",
        EntryKind::Console => "console",
        EntryKind::Workload => "workload",
        EntryKind::Notice => "notice",
        EntryKind::Log => "log",
    }
}
