//! The backlog as a bar with each replica's place in it, and bytes behind, time behind and ACK age, kept apart.

use eframe::egui::{
    Align, Align2, Color32, FontId, Label, Layout, Rect, RichText, Role, Sense, Shape, Stroke, StrokeKind,
    TextStyle, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use crate::app::format;
use crate::app::panels::Cx;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::section_title;
use crate::lab::model::{BacklogCursor, LabModel, NodeModel};
use crate::lab::{NodeId, NodeSample};

const BYTES: &str = "What the master has written and the replica has not applied\n\
    Formula: master_repl_offset of the master − master_repl_offset of the replica, if they share a master_replid\n\
    0 on a link that does not stream is no health: look at the link as well";
const TIME: &str = "How old the oldest byte is that the replica lacks\n\
    Formula: now − the time at which the master's offset first passed the replica's offset";
const ACK: &str = "Seconds since the master got the last REPLCONF ACK of this replica: says that it lives, not how \
    much it has\nINFO of the master: lag of the slaveN line";
const ROOM: &str = "Bytes that may be written before this replica falls off the backlog and needs a full sync, and \
    the time that takes at the present rate, if it stopped now\n\
    Formula: offset + 1 − repl_backlog_first_byte_offset + what is unused of repl_backlog_size";

/// Draws the side of the graph.
pub(super) fn ui(ui: &mut Ui, cx: &Cx<'_>, master: Option<NodeId>) {
    let Some(node) = master.and_then(|id| cx.model.nodes.get(&id)) else {
        ui.weak("No master, no backlog");
        return;
    };
    section_title(ui, &format!("Backlog of {}", node.port));
    match &node.sample {
        Some(sample) if sample.backlog_active => backlog(ui, cx, node, sample),
        _ => {
            ui.weak("None yet: a master keeps one from its first replica on");
        }
    }
    ui.add_space(theme::GAP);
    section_title(ui, "Behind");
    table(ui, cx, cx.model);
}

fn backlog(ui: &mut Ui, cx: &Cx<'_>, master: &NodeModel, sample: &NodeSample) {
    let tokens = Tokens::of(ui);
    let share = sample.backlog_len as f32 / sample.backlog_size.max(1) as f32;
    // It holds a little more than its size, as in Redis: memory is freed block by block.
    let full = if share >= 1.0 { "full".to_owned() } else { format!("{:.0} %", share * 100.0) };
    let (held, size) = (format::bytes(sample.backlog_len), format::bytes(sample.backlog_size));
    let text = format!("{held} of {size} ({full})");
    let colour = tokens.series(cx.index(master.id));
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width().min(420.0), 40.0), Sense::hover());
    // At the right edge is room for half a mark.
    let bar = Rect::from_min_size(rect.min + vec2(0.0, 2.0), vec2(rect.width() - 5.0, 18.0));
    let painter = ui.painter();
    painter.rect(bar, 4, tokens.raised, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    // The newest byte is at the right edge; the unused part is at the left.
    let held = Rect::from_min_max(pos2(bar.right() - bar.width() * share.min(1.0), bar.top()), bar.max);
    painter.rect_filled(held.shrink(1.0), 3, colour.gamma_multiply(0.35));
    painter.text(bar.center(), Align2::CENTER_CENTER, &text, FontId::proportional(12.0), tokens.text);
    for replica in cx.model.replicas_of(master.id) {
        let Some(ours) = &replica.sample else { continue };
        let behind = sample.offset.saturating_sub(ours.offset) as f32 / sample.backlog_size.max(1) as f32;
        let x = (bar.right() - bar.width() * behind).max(bar.left() + 5.0);
        let colour = tokens.series(cx.index(replica.id));
        let tip = pos2(x, bar.bottom() + 1.0);
        let corners = vec![tip, tip + vec2(4.5, 7.0), tip + vec2(-4.5, 7.0)];
        painter.line_segment([pos2(x, bar.top() + 2.0), tip], Stroke::new(1.5, colour));
        painter.add(Shape::convex_polygon(corners, colour, Stroke::NONE));
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Backlog {text}")));
    response.on_hover_text(format!(
        "The last bytes of the stream, kept for partial resyncs: offsets {} to {}\nEach mark below is a replica; at \
         the left edge it falls off\nINFO: repl_backlog_first_byte_offset, repl_backlog_histlen, repl_backlog_size",
        format::number(sample.backlog_first),
        format::number((sample.backlog_first + sample.backlog_len).saturating_sub(1)),
    ));
}

/// Widths of the table's columns: fixed, so that figures stand still while they change.
const COLUMNS: [f32; 5] = [44.0, 64.0, 72.0, 50.0, 84.0];
const ROW: f32 = 20.0;

fn table(ui: &mut Ui, cx: &Cx<'_>, model: &LabModel) {
    let tokens = Tokens::of(ui);
    let replicas: Vec<&NodeModel> =
        model.nodes.values().filter(|node| node.master_port().is_some()).collect();
    if replicas.is_empty() {
        ui.weak("There is no replica");
        return;
    }
    ui.spacing_mut().item_spacing = vec2(0.0, 1.0);
    let head = |text: &str| RichText::new(text).text_style(TextStyle::Small).color(tokens.dim);
    line(
        ui,
        None,
        [
            (head("Replica"), "The replica, in the colour of its line"),
            (head("Bytes"), BYTES),
            (head("Time"), TIME),
            (head("ACK age"), ACK),
            (head("Falls off"), ROOM),
        ],
    );
    let mut changes = false;
    for (index, replica) in replicas.into_iter().enumerate() {
        let behind = model.behind(replica.id, cx.now).unwrap_or_default();
        let cursor = model.backlog_cursor(replica.id, cx.now);
        changes |= behind.bytes.is_some_and(|bytes| bytes > 0)
            || cursor.is_some_and(|cursor| cursor.falls_off_in.is_some());
        let mono = |text: Option<String>| {
            RichText::new(text.unwrap_or_else(|| "–".to_owned())).font(FontId::monospace(11.5))
        };
        let port = RichText::new(replica.port.to_string()).color(tokens.series(cx.index(replica.id)));
        let (falls_off, room) = falls_off(cursor, tokens);
        let fill = index.is_multiple_of(2).then_some(tokens.raised);
        line(
            ui,
            fill,
            [
                (port, "The replica, in the colour of its line"),
                (mono(behind.bytes.map(format::bytes)), BYTES),
                (mono(behind.time.map(format::duration)), TIME),
                (mono(behind.ack_age.map(|age| format!("{age} s"))), ACK),
                (falls_off, &room),
            ],
        );
    }
    // Time goes on while nothing is heard; once a second is often enough for a person.
    if changes && cx.live {
        ui.request_repaint_after(std::time::Duration::from_secs(1));
    }
}

/// One line of the table, each cell with its meaning.
fn line(ui: &mut Ui, fill: Option<Color32>, cells: [(RichText, &str); 5]) {
    let (rect, _) = ui.allocate_exact_size(vec2(COLUMNS.iter().sum(), ROW), Sense::hover());
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, 3, fill);
    }
    let mut left = rect.left() + 3.0;
    for ((text, meaning), width) in cells.into_iter().zip(COLUMNS) {
        let cell = Rect::from_min_size(pos2(left, rect.top()), vec2(width - 4.0, ROW));
        let place = UiBuilder::new().max_rect(cell).layout(Layout::left_to_right(Align::Center));
        ui.scope_builder(place, |ui| ui.add(Label::new(text).truncate()).on_hover_text(meaning));
        left += width;
    }
}

/// When a replica that stopped now would fall off, and how many bytes that takes.
fn falls_off(cursor: Option<BacklogCursor>, tokens: &Tokens) -> (RichText, String) {
    let small = |text: &str| RichText::new(text).text_style(TextStyle::Small);
    let Some(cursor) = cursor else { return (small("–"), ROOM.to_owned()) };
    if !cursor.inside {
        return (small("fell off").color(tokens.bad), ROOM.to_owned());
    }
    let text = match cursor.falls_off_in {
        Some(time) => small(&format!("in {}", format::duration(time))),
        None => small("not at this rate").color(tokens.dim),
    };
    (text, format!("After {} more\n{ROOM}", format::bytes(cursor.room)))
}
