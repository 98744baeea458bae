//! The window's state, and one frame of it: take in what happened, draw, carry out what was wished.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossbeam_channel::TryRecvError;
use eframe::egui::{self, CentralPanel, Context, Frame, Key, Margin, Panel, Ui, ViewportCommand};
use egui_tiles::Tree;

use super::LabClient;
use super::actions::Action;
use super::confirm;
use super::describe;
use super::dialogs::{self, Dialog};
use super::fault_dialog::FaultForm;
use super::files::{FileNews, Files};
use super::layout::{self, Pane};
use super::menus;
use super::panels::Cx;
use super::panes::{Panels, Panes};
use super::replay::Replay;
use super::status;
use super::theme::{self, Tokens};
use super::toasts::Toasts;
use crate::lab::model::LabModel;
use crate::lab::{LabCommand, NodeId, NoticeLevel};

/// Longest time that a frame spends on folding entries; what is left waits for the next one.
const FOLD_BUDGET: Duration = Duration::from_millis(4);
/// Entries between two looks at the clock.
const FOLD_BATCH: usize = 64;
/// Names under which the window's own state is stored.
const STORED_LAYOUT: &str = "layout-1";
const STORED_PORT: &str = "first-port";

/// The window.
pub struct App {
    lab: LabClient,
    model: LabModel,
    replay: Option<Replay>,
    clock: Clock,
    tree: Option<Tree<Pane>>,
    panels: Panels,
    selected: Option<NodeId>,
    dialog: Option<Dialog>,
    toasts: Toasts,
    asked_before_wipe: BTreeSet<NodeId>,
    notices_shown: u64,
    notices_seen: u64,
    files: Files,
    actions: Vec<Action>,
    last_id: Cell<u64>,
    lab_gone: bool,
}

/// Goes on between entries: the last one came at this lab time, when the window's clock said that.
#[derive(Default)]
struct Clock {
    lab: Duration,
    window: f64,
}

impl App {
    /// A window on this lab. It needs no backend, so that tests can draw it without a display.
    pub fn new(ctx: &Context, lab: LabClient) -> Self {
        theme::install(ctx);
        Self {
            lab,
            model: LabModel::default(),
            replay: None,
            clock: Clock::default(),
            tree: None,
            panels: Panels::default(),
            selected: None,
            dialog: None,
            toasts: Toasts::default(),
            asked_before_wipe: BTreeSet::new(),
            notices_shown: 0,
            notices_seen: 0,
            files: Files::default(),
            actions: Vec::new(),
            last_id: Cell::new(0),
            lab_gone: false,
        }
    }

    /// Takes up layout and first port from the last time; what cannot be read is left as it is. Theme and zoom
    /// come back with egui's own memory.
    pub fn restore(&mut self, storage: &dyn eframe::Storage) {
        self.tree = eframe::get_value(storage, STORED_LAYOUT).filter(layout::is_usable);
        if let Some(port) = eframe::get_value::<u16>(storage, STORED_PORT).filter(|port| *port >= 1_024) {
            self.panels.home.port = port;
        }
    }

    /// Reads a recording on a thread of its own and then shows it.
    pub fn open_recording(&mut self, ctx: &Context, path: PathBuf) {
        self.files.open(ctx, path);
    }

    /// Passes a wish to the lab; a refusal is shown.
    pub fn ask(&mut self, command: LabCommand) {
        if let Err(reason) = self.lab.ask(command) {
            self.toasts.push(NoticeLevel::Error, reason.to_owned(), self.clock.window);
        }
    }

    /// What is known of the live cluster.
    pub fn model(&self) -> &LabModel {
        &self.model
    }

    /// Takes in what happened since the last frame, within a bounded time. Also runs while the window is hidden.
    pub fn pump(&mut self, ctx: &Context) {
        let time = ctx.input(|input| input.time);
        self.fold_events(ctx, time);
        self.take_file_news(time);
        self.advance_replay(ctx);
        for notice in self.model.notices.iter().filter(|notice| notice.number >= self.notices_shown) {
            let text = describe::by_ports(&self.model, &notice.text);
            self.toasts.push(notice.level, text, time);
        }
        self.notices_shown = self.model.notices_raised;
        self.ask_before_wipe();
    }

