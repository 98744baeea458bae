//! The window on a made-up lab: entries go in by hand, wishes are caught.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use eframe::egui::{Pos2, Theme, Vec2, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use repliscope::app::{App, LabClient};
use repliscope::lab::{Entry, LabCommand};

use crate::story::Story;

/// Window and both ends of its lab.
pub(crate) struct Bench {
    pub(crate) window: Harness<'static, App>,
    pub(crate) entries: Sender<Entry>,
    pub(crate) wishes: Receiver<LabCommand>,
}

impl Bench {
    /// A window of this size.
    pub(crate) fn new(size: impl Into<Vec2>, theme: Theme) -> Self {
        let (entries, events) = unbounded();
        let (commands, wishes) = bounded(64);
        let window = Harness::builder()
            .with_size(size)
            .with_theme(theme)
            .with_max_steps(12)
            .with_step_dt(1.0 / 60.0)
            .build_eframe(move |cc| App::new(&cc.egui_ctx, LabClient::new(events, commands)));
        let mut bench = Self { window, entries, wishes };
        bench.settle();
        bench
    }

    /// A window that has seen this story.
    pub(crate) fn after(story: &Story) -> Self {
        Self::sized(story, [1_280.0, 800.0], Theme::Dark)
    }

    /// The same in this size and theme.
    pub(crate) fn sized(story: &Story, size: impl Into<Vec2>, theme: Theme) -> Self {
        let mut bench = Self::new(size, theme);
        bench.tell(story);
        bench
    }

    /// The whole story, and frames until it is on screen.
    pub(crate) fn tell(&mut self, story: &Story) {
        for entry in &story.entries {
            self.entries.send(entry.clone()).unwrap();
        }
        for _ in 0..2_000 {
            self.window.step();
            if self.entries.is_empty() {
                break;
            }
        }
        self.settle();
    }

    /// Frames until nothing moves any more.
    pub(crate) fn settle(&mut self) {
        let _ = self.window.try_run();
    }

    /// Clicks what has this label.
    pub(crate) fn click(&mut self, label: &str) {
        self.window.get_by_label(label).click();
        self.settle();
    }

    /// Presses and lets go at this place.
    pub(crate) fn press_at(&mut self, at: Pos2) {
        self.window.drag_at(at);
        self.window.step();
        self.window.drop_at(at);
        self.settle();
    }

    /// Presses at one place and lets go at another.
    pub(crate) fn drag(&mut self, from: Pos2, to: Pos2) {
        self.window.drag_at(from);
        self.window.step();
        for share in [0.3, 0.7, 1.0] {
            self.window.hover_at(from + (to - from) * share);
            self.window.step();
        }
        self.window.drop_at(to);
        self.settle();
    }

    /// The lab's end of the wishes goes away.
    pub(crate) fn hang_up(&mut self) {
        self.wishes = bounded(1).1;
    }

    /// In how long the window wants to be drawn again.
    pub(crate) fn next_frame(&self) -> Duration {
        self.window.output().viewport_output[&ViewportId::ROOT].repaint_delay
    }

    /// What was wished since the last call.
    pub(crate) fn wished(&self) -> Vec<LabCommand> {
        self.wishes.try_iter().collect()
    }
}
