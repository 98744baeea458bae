//! The lab's shared state, and how its tasks wait for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::spawn_local;

use super::member::{Member, State};
use super::node_events::NodeEvents;
use super::recorder::Recorder;
use super::refusal::Refusal;
use super::runner::Runner;
use super::workload::{self, Targets};
use super::{Event, LabOptions, NodeId, WorkloadSettings};
use crate::node::pulse;

/// The lab: shared by its tasks, its state never borrowed across an await.
pub(super) struct Lab {
    pub(super) recorder: Rc<Recorder>,
    pub(super) state: RefCell<State>,
    pub(super) options: LabOptions,
    pub(super) runner: Box<dyn Runner>,
    pub(super) events: NodeEvents,
    /// Told after every change of a node's life.
    pub(super) changed: Notify,
    /// Replicas ask before an emptied master takes their data from them.
    pub(super) asks_before_wipe: Cell<bool>,
    pub(super) workload: watch::Sender<WorkloadSettings>,
    targets: watch::Sender<Targets>,
}

impl Lab {
    pub(super) fn new(
        recorder: Rc<Recorder>,
        options: LabOptions,
        runner: Box<dyn Runner>,
        events: NodeEvents,
    ) -> Rc<Self> {
        let (workload, settings) = watch::channel(WorkloadSettings::default());
        let (targets, whom) = watch::channel(Targets::default());
        spawn_local(workload::run(Rc::clone(&recorder), settings, whom));
        recorder.record(Event::AsksBeforeWipe(options.asks_before_wipe));
        Rc::new(Self {
            asks_before_wipe: Cell::new(options.asks_before_wipe),
            recorder,
            state: RefCell::new(State::new()),
            options,
            runner,
            events,
            changed: Notify::new(),
            workload,
            targets,
        })
    }

    /// Lets the workload know where to go.
    pub(super) fn refresh_targets(&self) {
        let targets = self.state.borrow().targets();
        self.targets.send_if_modified(|known| {
            let news = *known != targets;
            *known = targets;
            news
        });
    }

    /// Waits until `condition` holds; `false` if `limit` passed first.
    pub(super) async fn until(&self, limit: Duration, condition: impl Fn(&State) -> bool) -> bool {
        let holds = async {
            loop {
                let changed = self.changed.notified();
                if condition(&self.state.borrow()) {
                    return;
                }
                changed.await;
            }
        };
        pulse::within(limit, holds).await.is_some() || condition(&self.state.borrow())
    }

    /// Does something with a node that exists, in a cluster that is not ending.
    pub(super) fn with_member<T>(
        &self,
        node: NodeId,
        act: impl FnOnce(&mut Member) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = self.state.borrow_mut();
        if state.ending.is_some() {
            return Err(Refusal::error(node, "The cluster is ending: nothing more is done to its nodes"));
        }
        match state.members.get_mut(&node) {
            Some(member) => act(member),
            None => Err(Refusal::error(node, format!("There is no node {node} in this cluster"))),
        }
    }
}
