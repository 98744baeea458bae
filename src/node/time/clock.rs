//! The two clocks of a node: monotonic for deadlines, Unix for expiry. Read once for each batch.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::pulse::{self, unix_now};
use crate::node::event::TimeGap;
use crate::store::Millis;

/// After this long without a step the process may not have run; a node that does nothing steps ten times a second.
const SUSPICIOUS: Duration = Duration::from_secs(1);

/// Time as the node sees it during one step of its thread.
#[derive(Debug)]
pub(in crate::node) struct Clock {
    started: Instant,
    /// Unix time at `started`, moved by [`Clock::resync`] when the wall clock was set.
    unix_at_start: Duration,
    now: Instant,
    millis: Millis,
    /// [`Clock::since_start`]: kept, since it must never go back.
    awake: Duration,
    /// All gaps of the process, before the node started and since.
    asleep: Duration,
    asleep_at_start: Duration,
    gaps: watch::Receiver<Option<TimeGap>>,
}

impl Clock {
    pub(in crate::node) fn start() -> Self {
        let (gaps, asleep) = (pulse::gaps(), pulse::asleep());
        let now = Instant::now();
        let mut clock = Self {
            started: now,
            unix_at_start: unix_now(),
            now,
            millis: 0,
            awake: Duration::ZERO,
            asleep,
            asleep_at_start: asleep,
            gaps,
        };
        clock.tick(now);
        clock
    }

    /// A step of the thread begins.
    #[inline]
    pub(in crate::node) fn tick(&mut self, now: Instant) {
        if now.saturating_duration_since(self.now) > SUSPICIOUS {
            self.ask_pulse();
        }
        self.now_is(now, self.asleep);
    }

    /// The first step after a gap: nothing may be found to be silent before the gap is known.
    #[cold]
    fn ask_pulse(&mut self) {
        self.asleep = pulse::asleep();
    }

    #[inline]
    fn now_is(&mut self, now: Instant, asleep: Duration) {
        self.now = now;
        self.asleep = asleep;
        let left_out = asleep.saturating_sub(self.asleep_at_start);
        // A gap is measured by beats of another thread, which may be a little apart from our steps.
        self.awake = self.awake.max((now - self.started).saturating_sub(left_out));
        self.millis = self.unix().as_millis() as Millis;
    }

    /// Follows the wall clock; called ten times a second, so that the hot path reads one clock only. Tells a gap
    /// that has been noticed since the last call.
    pub(in crate::node) fn resync(&mut self) -> Option<TimeGap> {
        let asleep = pulse::asleep();
        let now = Instant::now();
        self.unix_at_start = unix_now().saturating_sub(now - self.started);
        self.now_is(now, asleep);
        if self.gaps.has_changed().unwrap_or(false) { *self.gaps.borrow_and_update() } else { None }
    }

    /// Time since the node started in which the process could run: for deadlines, by which a peer is not silent
    /// while everybody sleeps.
    #[inline]
    pub(in crate::node) fn since_start(&self) -> Duration {
        self.awake
    }

    /// Time since the node started, by the clock of this system.
    pub(in crate::node) fn uptime(&self) -> Duration {
        self.now - self.started
    }

    /// Unix time.
    pub(in crate::node) fn unix(&self) -> Duration {
        self.unix_at_start + self.uptime()
    }

    /// Unix time in milliseconds.
    #[inline]
    pub(in crate::node) fn millis(&self) -> Millis {
        self.millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_gap_is_no_time_for_deadlines_but_it_is_for_expiry() {
        let mut clock = Clock::start();
        let (started, asleep, unix) = (clock.started, clock.asleep_at_start, clock.unix());
        clock.now_is(started + 10 * S, asleep);
        clock.now_is(started + 310 * S, asleep + 299 * S);
        assert_eq!((clock.since_start(), clock.uptime()), (11 * S, 310 * S));
        assert_eq!(clock.unix(), unix + 310 * S);
        clock.now_is(started + 311 * S, asleep + 299 * S);
        assert_eq!(clock.since_start(), 12 * S);
    }

    #[test]
    fn time_never_goes_back_though_a_gap_is_measured_from_an_earlier_beat() {
        let mut clock = Clock::start();
        let (started, asleep) = (clock.started, clock.asleep_at_start);
        clock.now_is(started + 10 * S, asleep);
        clock.now_is(started + 60 * S, asleep + 51 * S);
        assert_eq!(clock.since_start(), 10 * S);
    }

    #[test]
    fn a_thread_that_blocked_itself_while_the_process_ran_has_lost_that_time() {
        let mut clock = Clock::start();
        let started = clock.started;
        clock.tick(started + 10 * S);
        assert_eq!(clock.since_start(), 10 * S, "the pulse has not missed a beat");
    }
}
