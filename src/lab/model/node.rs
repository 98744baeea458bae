//! One node as the journal tells of it: its life, its role, its links and the history of its figures.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lab::{NodeId, NodePlan, NodeSample};
use crate::node::{FeedPhase, LinkPhase, NodeRole, StopReason};
use crate::replication::{ReplId, ReplOffset};

/// Points of history that are kept per node; older ones are thinned out, so the whole run stays visible.
pub(super) const HISTORY_MAX: usize = 10_000;
/// Figures older than this say nothing about the traffic of now.
const FRESH: Duration = Duration::from_millis(1_500);
/// The traffic of a link is measured over at least this time: figures may come a few milliseconds apart.
const TRAFFIC_OVER: Duration = Duration::from_millis(500);
/// The write rate is measured over this time.
const RATE_WINDOW_SECONDS: f64 = 5.0;

/// Whether a node lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Known, not started yet.
    Planned,
    /// Started; has not answered PING yet.
    Starting,
    /// Started; reads its data and refuses what needs it.
    Loading {
        /// How much is read, 0 to 100.
        percent: u8,
    },
    /// Answered PING: the only state that is shown green.
    Answering,
    /// Runs and does not answer.
    Silent {
        /// In plain words.
        reason: String,
    },
    /// Stands still with its sockets open.
    Frozen,
    /// Gone.
    Stopped(StopReason),
}

/// Replica side of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Where it stands.
    pub phase: LinkPhase,
    /// Since when it is in this phase; progress within the phase does not count.
    pub since: Duration,
}

/// Master side of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Where it stands; `None` when the connection has ended.
    pub phase: Option<FeedPhase>,
    /// Since when.
    pub since: Duration,
    /// Why the connection ended, if it has.
    pub gone: Option<String>,
}

/// One node.
#[derive(Debug, Clone)]
pub struct NodeModel {
    /// Identity.
    pub id: NodeId,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Role as the node told it last, or as planned.
    pub role: NodeRole,
    /// Current history.
    pub replid: Option<ReplId>,
    /// Previous history.
    pub replid2: Option<ReplId>,
    /// `run_id` of the present (or last) run.
    pub run_id: Option<String>,
    /// From the start of its thread to the first accepted connection.
    pub start_took: Option<Duration>,
    /// How often it was started.
    pub starts: u32,
    /// The link to its master.
    pub link: Option<Link>,
    /// Why the link was lost last, until it streams again.
    pub link_lost: Option<String>,
    /// Feeds of its replicas, by the port they announced.
    pub feeds: BTreeMap<u16, Feed>,
    /// Its last figures.
    pub sample: Option<NodeSample>,
    /// When they were taken.
    pub sampled_at: Duration,
    /// Figures over time.
    pub history: History,
    pub(super) base: Life,
    pub(super) frozen: bool,
    rate_in: f64,
    /// When and from which count on the next rate is measured.
    rate_from: Option<(Duration, u64)>,
}

impl NodeModel {
    pub(super) fn planned(plan: &NodePlan, master_port: Option<u16>) -> Self {
        let role = match master_port {
            Some(port) => NodeRole::Replica { host: "127.0.0.1".to_owned(), port },
            None => NodeRole::Master,
        };
        Self {
            id: plan.node,
            port: plan.port,
            role,
            replid: None,
            replid2: None,
            run_id: None,
            start_took: None,
            starts: 0,
            link: None,
            link_lost: None,
            feeds: BTreeMap::new(),
            sample: None,
            sampled_at: Duration::ZERO,
            history: History::default(),
            base: Life::Planned,
            frozen: false,
            rate_in: 0.0,
            rate_from: None,
        }
    }

    /// Whether it lives, as of the last entry.
    pub fn life(&self) -> &Life {
        if self.frozen { &Life::Frozen } else { &self.base }
    }

    /// Its thread runs: it can be killed, frozen and asked to stop.
    pub fn is_running(&self) -> bool {
        !matches!(self.base, Life::Planned | Life::Stopped(_))
    }

    /// Accepts writes, or did so last.
    pub fn is_master(&self) -> bool {
        self.role == NodeRole::Master
    }

    /// Port of the node that it follows.
    pub fn master_port(&self) -> Option<u16> {
        match self.role {
            NodeRole::Master => None,
            NodeRole::Replica { port, .. } => Some(port),
        }
    }

    /// Its last known offset, 0 before the first figures.
    pub fn offset(&self) -> ReplOffset {
        self.sample.as_ref().map_or(0, |sample| sample.offset)
    }

    /// The stream from its master flows.
    pub fn is_streaming(&self) -> bool {
        self.link.is_some_and(|link| link.phase == LinkPhase::Streaming)
    }

    pub(super) fn bytes_in_rate(&self, now: Duration) -> f64 {
        if now.saturating_sub(self.sampled_at) > FRESH { 0.0 } else { self.rate_in }
    }

