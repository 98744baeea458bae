//! What the replicas' acknowledgements add up to: good replicas, WAIT, min-replicas.
//!
//! It must not know clients or sockets: who waits is an opaque key.

use std::time::Duration;

use super::{MasterFeed, ReplOffset};

/// `min-replicas-to-write` and `min-replicas-max-lag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinReplicas {
    /// Writes are refused with fewer good replicas than this; 0 switches the rule off.
    pub to_write: usize,
    /// A replica is good if its last ACK is no older; zero switches the rule off.
    pub max_lag: Duration,
}

impl MinReplicas {
    /// Whether the rule is on (INFO then has `min_slaves_good_slaves`).
    pub fn is_active(&self) -> bool {
        self.to_write > 0 && !self.max_lag.is_zero()
    }

    /// Whether a write may be accepted with these replicas.
    pub fn allow_write<'a>(&self, feeds: impl IntoIterator<Item = &'a MasterFeed>, now: Duration) -> bool {
        !self.is_active() || count_good(feeds, now, self.max_lag) >= self.to_write
    }
}

/// Online replicas whose last ACK is at most `max_lag` old.
pub fn count_good<'a>(
    feeds: impl IntoIterator<Item = &'a MasterFeed>,
    now: Duration,
    max_lag: Duration,
) -> usize {
    feeds.into_iter().filter(|feed| feed.is_online() && feed.lag_seconds(now) <= max_lag.as_secs()).count()
}

/// Online replicas that have acknowledged `offset`.
pub fn count_acked<'a>(feeds: impl IntoIterator<Item = &'a MasterFeed>, offset: ReplOffset) -> usize {
    feeds.into_iter().filter(|feed| feed.is_online() && feed.has_acked(offset)).count()
}

/// A WAIT that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitDone<K> {
    /// Who waited.
    pub who: K,
    /// How many replicas have acknowledged: the reply.
    pub acked: usize,
}

/// The clients that are blocked in `WAIT numreplicas timeout`.
#[derive(Debug)]
pub struct Waits<K> {
    waiting: Vec<Wait<K>>,
    ask: bool,
}

#[derive(Debug)]
struct Wait<K> {
    who: K,
    offset: ReplOffset,
    replicas: usize,
    deadline: Option<Duration>,
}

impl<K> Default for Waits<K> {
    fn default() -> Self {
        Self { waiting: Vec::new(), ask: false }
    }
}

impl<K: Copy + PartialEq> Waits<K> {
    /// `who` waits until `replicas` have acknowledged `offset`, or until `deadline`, if there is one.
    ///
    /// A client that waits already starts anew. Only for those that [`count_acked`] did not satisfy at once.
    pub fn add(&mut self, who: K, offset: ReplOffset, replicas: usize, deadline: Option<Duration>) {
        self.remove(who);
        self.waiting.push(Wait { who, offset, replicas, deadline });
        self.ask = true;
    }

    /// `who` went away; `true` if it waited.
    pub fn remove(&mut self, who: K) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|wait| wait.who != who);
        self.waiting.len() < before
    }

    /// Whether `who` waits.
    pub fn has(&self, who: K) -> bool {
        self.waiting.iter().any(|wait| wait.who == who)
    }

    /// Whether `REPLCONF GETACK *` is due: once per turn, however many clients began to wait in it.
    pub fn take_ask(&mut self) -> bool {
        std::mem::take(&mut self.ask)
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes out those whose replicas have acknowledged, in the order in which they came.
    ///
    /// `acked` counts the replicas that have acknowledged an offset ([`count_acked`]).
    pub fn satisfied(&mut self, acked: impl Fn(ReplOffset) -> usize) -> Vec<WaitDone<K>> {
        // Clients of one turn mostly wait for the same offset: count the replicas once for all of them.
        let mut last: Option<(ReplOffset, usize)> = None;
        self.take_if(|wait| {
            let count = match last {
                Some((offset, count)) if offset == wait.offset => count,
                _ => acked(wait.offset),
            };
            last = Some((wait.offset, count));
            (count >= wait.replicas).then_some(count)
        })
    }

    /// Takes out those whose deadline has come; they too are told how many acknowledged.
    pub fn timed_out(&mut self, now: Duration, acked: impl Fn(ReplOffset) -> usize) -> Vec<WaitDone<K>> {
        self.take_if(|wait| wait.deadline.filter(|deadline| *deadline <= now).map(|_| acked(wait.offset)))
    }

    /// When [`Waits::timed_out`] has something to do next.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.waiting.iter().filter_map(|wait| wait.deadline).min()
    }

    /// Takes out everybody, for a master that becomes a replica: they are unblocked with an error.
    pub fn drain(&mut self) -> Vec<K> {
        self.waiting.drain(..).map(|wait| wait.who).collect()
    }

    fn take_if(&mut self, mut end: impl FnMut(&Wait<K>) -> Option<usize>) -> Vec<WaitDone<K>> {
        let mut done = Vec::new();
        self.waiting.retain(|wait| match end(wait) {
            Some(acked) => {
                done.push(WaitDone { who: wait.who, acked });
                false
            }
            None => true,
        });
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::{Acked, ReplicaOptions, Transport};

    const MS: Duration = Duration::from_millis(1);

    fn done(who: u32, acked: usize) -> WaitDone<u32> {
        WaitDone { who, acked }
    }

    #[test]
    fn a_replica_that_has_said_nothing_has_acknowledged_nothing_not_even_offset_0() {
        let mut feed = MasterFeed::waiting(ReplicaOptions::default(), true, MS);
        feed.transfer_begun(Transport::Disk, MS);
        feed.transfer_done(MS);
        assert!(feed.is_online());
        assert_eq!((feed.acked(), count_acked([&feed], 0)), (0, 0), "it may still be loading");
        assert_eq!(feed.on_ack(0, 0, MS), Ok(Acked::Further), "who waits is told");
        assert_eq!(count_acked([&feed], 0), 1);
        assert_eq!(feed.on_ack(0, 0, MS), Ok(Acked::Alive));
    }

    #[test]
    fn a_wait_ends_when_enough_replicas_have_its_offset() {
        let mut waits = Waits::default();
        waits.add(1, 100, 2, None);
        waits.add(2, 100, 1, None);
        waits.add(3, 200, 1, None);
        assert_eq!(waits.satisfied(|offset| usize::from(offset <= 100)), [done(2, 1)]);
        assert_eq!(waits.satisfied(|_| 2), [done(1, 2), done(3, 2)]);
        assert!(waits.is_empty());
    }

    #[test]
    fn a_wait_that_times_out_tells_how_many_acknowledged() {
        let mut waits = Waits::default();
        waits.add(1, 100, 2, Some(50 * MS));
        waits.add(2, 100, 2, None);
        waits.add(3, 100, 2, Some(20 * MS));
        assert_eq!(waits.next_deadline(), Some(20 * MS));
        assert_eq!(waits.timed_out(19 * MS, |_| 1), []);
        assert_eq!(waits.timed_out(50 * MS, |_| 1), [done(1, 1), done(3, 1)]);
        assert_eq!(waits.next_deadline(), None, "0 waits for ever");
        assert!(waits.remove(2) && !waits.remove(2));
    }

    #[test]
    fn many_waits_of_one_turn_ask_once() {
        let mut waits = Waits::default();
        assert!(!waits.take_ask());
        waits.add(1, 100, 2, None);
        waits.add(2, 100, 2, None);
        assert!(waits.take_ask());
        assert!(!waits.take_ask());
        assert_eq!(waits.drain(), [1, 2]);
    }
}
