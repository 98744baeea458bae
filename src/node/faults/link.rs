//! Replica side: what is wrong with the link to the master, and what that means for its driver.

use std::io;
use std::time::Duration;

use super::fault::{Fault, FaultKind, Way};
use super::lane::Rules;
use crate::node::node::Node;
use crate::node::replication::replica::driver::Driver;

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
        self.link_faults.begin(fault);
        self.link_faults_changed();
    }

    /// It is not any more.
    pub(in crate::node) fn end_fault(&mut self, kind: FaultKind) {
        self.link_faults.end(kind);
        self.link_faults_changed();
    }

    fn link_faults_changed(&self) {
        if let Some(upstream) = &self.upstream {
            upstream.wake();
        }
    }
}

impl Driver {
    /// Waits with a connect as long as the faults of the link make it wait.
    ///
    /// # Errors
    /// It is refused.
    pub(in crate::node) async fn wait_as_faults_say(&mut self) -> io::Result<()> {
        loop {
            let (is_cut, is_silent, round_trip) = {
                let faults = &self.shared.borrow().link_faults;
                (faults.is_cut(), faults.is_silent(), faults.round_trip())
            };
            self.drop_unheard();
            if is_cut {
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the link is cut"));
            }
            if !is_silent {
                if !round_trip.is_zero() {
                    tokio::time::sleep(round_trip).await;
                }
                return Ok(());
            }
            self.wake.notified().await;
        }
    }

    /// Looks whether the faults have changed; returns why the connection is gone because of that.
    pub(in crate::node) fn see_faults(&mut self) -> Option<String> {
        let mut node = self.shared.borrow_mut();
        let faults = &mut node.link_faults;
        if faults.version == self.faults_seen {
            return None;
        }
        self.faults_seen = faults.version;
        let (inbound, outbound) = (faults.rules(Way::ToReplica), faults.rules(Way::ToMaster));
        let (reset, is_cut) = (faults.take_reset(), faults.is_cut());
        if faults.reset_every().is_none() {
            self.reset_at = None;
        }
        drop(node);
        self.drop_unheard();
        let wire = self.stream.as_mut()?;
        wire.set_rules(inbound, outbound);
        if is_cut {
            return Some("the link was cut".to_owned());
        }
        reset.then(|| self.reset())
    }

    /// Drops the connection with a RST; returns what that is called.
    pub(in crate::node) fn reset(&mut self) -> String {
        self.reset_at = None;
        self.forget_socket();
        for wire in [self.stream.take(), self.unheard.take()].into_iter().flatten() {
            wire.reset();
        }
        "the connection was reset".to_owned()
    }

    /// Gives the connection up. While nothing gets out of this end, the master must not hear of it.
    pub(in crate::node) fn hang_up(&mut self) {
        self.reset_at = None;
        self.forget_socket();
        let wire = self.stream.take();
        let faults = &self.shared.borrow().link_faults;
        if !faults.is_cut() && faults.rules(Way::ToMaster).holds {
            self.unheard = wire.or(self.unheard.take());
        }
    }

    /// A second handle would keep the connection open.
    fn forget_socket(&self) {
        if let Some(upstream) = &mut self.shared.borrow_mut().upstream
            && upstream.generation == self.generation
        {
            upstream.socket = None;
        }
    }

    fn drop_unheard(&mut self) {
        if !self.shared.borrow().link_faults.rules(Way::ToMaster).holds {
            self.unheard = None;
        }
    }
}