    pub(super) fn take_sample(&mut self, at: Duration, sample: &NodeSample) {
        let sample = &plausible(sample);
        let (from, count) = *self.rate_from.get_or_insert((at, sample.repl_bytes_in));
        let passed = at.saturating_sub(from);
        if passed >= TRAFFIC_OVER {
            self.rate_in = sample.repl_bytes_in.saturating_sub(count) as f64 / passed.as_secs_f64();
            self.rate_from = Some((at, sample.repl_bytes_in));
        }
        self.replid = sample.replid.or(self.replid);
        self.replid2 = sample.replid2;
        self.history.push(Point {
            at: at.as_secs_f64(),
            offset: sample.offset,
            backlog_first: sample.backlog_first,
            backlog_len: if sample.backlog_active { sample.backlog_len } else { 0 },
            ops: sample.ops_per_second,
            first_of_run: false,
        });
        self.sample = Some(sample.clone());
        self.sampled_at = at;
    }

    /// What only a running node has is gone with it.
    pub(super) fn end_run(&mut self, at: Duration) {
        self.frozen = false;
        self.link = None;
        self.link_lost = None;
        self.rate_in = 0.0;
        self.rate_from = None;
        self.history.break_run();
        for feed in self.feeds.values_mut().filter(|feed| feed.phase.is_some()) {
            *feed = Feed { phase: None, since: at, gone: Some("this node is gone".to_owned()) };
        }
    }
}

/// Figures with which one can reckon: no offset of a real stream comes near the bound.
fn plausible(sample: &NodeSample) -> NodeSample {
    /// An exbibyte.
    const OFFSET_MAX: u64 = 1 << 60;
    let mut sample = sample.clone();
    for value in [
        &mut sample.offset,
        &mut sample.read_offset,
        &mut sample.backlog_size,
        &mut sample.backlog_first,
        &mut sample.backlog_len,
    ] {
        *value = (*value).min(OFFSET_MAX);
    }
    sample
}

/// One point of a node's history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Seconds since the lab started.
    pub at: f64,
    /// `master_repl_offset`.
    pub offset: ReplOffset,
    /// `repl_backlog_first_byte_offset`.
    pub backlog_first: ReplOffset,
    /// `repl_backlog_histlen`, 0 while there is no backlog.
    pub backlog_len: u64,
    /// `instantaneous_ops_per_sec`.
    pub ops: u64,
    /// The node was (re)started before this point: no line leads here.
    pub first_of_run: bool,
}

/// Figures of a node over time: at most 10,000 points, the recent half at full resolution.
#[derive(Debug, Clone, Default)]
pub struct History {
    points: Vec<Point>,
    /// From here on the offsets never decrease, so they can be searched.
    rising_from: usize,
    run_broken: bool,
}

impl History {
    /// The points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// When the offset was first seen beyond `offset`; `None` if it never was, or before memory begins.
    pub fn passed(&self, offset: ReplOffset) -> Option<Duration> {
        let rising = &self.points[self.rising_from..];
        let index = rising.partition_point(|point| point.offset <= offset);
        rising.get(index).map(|point| Duration::from_secs_f64(point.at.max(0.0)))
    }

    /// The offset at this moment, between the points before and after it; `None` outside of what is known.
    pub(super) fn offset_at(&self, at: Duration) -> Option<ReplOffset> {
        let rising = &self.points[self.rising_from..];
        let at = at.as_secs_f64();
        let after = rising.partition_point(|point| point.at < at);
        let (before, after) = (rising.get(after.checked_sub(1)?)?, rising.get(after)?);
        let share = (at - before.at) / (after.at - before.at);
        Some(before.offset + ((after.offset - before.offset) as f64 * share) as u64)
    }

    /// Bytes per second by which the offset grew over the last seconds before `now`.
    pub fn write_rate(&self, now: Duration) -> f64 {
        let rising = &self.points[self.rising_from..];
        let (Some(oldest), Some(last)) = (rising.first(), rising.last()) else { return 0.0 };
        let now = now.as_secs_f64().max(last.at);
        let start = (now - RATE_WINDOW_SECONDS).max(oldest.at);
        // Figures are told when they change: between two points the offset stayed what it was.
        let before = rising.partition_point(|point| point.at <= start).saturating_sub(1);
        let seconds = now - start;
        if seconds <= 0.0 { 0.0 } else { (last.offset - rising[before].offset) as f64 / seconds }
    }

    fn push(&mut self, mut point: Point) {
        point.first_of_run = std::mem::take(&mut self.run_broken);
        if self.points.last().is_some_and(|last| point.offset < last.offset) {
            self.rising_from = self.points.len();
        }
        self.points.push(point);
        if self.points.len() >= HISTORY_MAX {
            self.thin();
        }
    }

    fn break_run(&mut self) {
        self.run_broken = !self.points.is_empty();
    }

    /// Drops every second point of the older half. What is long ago needs no tenth of a second.
    fn thin(&mut self) {
        let half = self.points.len() / 2;
        let rising_from = self.rising_from;
        let (mut index, mut dropped_before_rising) = (0, 0);
        self.points.retain(|point| {
            let keep = index >= half || index % 2 == 0 || point.first_of_run || index == rising_from;
            if !keep && index < rising_from {
                dropped_before_rising += 1;
            }
            index += 1;
            keep
        });
        self.rising_from -= dropped_before_rising;
    }
}
