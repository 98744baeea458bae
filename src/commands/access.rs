//! When a key was used last, or how often: the one field that eviction looks at.

use crate::store::Millis;

/// How accesses are noted in a key (`maxmemory-policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// LRU: the time of the last access, in seconds.
    Lru,
    /// LFU: 16 bits of minutes, 8 bits of a logarithmic counter.
    Lfu,
}

/// How the LFU counter rises and decays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LfuTuning {
    /// `lfu-log-factor`: the higher, the slower the counter rises.
    pub log_factor: u32,
    /// `lfu-decay-time`: minutes after which it falls by one, 0 for never.
    pub decay_minutes: u32,
}

impl Default for LfuTuning {
    fn default() -> Self {
        Self { log_factor: 10, decay_minutes: 1 }
    }
}

/// A fresh key starts with this LFU counter, so that it is not evicted at once.
pub(super) const LFU_INIT: u32 = 5;

/// 24 bits of seconds, as Redis' LRU clock.
pub(crate) fn lru_clock(now: Millis) -> u32 {
    ((now / 1000) & 0xFF_FFFF) as u32
}

pub(crate) fn minutes(now: Millis) -> u32 {
    ((now / 60_000) & 0xFFFF) as u32
}

/// The LFU counter as it stands now, decayed since its last access.
pub(crate) fn lfu_counter(access: u32, now: Millis, tuning: LfuTuning) -> u32 {
    let passed = minutes(now).wrapping_sub(access >> 8) & 0xFFFF;
    (access & 0xFF).saturating_sub(passed.checked_div(tuning.decay_minutes).unwrap_or(0))
}

pub(super) fn lfu_touched(access: u32, now: Millis, luck: u64, tuning: LfuTuning) -> u32 {
    let counter = lfu_counter(access, now, tuning);
    let above = f64::from(counter.saturating_sub(LFU_INIT));
    let chance = 1.0 / (above * f64::from(tuning.log_factor) + 1.0);
    let hit = counter < 255 && ((luck >> 11) as f64 / (1u64 << 53) as f64) < chance;
    (minutes(now) << 8) | (counter + u32::from(hit))
}
