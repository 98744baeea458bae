//! Faults of links and disks: begun, timed, healed, and carried over to the next run of their node.
//!
//! The lab owns how long a fault lasts, and tells its begin and its end. A fault belongs to what is around a node, so
//! it outlives a restart; it ends with the node, and a fault of a link with the link.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::sleep;

use super::lab::Lab;
use super::member::{ActiveFault, Member};
use super::refusal::{Done, Refusal};
use super::{Event, FaultEnd, NodeId};
use crate::node::{Fault, FaultKind, Way};

/// Longest delay that can be asked for: beyond it every link is lost to its time-outs.
pub const DELAY_MAX: Duration = Duration::from_mins(10);
/// Longest time that a call to a slow disk can be asked to take more: a node's thread stands still meanwhile.
pub const DISK_DELAY_MAX: Duration = Duration::from_secs(10);
/// Longest time that a fault can be asked to last; without one it lasts until it is healed.
pub const LASTS_MAX: Duration = Duration::from_hours(24);
/// Shortest life of a connection that is reset again and again.
pub const RESET_EVERY_MIN: Duration = Duration::from_millis(10);

/// The fault with figures that mean something.
fn bounded(fault: Fault) -> Fault {
    match fault {
        Fault::Latency { way, delay, jitter, seed } => {
            Fault::Latency { way, delay: delay.min(DELAY_MAX), jitter: jitter.min(DELAY_MAX), seed }
        }
        Fault::Bandwidth { way, bytes_per_second } => {
            Fault::Bandwidth { way, bytes_per_second: bytes_per_second.max(1) }
        }
        Fault::Reset { every } => Fault::Reset { every: every.clamp(RESET_EVERY_MIN, LASTS_MAX) },
        Fault::OneWayCut { way: Way::Both } => Fault::BlackHole,
        Fault::SlowDisk { delay } => Fault::SlowDisk { delay: delay.min(DISK_DELAY_MAX) },
        Fault::DiskErrors { nth } => Fault::DiskErrors { nth: nth.max(1) },
        other => other,
    }
}

impl Lab {
    /// Begins a fault, in place of an earlier one of the same kind.
    pub(super) fn begin_fault(self: &Rc<Self>, node: NodeId, fault: Fault, lasts: Option<Duration>) -> Done {
        let fault = bounded(fault);
        let lasts = lasts.map(|lasts| lasts.min(LASTS_MAX));
        self.with_member(node, |member| {
            if member.is_master() && fault.kind().is_of_link() {
                let text = format!("{node} is a master: it has no link to one. Choose one of its replicas");
                return Err(Refusal::error(node, text));
            }
            if member.handle.is_none() {
                return Err(Refusal::error(node, format!("{node} does not run: start it first")));
            }
            Ok(())
        })?;
        self.end_fault(node, fault.kind(), FaultEnd::Replaced);
        // Told before it is begun: what comes of it comes after it.
        self.recorder.record(Event::FaultBegun { node, fault, lasts });
        let serial = {
            let mut state = self.state.borrow_mut();
            state.faults_begun += 1;
            let serial = state.faults_begun;
            let Some(member) = state.members.get_mut(&node) else { return Ok(()) };
            member.faults.push(ActiveFault { fault, serial });
            if let Some(handle) = &member.handle {
                handle.begin_fault(fault);
            }
            serial
        };
        match (fault, lasts) {
            (Fault::Reset { .. }, None) => self.end_fault(node, FaultKind::Reset, FaultEnd::Expired),
            (_, None) => {}
            (_, Some(lasts)) => {
                let lab = Rc::clone(self);
                spawn_local(async move {
                    sleep(lasts).await;
                    let is_same = |active: &ActiveFault| active.serial == serial;
                    let lives =
                        lab.state.borrow().members.get(&node).is_some_and(|m| m.faults.iter().any(is_same));
                    if lives {
                        lab.end_fault(node, fault.kind(), FaultEnd::Expired);
                    }
                });
            }
        }
        Ok(())
    }

    /// Ends a fault before its time.
    pub(super) fn heal_fault(&self, node: NodeId, kind: FaultKind) -> Done {
        self.with_member(node, |member| {
            let is_there = member.has_fault(kind);
            is_there
                .then_some(())
                .ok_or_else(|| Refusal::already(node, format!("{node} has no {kind} to heal")))
        })?;
        self.end_fault(node, kind, FaultEnd::Healed);
        Ok(())
    }

    /// Ends a fault, if there is one of this kind.
    fn end_fault(&self, node: NodeId, kind: FaultKind, how: FaultEnd) {
        {
            let mut state = self.state.borrow_mut();
            let Some(member) = state.members.get_mut(&node).filter(|member| member.has_fault(kind)) else {
                return;
            };
            member.faults.retain(|active| active.fault.kind() != kind);
            if let Some(handle) = &member.handle {
                handle.end_fault(kind);
            }
        }
        self.recorder.record(Event::FaultEnded { node, kind, how });
    }

    /// Ends those faults of a node that have lost what they were about.
    pub(super) fn faults_lost(&self, node: NodeId, which: impl Fn(FaultKind) -> bool) {
        let lost = self.faults_of(node);
        for kind in lost.into_iter().filter(|kind| which(*kind)) {
            self.end_fault(node, kind, FaultEnd::Gone);
        }
    }

    /// Kinds of the faults that a node has now.
    fn faults_of(&self, node: NodeId) -> Vec<FaultKind> {
        let state = self.state.borrow();
        state.members.get(&node).map(Member::fault_kinds).unwrap_or_default()
    }

    /// Cancels every fault: thaws and heals all.
    pub(super) fn clear_faults(&self) -> Done {
        let faulty: Vec<_> = {
            let state = self.state.borrow();
            let faulty = state.members.values().filter(|m| m.frozen || !m.faults.is_empty());
            faulty.map(|m| (m.id, m.frozen, m.fault_kinds())).collect()
        };
        if faulty.is_empty() {
            return Err(Refusal::already(None, "There is no fault to clear"));
        }
        for (node, frozen, kinds) in faulty {
            if frozen {
                self.thaw(node)?;
            }
            for kind in kinds {
                self.heal_fault(node, kind)?;
            }
        }
        Ok(())
    }
}
