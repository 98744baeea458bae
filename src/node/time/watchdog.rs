//! `watchdog-period`: tells when the clients of a node have had to wait for longer than that.

use std::time::Duration;

use crate::node::node::Node;

impl Node {
    /// Ten times a second: a step of the node's thread is told of when it is over, a data set that loads, and is not
    /// served meanwhile, while it lasts. Redis' watchdog interrupts either, since both stop its event loop.
    pub(in crate::node) fn watch_waits(&mut self, now: Duration) {
        let longest = self.figures.lag.take_recent_max();
        let period = Duration::from_millis(self.config.watchdog_period_ms);
        if period.is_zero() {
            return;
        }
        if longest >= period {
            let took = longest.as_millis();
            self.warning(format!(
                "--- WATCHDOG TIMER EXPIRED --- A step of the node's thread took {took} ms: every client waited that long."
            ));
        }
        let Some(begun) = self.loading_since() else { return };
        let lasted = now.saturating_sub(begun);
        if lasted >= period && self.figures.watchdog_told != Some(begun) {
            self.figures.watchdog_told = Some(begun);
            self.warning(format!(
                "--- WATCHDOG TIMER EXPIRED --- The data set has been loading for {} ms and is not served meanwhile.",
                lasted.as_millis()
            ));
        }
    }
}
