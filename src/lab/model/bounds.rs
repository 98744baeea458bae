//! How much of a journal the model keeps.

use std::collections::VecDeque;
use std::time::Duration;

/// Syncs that are remembered, the newest ones.
pub const SYNCS_MAX: usize = 200;
/// Notices that are remembered, the newest ones.
pub const NOTICES_MAX: usize = 200;
/// Promotions that are remembered, the newest ones.
pub const PROMOTIONS_MAX: usize = 50;
/// Seconds of workload figures that are remembered.
pub const WORKLOAD_MAX: usize = 3_600;

/// Nodes that are kept of a cluster: a file can name more than anyone can look at.
pub const NODES_MAX: usize = 256;
/// Latest time of an entry: a file that was tampered with is folded like any other.
pub const AT_MAX: Duration = Duration::from_hours(100 * 365 * 24);
/// Longest text of a notice.
pub(super) const NOTICE_TEXT_MAX: usize = 2_000;

/// Pushes and forgets the oldest beyond `max`.
pub(super) fn push_bounded<T>(ring: &mut VecDeque<T>, item: T, max: usize) {
    if ring.len() >= max {
        ring.pop_front();
    }
    ring.push_back(item);
}
