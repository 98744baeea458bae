//! A segment in its database, and its way into a snapshot.

use std::sync::mpsc;

use triomphe::Arc;

use super::millis::Millis;
use super::segment::Segment;

/// A segment with the range of hashes that it covers.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) segment: Arc<Segment>,
    /// First hash of the range.
    pub(super) start: u64,
    /// No key here expires before this.
    pub(super) due: Millis,
    /// The snapshot that captured this segment last.
    pub(super) epoch: u32,
    /// How many top bits all hashes here share.
    pub(super) depth: u8,
}

/// One segment of a snapshot.
#[derive(Debug)]
pub struct SnapshotPart {
    /// Database it belongs to.
    pub db: usize,
    /// Its keys.
    pub segment: Arc<Segment>,
}

/// Hands segments to the reader of the snapshot being captured.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    parts: mpsc::Sender<SnapshotPart>,
    epoch: u32,
    db: usize,
}

impl Capture {
    /// For the database `db`, in the snapshot `epoch`.
    pub(super) fn new(parts: mpsc::Sender<SnapshotPart>, epoch: u32, db: usize) -> Self {
        Self { parts, epoch, db }
    }

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
