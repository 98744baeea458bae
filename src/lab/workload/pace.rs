//! How many operations are due. Pure: time is an argument.

use std::time::Duration;

/// What was missed (the node did not keep up, the computer slept) is made up for at most this long: a workload
/// that answers a pause with a burst would hide the pause.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Sums of fractions are not exact to the last bit: without this an operation would now and then be a tick late.
const ROUNDING: f64 = 1e-9;

/// Spreads a rate over time.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: f64,
    credit: f64,
}

impl Pace {
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, credit: 0.0 }
    }

    pub(super) fn set_rate(&mut self, per_second: f64) {
        self.per_second = per_second;
    }

    /// Time between two looks: short enough for the rate, long enough to cost nothing.
    pub(super) fn tick(&self) -> Duration {
        const SHORTEST: f64 = 0.002;
        const LONGEST: f64 = 0.5;
        Duration::from_secs_f64((1.0 / self.per_second.max(0.001)).clamp(SHORTEST, LONGEST))
    }

    /// Operations due after `passed` more time.
    pub(super) fn due(&mut self, passed: Duration) -> u64 {
        let most = (self.per_second * CATCH_UP.as_secs_f64()).max(1.0);
        self.credit = (self.credit + passed.as_secs_f64() * self.per_second).min(most);
        let due = (self.credit + ROUNDING).floor();
        self.credit = (self.credit - due).max(0.0);
        due as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_second_exactly_the_rate_is_due() {
        for rate in [1.0, 3.0, 200.0, 999.0, 200_000.0] {
            let mut pace = Pace::new(rate);
            let ticks = 1000;
            let due: u64 = (0..ticks).map(|_| pace.due(Duration::from_millis(1))).sum();
            assert!((due as f64 - rate).abs() <= 1.0, "{rate}: {due}");
        }
    }

    #[test]
    fn a_long_pause_is_not_made_up_for_by_a_burst() {
        let mut pace = Pace::new(1000.0);
        assert_eq!(pace.due(Duration::from_hours(1)), 100);
        assert_eq!(pace.due(Duration::ZERO), 0);
        assert_eq!(Pace::new(1.0).due(Duration::from_hours(1)), 1);
    }

    #[test]
    fn no_rate_means_nothing_due() {
        assert_eq!(Pace::new(0.0).due(Duration::from_secs(10)), 0);
        assert_eq!(Pace::new(0.0).tick(), Duration::from_millis(500));
    }
}