    /// Asks once for each time that a replica asks, as soon as nothing else stands in front.
    fn ask_before_wipe(&mut self) {
        let asking: BTreeSet<NodeId> = self.model.asking().map(|asking| asking.node.id).collect();
        if !asking.is_subset(&self.asked_before_wipe) && self.dialog.is_none() && self.replay.is_none() {
            self.dialog = Some(Dialog::AskWipe);
        }
        if self.dialog == Some(Dialog::AskWipe) {
            // Also those that ask while it stands there: it shows them all.
            self.asked_before_wipe.extend(&asking);
        }
        self.asked_before_wipe.retain(|node| asking.contains(node));
    }

    fn fold_events(&mut self, ctx: &Context, time: f64) {
        let started = Instant::now();
        let mut folded = false;
        let mut full_batch = true;
        while full_batch {
            full_batch = false;
            for count in 1..=FOLD_BATCH {
                match self.lab.events.try_recv() {
                    Ok(entry) => {
                        self.model.fold(&entry);
                        folded = true;
                        full_batch = count == FOLD_BATCH;
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        self.lab_ended(time);
                        break;
                    }
                }
            }
            if full_batch && started.elapsed() >= FOLD_BUDGET {
                ctx.request_repaint();
                break;
            }
        }
        if folded {
            self.clock = Clock { lab: self.model.now, window: time };
        }
    }

    /// The lab's thread is gone: what is shown stays, but nothing follows.
    fn lab_ended(&mut self, time: f64) {
        if !std::mem::replace(&mut self.lab_gone, true) {
            let text = "The lab has ended and nothing more is heard of the nodes; start Repliscope again";
            self.toasts.push(NoticeLevel::Error, text.to_owned(), time);
        }
    }

    fn take_file_news(&mut self, time: f64) {
        while let Some(news) = self.files.poll() {
            match news {
                FileNews::SaveTo(path) => self.ask(LabCommand::SaveRecording(path)),
                FileNews::Opened(path, entries) => {
                    self.replay = Some(Replay::new(path, entries));
                    self.panels.timeline.forget();
                }
                FileNews::Failed(text) => self.toasts.push(NoticeLevel::Error, text, time),
            }
        }
    }

    fn advance_replay(&mut self, ctx: &Context) {
        let Some(replay) = &mut self.replay else { return };
        if replay.playing {
            let step = Duration::from_secs_f32(ctx.input(|input| input.stable_dt).clamp(0.0, 0.1));
            replay.seek(replay.position + step);
            replay.playing = replay.position < replay.end();
            ctx.request_repaint_after(Duration::from_millis(33));
        }
        if !replay.advance(FOLD_BUDGET) {
            ctx.request_repaint();
        }
    }

    /// Draws one frame and carries out what was wished in it.
    pub fn show(&mut self, ui: &mut Ui) {
        let tokens = Tokens::of(ui);
        let width = ui.content_rect().width();
        let mut tree = self.tree.take().unwrap_or_else(|| layout::default_tree(width));
        let mut actions = std::mem::take(&mut self.actions);
        if self.dialog.is_none() {
            actions.extend(menus::pressed(ui));
        }
        let edge = Frame::new().fill(tokens.base).inner_margin(Margin::symmetric(8, 3));
        let port = self.panels.home.port;
        let selected = self.selected_now();
        let mut cx = Cx {
            model: self.shown_model(),
            now: self.now(ui),
            live: self.replay.is_none(),
            selected,
            actions: &mut actions,
            last_id: &self.last_id,
        };
        Panel::top("menu").frame(edge).show(ui, |ui| menus::bar(ui, &mut cx, &tree, port));
        if let Some(replay) = &mut self.replay {
            if self.dialog.is_none() {
                replay_keys(ui, replay);
            }
            Panel::top("recording")
                .frame(Frame::NONE)
                .show(ui, |ui| status::recording(ui, replay, &mut actions));
        }

        let (now, live) = (self.now(ui), self.replay.is_none());
        let model = self.replay.as_ref().map_or(&self.model, |replay| &replay.model);
        let last_id = &self.last_id;
        let mut cx = Cx { model, now, live, selected, actions: &mut actions, last_id };
        Panel::bottom("status").frame(edge).exact_size(30.0).show(ui, |ui| {
            status::bar(ui, &mut cx, self.notices_seen);
        });
        let middle = Frame::new().fill(tokens.base);
        CentralPanel::default().frame(middle).show(ui, |ui| {
            if cx.model.has_cluster() || !cx.live {
                tree.ui(&mut Panes { panels: &mut self.panels, cx: &mut cx }, ui);
            } else {
                self.panels.home.ui(ui, &mut cx);
            }
        });
        if let Some(dialog) = self.dialog.take() {
            self.dialog = dialogs::show(ui, &mut cx, dialog);
        }
        self.toasts.ui(ui);

        self.tree = Some(tree);
        for action in actions {
            self.carry_out(ui, action);
        }
    }

