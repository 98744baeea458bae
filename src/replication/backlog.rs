//! The shared chain of blocks that is the backlog and every replica's output at once.
//!
//! Every byte of the stream is copied here once, whatever the number of replicas: a replica is a [`Cursor`],
//! a position plus a pin on the block it stands in. A reader borrows slices for the length of one system call
//! ([`Backlog::slices`], made for `try_write_vectored`), so reading costs neither a copy nor an allocation,
//! and the growing block needs no sealing: it is a plain `Vec` that only this type writes to.
//!
//! It must not know who the replicas are, nor what the bytes mean.

use std::collections::VecDeque;
use std::sync::Arc;

#[cfg(test)]
use bytes::Bytes;

use super::ReplOffset;

/// Smallest `repl-backlog-size`, as in Redis.
pub const MIN_BACKLOG_SIZE: u64 = 16 * 1024;

/// Blocks freed by one call of [`Backlog::trim`], so that a slow replica's end stalls nobody.
const MAX_FREED_PER_TRIM: usize = 64;

/// The last bytes of the stream, at least `size` of them once that many were written.
///
/// Offsets are absolute: the first byte ever written is number 1, and after a full sync at offset `n` the
/// first byte is `n + 1`. A block that a cursor stands in, and all later ones, stay until the cursor moves
/// on, so [`Backlog::histlen`] may exceed the size while a replica is slow.
#[derive(Debug)]
pub struct Backlog {
    /// Never empty, contiguous, every block but the last one full.
    blocks: VecDeque<Block>,
    next: ReplOffset,
    size: u64,
    allocated: usize,
    /// The memory of the block freed last, for the next one.
    spare: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Block {
    start: ReplOffset,
    data: Vec<u8>,
    limit: usize,
    /// Shared by the cursors that stand in this block; alone, the block may be freed.
    pin: Arc<()>,
}

impl Block {
    fn end(&self) -> ReplOffset {
        self.start + self.data.len() as u64
    }
}

/// A reader's position; dropping it releases its blocks.
#[derive(Debug)]
pub struct Cursor {
    offset: ReplOffset,
    pin: Arc<()>,
}

impl Cursor {
    /// The next byte that this reader lacks.
    pub fn offset(&self) -> ReplOffset {
        self.offset
    }
}

impl Backlog {
    /// An empty backlog of `size` bytes (at least [`MIN_BACKLOG_SIZE`]) whose first byte will be `next`.
    pub fn new(size: u64, next: ReplOffset) -> Self {
        let mut backlog = Self {
            blocks: VecDeque::new(),
            next,
            size: size.max(MIN_BACKLOG_SIZE),
            allocated: 0,
            spare: None,
        };
        backlog.push_block();
        backlog
    }

    /// First byte held, or the next one to be written while it is empty.
    pub fn first(&self) -> ReplOffset {
        self.next - self.histlen()
    }

    /// The next byte to be written.
    pub fn next(&self) -> ReplOffset {
        self.next
    }

    /// Bytes held.
    pub fn histlen(&self) -> u64 {
        self.blocks.front().map_or(0, |block| self.next - block.start)
    }

    /// Bytes that are kept even when nobody reads them (`repl-backlog-size`).
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Changes [`Backlog::size`]; what is held stays held as far as the new size allows.
    pub fn set_size(&mut self, size: u64) {
        self.size = size.max(MIN_BACKLOG_SIZE);
        self.spare = None;
        self.trim();
    }

    /// Adds bytes to the stream; a command may come in several pieces.
    ///
    /// One copy, and no allocation while the current block has room.
    pub fn append(&mut self, mut bytes: &[u8]) {
        // Counted before it is copied: so one huge value drops what it pushes out while it comes in.
        self.next += bytes.len() as u64;
        loop {
            if let Some(tail) = self.blocks.back_mut() {
                let room = tail.limit - tail.data.len();
                if bytes.len() <= room {
                    tail.data.extend_from_slice(bytes);
                    return;
                }
                let (now, later) = bytes.split_at(room);
                tail.data.extend_from_slice(now);
                bytes = later;
            }
            self.push_block();
            self.trim();
        }
    }

    /// Lets `write` add at most `max` bytes straight to the current block; `false`, and nothing written, if it
    /// has no room for so many.
    ///
    /// For small commands of many pieces, whose places and counts are then looked after once and not per piece.
    pub(super) fn append_within(&mut self, max: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(tail) = self.blocks.back_mut() else { return false };
        let before = tail.data.len();
        if tail.limit - before < max {
            return false;
        }
        write(&mut tail.data);
        let written = tail.data.len() - before;
        assert!(written <= max, "a block must not outgrow its limit");
        self.next += written as u64;
        true
    }

