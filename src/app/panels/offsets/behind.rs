//! The backlog as a bar with each replica's place in it, and bytes behind, time behind and ACK age, kept apart.

use eframe::egui::{
    Align2, FontId, Grid, Rect, RichText, Role, Sense, Shape, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::app::format;
use crate::app::panels::Cx;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::section_title;
use crate::lab::model::{LabModel, NodeModel};
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
    let text = format!(
        "{} of {} ({:.0} %)",
        format::bytes(sample.backlog_len),
        format::bytes(sample.backlog_size),
        share * 100.0
    );
    let colour = tokens.series(cx.index(master.id));
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width().min(420.0), 40.0), Sense::hover());
    let bar = Rect::from_min_size(rect.min + vec2(0.0, 2.0), vec2(rect.width(), 18.0));
    let painter = ui.painter();
    painter.rect(bar, 4, tokens.raised, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    // The newest byte is at the right edge; the unused part is at the left.
    let held = Rect::from_min_max(pos2(bar.right() - bar.width() * share.min(1.0), bar.top()), bar.max);
    painter.rect_filled(held.shrink(1.0), 3, colour.gamma_multiply(0.35));
    painter.text(bar.center(), Align2::CENTER_CENTER, &text, FontId::proportional(12.0), tokens.text);
    for replica in cx.model.replicas_of(master.id) {
        let Some(ours) = &replica.sample else { continue };
        let behind = sample.offset.saturating_sub(ours.offset) as f32 / sample.backlog_size.max(1) as f32;
        let x = (bar.right() - bar.width() * behind).max(bar.left());
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

fn table(ui: &mut Ui, cx: &Cx<'_>, model: &LabModel) {
    let tokens = Tokens::of(ui);
    let replicas: Vec<&NodeModel> =
        model.nodes.values().filter(|node| node.master_port().is_some()).collect();
    if replicas.is_empty() {
        ui.weak("There is no replica");
        return;
    }
    let head = |ui: &mut Ui, text: &str, meaning: &str| {
        ui.label(RichText::new(text).text_style(TextStyle::Small).color(tokens.dim)).on_hover_text(meaning);
    };
    Grid::new("behind").num_columns(5).min_row_height(20.0).spacing(vec2(10.0, 2.0)).striped(true).show(
        ui,
        |ui| {
            head(ui, "Replica", "The replica, in the colour of its line");
            head(ui, "Bytes", BYTES);
            head(ui, "Time", TIME);
            head(ui, "ACK age", ACK);
            head(ui, "Falls off", ROOM);
            ui.end_row();
            for replica in replicas {
                row(ui, cx, model, replica, tokens);
                ui.end_row();
            }
        },
    );
    if model.nodes.values().any(|node| node.is_running() && node.master_port().is_some() && node.offset() > 0)
    {
        // Time behind grows while nothing is heard; once a second is often enough for a person.
        let waits =
            model.nodes.keys().any(|id| model.behind(*id, cx.now).and_then(|b| b.bytes).unwrap_or(0) > 0);
        if waits && cx.live {
            ui.request_repaint_after(std::time::Duration::from_secs(1));
        }
    }
}

fn row(ui: &mut Ui, cx: &Cx<'_>, model: &LabModel, replica: &NodeModel, tokens: &Tokens) {
    let value = |ui: &mut Ui, text: Option<String>, meaning: &str| {
        let text = text.unwrap_or_else(|| "–".to_owned());
        ui.label(RichText::new(text).monospace()).on_hover_text(meaning);
    };
    ui.label(RichText::new(replica.port.to_string()).color(tokens.series(cx.index(replica.id))));
    let behind = model.behind(replica.id, cx.now).unwrap_or_default();
    value(ui, behind.bytes.map(format::bytes), BYTES);
    value(ui, behind.time.map(format::duration), TIME);
    value(ui, behind.ack_age.map(|age| format!("{age} s")), ACK);
    match model.backlog_cursor(replica.id) {
        None => value(ui, None, ROOM),
        Some(cursor) if !cursor.inside => {
            ui.label(RichText::new("fell off").color(tokens.bad)).on_hover_text(ROOM);
        }
        Some(cursor) => {
            let text = match cursor.falls_off_in {
                Some(time) => format!("in {}", format::duration(time)),
                None => format!("after {}", format::bytes(cursor.room)),
            };
            value(ui, Some(text), ROOM);
        }
    }
}
