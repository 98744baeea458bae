//! What is wrong with the link to the master.

use std::time::Duration;

use super::fault::{Fault, FaultKind, Way};
use super::lane::Rules;
use crate::node::node::Node;

/// The faults of the link, at most one of each kind.
#[derive(Debug, Default)]
pub(in crate::node) struct LinkFaults {
    active: Vec<Fault>,
    /// Grows with each change, so that the driver sees that there was one.
    pub(in crate::node) version: u64,
    reset_now: bool,
}

impl LinkFaults {
    fn begin(&mut self, fault: Fault) {
        self.active.retain(|active| active.kind() != fault.kind());
        self.active.push(fault);
        self.reset_now |= fault.kind() == FaultKind::Reset;
        self.version += 1;
    }

    fn end(&mut self, kind: FaultKind) {
        self.active.retain(|active| active.kind() != kind);
        self.version += 1;
    }

    pub(in crate::node) fn is_cut(&self) -> bool {
        self.active.contains(&Fault::Cut)
    }

    /// A RST is due; it is told once.
    pub(in crate::node) fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.reset_now)
    }

    /// How old a connection becomes.
    pub(in crate::node) fn reset_every(&self) -> Option<Duration> {
        self.active.iter().find_map(|fault| match fault {
            Fault::Reset { every } => Some(*every),
            _ => None,
        })
    }

    /// A new connection gets no answer: that needs both ways.
    pub(in crate::node) fn is_silent(&self) -> bool {
        self.rules(Way::ToReplica).holds || self.rules(Way::ToMaster).holds
    }

    /// How much longer a connect takes: there and back.
    pub(in crate::node) fn round_trip(&self) -> Duration {
        self.rules(Way::ToMaster).delay + self.rules(Way::ToReplica).delay
    }

    /// What happens to the bytes of one direction.
    pub(in crate::node) fn rules(&self, one: Way) -> Rules {
        let mut rules = Rules::default();
        for fault in &self.active {
            match *fault {
                Fault::BlackHole => rules.holds = true,
                Fault::OneWayCut { way } if way.includes(one) => rules.holds = true,
                Fault::Latency { way, delay, jitter, seed } if way.includes(one) => {
                    (rules.delay, rules.jitter) = (delay, jitter);
                    // The two directions have each its own chance.
                    rules.seed = seed.wrapping_mul(2).wrapping_add(u64::from(one == Way::ToMaster));
                }
                Fault::Bandwidth { way, bytes_per_second } if way.includes(one) => {
                    rules.bytes_per_second = Some(bytes_per_second.max(1));
                }
                Fault::Chunks { way } if way.includes(one) => rules.one_by_one = true,
                _ => {}
            }
        }
        rules
    }
}

impl Node {
    /// Something is wrong from now on.
    pub(in crate::node) fn begin_fault(&mut self, fault: Fault) {
        self.replication.link_faults.begin(fault);
        self.link_faults_changed();
    }

    /// It is not any more.
    pub(in crate::node) fn end_fault(&mut self, kind: FaultKind) {
        self.replication.link_faults.end(kind);
        self.link_faults_changed();
    }

    fn link_faults_changed(&self) {
        if let Some(upstream) = &self.replication.upstream {
            upstream.wake();
        }
    }
}
