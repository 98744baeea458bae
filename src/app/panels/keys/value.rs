//! The value of one key of one node, each type in its own way.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{
    Button, Color32, FontId, Label, RichText, Role, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui,
    WidgetInfo, pos2, vec2,
};

use super::ask::ask_value;
use super::edit::Editor;
use super::list::{figures, kind_colour, one_line};
use crate::app::describe::{by_ports, name};
use crate::app::format;
use crate::app::panels::Cx;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::{chip, empty_state};
use crate::lab::browse::{Cell, Group};
use crate::lab::model::keys::OpenValue;
use crate::lab::{KeyType, NodeId};

const ROW: f32 = 20.0;
/// Bytes of one line of the hexadecimal view.
const HEX_WIDE: usize = 16;

/// How bytes of a string are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    #[default]
    Text,
    Escaped,
    Hex,
}

/// How values are shown.
#[derive(Default)]
pub(super) struct ValueView {
    form: Form,
    /// The element that was clicked, by its place.
    element: Option<usize>,
    element_of: Option<(NodeId, Vec<u8>)>,
}

impl ValueView {
    /// Draws the value; another key to show instead, after a rename.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        node: NodeId,
        (db, key): (u16, &[u8]),
        editor: &mut Editor,
        comparing: bool,
    ) -> Option<Vec<u8>> {
        let model = cx.model;
        let Some(value) = model.keys.values.get(&node).filter(|value| value.key == key && value.db == db)
        else {
            ui.weak("Asking for the value…");
            return None;
        };
        let element = if self.element_of.as_ref().is_some_and(|(of, k)| *of == node && k == key) {
            self.element.filter(|at| *at < value.rows.len())
        } else {
            None
        };
        head(ui, cx, node, value, comparing);
        if value.gone {
            empty_state(ui, "The key is gone", "It was deleted or expired since it was listed");
            return None;
        }
        if let Some(why) = &value.failed {
            let text = format!("{}: {}", name(model, node), by_ports(model, why));
            ui.label(RichText::new(text).color(Tokens::of(ui).bad));
        }
        let seen = value.seen.as_ref()?;
        let renamed = editor.ui(ui, cx, node, value, element);
        match seen.info.kind {
            KeyType::String => self.string(ui, value),
            _ => {
                if let Some(at) = rows(ui, value, element) {
                    self.element = (element != Some(at)).then_some(at);
                    self.element_of = Some((node, key.to_vec()));
                    editor.close();
                }
            }
        }
        if value.next.is_some() && !value.loading && value.failed.is_none() && cx.live && near_end(ui) {
            ask_value(cx, node, db, key, value.next.clone().map(|next| (value.id, next)));
        }
        renamed
    }

    fn string(&mut self, ui: &mut Ui, value: &OpenValue) {
        ui.horizontal(|ui| {
            for (form, word) in [(Form::Text, "Text"), (Form::Escaped, "Escaped"), (Form::Hex, "Hex")] {
                let button = ui.add(Button::selectable(self.form == form, word));
                if button.accessible_name(format!("Show as {}", word.to_lowercase())).clicked() {
                    self.form = form;
                }
            }
        });
        let bytes: Vec<u8> =
            value.rows.iter().flatten().flat_map(|cell| cell.bytes.iter().copied()).collect();
        let font = FontId::monospace(12.5);
        if self.form == Form::Hex {
            let count = bytes.len().div_ceil(HEX_WIDE);
            let height = ui.text_style_height(&TextStyle::Monospace);
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::both().id_salt("hex").auto_shrink(false).show_rows(ui, height, count, |ui, range| {
                mark_end(ui, range.end >= count.saturating_sub(40));
                for line in range {
                    let text = hex_line(line * HEX_WIDE, &bytes);
                    ui.add(Label::new(RichText::new(text).font(font.clone())).extend());
                }
            });
            return;
        }
        let text = match self.form {
            Form::Text => visible(&String::from_utf8_lossy(&bytes)),
            _ => crate::lab::escape(&bytes),
        };
        if bytes.is_empty() {
            ui.weak("The string is empty");
            return;
        }
        let shown = ScrollArea::vertical().id_salt("text").auto_shrink(false).show(ui, |ui| {
            ui.add(Label::new(RichText::new(text).font(font)).wrap().selectable(true));
        });
        let left = shown.content_size.y - shown.state.clamped_offset().y - shown.inner_rect.height();
        mark_end(ui, left < 200.0);
    }
}

/// Letters that cannot be seen become a visible mark; line ends and tabs stay.
fn visible(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            '\r' => ' ',
            control if control.is_control() => '·',
            other => other,
        })
        .collect()
}

fn hex_line(at: usize, bytes: &[u8]) -> String {
    use std::fmt::Write;
    let part = &bytes[at..bytes.len().min(at + HEX_WIDE)];
    let mut line = format!("{at:08x} ");
    for index in 0..HEX_WIDE {
        // Writing to a String cannot fail.
        let _ = match part.get(index) {
            Some(byte) => write!(line, " {byte:02x}"),
            None => write!(line, "   "),
        };
    }
    line.push_str("  ");
    line.extend(part.iter().map(|byte| if (32..127).contains(byte) { char::from(*byte) } else { '.' }));
    line
}

