//! Choosing and reading files without ever holding up the window: each on a thread of its own.

use std::fs::File;
use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use eframe::egui;

use crate::lab::Entry;

/// A longer line is no entry of ours.
const LINE_MAX: u64 = 256 * 1024 * 1024;
/// Entries that are read of one recording: some hours of a busy cluster.
const ENTRIES_MAX: usize = 4_000_000;

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
        Err(reason) => FileNews::Failed(format!("{} was not opened: {reason}", path.display())),
    }
}

/// Reads a journal, one JSON object per line. A torn last line, as a crash leaves it, is left out.
fn read_recording(path: &Path) -> Result<Vec<Entry>, String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let (mut entries, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let read =
            reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        if read == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => entries.push(entry),
            Err(_) if !line.ends_with(b"\n") && !entries.is_empty() => break,
            Err(error) => return Err(format!("line {number} is no journal entry ({error})")),
        }
        if entries.len() >= ENTRIES_MAX {
            return Err(format!("it has more than {ENTRIES_MAX} entries"));
        }
    }
    if entries.is_empty() { Err("it holds no entries".to_owned()) } else { Ok(entries) }
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

    use std::time::Duration;

    use super::*;
    use crate::lab::Event;

    fn written(lines: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        file
    }

    #[test]
    fn a_recording_is_read_up_to_a_torn_last_line() {
        let entry = Entry { seq: 0, at: Duration::from_millis(5), event: Event::ClusterStopped };
        let line = serde_json::to_string(&entry).unwrap();
        let file = written(&format!("{line}\n\n{line}\n{}", &line[..20]));
        assert_eq!(read_recording(file.path()).unwrap(), [entry.clone(), entry]);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_line() {
        assert!(read_recording(written("").path()).unwrap_err().contains("no entries"));
        let refused = read_recording(written("hello\nworld\n").path()).unwrap_err();
        assert!(refused.contains("line 1"), "{refused}");
        assert!(read_recording(Path::new("/nowhere/at/all")).is_err());
    }

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
