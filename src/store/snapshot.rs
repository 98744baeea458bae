//! A cut through all databases at one instant, without fork and without a pause.
//!
//! `begin` fixes what the snapshot holds. Its segments are then captured (one more reference to each) some
//! at a time, and a segment that is not captured yet is captured before its first write. The first write to
//! a captured segment clones it. So whatever is written while a reader works, the reader sees the data set
//! as it was at `begin`.

use std::sync::mpsc;

use super::keyspace::Keyspace;
use super::library::Libraries;
use super::slot::{Capture, SnapshotPart};

/// Reads a snapshot, on any thread. Dropping it gives the snapshot up.
#[derive(Debug)]
pub struct SnapshotReader {
    parts: mpsc::Receiver<SnapshotPart>,
    totals: Vec<(u64, u64)>,
    libraries: Libraries,
}

impl SnapshotReader {
    /// Per database: keys, and how many of them have an expiry.
    pub fn totals(&self) -> &[(u64, u64)] {
        &self.totals
    }

    /// Libraries of functions.
    pub fn libraries(&self) -> &Libraries {
        &self.libraries
    }

    /// Keys in all.
    pub fn keys(&self) -> u64 {
        self.totals.iter().map(|(keys, _)| keys).sum()
    }

    /// The next segment, in no particular order; waits for it to be captured. `None` at the end.
    pub fn next_part(&mut self) -> Option<SnapshotPart> {
        self.parts.recv().ok()
    }
}

/// Where the snapshots of a data set stand.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    last: u32,
    /// Database and slot where capturing goes on.
    position: Option<(usize, usize)>,
}

impl Epochs {
    /// Fixes a snapshot of all databases at this instant; none may be under way.
    pub(super) fn begin(&mut self, dbs: &mut [Keyspace], libraries: &Libraries) -> SnapshotReader {
        let (sender, parts) = mpsc::channel();
        self.last = self.last.wrapping_add(1);
        self.position = Some((0, 0));
        let totals = dbs.iter().map(|db| (db.len() as u64, db.expires() as u64)).collect();
        for (db, keyspace) in dbs.iter_mut().enumerate() {
            keyspace.capture = Some(Capture::new(sender.clone(), self.last, db));
        }
        SnapshotReader { parts, totals, libraries: libraries.clone() }
    }

    /// Captures up to `segments` further segments; `true` when the whole snapshot is captured (or none is
    /// under way).
    pub(super) fn capture(&mut self, dbs: &mut [Keyspace], mut segments: usize) -> bool {
        while let Some((db, slot)) = self.position {
            let Some(keyspace) = dbs.get_mut(db) else {
                self.position = None;
                break;
            };
            if segments == 0 {
                return false;
            }
            let taken = capture_from(keyspace, slot, segments);
            segments -= taken.min(segments);
            let next = slot + taken;
            if next >= keyspace.segment_count() {
                keyspace.capture = None;
                self.position = Some((db + 1, 0));
            } else {
                self.position = Some((db, next));
            }
        }
        true
    }
}

/// Segments that a split adds meanwhile are behind `from`, and marked as captured with their other half.
fn capture_from(keyspace: &mut Keyspace, from: usize, most: usize) -> usize {
    let Some(capture) = keyspace.capture.clone() else { return keyspace.segment_count() };
    let slots = &mut keyspace.slots[from..];
    let count = slots.len().min(most);
    slots[..count].iter_mut().for_each(|slot| capture.take(slot));
    count
}
