//! The dialog in which faults of a node are begun and healed.

use std::time::Duration;

use eframe::egui::{Button, DragValue, Grid, RichText, ScrollArea, Ui, vec2};

use super::actions::Action;
use super::describe;
use super::panels::{Cx, faults};
use super::theme::{self, Tokens};
use super::widgets::section_title;
use crate::lab::model::FaultSpan;
use crate::lab::{LabCommand, NodeId};
use crate::node::{Fault, FaultKind, Way};

/// What was entered; figures of faults that are not chosen are kept, to go back to them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FaultForm {
    pub(crate) node: NodeId,
    kind: Option<FaultKind>,
    way: Way,
    delay_ms: u64,
    jitter_ms: u64,
    kib_per_second: u64,
    reset_every_ms: u64,
    disk_ms: u64,
    nth: u64,
    heals_itself: bool,
    lasts_s: u64,
}

impl FaultForm {
    /// With figures that show something: a fault that is seen, and that ends while one still looks.
    pub(crate) fn new(node: NodeId) -> Self {
        Self {
            node,
            kind: None,
            way: Way::Both,
            delay_ms: 200,
            jitter_ms: 50,
            kib_per_second: 16,
            reset_every_ms: 2_000,
            disk_ms: 100,
            nth: 3,
            heals_itself: true,
            lasts_s: 30,
        }
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        let (way, ms) = (self.way, Duration::from_millis);
        match kind {
            FaultKind::Cut => Fault::Cut,
            FaultKind::OneWayCut => Fault::OneWayCut { way: one_way(way) },
            FaultKind::BlackHole => Fault::BlackHole,
            FaultKind::Latency => {
                Fault::Latency { way, delay: ms(self.delay_ms), jitter: ms(self.jitter_ms), seed: 1 }
            }
            FaultKind::Bandwidth => Fault::Bandwidth { way, bytes_per_second: self.kib_per_second * 1024 },
            FaultKind::Reset => Fault::Reset { every: ms(self.reset_every_ms) },
            FaultKind::Chunks => Fault::Chunks { way },
            FaultKind::SlowDisk => Fault::SlowDisk { delay: ms(self.disk_ms) },
            FaultKind::FullDisk => Fault::FullDisk,
            FaultKind::DiskErrors => Fault::DiskErrors { nth: self.nth },
        }
    }

    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(node) = cx.model.nodes.get(&self.node) else {
            ui.weak("This node has left the cluster");
            return close_button(ui);
        };
        let has_link = !node.is_master();
        ui.label(RichText::new(format!("Faults of {}", node.port)).heading());
        let lasting: Vec<FaultSpan> = cx.model.faults.of(self.node).copied().collect();
        // All of them at once must leave room for the rest on a small screen.
        let height = (ui.content_rect().height() - 470.0).max(64.0);
        ScrollArea::vertical().id_salt("lasting faults").max_height(height).show(ui, |ui| {
            for span in &lasting {
                lasting_ui(ui, cx, span);
            }
        });
        ui.add_space(theme::TIGHT);
        let mut kind = self.kind.unwrap_or(if has_link { FaultKind::Latency } else { FaultKind::FullDisk });
        section_title(ui, "Link to its master");
        if has_link {
            kinds_ui(ui, &mut kind, true);
        } else {
            ui.weak("A master has none: choose one of its replicas");
        }
        ui.add_space(theme::TIGHT);
        section_title(ui, "Disk");
        kinds_ui(ui, &mut kind, false);
        self.kind = Some(kind);
        ui.add_space(theme::TIGHT);
        ui.label(RichText::new(meaning(kind)).color(Tokens::of(ui).dim));
        Grid::new("fault figures").num_columns(2).spacing(vec2(theme::PAD, 6.0)).show(ui, |ui| {
            self.figures(ui, kind);
            self.time(ui, kind);
        });
        ui.add_space(theme::GAP);
        let hindrance = if cx.live { (!node.is_running()).then_some("It does not run") } else { None };
        ui.horizontal(|ui| {
            let begin = Button::new(format!("Begin {kind}")).min_size(vec2(130.0, 30.0));
            let begin = ui.add_enabled(cx.live && hindrance.is_none(), begin);
            let begin = begin.on_disabled_hover_text(hindrance.unwrap_or("This is a recording"));
            if begin.clicked() {
                let lasts = self.heals_itself.then(|| Duration::from_secs(self.lasts_s));
                let fault = self.fault(kind);
                cx.push(Action::Lab(LabCommand::BeginFault { node: self.node, fault, lasts }));
                ui.close();
            }
            close_button(ui);
        });
    }

    fn figures(&mut self, ui: &mut Ui, kind: FaultKind) {
        match kind {
            FaultKind::OneWayCut => {
                self.way = one_way(self.way);
                ways_ui(ui, "Held", &mut self.way, &Way::ALL[1..]);
            }
            FaultKind::Latency => {
                let most = crate::lab::DELAY_MAX.as_millis() as u64;
                number(ui, "Delay", &mut self.delay_ms, 0..=most, " ms", "How much later bytes arrive");
                number(
                    ui,
                    "Jitter",
                    &mut self.jitter_ms,
                    0..=most,
                    " ms",
                    "Up to this much more, by chance; bytes keep their order",
                );
                ways_ui(ui, "Bytes", &mut self.way, &Way::ALL);
            }
            FaultKind::Bandwidth => {
                let tip = "How much gets through";
                number(ui, "At most", &mut self.kib_per_second, 1..=1_000_000, " KiB/s", tip);
                ways_ui(ui, "Bytes", &mut self.way, &Way::ALL);
            }
            FaultKind::Chunks => ways_ui(ui, "Bytes", &mut self.way, &Way::ALL),
            FaultKind::Reset => {
                let least = crate::lab::RESET_EVERY_MIN.as_millis() as u64;
                let tip = "How old each connection becomes while the fault lasts";
                number(ui, "Again after", &mut self.reset_every_ms, least..=3_600_000, " ms", tip);
            }
            FaultKind::SlowDisk => {
                let most = crate::lab::DISK_DELAY_MAX.as_millis() as u64;
                number(ui, "Each call takes", &mut self.disk_ms, 1..=most, " ms longer", "Writes and syncs");
            }
            FaultKind::DiskErrors => {
                let tip =
                    "The first call that fails, and each that many calls later; 1 lets all of them fail";
                number(ui, "Fails at call", &mut self.nth, 1..=1_000_000, "", tip);
            }
            FaultKind::Cut | FaultKind::BlackHole | FaultKind::FullDisk => {}
        }
    }

    fn time(&mut self, ui: &mut Ui, kind: FaultKind) {
        let (name, tip) = if kind == FaultKind::Reset {
            ("Goes on for", "Without a time the connection is reset once")
        } else {
            ("Heals itself after", "Without a time it lasts until you heal it")
        };
        ui.checkbox(&mut self.heals_itself, name).on_hover_text(tip);
        let most = crate::lab::LASTS_MAX.as_secs();
        let field = DragValue::new(&mut self.lasts_s).range(1..=most).suffix(" s");
        let field = ui.add_enabled(self.heals_itself, field);
        field.accessible_name("Seconds until it heals itself").on_hover_text(tip);
        ui.end_row();
    }
}

