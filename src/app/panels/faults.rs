//! Faults in colours and words.

use std::time::Duration;

use eframe::egui::Color32;

use crate::app::describe;
use crate::app::format;
use crate::app::theme::Tokens;
use crate::lab::model::{FaultSpan, LabModel};
use crate::node::FaultKind;

/// Colour of a fault: what breaks a link, what only hinders it, and what is about a disk.
pub(crate) fn colour(kind: FaultKind, tokens: &Tokens) -> Color32 {
    match kind {
        FaultKind::Cut | FaultKind::OneWayCut | FaultKind::BlackHole | FaultKind::Reset => tokens.bad,
        FaultKind::Latency | FaultKind::Bandwidth | FaultKind::Chunks => tokens.warn,
        FaultKind::SlowDisk | FaultKind::FullDisk | FaultKind::DiskErrors => tokens.disk,
    }
}

/// `18 s`, in whole seconds as a countdown shows them; empty for a fault that waits to be healed.
fn time_left(span: &FaultSpan, now: Duration) -> String {
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
