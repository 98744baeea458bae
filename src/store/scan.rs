//! Walks through a keyspace: SCAN, a random key, keys that are due.

use super::keyspace::{KeyHash, Keyspace};
use super::millis::Millis;
use super::segment::{EntryRef, SPLIT_AT, Segment};

/// Bits of the hash that a cursor leaves out, so that it stays below 2^48 and fits any client's integer.
const CURSOR_SHIFT: u32 = 16;
/// Empty or nearly empty segments that one SCAN call passes for each key asked for.
const SEGMENTS_PER_KEY: usize = 10;

impl Keyspace {
    /// Visits about `count` keys from `cursor` on and returns the next cursor, 0 at the end.
    ///
    /// A cursor is the start of a range of hashes: a key that is present all along is visited exactly once,
    /// however the table grows or shrinks between two calls. O(count) and one segment.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(EntryRef<'a>)) -> u64 {
        let mut start = (cursor & (u64::MAX >> CURSOR_SHIFT)) << CURSOR_SHIFT;
        let mut visited = 0;
        let mut segments_left = count.saturating_mul(SEGMENTS_PER_KEY);
        loop {
            let slot = self.slot_of(KeyHash(start));
            let last = slot.start | (u64::MAX.checked_shr(slot.depth.into()).unwrap_or(0));
            let keys = slot.segment.len();
            let wanted = count.saturating_sub(visited).max(1);
            let last = if keys <= wanted.saturating_mul(2) {
                last
            } else {
                let span = (u64::MAX >> slot.depth) / keys as u64;
                let part = span.saturating_mul(wanted as u64) | ((1 << CURSOR_SHIFT) - 1);
                start.saturating_add(part).min(last) | ((1 << CURSOR_SHIFT) - 1)
            };
            for entry in slot.segment.iter() {
                let hash = self.hash(entry.key()).0;
                if (start..=last).contains(&hash) {
                    visited += 1;
                    visit(entry);
                }
            }
            segments_left = segments_left.saturating_sub(1);
            match last.checked_add(1) {
                None => return 0,
                Some(next) if visited >= count || segments_left == 0 => return next >> CURSOR_SHIFT,
                Some(next) => start = next,
            }
        }
    }

    /// A key picked evenly at random, expired or not; `random` yields 64 random bits each time.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<EntryRef<'_>> {
        if self.is_empty() {
            return None;
        }
        // A hash picks a segment as often as its range is wide; accepting it as often as it is full makes
        // every key equally likely. Half-empty keyspaces are found out by the bound.
        for _ in 0..256 {
            let segment = &self.slot_of(KeyHash(random())).segment;
            if (random() % SPLIT_AT as u64) < segment.len() as u64 {
                return pick(segment, &mut random);
            }
        }
        let from = random() as usize % self.segment_count();
        let slots = self.slots[from..].iter().chain(&self.slots[..from]);
        slots
            .map(|slot| &slot.segment)
            .find(|segment| !segment.is_empty())
            .and_then(|segment| pick(segment, &mut random))
    }

    /// A key that expires, picked at random but not quite evenly where few keys expire; `random` as above.
    ///
    /// O(1) where many do, else O(segments).
    pub fn random_expiring(&self, mut random: impl FnMut() -> u64) -> Option<EntryRef<'_>> {
        if self.expires() == 0 {
            return None;
        }
        for _ in 0..16 {
            let found = self.random(&mut random);
            if found.is_some_and(|entry| entry.expire().is_some()) {
                return found;
            }
        }
        let from = random() as usize % self.segment_count();
        let slots = self.slots[from..].iter().chain(&self.slots[..from]);
        slots.filter(|slot| slot.due != Millis::MAX).find_map(|slot| {
            let expiring = || slot.segment.iter().filter(|entry| entry.expire().is_some());
            let count = expiring().count() as u64;
            expiring().nth(random().checked_rem(count)? as usize)
        })
    }

    /// Keys that are due at `now`: hands up to `most` of them to `found` and returns how many there were.
    ///
    /// Only segments whose earliest deadline has passed are read.
    pub fn due(&mut self, now: Millis, most: usize, mut found: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        for slot in &mut self.slots {
            if slot.due > now {
                continue;
            }
            let mut earliest = Millis::MAX;
            for entry in slot.segment.iter() {
                let Some(at) = entry.expire() else { continue };
                if at <= now && count < most {
                    found(entry.key());
                    count += 1;
                }
                earliest = earliest.min(at);
            }
            slot.due = earliest;
            if count >= most {
                break;
            }
        }
        count
    }
}

fn pick<'a>(segment: &'a Segment, random: &mut impl FnMut() -> u64) -> Option<EntryRef<'a>> {
    for _ in 0..4096 {
        let found = segment.at(random() as usize % segment.buckets());
        if found.is_some() {
            return found;
        }
    }
    segment.iter().next()
}
