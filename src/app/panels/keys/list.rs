//! The list of keys: one row per key, of one node or of two side by side.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{
    Color32, FontId, Role, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo, pos2, vec2,
};

use super::compare::{Verdict, judge};
use crate::app::describe::name;
use crate::app::format;
use crate::app::panels::Cx;
use crate::app::theme::Tokens;
use crate::app::widgets::empty_state;
use crate::lab::model::keys::{Listing, SeenKey};
use crate::lab::{KeyType, NodeId};

const ROW: f32 = 22.0;
/// Rows from the end at which the next page is wanted.
const NEAR: usize = 30;
/// Characters of a name that are laid out; no row is wider.
const NAME_MAX: usize = 300;

/// The rows on show, made again only when something came.
#[derive(Default)]
pub(super) struct List {
    rows: Vec<Row>,
    made_for: Option<Source>,
    differing: usize,
    unknown: usize,
    total: usize,
    last_drawn: usize,
}

/// What the rows were made of.
type Source = (NodeId, u64, Option<(NodeId, u64)>, bool);

struct Row {
    key: SeenKey,
    /// The key on the second node, if it is there.
    second: Option<SeenKey>,
    verdict: Option<Verdict>,
}

/// What two nodes have in common, in words.
pub(super) struct Summary {
    pub(super) verdict: String,
    pub(super) offsets: String,
    /// Both listings are complete and everything could be compared.
    pub(super) known: bool,
}

impl List {
    /// Brings the rows up to date.
    pub(super) fn follow(
        &mut self,
        node: NodeId,
        listing: &Listing,
        beside: Option<(NodeId, &Listing)>,
        only_differences: bool,
    ) {
        let source = (
            node,
            listing.revision,
            beside.map(|(other, second)| (other, second.revision)),
            only_differences && beside.is_some(),
        );
        if self.made_for == Some(source) {
            return;
        }
        self.made_for = Some(source);
        self.rows.clear();
        (self.differing, self.unknown, self.total) = (0, 0, 0);
        let Some((_, second)) = beside else {
            self.rows.extend(listing.keys.iter().map(|key| Row {
                key: key.clone(),
                second: None,
                verdict: None,
            }));
            return;
        };
        for (a, b) in merged(&listing.keys, &second.keys) {
            let verdict = judge((a, listing), (b, second));
            self.total += 1;
            self.differing += usize::from(verdict.is_difference());
            self.unknown += usize::from(matches!(verdict, Verdict::Unknown | Verdict::NotCompared));
            let Some(key) = a.or(b).filter(|_| verdict.is_difference() || !only_differences) else {
                continue;
            };
            self.rows.push(Row { key: key.clone(), second: b.cloned(), verdict: Some(verdict) });
        }
    }

    pub(super) fn differing(&self) -> usize {
        self.differing
    }

    /// Whether the last row is nearly in sight.
    pub(super) fn near_end(&self) -> bool {
        self.last_drawn + NEAR >= self.rows.len()
    }

    pub(super) fn summary(
        &self,
        cx: &Cx<'_>,
        (node, first): (NodeId, &Listing),
        (other, second): (NodeId, &Listing),
    ) -> Summary {
        let whole = first.complete && second.complete;
        let count = |n: usize| format::number(n as u64);
        let mut verdict = format!("{} of {} keys differ", count(self.differing), count(self.total));
        if !whole {
            verdict.push_str(" so far");
        } else if self.unknown > 0 {
            verdict = format!("{verdict}, {} were too large to compare", count(self.unknown));
        }
        let at = |node: NodeId, listing: &Listing| {
            let port = name(cx.model, node);
            match listing.offsets {
                Some((a, b)) if a == b => format!("{port} at offset {}", format::number(a)),
                Some((a, b)) => format!("{port} at {} to {}", format::number(a), format::number(b)),
                None => format!("{port} at an unknown offset"),
            }
        };
        let offsets = format!("{}, {}", at(node, first), at(other, second));
        Summary { verdict, offsets, known: whole && self.unknown == 0 }
    }

    /// Draws the rows; the key of the one that was clicked.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &Cx<'_>,
        listing: &Listing,
        comparing: bool,
        chosen: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        if self.rows.is_empty() {
            self.last_drawn = 0;
            self.nothing(ui, listing, comparing);
            return None;
        }
        let tokens = Tokens::of(ui);
        let mut clicked = None;
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().id_salt("key rows").auto_shrink(false).show_rows(
            ui,
            ROW,
            self.rows.len(),
            |ui, range| {
                self.last_drawn = range.end;
                for row in &self.rows[range] {
                    if row_ui(ui, cx, row, chosen == Some(row.key.info.key.as_slice()), tokens) {
                        clicked = Some(row.key.info.key.clone());
                    }
                }
            },
        );
        clicked
    }

    fn nothing(&self, ui: &mut Ui, listing: &Listing, comparing: bool) {
        if comparing && self.total > 0 {
            empty_state(ui, "No differences", "Every key that was compared is the same on both nodes");
        } else if listing.loading || (listing.next.is_some() && listing.failed.is_none()) {
            empty_state(ui, "Looking for keys", "The node is being asked");
        } else if listing.failed.is_some() {
            empty_state(ui, "The keys could not be listed", "The line above says why; Refresh asks again");
        } else if listing.dbsize == 0 {
            empty_state(ui, "This database is empty", "SET greeting hello in the console makes a key");
        } else {
            empty_state(ui, "No key fits", "Another pattern or type finds more");
        }
    }
}