/// A fault that lasts, and the button that ends it.
fn lasting_ui(ui: &mut Ui, cx: &mut Cx<'_>, span: &FaultSpan) {
    let colour = faults::colour(span.fault.kind(), Tokens::of(ui));
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(describe::capital(&span.fault.to_string())).color(colour));
        ui.weak(faults::times(span, cx.now));
        let kind = span.fault.kind();
        let heal = ui.add_enabled(cx.live, Button::new("Heal").small());
        if heal.accessible_name(format!("Heal {kind} now")).clicked() {
            cx.push(Action::Lab(LabCommand::HealFault { node: span.node, kind }));
        }
    });
}

fn kinds_ui(ui: &mut Ui, chosen: &mut FaultKind, of_link: bool) {
    ui.horizontal_wrapped(|ui| {
        for kind in FaultKind::ALL.into_iter().filter(|kind| kind.is_of_link() == of_link) {
            let name = describe::capital(kind.name());
            if ui.radio(*chosen == kind, name).on_hover_text(meaning(kind)).clicked() {
                *chosen = kind;
            }
        }
    });
}

fn number(
    ui: &mut Ui,
    name: &str,
    value: &mut u64,
    range: std::ops::RangeInclusive<u64>,
    suffix: &str,
    tip: &str,
) {
    let label = ui.label(name).on_hover_text(tip);
    let speed = (*value as f64 * 0.01).max(0.2);
    let field = ui.add(DragValue::new(value).range(range).speed(speed).suffix(suffix));
    field.labelled_by(label.id).on_hover_text(tip);
    ui.end_row();
}

fn ways_ui(ui: &mut Ui, name: &str, chosen: &mut Way, all: &[Way]) {
    ui.label(name);
    ui.horizontal(|ui| {
        for way in all {
            let (text, tip) = match way {
                Way::Both => ("both ways", "Everything on this link"),
                Way::ToReplica => ("to the replica", "Snapshots and the stream"),
                Way::ToMaster => ("to the master", "The handshake and ACKs"),
            };
            if ui.radio(chosen == way, text).on_hover_text(tip).clicked() {
                *chosen = *way;
            }
        }
    });
    ui.end_row();
}

fn one_way(way: Way) -> Way {
    if way == Way::Both { Way::ToReplica } else { way }
}

/// What happens, and what to watch for.
fn meaning(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Cut => "The connection is dropped and new ones are refused. Both ends know at once.",
        FaultKind::OneWayCut => {
            "Bytes of one direction are held and arrive when it is healed. One end hears, the other does not."
        }
        FaultKind::BlackHole => {
            "Bytes of both directions are held. Nobody is told: each end finds out by its repl-timeout."
        }
        FaultKind::Latency => "Bytes arrive later, in their order. ACKs are old, WAIT takes longer.",
        FaultKind::Bandwidth => {
            "Only so many bytes a second get through. A replica that cannot keep up falls behind."
        }
        FaultKind::Reset => "The connection is dropped with a RST, and while this lasts each new one is too.",
        FaultKind::Chunks => "Bytes arrive one by one. All that reads them has to put them together.",
        FaultKind::SlowDisk => {
            "Each call to the disk takes longer. Saves take long; the append-only file holds up clients."
        }
        FaultKind::FullDisk => {
            "Nothing can be written. BGSAVE fails, the append-only file refuses writes with MISCONF; reads go on."
        }
        FaultKind::DiskErrors => {
            "Calls to the disk fail with an input/output error. After a sync that failed only a rewrite helps."
        }
    }
}

fn close_button(ui: &mut Ui) {
    if ui.add(Button::new("Close").min_size(vec2(90.0, 30.0))).clicked() {
        ui.close();
    }
}
