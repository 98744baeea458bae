//! The master's side of one replica: from its PSYNC to the end of its connection.
//!
//! Owns the replica's state in Redis' words, its position in the stream, its ACKs and the rules by which it is
//! dropped. It must not know sockets or clocks, nor how snapshots are made.

use std::time::Duration;

use thiserror::Error;

use super::{Backlog, Cursor, ReplOffset, ReplicaOptions};

/// How often a waiting replica is told that the master lives.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(1);

/// How the snapshot travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// From a file, with its length announced.
    Disk,
    /// As it is made, ended by a mark. The stream flows only after the first ACK.
    Diskless,
}

/// Where a feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedState {
    /// The snapshot is not begun, or (disk-based) not finished.
    WaitSnapshot,
    /// The snapshot goes out.
    SendSnapshot(Transport),
    /// The snapshot is out (or was not needed).
    Online,
}

impl FeedState {
    /// The word that INFO has for it. A diskless transfer is `wait_bgsave` there, as in Redis.
    pub fn word(self) -> &'static str {
        match self {
            Self::WaitSnapshot | Self::SendSnapshot(Transport::Diskless) => "wait_bgsave",
            Self::SendSnapshot(Transport::Disk) => "send_bulk",
            Self::Online => "online",
        }
    }
}

/// The parameters by which a replica is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLimits {
    /// `repl-timeout`.
    pub timeout: Duration,
    /// Hard limit of `client-output-buffer-limit replica` in bytes, 0 for none.
    pub hard: u64,
    /// Soft limit of the same in bytes, 0 for none.
    pub soft: u64,
    /// How long the soft limit may be exceeded.
    pub soft_for: Duration,
}

impl Default for FeedLimits {
    /// Redis' own: 60 s, `256mb 64mb 60`.
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self { timeout: minute, hard: 256 << 20, soft: 64 << 20, soft_for: minute }
    }
}

/// Why a replica's connection is closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FeedFault {
    /// No ACK came for `repl-timeout`.
    #[error("no ACK for {0:?} (repl-timeout)")]
    NoAck(Duration),
    /// It took no byte of a diskless snapshot for `repl-timeout`.
    #[error("took no byte of the snapshot for {0:?} (repl-timeout)")]
    TransferStalled(Duration),
    /// Too many bytes wait for it.
    #[error("{behind} bytes wait for it, the hard limit is {limit} (client-output-buffer-limit)")]
    HardLimit {
        /// Bytes that wait.
        behind: u64,
        /// Bytes that may wait.
        limit: u64,
    },
    /// Many bytes waited for it too long.
    #[error("more than {limit} bytes waited for it for {waited:?} (soft client-output-buffer-limit)")]
    SoftLimit {
        /// Bytes that may wait for long.
        limit: u64,
        /// For how long there were more.
        waited: Duration,
    },
    /// It acknowledged bytes that were never written: believed, it would make WAIT lie.
    #[error("lying replica: acknowledged {acked}, only {written} were written")]
    LyingAck {
        /// What it claims.
        acked: ReplOffset,
        /// The master's offset.
        written: ReplOffset,
    },
}

/// What a timer tick asks of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedAction {
    /// Send a bare `\n`: the master lives, the snapshot is still being prepared. It counts in no offset.
    SendKeepAlive,
    /// Close the connection.
    Drop(FeedFault),
}

/// What an ACK changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acked {
    /// The stream may flow from now on: this was the first ACK after a diskless snapshot.
    StreamStarts,
    /// It has more than before.
    Further,
    /// It lives.
    Alive,
}

/// The master's side of one replica.
#[derive(Debug)]
pub struct MasterFeed {
    options: ReplicaOptions,
    state: FeedState,
    cursor: Option<Cursor>,
    stream_on_ack: bool,
    /// False for a replica that came by SYNC: it never acknowledges, so it is not dropped for that.
    acknowledges: bool,
    /// `None` before its first ACK.
    acked: Option<ReplOffset>,
    /// Last sign of life from the replica.
    heard: Duration,
    /// Since when bytes of its snapshot wait for the replica to take them; `None` while there are none.
    offered: Option<Duration>,
    kept_alive: Duration,
    over_soft_since: Option<Duration>,
}

