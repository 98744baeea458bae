//! The workload: a paced writer to the current master, paced readers on its replicas, and a tally each second.
//!
//! Owns its connections and its figures. It must not know the cluster: whom to write to is told from outside.

mod figures;
mod pace;
mod session;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::recorder::Recorder;
use super::{Event, NodeId, WorkloadSettings};
use figures::Figures;
use session::{Reader, Writer, drive};

/// Most writes and most reads per second.
pub(super) const RATE_MAX: u32 = 200_000;

/// Largest value.
pub(super) const VALUE_MAX: u32 = 1 << 20;

/// Most keys: the last acknowledged write of each is remembered.
pub(super) const KEYS_MAX: u32 = 1_000_000;

/// Whom the workload talks to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Targets {
    /// Counts clusters: with a new one nothing is known of any key.
    pub(super) cluster: u64,
    /// Gets the writes; stays while it is down, so that the failed writes of an outage are counted.
    pub(super) master: Option<SocketAddr>,
    /// Get the reads.
    pub(super) replicas: Vec<(NodeId, SocketAddr)>,
}

/// `settings` within the bounds.
pub(super) fn bounded(settings: WorkloadSettings) -> WorkloadSettings {
    WorkloadSettings {
        on: settings.on,
        writes_per_second: settings.writes_per_second.min(RATE_MAX),
        value_size: settings.value_size.min(VALUE_MAX),
        keys: settings.keys.clamp(1, KEYS_MAX),
        reads_per_second: settings.reads_per_second.min(RATE_MAX),
    }
}

/// Runs the workload as `settings` and `targets` say, as long as the lab.
pub(super) async fn run(
    recorder: Rc<Recorder>,
    mut settings: watch::Receiver<WorkloadSettings>,
    mut targets: watch::Receiver<Targets>,
) {
    let figures = Rc::new(RefCell::new(Figures::new()));
    let mut running = Running::default();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        running.follow(*settings.borrow_and_update(), &targets.borrow_and_update(), &figures);
        tokio::select! {
            changed = settings.changed() => if changed.is_err() { return },
            changed = targets.changed() => if changed.is_err() { return },
            _ = second.tick() => {
                let counted = figures.borrow().counted();
                let sample = figures.borrow_mut().take();
                // Off, there may still be the rest of the last second to tell.
                if running.writer.is_some() || counted {
                    recorder.record(Event::Workload(sample));
                }
            }
        }
    }
}

/// The connections' tasks; dropping one ends it.
#[derive(Default)]
struct Running {
    cluster: u64,
    settings: Rc<Cell<WorkloadSettings>>,
    writer: Option<(SocketAddr, Task)>,
    readers: BTreeMap<NodeId, (SocketAddr, Task)>,
    /// Connections that share the reads.
    sharers: Rc<Cell<usize>>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Running {
    /// Starts and ends tasks until they are those that `settings` and `targets` ask for.
    fn follow(&mut self, settings: WorkloadSettings, targets: &Targets, figures: &Rc<RefCell<Figures>>) {
        if self.cluster != targets.cluster {
            self.cluster = targets.cluster;
            figures.borrow_mut().forget_keys();
        }
        self.settings.set(settings);
        let master = targets.master.filter(|_| settings.on);
        if self.writer.as_ref().map(|(addr, _)| *addr) != master {
            self.writer = master.map(|addr| {
                let writer = Writer::new(Rc::clone(&self.settings), Rc::clone(figures));
                (addr, Task(tokio::task::spawn_local(drive(addr, writer))))
            });
        }

        let replicas = if master.is_some() { targets.replicas.as_slice() } else { &[] };
        self.sharers.set(replicas.len());
        self.readers.retain(|node, (addr, _)| replicas.contains(&(*node, *addr)));
        for (node, addr) in replicas {
            self.readers.entry(*node).or_insert_with(|| {
                let (settings, sharers) = (Rc::clone(&self.settings), Rc::clone(&self.sharers));
                let reader = Reader::new(settings, sharers, u64::from(node.0), Rc::clone(figures));
                (*addr, Task(tokio::task::spawn_local(drive(*addr, reader))))
            });
        }
    }
}

#[cfg(test)]
mod tests;