/// Keys of two sorted lists, each name once.
fn merged<'a>(
    first: &'a [SeenKey],
    second: &'a [SeenKey],
) -> impl Iterator<Item = (Option<&'a SeenKey>, Option<&'a SeenKey>)> {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    std::iter::from_fn(move || {
        use std::cmp::Ordering as O;
        let order = match (first.peek(), second.peek()) {
            (Some(a), Some(b)) => a.info.key.cmp(&b.info.key),
            (Some(_), None) => O::Less,
            (None, Some(_)) => O::Greater,
            (None, None) => return None,
        };
        Some(match order {
            O::Less => (first.next(), None),
            O::Greater => (None, second.next()),
            O::Equal => (first.next(), second.next()),
        })
    })
}

/// Bytes of a name or a value on one line.
pub(super) fn one_line(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(NAME_MAX * 4)];
    let mut text = crate::lab::escape(cut);
    if let Some((end, _)) = text.char_indices().nth(NAME_MAX) {
        text.truncate(end);
    }
    if cut.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// `1 h 02 min` until a key expires; nothing if it does not.
pub(super) fn ttl(key: &SeenKey, cx: &Cx<'_>) -> String {
    match key.ttl(cx.now) {
        None => String::new(),
        Some(left) if left.is_zero() => "expired".to_owned(),
        Some(left) => {
            let whole = std::time::Duration::from_secs(left.as_secs());
            if left.as_secs() < 60 { format!("{} s", left.as_secs()) } else { format::duration(whole) }
        }
    }
}

fn size(key: &SeenKey) -> String {
    key.info.memory.map_or_else(|| key.info.len.map(format::number).unwrap_or_default(), format::bytes)
}

/// Draws a row; `true` when it was clicked. It is one control with one name, so its parts are painted.
fn row_ui(ui: &mut Ui, cx: &Cx<'_>, row: &Row, chosen: bool, tokens: &Tokens) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let (info, key) = (&row.key.info, one_line(&row.key.info.key));
    let verdict = row.verdict.map(|verdict| format!(", {}", verdict.word())).unwrap_or_default();
    response.widget_info(|| {
        WidgetInfo::selected(Role::Button, true, chosen, format!("Key {key} {}{verdict}", info.kind))
    });
    if chosen || response.hovered() || response.has_focus() {
        let line = if response.has_focus() { tokens.accent } else { tokens.line };
        let fill = if chosen { tokens.hover } else { Color32::TRANSPARENT };
        ui.painter().rect(rect, 3, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    }
    let (small, mono) = (TextStyle::Small.resolve(ui.style()), FontId::monospace(12.0));
    let width = rect.width();
    let left_of_figures = (width - if row.verdict.is_some() { 96.0 } else { 192.0 }).max(90.0);
    let mut cells = vec![
        (4.0, 40.0, info.kind.to_string(), small.clone(), kind_colour(&info.kind, tokens)),
        (46.0, left_of_figures - 50.0, key, mono, tokens.text),
    ];
    match row.verdict {
        Some(verdict) => {
            let text = match verdict {
                Verdict::OnlyFirst | Verdict::OnlySecond => missing(verdict),
                _ => verdict.word().to_owned(),
            };
            let colour = if verdict.is_difference() { tokens.warn } else { tokens.dim };
            cells.push((left_of_figures, width - left_of_figures - 4.0, text, small.clone(), colour));
        }
        None => cells.extend([
            (left_of_figures, 62.0, ttl(&row.key, cx), small.clone(), tokens.warn),
            (left_of_figures + 66.0, 56.0, size(&row.key), small.clone(), tokens.dim),
            (left_of_figures + 124.0, 66.0, info.encoding.clone(), small.clone(), tokens.dim),
        ]),
    }
    for (left, width, text, font, colour) in cells {
        let mut job = LayoutJob::simple_singleline(text, font, colour);
        job.wrap = TextWrapping::truncate_at_width(width.max(8.0));
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        let at = pos2(rect.left() + left, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, colour);
    }
    let clicked = response.clicked();
    response.on_hover_ui(|ui| {
        ui.label(one_line(&info.key));
        for (whose, key) in [("", Some(&row.key)), ("second node ", row.second.as_ref())] {
            let Some(key) = key.filter(|_| whose.is_empty() || row.verdict.is_some()) else { continue };
            ui.label(format!("{whose}{}", figures(key, cx)));
        }
    });
    clicked
}

/// Type, encoding, size and TTL in one line.
pub(super) fn figures(key: &SeenKey, cx: &Cx<'_>) -> String {
    let info = &key.info;
    let mut parts = vec![info.kind.to_string()];
    if !info.encoding.is_empty() {
        parts.push(info.encoding.clone());
    }
    if let Some(len) = info.len {
        let unit = if info.kind == KeyType::String { "bytes" } else { "elements" };
        parts.push(format!("{} {unit}", format::number(len)));
    }
    parts.extend(info.memory.map(|memory| format!("{} in memory", format::bytes(memory))));
    parts.push(match ttl(key, cx) {
        left if left.is_empty() => "does not expire".to_owned(),
        left => format!("expires in {left}"),
    });
    parts.join(" · ")
}

fn missing(verdict: Verdict) -> String {
    if verdict == Verdict::OnlyFirst { "not on second" } else { "not on first" }.to_owned()
}

pub(super) fn kind_colour(kind: &KeyType, tokens: &Tokens) -> Color32 {
    let index = KeyType::KNOWN.iter().position(|known| known == kind);
    index.map_or(tokens.dim, |index| tokens.series(index))
}
