//! What a node counts, times and logs.

use std::time::Duration;

use super::latency::LatencyEvents;
use super::log::Log;
use super::slowlog::SlowLog;
use super::stats::NodeStats;
use crate::node::exec::parse::StrangerWarning;
use crate::node::time::lag::LoopLag;

/// Figures of a node, and its log.
#[derive(Debug)]
pub(in crate::node) struct Figures {
    pub(in crate::node) stats: NodeStats,
    pub(in crate::node) lag: LoopLag,
    pub(super) slowlog: SlowLog,
    pub(super) latency_events: LatencyEvents,
    /// Every command is timed by itself.
    pub(in crate::node) times_each: bool,
    /// The last request got as far as being executed.
    pub(in crate::node) called: bool,
    /// Start of the load that the watchdog has reported already, so that it reports each load once.
    pub(in crate::node) watchdog_told: Option<Duration>,
    pub(in crate::node) stranger_warning: StrangerWarning,
    pub(in crate::node) log: Log,
}

impl Figures {
    pub(in crate::node) fn new(log: Log) -> Self {
        Self {
            stats: NodeStats::default(),
            lag: LoopLag::new(),
            slowlog: SlowLog::default(),
            latency_events: LatencyEvents::default(),
            times_each: false,
            called: false,
            watchdog_told: None,
            stranger_warning: StrangerWarning::default(),
            log,
        }
    }
}
