//! A cut through all databases at one instant, without fork and without a pause.
//!
//! `begin` fixes what the snapshot holds. Its segments are then captured (one more reference to each) some
//! at a time, and a segment that is not captured yet is captured before its first write. The first write to
//! a captured segment clones it. So whatever is written while a reader works, the reader sees the data set
//! as it was at `begin`.

use std::sync::mpsc;

use triomphe::Arc;

use super::keyspace::{Keyspace, Slot};
use super::{Libraries, Segment, Store};

/// One segment of a snapshot.
#[derive(Debug)]
pub struct SnapshotPart {
    /// Database it belongs to.
    pub db: usize,
    /// Its keys.
    pub segment: Arc<Segment>,
}

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

/// Hands segments to the reader of the snapshot being captured.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    parts: mpsc::Sender<SnapshotPart>,
    epoch: u32,
    db: usize,
}

impl Capture {
    /// Captures a segment unless that has been done.
    pub(super) fn take(&self, slot: &mut Slot) {
        if slot.epoch == self.epoch {
            return;
        }
        slot.epoch = self.epoch;
        if !slot.segment.is_empty() {
            // A reader that gave up is no concern of the writer.
            let _ = self.parts.send(SnapshotPart { db: self.db, segment: slot.segment.clone() });
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Epochs {
    last: u32,
    /// Database and slot where capturing goes on.
    position: Option<(usize, usize)>,
}

impl Store {
    /// Fixes a snapshot of all databases at this instant. [`Store::capture`] must be called until it is done.
    pub fn begin_snapshot(&mut self) -> SnapshotReader {
        self.finish_capture();
        let (sender, parts) = mpsc::channel();
        self.snapshot.last = self.snapshot.last.wrapping_add(1);
        self.snapshot.position = Some((0, 0));
        let epoch = self.snapshot.last;
        let totals = self.dbs.iter().map(|db| (db.len() as u64, db.expires() as u64)).collect();
        for (db, keyspace) in self.dbs.iter_mut().enumerate() {
            keyspace.capture = Some(Capture { parts: sender.clone(), epoch, db });
        }
        SnapshotReader { parts, totals, libraries: self.libraries.clone() }
    }

    /// Captures up to `segments` further segments; `true` when the whole snapshot is captured (or none is
    /// under way). About 20 ns for each segment.
    pub fn capture(&mut self, mut segments: usize) -> bool {
        while let Some((db, slot)) = self.snapshot.position {
            let Some(keyspace) = self.dbs.get_mut(db) else {
                self.snapshot.position = None;
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
                self.snapshot.position = Some((db + 1, 0));
            } else {
                self.snapshot.position = Some((db, next));
            }
        }
        true
    }

    /// Captures all that is left at once: for what changes whole databases.
    pub(super) fn finish_capture(&mut self) {
        self.capture(usize::MAX);
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
