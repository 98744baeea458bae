//! Syncs: each attempt of a replica to get in step with its master, phase by phase, and why it went as it did.

use std::time::Duration;

use crate::lab::NodeId;
use crate::node::{LinkPhase, SyncOutcome};
use crate::replication::{PsyncVerdict, ReplId, ReplOffset};

/// Steps of a sync, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncStep {
    /// TCP connect.
    Connect,
    /// `PING`.
    Ping,
    /// `AUTH`.
    Auth,
    /// `REPLCONF`.
    Replconf,
    /// `PSYNC`.
    Psync,
    /// The master prepares the snapshot.
    WaitSnapshot,
    /// The snapshot arrives.
    Transfer,
    /// The new data set is completed and swapped in.
    Load,
    /// It would take most of the replica's data: the user's word is awaited.
    AskWipe,
}

impl SyncStep {
    /// The step that belongs to a link phase; `None` for those that are no part of a sync.
    pub fn of(phase: LinkPhase) -> Option<Self> {
        match phase {
            LinkPhase::Connect | LinkPhase::Streaming => None,
            LinkPhase::Connecting => Some(Self::Connect),
            LinkPhase::Ping => Some(Self::Ping),
            LinkPhase::Auth => Some(Self::Auth),
            LinkPhase::Replconf => Some(Self::Replconf),
            LinkPhase::Psync => Some(Self::Psync),
            LinkPhase::WaitSnapshot => Some(Self::WaitSnapshot),
            LinkPhase::Transfer { .. } => Some(Self::Transfer),
            LinkPhase::Load { .. } => Some(Self::Load),
            LinkPhase::AskWipe { .. } => Some(Self::AskWipe),
        }
    }
}

/// One phase of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseSpan {
    /// Which step.
    pub step: SyncStep,
    /// When it began.
    pub start: Duration,
    /// When it ended, `None` while it lasts.
    pub end: Option<Duration>,
    /// Bytes that came in during it, as far as told.
    pub bytes: u64,
    /// Bytes expected, if known.
    pub bytes_total: Option<u64>,
    /// Keys decoded during it.
    pub keys: u64,
}

impl PhaseSpan {
    /// How long it took, or takes until `now`.
    pub fn took(&self, now: Duration) -> Duration {
        self.end.unwrap_or(now).saturating_sub(self.start)
    }
}

/// How a sync ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncEnd {
    /// It is under way.
    Running,
    /// The stream flows.
    Finished {
        /// When.
        at: Duration,
        /// Bytes received as snapshot, 0 for a partial resync.
        snapshot_bytes: u64,
        /// Keys loaded, 0 for a partial resync.
        keys: u64,
        /// As the replica measured it.
        took: Duration,
    },
    /// The link was lost, or the node is gone.
    Failed {
        /// When.
        at: Duration,
        /// In plain words.
        reason: String,
    },
}

/// One attempt of a replica to get in step with its master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRecord {
    /// Its number, from 0.
    pub number: u64,
    /// Who syncs.
    pub replica: NodeId,
    /// From whom, by port.
    pub master_port: Option<u16>,
    /// When it began.
    pub started: Duration,
    /// How often connecting was tried before it went on; further failures to connect open no new record.
    pub attempts: u32,
    /// Its phases so far.
    pub phases: Vec<PhaseSpan>,
    /// What the replica asked for: replid and first byte.
    pub asked: Option<(ReplId, ReplOffset)>,
    /// What the master granted, as the replica understood it.
    pub outcome: Option<SyncOutcome>,
    /// What the master decided, with the numbers.
    pub verdict: Option<PsyncVerdict>,
    /// How it ended.
    pub end: SyncEnd,
}

impl SyncRecord {
    pub(super) fn new(number: u64, replica: NodeId, master_port: Option<u16>, at: Duration) -> Self {
        Self {
            number,
            replica,
            master_port,
            started: at,
            attempts: 1,
            phases: Vec::new(),
            asked: None,
            outcome: None,
            verdict: None,
            end: SyncEnd::Running,
        }
    }

    /// It is under way.
    pub fn is_running(&self) -> bool {
        self.end == SyncEnd::Running
    }

    /// From its begin to its end, or until `now`.
    pub fn took(&self, now: Duration) -> Duration {
        let end = match &self.end {
            SyncEnd::Running => now,
            SyncEnd::Finished { at, .. } | SyncEnd::Failed { at, .. } => *at,
        };
        end.saturating_sub(self.started)
    }

    /// Granted as partial (`Some(true)`), as full (`Some(false)`), or not decided yet.
    pub fn is_partial(&self) -> Option<bool> {
        match (&self.outcome, &self.verdict) {
            (Some(SyncOutcome::Partial { .. }), _) | (None, Some(PsyncVerdict::Continue { .. })) => {
                Some(true)
            }
            (Some(SyncOutcome::Full { .. }), _) | (None, Some(PsyncVerdict::Full(_))) => Some(false),
            (None, None) => None,
        }
    }

    /// It never got further than connecting.
    pub(super) fn only_connected(&self) -> bool {
        self.phases.iter().all(|span| span.step == SyncStep::Connect)
    }

    /// Takes up another attempt to connect after one that failed.
    pub(super) fn retry(&mut self) {
        self.attempts += 1;
        self.end = SyncEnd::Running;
    }

    pub(super) fn enter(&mut self, at: Duration, phase: LinkPhase) {
        let Some(step) = SyncStep::of(phase) else {
            self.close_phase(at);
            return;
        };
        if self.phases.last().is_none_or(|span| span.step != step) {
            self.close_phase(at);
            self.phases.push(PhaseSpan { step, start: at, end: None, bytes: 0, bytes_total: None, keys: 0 });
        }
        let Some(span) = self.phases.last_mut() else { return };
        span.end = None;
        match phase {
            LinkPhase::Transfer { received, total, keys, .. } => {
                span.bytes = received;
                span.bytes_total = total;
                span.keys = keys;
            }
            LinkPhase::Load { keys, .. } | LinkPhase::AskWipe { offered: keys, .. } => span.keys = keys,
            _ => {}
        }
    }

    pub(super) fn finish(&mut self, end: SyncEnd) {
        let (SyncEnd::Finished { at, .. } | SyncEnd::Failed { at, .. }) = &end else { return };
        self.close_phase(*at);
        self.end = end;
    }

    fn close_phase(&mut self, at: Duration) {
        if let Some(span) = self.phases.last_mut().filter(|span| span.end.is_none()) {
            span.end = Some(at);
        }
    }
}