    /// What is on screen: the live model, or that of the recording.
    fn shown_model(&self) -> &LabModel {
        self.replay.as_ref().map_or(&self.model, |replay| &replay.model)
    }

    /// The chosen node; before one is chosen, the master is worth looking at.
    fn selected_now(&self) -> Option<NodeId> {
        let model = self.shown_model();
        self.selected
            .filter(|node| model.nodes.contains_key(node))
            .or_else(|| model.current_master())
            .or_else(|| model.nodes.keys().next().copied())
    }

    /// Lab time of this frame.
    fn now(&self, ui: &Ui) -> Duration {
        match &self.replay {
            Some(replay) => replay.position,
            None if self.model.folded == 0 => Duration::ZERO,
            None => {
                let since = (ui.input(|input| input.time) - self.clock.window).max(0.0);
                self.clock.lab + Duration::from_secs_f64(since)
            }
        }
    }

    fn carry_out(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Lab(command) => match confirm::needed(&self.model, &command) {
                Some(question) => self.dialog = Some(Dialog::Confirm(question)),
                None => self.ask(command),
            },
            Action::LabConfirmed(command) => self.ask(command),
            Action::OpenRecording => self.files.choose_and_open(ctx),
            Action::SaveRecording => self.files.choose_save(ctx),
            Action::BackToLive => {
                self.replay = None;
                self.panels.timeline.forget();
            }
            Action::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Action::Select(node) => self.selected = Some(node),
            Action::OpenConsole(node) => {
                self.selected = Some(node);
                self.panels.console.open(node);
                self.show_pane(Pane::Console);
            }
            Action::AskWipe => self.dialog = Some(Dialog::AskWipe),
            Action::Faults(node) => self.dialog = Some(Dialog::Faults(FaultForm::new(node))),
            Action::Show(pane) => {
                self.show_pane(pane);
                if pane == Pane::Console {
                    self.panels.console.focus();
                }
            }
            Action::Toggle(pane) => {
                if let Some(tree) = &mut self.tree {
                    layout::toggle(tree, pane);
                }
            }
            Action::ResetLayout => self.tree = None,
            Action::Theme(theme) => ctx.set_theme(theme),
            Action::ZoomIn => egui::gui_zoom::zoom_in(ctx),
            Action::ZoomOut => egui::gui_zoom::zoom_out(ctx),
            Action::ZoomReset => ctx.set_zoom_factor(1.0),
            Action::Notices => {
                self.notices_seen = self.model.notices_raised;
                self.toasts.clear();
                self.dialog = Some(Dialog::Notices);
            }
            Action::Shortcuts => self.dialog = Some(Dialog::Shortcuts),
            Action::About => self.dialog = Some(Dialog::About),
            Action::Palette => self.dialog = Some(Dialog::Palette { text: String::new(), chosen: 0 }),
            Action::Copy(text) => ctx.copy_text(text),
        }
        // What was just changed is not on screen yet.
        ctx.request_repaint();
    }

    fn show_pane(&mut self, pane: Pane) {
        if let Some(tree) = &mut self.tree {
            layout::show(tree, pane);
        }
    }
}

/// Space plays and pauses, Home and End go to the ends, unless something else has the focus and wants them.
fn replay_keys(ui: &Ui, replay: &mut Replay) {
    if ui.memory(|memory| memory.focused().is_some()) {
        return;
    }
    let (space, home, end) = ui.input(|input| {
        (input.key_pressed(Key::Space), input.key_pressed(Key::Home), input.key_pressed(Key::End))
    });
    if space {
        replay.toggle();
    }
    if home || end {
        replay.playing = false;
        replay.seek(if home { Duration::ZERO } else { replay.end() });
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.pump(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        if let Some(tree) = &self.tree {
            eframe::set_value(storage, STORED_LAYOUT, tree);
        }
        eframe::set_value(storage, STORED_PORT, &self.panels.home.port);
    }
}