    /// Frees old blocks beyond the size that no cursor needs; `true` if a later call would free more.
    ///
    /// Called by [`Backlog::append`] at each new block; call it from a timer too, so that the memory of a
    /// slow replica is given back when nothing is written.
    pub fn trim(&mut self) -> bool {
        for _ in 0..MAX_FREED_PER_TRIM {
            if !self.can_free_front() {
                // A list that a slow replica made long stays no longer than needed.
                if self.blocks.capacity() > 64 && self.blocks.len() < self.blocks.capacity() / 4 {
                    self.blocks.shrink_to(self.blocks.len() * 2);
                }
                return false;
            }
            if let Some(mut block) = self.blocks.pop_front() {
                self.allocated -= block.data.capacity();
                block.data.clear();
                self.spare = (block.limit == self.block_size()).then_some(block.data);
            }
        }
        self.can_free_front()
    }

    fn can_free_front(&self) -> bool {
        let Some(front) = self.blocks.front() else { return false };
        self.blocks.len() > 1
            && self.histlen() - front.data.len() as u64 >= self.size
            && Arc::strong_count(&front.pin) == 1
    }

    fn block_size(&self) -> usize {
        (self.size / 16).clamp(16 * 1024, 64 * 1024) as usize
    }

    fn push_block(&mut self) {
        let limit = self.block_size();
        let data = self.spare.take().unwrap_or_else(|| Vec::with_capacity(limit));
        self.allocated += data.capacity();
        let start = self.blocks.back().map_or(self.next, Block::end);
        self.blocks.push_back(Block { start, data, limit, pin: Arc::new(()) });
    }

    /// A reader whose next byte is `at`; `None` if that byte is no longer, or not yet, to be had.
    pub fn open(&self, at: ReplOffset) -> Option<Cursor> {
        let block = self.blocks.get(self.block_of(at)?)?;
        Some(Cursor { offset: at, pin: Arc::clone(&block.pin) })
    }

    /// Index of the block that holds `at`; the last one for the byte to be written next.
    fn block_of(&self, at: ReplOffset) -> Option<usize> {
        if at < self.first() || at > self.next {
            return None;
        }
        self.blocks.partition_point(|block| block.start <= at).checked_sub(1)
    }

    /// What this reader lacks, oldest first, at most `max` bytes, without copying.
    ///
    /// Nothing if it has caught up, or if the cursor belongs to a backlog that was replaced.
    pub fn slices(&self, cursor: &Cursor, max: usize) -> impl Iterator<Item = &[u8]> {
        let from = self.block_of(cursor.offset).unwrap_or(self.blocks.len());
        let mut at = cursor.offset;
        let mut left = max;
        self.blocks.range(from..).map_while(move |block| {
            if left == 0 {
                return None;
            }
            let unread = &block.data[(at - block.start) as usize..];
            let slice = &unread[..unread.len().min(left)];
            at += slice.len() as u64;
            left -= slice.len();
            (!slice.is_empty()).then_some(slice)
        })
    }

    /// The reader has taken `bytes` (which [`Backlog::slices`] showed).
    ///
    /// # Panics
    /// If that is more than there is: then our own bookkeeping is broken.
    pub fn consume(&self, cursor: &mut Cursor, bytes: u64) {
        let to = cursor.offset + bytes;
        assert!(to <= self.next, "a replica cannot have read byte {to}: the stream ends at {}", self.next);
        cursor.offset = to;
        if let Some(block) = self.block_of(to).and_then(|index| self.blocks.get(index))
            && !Arc::ptr_eq(&block.pin, &cursor.pin)
        {
            cursor.pin = Arc::clone(&block.pin);
        }
    }

    /// For tests: copies the next bytes for this reader out, at most `max` and at most to the end of a block, and moves it on.
    ///
    /// Empty once it has caught up.
    #[cfg(test)]
    pub(crate) fn read_at(&self, cursor: &mut Cursor, max: usize) -> Bytes {
        let chunk = self.slices(cursor, max).next().map_or_else(Bytes::new, Bytes::copy_from_slice);
        self.consume(cursor, chunk.len() as u64);
        chunk
    }

    /// Bytes that this reader lacks.
    pub fn bytes_behind(&self, cursor: &Cursor) -> u64 {
        self.next.saturating_sub(cursor.offset)
    }

    /// Estimate of the memory held, in bytes.
    pub fn memory(&self) -> usize {
        let spare = self.spare.as_ref().map_or(0, Vec::capacity);
        self.allocated + spare + self.blocks.capacity() * size_of::<Block>() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn all_of(backlog: &Backlog, cursor: &Cursor) -> Vec<u8> {
        backlog.slices(cursor, usize::MAX).flatten().copied().collect()
    }

    #[test]
    fn offsets_start_where_the_snapshot_ended() {
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 101);
        assert_eq!((backlog.first(), backlog.next(), backlog.histlen()), (101, 101, 0));
        backlog.append(b"abc");
        assert_eq!((backlog.first(), backlog.next(), backlog.histlen()), (101, 104, 3));
        assert_eq!(all_of(&backlog, &backlog.open(102).unwrap()), b"bc");
        assert!(backlog.open(100).is_none());
        assert!(backlog.open(104).is_some());
        assert!(backlog.open(105).is_none());
    }

    #[test]
    fn old_bytes_go_but_never_more_than_the_size_allows() {
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
        for _ in 0..100 {
            backlog.append(&[7; 4096]);
        }
        assert!(backlog.histlen() >= MIN_BACKLOG_SIZE);
        assert!(backlog.histlen() <= 2 * MIN_BACKLOG_SIZE + 4096);
        assert_eq!(backlog.first(), backlog.next() - backlog.histlen());
    }

