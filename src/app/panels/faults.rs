//! Faults as they are shown where they are: their colour, how long they last, and a button that heals them.

use std::time::Duration;

use eframe::egui::{
    Align2, Color32, FontId, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

use super::Cx;
use crate::app::actions::Action;
use crate::app::describe;
use crate::app::format;
use crate::app::theme::Tokens;
use crate::lab::LabCommand;
use crate::lab::model::{FaultSpan, LabModel};
use crate::node::FaultKind;

/// Height of a badge.
const HEIGHT: f32 = 18.0;
const HEAL: &str = "Heal";

/// Colour of a fault: what breaks a link, what only hinders it, and what is about a disk.
pub(crate) fn colour(kind: FaultKind, tokens: &Tokens) -> Color32 {
    match kind {
        FaultKind::Cut | FaultKind::OneWayCut | FaultKind::BlackHole | FaultKind::Reset => tokens.bad,
        FaultKind::Latency | FaultKind::Bandwidth | FaultKind::Chunks => tokens.warn,
        FaultKind::SlowDisk | FaultKind::FullDisk | FaultKind::DiskErrors => tokens.disk,
    }
}

/// `18 s`, in whole seconds as a countdown shows them; empty for a fault that waits to be healed.
pub(crate) fn time_left(span: &FaultSpan, now: Duration) -> String {
    let Some(left) = span.left(now) else { return String::new() };
    let seconds = left.as_secs_f64().ceil() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format::duration(Duration::from_secs(seconds)) }
}

/// What is wrong with whom, in one line.
pub(crate) fn title(model: &LabModel, span: &FaultSpan) -> String {
    let name = describe::name(model, span.node);
    let whose = if span.fault.kind().is_of_link() { "on the link of" } else { "of" };
    format!("{} {whose} {name}", describe::capital(&describe::fault_words(&span.fault, span.lasts)))
}

/// From when until when, and why it ended.
pub(crate) fn times(span: &FaultSpan, now: Duration) -> String {
    let from = format::clock(span.begun);
    match span.ended {
        Some((end, how)) => format!(
            "from {from} to {} ({}), {}",
            format::clock(end),
            format::duration(end.saturating_sub(span.begun)),
            describe::fault_end(how)
        ),
        None => match span.left(now) {
            Some(_) => format!("since {from}, {} left", time_left(span, now)),
            None => format!("since {from}, until healed"),
        },
    }
}

/// Draws what is wrong here with a button to heal it; a click on the words opens the dialog of faults.
pub(crate) fn badge(ui: &Ui, cx: &mut Cx<'_>, spans: &[FaultSpan], at: Pos2, align: Align2, scale: f32) {
    let Some(first) = spans.first() else { return };
    let tokens = Tokens::of(ui);
    let colour = colour(first.fault.kind(), tokens);
    let left = time_left(first, cx.now);
    let mut text = match spans.len() {
        1 => first.fault.kind().name().to_owned(),
        count => format!("{count} faults"),
    };
    if spans.len() == 1 && !left.is_empty() {
        text = format!("{text}  {left}");
    }
    let font = FontId::proportional(11.5 * scale);
    let text = ui.painter().layout_no_wrap(text, font.clone(), colour);
    let heal = ui.painter().layout_no_wrap(HEAL.to_owned(), font, tokens.text);
    let (height, pad) = (HEIGHT * scale, 7.0 * scale);
    let heal_width = if cx.live { heal.size().x + 2.0 * pad } else { 0.0 };
    let size = vec2(text.size().x + 2.0 * pad + heal_width, height);
    let rect = align.anchor_size(at, size);
    let (words, button) = rect.split_left_right_at_x(rect.right() - heal_width);

    let node = first.node;
    let port = describe::name(cx.model, node);
    let id = ui.scope_id().with(("fault", node.0, first.fault.kind().is_of_link()));
    let response = ui.interact(words, id, Sense::click());
    let label = format!("Fault of {port}: {}, {}", first.fault, times(first, cx.now));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    let focus = Stroke::new(if response.has_focus() { 2.0 } else { 1.0 }, colour);
    ui.painter().rect(rect, 9, tokens.tint(colour), focus, StrokeKind::Inside);
    let text_at = Align2::CENTER_CENTER.align_size_within_rect(text.size(), words).min;
    ui.painter().galley(text_at, text, colour);
    let response = response.on_hover_ui(|ui| {
        for span in spans {
            ui.label(title(cx.model, span));
            ui.weak(times(span, cx.now));
        }
    });
    if response.clicked() {
        cx.push(Action::Faults(node));
    }
    if cx.live {
        let response = ui.interact(button, id.with("heal"), Sense::click());
        let label = match spans {
            [one] => format!("Heal {} of {port}", one.fault.kind()),
            _ => format!("Heal {} faults of {port}", spans.len()),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        let lit = response.hovered() || response.has_focus();
        let stroke = Stroke::new(1.0, if lit { tokens.accent } else { colour });
        let fill = if lit { tokens.hover } else { tokens.raised };
        ui.painter().rect(button, 9, fill, stroke, StrokeKind::Inside);
        let heal_at = Align2::CENTER_CENTER.align_size_within_rect(heal.size(), button).min;
        ui.painter().galley(heal_at, heal, tokens.text);
        if response.on_hover_text("End it now").clicked() {
            for span in spans {
                cx.push(Action::Lab(LabCommand::HealFault { node, kind: span.fault.kind() }));
            }
        }
        if spans.iter().any(|span| span.lasts.is_some()) {
            // The countdown goes on also while nothing else happens.
            ui.request_repaint_after(Duration::from_millis(500));
        }
    }
}

/// The faults of a node that last: those of its link, or those of its disk.
pub(crate) fn lasting(cx: &Cx<'_>, node: crate::lab::NodeId, of_link: bool) -> Vec<FaultSpan> {
    let faults = cx.model.faults.of(node);
    faults.filter(|span| span.fault.kind().is_of_link() == of_link).copied().collect()
}

/// The space that a badge takes below something.
pub(crate) fn below(rect: Rect, scale: f32) -> Pos2 {
    rect.center_bottom() + vec2(0.0, 3.0 * scale)
}
