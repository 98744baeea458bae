//! Choosing and reading files without ever holding up the window: each on a thread of its own.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use eframe::egui;

use crate::lab::Entry;
use crate::lab::recording::read_recording;

/// What a thread has brought.
pub(crate) enum FileNews {
    /// The user chose where to save.
    SaveTo(PathBuf),
    /// A recording was read.
    Opened(PathBuf, Vec<Entry>),
    /// It could not be; what failed and what to do.
    Failed(String),
}

/// Dialogs and readers under way.
pub(crate) struct Files {
    news: Receiver<FileNews>,
    sender: Sender<FileNews>,
}

impl Default for Files {
    fn default() -> Self {
        let (sender, news) = bounded(16);
        Self { news, sender }
    }
}

impl Files {
    /// Next result, if a thread has one.
    pub(crate) fn poll(&self) -> Option<FileNews> {
        self.news.try_recv().ok()
    }

    /// Asks the user for a recording and reads it.
    pub(crate) fn choose_and_open(&self, ctx: &egui::Context) {
        let chosen = dialog().set_title("Open recording").pick_file();
        self.spawn(ctx, move || {
            let file = block_on(chosen)?;
            Some(open(file.path().to_owned()))
        });
    }

    /// Reads this recording.
    pub(crate) fn open(&self, ctx: &egui::Context, path: PathBuf) {
        self.spawn(ctx, move || Some(open(path)));
    }

    /// Asks the user where to save.
    pub(crate) fn choose_save(&self, ctx: &egui::Context) {
        let chosen = dialog().set_title("Save recording").set_file_name("recording.repliscope").save_file();
        self.spawn(ctx, move || Some(FileNews::SaveTo(block_on(chosen)?.path().to_owned())));
    }

    fn spawn(&self, ctx: &egui::Context, work: impl FnOnce() -> Option<FileNews> + Send + 'static) {
        let (sender, ctx) = (self.sender.clone(), ctx.clone());
        let started = thread::Builder::new().name("files".to_owned()).spawn(move || {
            if let Some(news) = work() {
                // Full only if the user opened sixteen files within one frame.
                let _ = sender.try_send(news);
            }
            ctx.request_repaint();
        });
        if let Err(error) = started {
            let _ = self.sender.try_send(FileNews::Failed(format!("No thread for a file dialog: {error}")));
        }
    }
}

fn dialog() -> rfd::AsyncFileDialog {
    rfd::AsyncFileDialog::new().add_filter("Repliscope recording", &["repliscope", "jsonl"])
}

fn open(path: PathBuf) -> FileNews {
    match read_recording(&path) {
        Ok(entries) => FileNews::Opened(path, entries),
        Err(error) => FileNews::Failed(error.to_string()),
    }
}

/// Waits for a dialog on a thread that has nothing else to do.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_future_that_wakes_another_thread_is_waited_for() {
        let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
        thread::spawn(move || receiver.recv().unwrap().wake());
        let mut polled = 0;
        let answer = block_on(std::future::poll_fn(move |cx| {
            polled += 1;
            if polled == 2 {
                return Poll::Ready(42);
            }
            sender.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }));
        assert_eq!(answer, 42);
    }
}