impl MasterFeed {
    /// A replica that needs a snapshot; `by_psync` is false if it came by SYNC.
    pub fn waiting(options: ReplicaOptions, by_psync: bool, now: Duration) -> Self {
        Self {
            options,
            state: FeedState::WaitSnapshot,
            cursor: None,
            stream_on_ack: false,
            acknowledges: by_psync,
            acked: None,
            heard: now,
            offered: None,
            kept_alive: now,
            over_soft_since: None,
        }
    }

    /// A replica that was granted `+CONTINUE`: online at once, from this cursor on.
    pub fn continuing(options: ReplicaOptions, cursor: Cursor, now: Duration) -> Self {
        let mut feed = Self::waiting(options, true, now);
        feed.cursor = Some(cursor);
        feed.state = FeedState::Online;
        feed
    }

    /// What the replica told about itself.
    pub fn options(&self) -> &ReplicaOptions {
        &self.options
    }

    /// The same, for a REPLCONF that comes later.
    pub fn options_mut(&mut self) -> &mut ReplicaOptions {
        &mut self.options
    }

    /// Where the feed stands.
    pub fn state(&self) -> FeedState {
        self.state
    }

    /// It has its snapshot: the only ones that ROLE shows and that count for WAIT and min-replicas.
    pub fn is_online(&self) -> bool {
        self.state == FeedState::Online
    }

    /// Whether bytes of the stream may be sent to it now.
    pub fn streams(&self) -> bool {
        self.is_online() && !self.stream_on_ack && !self.options.rdb_only
    }

    /// Whether it came by PSYNC: it knows offsets and acknowledges them.
    pub fn by_psync(&self) -> bool {
        self.acknowledges
    }

    /// Its position in the stream, once its snapshot has begun; dropped with the feed.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// The same, to move it on.
    pub fn cursor_mut(&mut self) -> Option<&mut Cursor> {
        self.cursor.as_mut()
    }

    /// Bytes of the stream that wait here for it.
    pub fn bytes_behind(&self, backlog: &Backlog) -> u64 {
        self.cursor.as_ref().map_or(0, |cursor| backlog.bytes_behind(cursor))
    }

    /// The highest offset that it acknowledged.
    pub fn acked(&self) -> ReplOffset {
        self.acked.unwrap_or(0)
    }

    /// Whether it has acknowledged this offset. Before its first ACK it has acknowledged none, not even 0: its snapshot
    /// is out, but nobody knows whether it was loaded.
    pub fn has_acked(&self, offset: ReplOffset) -> bool {
        self.acked.is_some_and(|acked| acked >= offset)
    }

    /// `lag` of INFO: whole seconds since its last sign of life.
    pub fn lag_seconds(&self, now: Duration) -> u64 {
        now.saturating_sub(self.heard).as_secs()
    }

