//! The two clocks of a node: monotonic for deadlines, Unix for expiry. Read once for each batch.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::store::Millis;

/// Time as the node sees it during one step of its thread.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    /// Unix time at `started`, moved by [`Clock::resync`] when the wall clock was set.
    unix_at_start: Duration,
    now: Instant,
    millis: Millis,
}

impl Clock {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        let mut clock = Self { started: now, unix_at_start: unix_now(), now, millis: 0 };
        clock.tick(now);
        clock
    }

    /// A step of the thread begins.
    #[inline]
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        self.millis = self.unix().as_millis() as Millis;
    }

    /// Follows the wall clock; called ten times a second, so that the hot path reads one clock only.
    pub(super) fn resync(&mut self) {
        self.now = Instant::now();
        self.unix_at_start = unix_now().saturating_sub(self.now - self.started);
        self.tick(self.now);
    }

    /// Time since the node started.
    #[inline]
    pub(super) fn since_start(&self) -> Duration {
        self.now - self.started
    }

    /// Unix time.
    pub(super) fn unix(&self) -> Duration {
        self.unix_at_start + self.since_start()
    }

    /// Unix time in milliseconds.
    #[inline]
    pub(super) fn millis(&self) -> Millis {
        self.millis
    }
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
