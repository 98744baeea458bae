//! One node as a card: role, port, state by shape and word, history and offset.

use eframe::egui::{
    self, Align2, FontId, Popup, Rect, Response, Role, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::app::actions::Action;
use crate::app::format;
use crate::app::layout::Pane;
use crate::app::panels::{Cx, faults, node_actions};
use crate::app::theme::{self, Tokens};
use crate::app::widgets::{life_colour, life_glyph};
use crate::lab::model::NodeModel;

/// Draws the card and lets it be selected, opened and broken.
pub(crate) fn card_ui(ui: &mut Ui, cx: &mut Cx<'_>, node: &NodeModel, rect: Rect, scale: f32) -> Response {
    let id = ui.scope_id().with(("node", node.id.0));
    let response = ui.interact(rect, id, Sense::click_and_drag());
    let role = role_word(node);
    let state = format::life(node.life());
    response.widget_info(|| {
        let selected = cx.selected == Some(node.id);
        WidgetInfo::selected(Role::Button, true, selected, format!("Node {}", node.port))
    });
    paint(ui, cx, node, rect, scale, &response);

    let tip = format!("{role} {}, {state}", node.port);
    let response = response.on_hover_text(tip);
    if response.clicked() {
        cx.push(Action::Select(node.id));
    }
    if response.double_clicked() {
        cx.push(Action::Show(Pane::Node));
    }
    response.context_menu(|ui| node_actions::menu(ui, node, cx));

    let dots = Rect::from_center_size(rect.right_top() + vec2(-16.0, 15.0) * scale, vec2(24.0, 20.0) * scale);
    let button = ui.interact(dots, id.with("menu"), Sense::click());
    button.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Node menu {}", node.port)));
    paint_dots(ui, dots, &button);
    Popup::menu(&button).show(|ui| node_actions::menu(ui, node, cx));
    let wrong = faults::lasting(cx, node.id, false);
    let foot = rect.left_bottom() + vec2(8.0, -6.0) * scale;
    faults::badge(ui, cx, &wrong, foot, Align2::LEFT_TOP, scale);
    response
}

/// `master` or `replica`.
pub(crate) fn role_word(node: &NodeModel) -> &'static str {
    if node.is_master() { "master" } else { "replica" }
}

fn paint(ui: &Ui, cx: &Cx<'_>, node: &NodeModel, rect: Rect, scale: f32, response: &Response) {
    let tokens = Tokens::of(ui);
    let painter = ui.painter();
    let life = node.life();
    let selected = cx.selected == Some(node.id);
    let fill = if response.hovered() { tokens.hover } else { tokens.raised };
    let outline = if selected || response.has_focus() {
        Stroke::new(2.0, tokens.accent)
    } else {
        Stroke::new(1.0, tokens.line)
    };
    painter.rect(rect, theme::ROUND, fill, outline, StrokeKind::Inside);
    // The colour that this node has in every graph; a master's bar is twice as wide.
    let series = tokens.series(cx.index(node.id));
    let bar = if node.is_master() { 8.0 } else { 4.0 };
    let strip = Rect::from_min_size(
        rect.min + vec2(4.0, 8.0) * scale,
        vec2(bar * scale, rect.height() - 16.0 * scale),
    );
    painter.rect_filled(strip, 2.0, series);

    let left = rect.left() + 22.0 * scale;
    let body = sized(ui, &TextStyle::Body, scale);
    let small = sized(ui, &TextStyle::Small, scale);
    let title = painter.text(
        pos2(left, rect.top() + 18.0 * scale),
        Align2::LEFT_CENTER,
        node.port,
        FontId::proportional(18.0 * scale),
        tokens.text,
    );
    let role = painter.layout_no_wrap(role_word(node).to_owned(), small.clone(), tokens.dim);
    painter.galley(
        pos2(title.right() + 8.0 * scale, rect.top() + 19.0 * scale - role.size().y / 2.0),
        role,
        tokens.dim,
    );

    let middle = rect.top() + 41.0 * scale;
    life_glyph(painter, pos2(left + 6.0 * scale, middle), 6.0 * scale, life, tokens, fill);
    painter.text(
        pos2(left + 18.0 * scale, middle),
        Align2::LEFT_CENTER,
        format::life(life),
        body,
        life_colour(life, tokens),
    );

    let bottom = rect.bottom() - 17.0 * scale;
    let offset =
        node.sample.as_ref().map_or_else(|| "no figures yet".to_owned(), |s| format::number(s.offset));
    let mono = FontId::monospace(11.5 * scale);
    let offset = painter.text(pos2(left, bottom), Align2::LEFT_CENTER, offset, mono.clone(), tokens.text);
    if let Some(replid) = node.replid {
        let galley = painter.layout_no_wrap(replid.short(), mono, tokens.dim);
        let at = pos2(rect.right() - 12.0 * scale - galley.size().x, bottom - galley.size().y / 2.0);
        // A long offset needs the room; the inspector has both in full.
        if at.x > offset.right() + 6.0 {
            painter.galley(at, galley, tokens.dim);
        }
    }
}

fn sized(ui: &Ui, style: &TextStyle, scale: f32) -> FontId {
    let font = style.resolve(ui.style());
    FontId { size: font.size * scale, ..font }
}

fn paint_dots(ui: &Ui, rect: Rect, button: &egui::Response) {
    let tokens = Tokens::of(ui);
    if button.hovered() || button.has_focus() {
        let stroke = if button.has_focus() { Stroke::new(1.5, tokens.accent) } else { Stroke::NONE };
        ui.painter().rect(rect, 4, tokens.line, stroke, StrokeKind::Inside);
    }
    for step in [-5.0, 0.0, 5.0] {
        ui.painter().circle_filled(rect.center() + vec2(step, 0.0), 1.6, tokens.dim);
    }
}