    /// Time since its last sign of life, as exact as `now`.
    pub fn ack_age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.heard)
    }

    /// A snapshot began for it; the stream goes on from `cursor`, the first byte after the snapshot.
    pub fn snapshot_begun(&mut self, cursor: Cursor) {
        self.cursor = Some(cursor);
    }

    /// The first bytes of its snapshot go out.
    pub fn transfer_begun(&mut self, transport: Transport, now: Duration) {
        self.state = FeedState::SendSnapshot(transport);
        self.offered = Some(now);
    }

    /// It has taken all that there is; what comes next is not ready. Others may hold that up, so no time runs for it.
    pub fn transfer_waits(&mut self) {
        self.offered = None;
    }

    /// It took bytes of its snapshot, or is offered the first ones after a pause.
    pub fn transfer_went_on(&mut self, now: Duration) {
        self.offered = Some(now);
    }

    /// Its snapshot failed before any byte of it went out: it waits for the next one.
    pub fn snapshot_failed(&mut self) {
        self.state = FeedState::WaitSnapshot;
        self.cursor = None;
    }

    /// The last byte of its snapshot is out.
    pub fn transfer_done(&mut self, now: Duration) {
        // The replica reads a diskless snapshot up to its mark: bytes of the stream behind it, in the same
        // packet, could be taken for part of it. Its first ACK says that it has found the mark.
        self.stream_on_ack = self.state == FeedState::SendSnapshot(Transport::Diskless) && self.acknowledges;
        self.state = FeedState::Online;
        self.heard = now;
    }

    /// Something else than an ACK came from it, such as the `\n` that it sends while it loads.
    pub fn on_sign_of_life(&mut self, now: Duration) {
        self.heard = now;
    }

    /// `REPLCONF ACK` came; `written` is the master's offset.
    ///
    /// # Errors
    /// [`FeedFault::LyingAck`]: drop it. The ACK then counts for nothing.
    pub fn on_ack(
        &mut self,
        acked: ReplOffset,
        written: ReplOffset,
        now: Duration,
    ) -> Result<Acked, FeedFault> {
        if acked > written {
            return Err(FeedFault::LyingAck { acked, written });
        }
        self.heard = now;
        let further = !self.has_acked(acked);
        self.acked = self.acked.max(Some(acked));
        if self.is_online() && std::mem::take(&mut self.stream_on_ack) {
            return Ok(Acked::StreamStarts);
        }
        Ok(if further { Acked::Further } else { Acked::Alive })
    }

    /// The 1 Hz timer: what is due for this replica.
    pub fn on_tick(&mut self, now: Duration, limits: &FeedLimits, backlog: &Backlog) -> Option<FeedAction> {
        if let Err(fault) =
            self.check_buffer(now, limits, backlog).and_then(|()| self.check_time(now, limits))
        {
            return Some(FeedAction::Drop(fault));
        }
        // Not inside a transfer: there the replica would take the byte for one of the snapshot's.
        let waits = self.state == FeedState::WaitSnapshot;
        if waits && now.saturating_sub(self.kept_alive) >= KEEP_ALIVE_PERIOD {
            self.kept_alive = now;
            return Some(FeedAction::SendKeepAlive);
        }
        None
    }

    /// Whether the bytes that wait for this replica are within the output buffer limits; to be asked after
    /// each batch of writes too.
    ///
    /// # Errors
    /// [`FeedFault::HardLimit`] or [`FeedFault::SoftLimit`]: drop it.
    pub fn check_buffer(
        &mut self,
        now: Duration,
        limits: &FeedLimits,
        backlog: &Backlog,
    ) -> Result<(), FeedFault> {
        let behind = self.bytes_behind(backlog);
        // What the backlog would keep anyway costs nothing, so a smaller limit would only force full syncs.
        let hard = limits.hard.max(backlog.size());
        if limits.hard > 0 && behind >= hard {
            return Err(FeedFault::HardLimit { behind, limit: hard });
        }
        if limits.soft == 0 || behind < limits.soft {
            self.over_soft_since = None;
            return Ok(());
        }
        let waited = now.saturating_sub(*self.over_soft_since.get_or_insert(now));
        if waited > limits.soft_for {
            return Err(FeedFault::SoftLimit { limit: limits.soft, waited });
        }
        Ok(())
    }

    fn check_time(&self, now: Duration, limits: &FeedLimits) -> Result<(), FeedFault> {
        let silent = now.saturating_sub(self.heard);
        let stalled = self.offered.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        match self.state {
            FeedState::Online if self.acknowledges && silent > limits.timeout => {
                Err(FeedFault::NoAck(silent))
            }
            FeedState::SendSnapshot(Transport::Diskless) if stalled > limits.timeout => {
                Err(FeedFault::TransferStalled(stalled))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