    #[test]
    fn a_slow_reader_pins_its_blocks_until_it_moves_on_or_leaves() {
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
        let mut slow = backlog.open(1).unwrap();
        let gone = backlog.open(1).unwrap();
        backlog.append(&vec![7; 200_000]);
        assert_eq!(backlog.first(), 1);
        assert_eq!(backlog.bytes_behind(&slow), 200_000);

        backlog.consume(&mut slow, 100_000);
        assert!(!backlog.trim());
        assert_eq!(backlog.first(), 1, "the other reader still stands in the first block");
        drop(gone);
        assert!(!backlog.trim());
        assert!(backlog.first() <= 100_001 && backlog.first() > 80_000);
        drop(slow);
        backlog.trim();
        assert!(backlog.histlen() < 40_000);
    }

    #[test]
    fn a_reader_that_waits_at_the_end_loses_nothing() {
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
        let cursor = backlog.open(1).unwrap();
        assert_eq!(backlog.slices(&cursor, 10).count(), 0);
        backlog.append(&vec![1; 300_000]);
        assert_eq!(all_of(&backlog, &cursor).len(), 300_000);
    }

    #[test]
    fn a_cursor_of_a_replaced_backlog_reads_nothing() {
        let mut old = Backlog::new(MIN_BACKLOG_SIZE, 1);
        old.append(b"old");
        let cursor = old.open(1).unwrap();
        let mut new = Backlog::new(MIN_BACKLOG_SIZE, 500);
        new.append(b"new");
        assert_eq!(new.slices(&cursor, 10).count(), 0);
    }

    #[test]
    fn steady_writing_takes_no_more_memory() {
        let mut backlog = Backlog::new(1 << 20, 1);
        let write =
            |backlog: &mut Backlog, mib: usize| (0..mib * 1024).for_each(|_| backlog.append(&[0; 1024]));
        write(&mut backlog, 3);
        let before = backlog.memory();
        write(&mut backlog, 30);
        assert_eq!(backlog.memory(), before);
        assert!(before < (1 << 20) + 4 * 64 * 1024, "{before}");
    }

    #[test]
    fn trimming_is_bounded_per_call() {
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
        let slow = backlog.open(1).unwrap();
        backlog.append(&vec![0; 200 * 16 * 1024]);
        drop(slow);
        assert!(backlog.trim());
        assert!(backlog.histlen() > 100 * 16 * 1024);
        while backlog.trim() {}
        assert!(backlog.histlen() <= 2 * MIN_BACKLOG_SIZE);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Append(usize),
        Read { reader: usize, max: usize },
        Reopen { reader: usize, back: u64 },
        Resize(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0_usize..60_000).prop_map(Step::Append),
            4 => (0_usize..3, 0_usize..50_000).prop_map(|(reader, max)| Step::Read { reader, max }),
            1 => (0_usize..3, 0_u64..100_000).prop_map(|(reader, back)| Step::Reopen { reader, back }),
            1 => (0_u64..(2 << 20)).prop_map(Step::Resize),
        ];
        prop::collection::vec(step, 1..80)
    }

    proptest! {
        #[test]
        fn every_reader_sees_exactly_what_was_written(start in 1_u64..1_000_000, steps in steps()) {
            let mut written = Vec::new();
            let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, start);
            let mut readers: Vec<Cursor> = (0..3).map(|_| backlog.open(start).unwrap()).collect();
            for step in steps {
                match step {
                    Step::Append(len) => {
                        let bytes: Vec<u8> = (0..len).map(|i| (((written.len() + i) * 31) >> 3) as u8).collect();
                        backlog.append(&bytes);
                        written.extend_from_slice(&bytes);
                    }
                    Step::Read { reader, max } => {
                        let cursor = &mut readers[reader];
                        let at = (cursor.offset() - start) as usize;
                        let shown: Vec<u8> = backlog.slices(cursor, max).flatten().copied().collect();
                        prop_assert_eq!(&shown, &written[at..written.len().min(at + max)]);
                        let chunk = backlog.read_at(cursor, max);
                        prop_assert_eq!(&chunk[..], &written[at..at + chunk.len()]);
                        prop_assert_eq!(chunk.is_empty(), shown.is_empty());
                    }
                    Step::Reopen { reader, back } => {
                        let at = backlog.next().saturating_sub(back);
                        let cursor = backlog.open(at);
                        prop_assert_eq!(cursor.is_some(), at >= backlog.first());
                        if let Some(cursor) = cursor {
                            readers[reader] = cursor;
                        }
                    }
                    Step::Resize(size) => backlog.set_size(size),
                }
                prop_assert_eq!(backlog.next(), start + written.len() as u64);
                prop_assert!(backlog.histlen() >= backlog.size().min(MIN_BACKLOG_SIZE.min(written.len() as u64)));
                for cursor in &readers {
                    prop_assert!(cursor.offset() >= backlog.first(), "a reader lost its bytes");
                }
            }
        }
    }
}
