//! Faults over time: what was wrong, with whom, from when until when.

use std::collections::VecDeque;
use std::time::Duration;

use crate::lab::{FaultEnd, NodeId};
use crate::node::{Fault, FaultKind};

/// Faults that are remembered: those that last and the newest of those that are over.
pub const FAULTS_MAX: usize = 1_000;

/// One fault from its begin to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultSpan {
    /// The node that it is about, or whose link to its master.
    pub node: NodeId,
    /// What is wrong.
    pub fault: Fault,
    /// When it began.
    pub begun: Duration,
    /// How long it is to last; `None` until it is healed.
    pub lasts: Option<Duration>,
    /// When and why it ended; `None` while it lasts.
    pub ended: Option<(Duration, FaultEnd)>,
}

impl FaultSpan {
    /// Time until it ends by itself; `None` if it has ended, or waits to be healed.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        let end = self.begun.saturating_add(self.lasts.filter(|_| self.ended.is_none())?);
        Some(end.saturating_sub(now))
    }
}

/// All faults that are remembered.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    spans: VecDeque<FaultSpan>,
}

impl Faults {
    /// The faults, in the order in which they began.
    pub fn spans(&self) -> impl DoubleEndedIterator<Item = &FaultSpan> {
        self.spans.iter()
    }

    /// Those that last.
    pub fn active(&self) -> impl Iterator<Item = &FaultSpan> {
        self.spans.iter().filter(|span| span.ended.is_none())
    }

    /// The link of this node to its master is cut.
    pub fn is_cut(&self, node: NodeId) -> bool {
        self.of(node).any(|span| span.fault == Fault::Cut)
    }

    /// Those of one node that last.
    pub fn of(&self, node: NodeId) -> impl Iterator<Item = &FaultSpan> {
        self.active().filter(move |span| span.node == node)
    }

    pub(super) fn began(&mut self, span: FaultSpan) {
        // A journal that lost an end must not show two of a kind.
        self.ended(span.node, span.fault.kind(), span.begun, FaultEnd::Replaced);
        if self.spans.len() >= FAULTS_MAX {
            // A fault that lasts is shown and healed by what stands here: those that are over are forgotten first.
            let over = self.spans.iter().position(|span| span.ended.is_some());
            self.spans.remove(over.unwrap_or(0));
        }
        self.spans.push_back(span);
    }

    pub(super) fn ended(&mut self, node: NodeId, kind: FaultKind, at: Duration, how: FaultEnd) {
        let lasting =
            |span: &&mut FaultSpan| span.ended.is_none() && span.node == node && span.fault.kind() == kind;
        for span in self.spans.iter_mut().filter(lasting) {
            span.ended = Some((at, how));
        }
    }

    /// Whatever was about this node, it is gone.
    pub(super) fn lost(&mut self, node: NodeId, at: Duration) {
        for span in self.spans.iter_mut().filter(|span| span.ended.is_none() && span.node == node) {
            span.ended = Some((at, FaultEnd::Gone));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_lasts_is_not_forgotten_for_those_that_are_over() {
        let mut faults = Faults::default();
        let begun =
            |fault| FaultSpan { node: NodeId(2), fault, begun: Duration::ZERO, lasts: None, ended: None };
        faults.began(begun(Fault::Cut));
        for _ in 0..2 * FAULTS_MAX {
            faults.began(begun(Fault::FullDisk));
        }
        assert!(faults.is_cut(NodeId(2)));
        assert_eq!((faults.spans().count(), faults.active().count()), (FAULTS_MAX, 2));
        faults.ended(NodeId(2), FaultKind::Cut, Duration::ZERO, FaultEnd::Healed);
        assert!(!faults.is_cut(NodeId(2)));
    }
}
