//! One direction of a link with something wrong: bytes go in, and come out later, slower, in pieces, or not for now.
//!
//! Pure: time and chance are arguments. Bytes keep their order, and none is lost or changed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::store::Random;

/// A slow line carries its bytes in pieces of about this much time.
const STEP: Duration = Duration::from_millis(20);

/// What happens to the bytes of one direction. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::node) struct Rules {
    /// None comes out.
    pub(in crate::node) holds: bool,
    /// Each waits for at least this much, …
    pub(super) delay: Duration,
    /// … and up to this much more.
    pub(super) jitter: Duration,
    pub(super) bytes_per_second: Option<u64>,
    /// They come out one by one.
    pub(super) one_by_one: bool,
    /// Where chance begins.
    pub(super) seed: u64,
}

/// The bytes on their way in one direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    rules: Rules,
    /// Pieces, each with the time from which on it may come out.
    waiting: VecDeque<(Duration, Vec<u8>)>,
    /// Bytes of the first piece that have come out.
    taken: usize,
    held: usize,
    last_due: Duration,
    /// When the line has carried what came out.
    free_at: Duration,
    random: Random,
}

impl Lane {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, random: Random::new(rules.seed), ..Self::default() }
    }

    /// Other rules from now on. What waits longer than they ask for does so no more.
    pub(super) fn set_rules(&mut self, now: Duration, rules: Rules) {
        if rules.seed != self.rules.seed {
            self.random = Random::new(rules.seed);
        }
        self.rules = rules;
        let latest = now + rules.delay + rules.jitter;
        for (due, _) in &mut self.waiting {
            *due = (*due).min(latest);
        }
        self.last_due = self.last_due.min(latest);
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Bytes on their way.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn push(&mut self, now: Duration, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let spread = u64::try_from(self.rules.jitter.as_nanos()).unwrap_or(u64::MAX);
        let more = if spread == 0 { 0 } else { self.random.below(spread.saturating_add(1)) };
        // The later of two pieces never comes first.
        let due = (now + self.rules.delay + Duration::from_nanos(more)).max(self.last_due);
        self.last_due = due;
        self.held += bytes.len();
        self.waiting.push_back((due, bytes));
    }

    /// Moves what may come out now to the end of `into`; returns how many bytes that are.
    pub(super) fn take(&mut self, now: Duration, into: &mut Vec<u8>) -> usize {
        if self.next().is_none_or(|due| due > now) {
            return 0;
        }
        let rate = self.rules.bytes_per_second;
        let per_step = rate.map_or(usize::MAX, |rate| (rate / 50).clamp(1, usize::MAX as u64) as usize);
        let limit = if self.rules.one_by_one { 1 } else { per_step };
        let mut count = 0;
        while let Some((due, piece)) = self.waiting.front()
            && *due <= now
            && count < limit
        {
            let end = piece.len().min(self.taken + limit - count);
            into.extend_from_slice(&piece[self.taken..end]);
            count += end - self.taken;
            self.taken = end;
            if end == piece.len() {
                self.waiting.pop_front();
                self.taken = 0;
            }
        }
        self.held -= count;
        if let Some(rate) = rate {
            // A timer that is a little late costs no bandwidth.
            let from = self.free_at.max(now.saturating_sub(STEP));
            self.free_at = from + Duration::from_secs_f64(count as f64 / rate.max(1) as f64);
        }
        count
    }

    /// When something may come out; `None` if nothing waits, or if it is held.
    pub(super) fn next(&self) -> Option<Duration> {
        let (due, _) = self.waiting.front().filter(|_| !self.rules.holds)?;
        Some(if self.rules.bytes_per_second.is_some() { (*due).max(self.free_at) } else { *due })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Everything that comes out until nothing is left, with the time of each piece.
    fn drain(lane: &mut Lane) -> Vec<(Duration, Vec<u8>)> {
        let mut pieces = Vec::new();
        while let Some(at) = lane.next() {
            let mut piece = Vec::new();
            assert!(lane.take(at, &mut piece) > 0);
            pieces.push((at, piece));
        }
        assert_eq!(lane.held(), 0);
        pieces
    }

    #[test]
    fn jitter_never_lets_bytes_overtake_and_the_same_seed_repeats_it() {
        let rules = Rules { delay: ms(100), jitter: ms(50), seed: 7, ..Rules::default() };
        let run = || {
            let mut lane = Lane::new(rules);
            for byte in 0..100 {
                lane.push(ms(u64::from(byte)), vec![byte]);
            }
            drain(&mut lane)
        };
        let pieces = run();
        let bytes: Vec<u8> = pieces.iter().flat_map(|(_, piece)| piece.clone()).collect();
        assert_eq!(bytes, (0..100).collect::<Vec<u8>>());
        assert!(pieces.iter().all(|(at, _)| (ms(100)..=ms(249)).contains(at)), "{pieces:?}");
        assert!(pieces.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(pieces, run());
        let mut other = Lane::new(Rules { seed: 8, ..rules });
        (0..100).for_each(|byte| other.push(ms(u64::from(byte)), vec![byte]));
        assert_ne!(pieces, drain(&mut other));
    }

    #[test]
    fn a_slow_line_carries_what_it_says() {
        let mut lane = Lane::new(Rules { bytes_per_second: Some(1000), ..Rules::default() });
        lane.push(ms(0), vec![1; 2000]);
        let pieces = drain(&mut lane);
        let end = pieces.last().unwrap().0;
        assert!((ms(1900)..=ms(2000)).contains(&end), "{end:?}");
        assert!(pieces.iter().all(|(_, piece)| piece.len() <= 20));
    }

    #[test]
    fn held_bytes_come_out_whole_and_in_order_when_the_hold_ends() {
        let mut lane = Lane::new(Rules { holds: true, ..Rules::default() });
        lane.push(ms(1), b"first ".to_vec());
        lane.push(ms(2), b"second".to_vec());
        assert_eq!((lane.next(), lane.take(ms(1000), &mut Vec::new()), lane.held()), (None, 0, 12));
        lane.set_rules(ms(1000), Rules::default());
        let mut out = Vec::new();
        assert_eq!(lane.take(ms(1000), &mut out), 12);
        assert_eq!(out, b"first second");
    }

    #[test]
    fn bytes_come_out_one_by_one() {
        let mut lane = Lane::new(Rules { one_by_one: true, ..Rules::default() });
        lane.push(ms(0), b"abc".to_vec());
        lane.push(ms(0), b"d".to_vec());
        let pieces: Vec<_> = drain(&mut lane).into_iter().map(|(_, piece)| piece).collect();
        assert_eq!(pieces, [b"a", b"b", b"c", b"d"]);
    }

    #[test]
    fn what_waits_for_a_long_delay_waits_no_longer_when_that_is_over() {
        let mut lane = Lane::new(Rules { delay: Duration::from_mins(1), ..Rules::default() });
        lane.push(ms(0), vec![1; 10]);
        lane.set_rules(ms(5), Rules::default());
        assert_eq!(lane.next(), Some(ms(5)));
        lane.push(ms(6), vec![2; 10]);
        assert_eq!(drain(&mut lane).last().unwrap().0, ms(6));
    }
}
