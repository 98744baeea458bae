//! The lab's thread: its runtime, its channels to the window, its end.
//!
//! Owns how a lab starts and how it ends within a bounded time. It must not know what the commands do.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio_util::sync::CancellationToken;

use super::lab::Lab;
use super::node_events::{NodeEvents, NodeMessage};
use super::recorder::Recorder;
use super::runner::{Embedded, Runner};
use super::{Entry, Event, LabCommand, LabOptions};
use crate::node::pulse;

/// Commands that wait for the lab; the window's `try_send` fails beyond it.
const COMMANDS_MAX: usize = 256;

/// Entries that wait for the window.
const ENTRIES_MAX: usize = 16_384;

/// How long the nodes may take to end when the lab ends; with what follows it stays below three seconds.
const END_WITHIN: Duration = Duration::from_millis(1500);

/// How long the last entries may wait for a window that is slow.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long threads that the lab left behind (a file being written) may hold up its end.
const LEFT_BEHIND: Duration = Duration::from_millis(100);

/// Ends of a lab that a window or a terminal holds.
#[derive(Debug)]
pub struct LabClientParts {
    /// Wishes go in here; bounded, so use `try_send`. Dropping it ends the lab.
    pub commands: Sender<LabCommand>,
    /// The journal comes out here. State changes are all there; samples are dropped when nobody takes them.
    pub entries: Receiver<Entry>,
    /// Ends the lab.
    pub handle: LabHandle,
}

/// Holds a lab; dropping it asks the lab to end without waiting.
#[derive(Debug)]
pub struct LabHandle {
    cancel: CancellationToken,
    /// Never carries anything; it is disconnected when the lab's thread is done.
    done: Receiver<()>,
    dropped: Arc<AtomicU64>,
}

impl LabHandle {
    /// Ends every node and the lab, and waits for it; `false` if `timeout` passed first. It takes less than 3 s
    /// whatever a node does: one that hangs is killed.
    pub fn shutdown(&self, timeout: Duration) -> bool {
        self.cancel.cancel();
        !matches!(self.done.recv_timeout(timeout), Err(crossbeam_channel::RecvTimeoutError::Timeout))
    }

    /// Samples that were dropped because `entries` was full.
    pub fn dropped_samples(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LabHandle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Starts a lab on a thread of its own. `wake` is called on that thread after entries were sent, at most once in
/// about 2 ms, and must not block.
///
/// # Errors
/// The system refused a thread or a runtime, or the data folder's path cannot be made absolute.
pub fn start(wake: impl Fn() + Send + Sync + 'static, options: LabOptions) -> io::Result<LabClientParts> {
    start_with(wake, options, Box::new(Embedded))
}

pub(super) fn start_with(
    wake: impl Fn() + Send + Sync + 'static,
    mut options: LabOptions,
    runner: Box<dyn Runner>,
) -> io::Result<LabClientParts> {
    options.data_dir = std::path::absolute(&options.data_dir)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (commands, wishes) = bounded(COMMANDS_MAX);
    let (out, entries) = bounded(ENTRIES_MAX);
    let (running, done) = bounded::<()>(0);
    let cancel = CancellationToken::new();
    let dropped = Arc::new(AtomicU64::new(0));

    let inbox = forward(wishes, done.clone())?;
    let (token, count) = (cancel.clone(), Arc::clone(&dropped));
    std::thread::Builder::new().name("lab".to_owned()).spawn(move || {
        let _running = running; // dropped last, also by a panic: whoever waits for the end learns of it
        let local = LocalSet::new();
        runtime.block_on(local.run_until(async {
            let recorder = Rc::new(Recorder::new(out, count));
            serve(recorder, options, runner, inbox, token, Rc::new(wake)).await;
        }));
        drop(local);
        runtime.shutdown_timeout(LEFT_BEHIND);
    })?;
    Ok(LabClientParts { commands, entries, handle: LabHandle { cancel, done, dropped } })
}

/// Hands the window's wishes over to the lab's runtime: the window only knows a channel that never blocks it, the
/// runtime needs one that it can await.
fn forward(wishes: Receiver<LabCommand>, done: Receiver<()>) -> io::Result<mpsc::Receiver<LabCommand>> {
    let (inbox, received) = mpsc::channel(COMMANDS_MAX);
    std::thread::Builder::new().name("lab-wishes".to_owned()).spawn(move || {
        loop {
            select! {
                recv(wishes) -> wish => match wish {
                    Ok(wish) => if inbox.blocking_send(wish).is_err() { return },
                    Err(_) => return, // the window is gone; the lab sees its inbox end
                },
                recv(done) -> _ => return,
            }
        }
    })?;
    Ok(received)
}

async fn serve(
    recorder: Rc<Recorder>,
    options: LabOptions,
    runner: Box<dyn Runner>,
    mut inbox: mpsc::Receiver<LabCommand>,
    cancel: CancellationToken,
    wake: Rc<dyn Fn()>,
) {
    let (events, mut messages) = NodeEvents::new();
    let (pump, pump_wake) = (Rc::clone(&recorder), Rc::clone(&wake));
    spawn_local(async move { pump.pump(|| pump_wake()).await });
    recorder.record(Event::LabStarted {
        wall: jiff::Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    let mut gaps = pulse::gaps();
    let lab = Lab::new(Rc::clone(&recorder), options, runner, events);
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            wish = inbox.recv() => match wish {
                Some(wish) => lab.execute(wish),
                None => break,
            },
            Some(message) = messages.recv() => lab.on_message(message),
            Ok(()) = gaps.changed() => {
                if let Some(gap) = *gaps.borrow_and_update() {
                    recorder.record(Event::TimeGap(gap));
                }
            }
        }
    }
    end(&lab, &mut messages).await;
    recorder.drain(LAST_WORDS, || wake()).await;
}

/// Ends the nodes; their last events are still taken.
async fn end(lab: &Rc<Lab>, messages: &mut mpsc::UnboundedReceiver<NodeMessage>) {
    {
        let mut state = lab.state.borrow_mut();
        state.closing = true;
        if let Some(ending) = &mut state.ending {
            ending.next = None;
        }
    }
    let nodes = lab.end_nodes(END_WITHIN);
    tokio::pin!(nodes);
    loop {
        tokio::select! {
            biased;
            Some(message) = messages.recv() => lab.on_message(message),
            () = &mut nodes => break,
        }
    }
    lab.forget_cluster();
}
