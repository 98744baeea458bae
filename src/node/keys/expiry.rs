//! Keys whose time has come are deleted, whether or not anybody asks for them.

use std::time::{Duration, Instant};

use crate::node::config::Config;
use crate::node::node::Node;

/// Expired keys deleted in one turn of the thread.
const EXPIRE_PER_TURN: usize = 500;
/// Percent of the node's time that expiry may take, however many keys are due, with the least effort.
const EXPIRE_PERCENT: u32 = 25;
/// The same for each step of `active-expire-effort` beyond the first.
const EXPIRE_PERCENT_PER_STEP: u32 = 2;

/// The time between two rounds of expiry, and how long one may take.
pub(in crate::node) fn round(config: &Config) -> (Duration, Duration) {
    let period = Duration::from_secs(1) / config.hz;
    let percent = EXPIRE_PERCENT + EXPIRE_PERCENT_PER_STEP * (config.active_expire_effort - 1);
    (period, period * percent / 100)
}

impl Node {
    /// Deletes some keys whose time has come; `true` if there may be more. A replica waits for its master, but for keys of
    /// its own.
    pub(in crate::node) fn expire_some(&mut self) -> bool {
        if !self.data.active_expire || self.is_paused() || self.disk.loading.is_some() {
            return false;
        }
        let begun = Instant::now();
        self.clock.tick(begun);
        if self.replication.upstream.is_some() {
            self.expire_own();
            return false;
        }
        let more = self.delete_some_due();
        self.figures.lag.record(begun);
        more
    }

    /// Deletes some keys of each database whose time has come; `true` if there may be more.
    pub(in crate::node) fn delete_some_due(&mut self) -> bool {
        let now = self.clock.millis();
        let mut more = false;
        for db in 0..self.data.store.databases() {
            if self.data.store.db(db).expires() == 0 {
                continue;
            }
            let mut due: Vec<Vec<u8>> = Vec::new();
            self.data.store.db_mut(db).due(now, EXPIRE_PER_TURN, |key| due.push(key.to_vec()));
            more |= due.len() >= EXPIRE_PER_TURN;
            if !due.is_empty() {
                self.delete_due(db, &due);
            }
        }
        more
    }

    pub(super) fn delete_due(&mut self, db: usize, due: &[Vec<u8>]) {
        self.data.effects.clear();
        let mut replies = crate::protocol::Replies::new();
        let mut ctx = self.ctx(db, &mut replies);
        for key in due {
            let hash = ctx.hash(key);
            ctx.delete_expired(db, hash, key);
        }
        self.send_own_effects();
        if !self.data.garbage.is_empty() {
            self.free_garbage();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_takes_the_share_of_time_that_its_effort_asks_for_whatever_the_rate() {
        for (hz, active_expire_effort, period, most) in [
            (10, 1, 100_000, 25_000),
            (10, 10, 100_000, 43_000),
            (500, 1, 2_000, 500),
            (1, 5, 1_000_000, 330_000),
        ] {
            let mut config = Config::default();
            (config.hz, config.active_expire_effort) = (hz, active_expire_effort);
            assert_eq!(round(&config), (Duration::from_micros(period), Duration::from_micros(most)));
        }
    }
}
