//! FAILOVER on the old master: wait until a replica has everything, then follow it.
//!
//! Owns the phases and the rule by which each ends. It must not know sockets or clocks: the node tells the time and who
//! has caught up.

use std::time::Duration;

/// Host and port of a replica, as it has announced them.
pub type Address = (String, u16);

/// A switch of roles that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    target: Option<Address>,
    deadline: Option<Duration>,
    force: bool,
    in_progress: bool,
}

/// What the node must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailoverStep {
    /// Become a replica of the target and ask it to take over.
    Follow {
        /// Who takes over.
        target: Address,
        /// The time was over, and it may lack the last writes.
        forced: bool,
    },
    /// The time is over: go on as before.
    GiveUp,
}

impl Failover {
    /// To `target`, or to whichever replica has caught up first; `force` takes the target at the deadline as it is.
    pub fn new(target: Option<Address>, deadline: Option<Duration>, force: bool) -> Self {
        Self { target, deadline, force, in_progress: false }
    }

    /// INFO's `master_failover_state`.
    pub fn state_word(&self) -> &'static str {
        if self.in_progress { "failover-in-progress" } else { "waiting-for-sync" }
    }

    /// The target was asked to take over.
    pub fn is_in_progress(&self) -> bool {
        self.in_progress
    }

    /// Who is to take over; `None` while that can be any replica.
    pub fn target(&self) -> Option<&Address> {
        self.target.as_ref()
    }

    /// Looks whether something is due; `caught_up` are the replicas that have acknowledged every byte.
    pub fn on_tick(&mut self, now: Duration, caught_up: &[Address]) -> Option<FailoverStep> {
        if self.in_progress {
            return None;
        }
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if late && !self.force {
            return Some(FailoverStep::GiveUp);
        }
        let ready = |target: &Address| late || caught_up.contains(target);
        let target = self.target.as_ref().map_or_else(|| caught_up.first(), Some);
        let target = target.filter(|target| ready(target))?.clone();
        self.target = Some(target.clone());
        self.in_progress = true;
        Some(FailoverStep::Follow { target, forced: late })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn address(port: u16) -> Address {
        ("127.0.0.1".to_owned(), port)
    }

    #[test]
    fn the_target_takes_over_as_soon_as_it_has_everything() {
        let mut failover = Failover::new(Some(address(2)), Some(10 * S), false);
        assert_eq!(failover.on_tick(S, &[]), None);
        assert_eq!(failover.on_tick(S, &[address(3)]), None, "another one does not count");
        assert_eq!(failover.state_word(), "waiting-for-sync");
        let step = FailoverStep::Follow { target: address(2), forced: false };
        assert_eq!(failover.on_tick(2 * S, &[address(3), address(2)]), Some(step));
        assert_eq!(failover.state_word(), "failover-in-progress");
        assert_eq!(failover.on_tick(99 * S, &[]), None, "then only the target can end it");
    }

    #[test]
    fn without_a_target_the_first_one_that_has_caught_up_is_it() {
        let mut failover = Failover::new(None, None, false);
        assert_eq!(failover.on_tick(S, &[]), None);
        assert_eq!(failover.target(), None);
        let step = FailoverStep::Follow { target: address(3), forced: false };
        assert_eq!(failover.on_tick(1000 * S, &[address(3), address(2)]), Some(step));
        assert_eq!(failover.target(), Some(&address(3)));
    }

    #[test]
    fn at_the_deadline_it_is_given_up_or_forced() {
        let mut failover = Failover::new(Some(address(2)), Some(10 * S), false);
        assert_eq!(failover.on_tick(10 * S, &[]), Some(FailoverStep::GiveUp));
        let mut failover = Failover::new(Some(address(2)), Some(10 * S), true);
        assert_eq!(failover.on_tick(9 * S, &[]), None);
        let step = FailoverStep::Follow { target: address(2), forced: true };
        assert_eq!(failover.on_tick(10 * S, &[]), Some(step));
    }
}