fn head(ui: &mut Ui, cx: &Cx<'_>, node: NodeId, value: &OpenValue, comparing: bool) {
    let tokens = Tokens::of(ui);
    ui.horizontal(|ui| {
        if comparing {
            let port = RichText::new(name(cx.model, node)).color(tokens.series(cx.index(node)));
            ui.label(port);
        }
        if let Some(seen) = &value.seen {
            chip(ui, seen.info.kind.word(), kind_colour(&seen.info.kind, tokens));
        }
        let key = one_line(&value.key);
        let text = RichText::new(if key.is_empty() { "(empty name)" } else { &key }).monospace();
        ui.add(Label::new(text).truncate()).on_hover_text(&key);
    });
    if let Some(seen) = &value.seen {
        let text = RichText::new(figures(seen, cx)).text_style(TextStyle::Small).color(tokens.dim);
        ui.add(Label::new(text).truncate()).on_hover_text(
            "TYPE, OBJECT ENCODING, elements, MEMORY USAGE, and PTTL counted down from when it was read",
        );
        if seen.deadline.is_some() {
            ui.request_repaint_after(std::time::Duration::from_millis(250));
        }
    }
}

/// Draws elements; the place of the one that was clicked.
fn rows(ui: &mut Ui, value: &OpenValue, chosen: Option<usize>) -> Option<usize> {
    let tokens = Tokens::of(ui);
    let kind = &value.seen.as_ref()?.info.kind;
    let mut clicked = None;
    if !value.groups.is_empty() {
        groups(ui, &value.groups);
    }
    if value.rows.is_empty() {
        ui.weak("It has no elements");
        return None;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let scroll = ScrollArea::vertical().id_salt("elements").auto_shrink(false);
    scroll.show_rows(ui, ROW, value.rows.len(), |ui, range| {
        mark_end(ui, range.end + 20 >= value.rows.len());
        for at in range {
            let (head, body) = columns(kind, at, &value.rows[at]);
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
            let picked = chosen == Some(at);
            response.widget_info(|| {
                WidgetInfo::selected(Role::Button, true, picked, format!("Element {head} {body}").trim_end())
            });
            if picked || response.hovered() || response.has_focus() {
                let line = if response.has_focus() { tokens.accent } else { tokens.line };
                let fill = if picked { tokens.hover } else { Color32::TRANSPARENT };
                ui.painter().rect(rect, 3, fill, Stroke::new(1.0, line), StrokeKind::Inside);
            }
            let first = match kind {
                KeyType::List | KeyType::Set => 52.0,
                _ => (rect.width() * 0.36).clamp(60.0, 260.0),
            };
            let cells = [
                (4.0, first - 8.0, &head, tokens.dim),
                (first, rect.width() - first - 4.0, &body, tokens.text),
            ];
            for (left, width, text, colour) in cells {
                let mut job = LayoutJob::simple_singleline(text.clone(), FontId::monospace(12.0), colour);
                job.wrap = TextWrapping::truncate_at_width(width.max(8.0));
                let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
                let place = pos2(rect.left() + left, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley(place, galley, colour);
            }
            if response.clicked() {
                clicked = Some(at);
            }
            if response.hovered() && body.len() > 40 {
                response.on_hover_text(format!("{head}\n{body}"));
            }
        }
    });
    clicked
}

/// What stands left and right in the row of an element.
fn columns(kind: &KeyType, at: usize, row: &[Cell]) -> (String, String) {
    let cell = |index: usize| row.get(index).map(text_of).unwrap_or_default();
    match kind {
        KeyType::List => (at.to_string(), cell(0)),
        KeyType::Set => (String::new(), cell(0)),
        // The score first: that is what they are sorted by.
        KeyType::SortedSet => (cell(1), cell(0)),
        KeyType::Stream => {
            let fields: Vec<String> = row
                .get(1..)
                .unwrap_or_default()
                .chunks(2)
                .map(|pair| pair.iter().map(text_of).collect::<Vec<_>>().join("="))
                .collect();
            (cell(0), fields.join("  "))
        }
        _ => (cell(0), cell(1)),
    }
}

fn text_of(cell: &Cell) -> String {
    let text = one_line(&cell.bytes);
    if cell.is_whole() { text } else { format!("{text} ({})", format::bytes(cell.len)) }
}

fn groups(ui: &mut Ui, groups: &[Group]) {
    let tokens = Tokens::of(ui);
    for group in groups.iter().take(20) {
        let lag =
            group.lag.map_or_else(String::new, |lag| format!(", {} not delivered", format::number(lag)));
        let text = format!(
            "Group {}: {} consumers, {} pending, delivered up to {}{lag}",
            text_of(&group.name),
            format::number(group.consumers),
            format::number(group.pending),
            group.last_id
        );
        ui.add(Label::new(RichText::new(text).color(tokens.dim)).truncate()).on_hover_text("XINFO GROUPS");
    }
    ui.add_space(theme::TIGHT);
}

/// Remembers for this frame whether the end of what was read is nearly in sight.
fn mark_end(ui: &Ui, near: bool) {
    ui.data_mut(|data| data.insert_temp(eframe::egui::Id::unique("value end"), near));
}

fn near_end(ui: &Ui) -> bool {
    ui.data(|data| data.get_temp(eframe::egui::Id::unique("value end"))).unwrap_or(false)
}
