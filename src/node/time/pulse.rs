//! Time in which this process could run: a computer that slept, or a process that was stopped, is nobody's silence.
//!
//! Whether `Instant` counts sleep differs: it does on Windows, not on Linux and macOS. So a thread of its own beats
//! five times a second, and a beat that comes much too late was not the fault of any peer: that gap is left out
//! of [`awake`], by which all deadlines about peers are measured. A node that blocks its own thread (DEBUG SLEEP,
//! a freeze, a long command) does not stop the beat, so it is late for everybody, as in Redis.

use std::future::Future;
use std::pin::pin;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::node::event::TimeGap;

/// The time from one beat to the next.
const BEAT: Duration = Duration::from_millis(200);
/// A shorter gap is a slow machine.
const GAP_MIN: Duration = Duration::from_secs(2);

/// The beats so far: pure, both clocks come from outside.
#[derive(Debug)]
struct Beats {
    started: Instant,
    last: Instant,
    last_unix: Duration,
    /// Sum of all gaps of the monotonic clock.
    asleep: Duration,
}

impl Beats {
    fn new(now: Instant, unix: Duration) -> Self {
        Self { started: now, last: now, last_unix: unix, asleep: Duration::ZERO }
    }

    fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= BEAT
    }

    /// The beat is so late that the process cannot have run.
    fn is_overdue(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) > BEAT + GAP_MIN
    }

    fn beat(&mut self, now: Instant, unix: Duration) -> Option<TimeGap> {
        let passed = now.saturating_duration_since(self.last);
        let passed_outside = unix.saturating_sub(self.last_unix);
        let is_overdue = self.is_overdue(now);
        self.last = self.last.max(now);
        self.last_unix = unix;
        if is_overdue {
            let missed = passed.saturating_sub(BEAT);
            self.asleep += missed;
            // A stop in which the computer slept too: the clock that goes on asleep knows how long that was.
            let lasted = missed.max(passed_outside.saturating_sub(BEAT));
            return Some(TimeGap::Stopped { lasted });
        }
        let by = passed_outside.saturating_sub(passed);
        (by > GAP_MIN).then_some(TimeGap::ClockAhead { by })
    }

    fn awake(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started).saturating_sub(self.asleep)
    }
}

/// The one pulse of the process: it sleeps and stops as a whole.
struct Pulse {
    beats: Mutex<Beats>,
    told: watch::Sender<Option<TimeGap>>,
    /// Without its thread a late beat means nothing, and no time is left out.
    is_beating: bool,
}

static PULSE: LazyLock<Pulse> = LazyLock::new(|| {
    let thread = std::thread::Builder::new().name("pulse".to_owned());
    let is_beating = thread
        .spawn(|| {
            loop {
                std::thread::sleep(BEAT);
                PULSE.beat();
            }
        })
        .is_ok();
    let beats = Mutex::new(Beats::new(Instant::now(), unix_now()));
    Pulse { beats, told: watch::Sender::new(None), is_beating }
});

impl Pulse {
    fn lock(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) {
        self.note(&mut self.lock());
    }

    fn note(&self, beats: &mut Beats) {
        if let Some(gap) = beats.beat(Instant::now(), unix_now()) {
            self.told.send_replace(Some(gap));
        }
    }

    /// The beats as of now: whoever asks does the beat that is due. So any thread that runs proves that the process
    /// does, even if the beat's own thread has to wait for a processor.
    fn up_to_date(&self) -> MutexGuard<'_, Beats> {
        let mut beats = self.lock();
        if self.is_beating && beats.is_due(Instant::now()) {
            self.note(&mut beats);
        }
        beats
    }
}

/// Time since the first call, without the gaps: what a peer may be silent for is measured by this.
pub(crate) fn awake() -> Duration {
    PULSE.up_to_date().awake(Instant::now())
}

/// The sum of all gaps so far.
pub(super) fn asleep() -> Duration {
    PULSE.up_to_date().asleep
}

/// Tells each gap from now on.
pub(crate) fn gaps() -> watch::Receiver<Option<TimeGap>> {
    PULSE.told.subscribe()
}

/// Waits for `work` for at most `limit` of time awake: a timer that went off because of a gap is set anew.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let deadline = awake().saturating_add(limit);
    let mut work = pin!(work);
    loop {
        let left = deadline.saturating_sub(awake());
        if let Ok(done) = tokio::time::timeout(left, &mut work).await {
            return Some(done);
        }
        if awake() >= deadline {
            return None;
        }
    }
}

/// Unix time.
pub(super) fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const S: Duration = Duration::from_secs(1);
    const UNIX: Duration = Duration::from_secs(1_700_000_000);

    /// Beats at these (monotonic, wall) times since the begin; the last one's finding, and the time awake then.
    fn after(beats: &[(Duration, Duration)]) -> (Option<TimeGap>, Duration) {
        let started = Instant::now();
        let mut pulse = Beats::new(started, UNIX);
        let mut found = None;
        let mut now = started;
        for (passed, passed_outside) in beats {
            now = started + *passed;
            found = pulse.beat(now, UNIX + *passed_outside);
        }
        (found, pulse.awake(now))
    }

    #[test]
    fn beats_in_time_or_a_little_late_are_no_gap() {
        assert_eq!(after(&[(BEAT, BEAT)]), (None, BEAT));
        let late = BEAT + GAP_MIN;
        assert_eq!(after(&[(late, late)]), (None, late), "two seconds late is a slow machine");
    }

    #[test]
    fn a_clock_that_counts_sleep_shows_a_late_beat_and_the_time_is_left_out() {
        // Windows after sleep, or any process after a stop: both clocks went on.
        let (found, awake) = after(&[(BEAT, BEAT), (300 * S, 300 * S)]);
        assert_eq!(found, Some(TimeGap::Stopped { lasted: (300 * S).saturating_sub(2 * BEAT) }));
        assert_eq!(awake, 2 * BEAT);
        let (found, awake) = after(&[(300 * S, 300 * S), (301 * S, 301 * S)]);
        assert_eq!((found, awake), (None, BEAT + S), "one gap is told once and left out for good");
    }

    #[test]
    fn a_clock_that_stands_still_in_sleep_needs_no_forgiving_but_the_jump_is_told() {
        // Linux and macOS after sleep, or a clock that was set.
        let (found, awake) = after(&[(BEAT, BEAT), (2 * BEAT, 2 * BEAT + 300 * S)]);
        assert_eq!(found, Some(TimeGap::ClockAhead { by: 300 * S }));
        assert_eq!(awake, 2 * BEAT);
    }

    #[test]
    fn a_clock_set_back_or_by_little_is_no_gap() {
        assert_eq!(after(&[(BEAT, BEAT), (2 * BEAT, Duration::ZERO)]), (None, 2 * BEAT));
        assert_eq!(after(&[(BEAT, BEAT + GAP_MIN)]), (None, BEAT));
    }

    #[test]
    fn a_process_stopped_while_the_computer_slept_is_told_with_the_longer_time() {
        let (found, awake) = after(&[(10 * S, 300 * S)]);
        assert_eq!(found, Some(TimeGap::Stopped { lasted: (300 * S).saturating_sub(BEAT) }));
        assert_eq!(awake, BEAT, "only what the monotonic clock counted is left out");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_limit_without_a_gap_is_an_ordinary_timeout() {
        assert_eq!(within(S, async { 1 }).await, Some(1));
        let begun = Instant::now();
        let limit = Duration::from_millis(30);
        assert_eq!(within(limit, std::future::pending::<()>()).await, None);
        assert!(begun.elapsed() >= limit);
    }
}
