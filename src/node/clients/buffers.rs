//! How much room the buffers of a connection keep: as much as a busy client needs, and less once it is idle.
//!
//! The connection's own task owns the buffers; ten times a second the node says what of them is too much, by the rules
//! of Redis' `clientsCron`. Must not know what the buffers hold.

use std::cell::Cell;
use std::time::Duration;

/// Least room for replies that a client is given, …
const REPLY_MIN: usize = 1024;
/// … and most, which is also what it begins with.
const REPLY_MAX: usize = 16 * 1024;
/// A client that has filled all of that keeps this much: its pipelines are answered without growing anew each time.
const REPLY_KEPT_BY_BUSY: usize = 64 * 1024;
/// How long the most that a client needed for replies counts.
const PEAK_RESET: Duration = Duration::from_secs(5);
/// Silence after which a client's read buffer is given back.
const IDLE: Duration = Duration::from_secs(2);
/// A read buffer up to this size is kept while its client is busy.
const QUERY_KEPT: usize = 32 * 1024;

/// What DEBUG REPLYBUFFER chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct ReplyTuning {
    pub(in crate::node) resizing: bool,
    /// How long a peak counts; `None` for ever.
    pub(in crate::node) peak_reset: Option<Duration>,
}

impl Default for ReplyTuning {
    fn default() -> Self {
        Self { resizing: true, peak_reset: Some(PEAK_RESET) }
    }
}

/// The room of one client's buffers. The node and the client's task share it: hence the cells.
#[derive(Debug)]
pub(in crate::node) struct Buffers {
    /// Bytes of the read buffer that are free.
    query_free: Cell<usize>,
    /// Most bytes that the read buffer has held of late.
    query_peak: Cell<usize>,
    reply_room: Cell<usize>,
    reply_peak: Cell<usize>,
    reply_peak_since: Cell<Duration>,
    /// To how much the task is to cut its read buffer, if it is to cut anything.
    trim: Cell<Option<usize>>,
}

impl Buffers {
    /// Those of a client that has just come.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            query_free: Cell::new(0),
            query_peak: Cell::new(0),
            reply_room: Cell::new(REPLY_MAX),
            reply_peak: Cell::new(REPLY_MAX),
            reply_peak_since: Cell::new(now),
            trim: Cell::new(None),
        }
    }

    /// The read buffer holds `bytes`, with `free` more behind them.
    pub(super) fn note_query(&self, bytes: usize, free: usize) {
        self.query_free.set(free);
        self.query_peak.set(self.query_peak.get().max(bytes));
    }

    /// `qbuf-free` of CLIENT LIST.
    pub(super) fn query_free(&self) -> usize {
        self.query_free.get()
    }

    /// `rbs` of CLIENT LIST.
    pub(super) fn reply_room(&self) -> usize {
        self.reply_room.get()
    }

    /// `rbp` of CLIENT LIST.
    pub(super) fn reply_peak(&self) -> usize {
        self.reply_peak.get()
    }

    /// Bytes of an empty reply buffer that the client's task keeps.
    pub(super) fn reply_kept(&self) -> usize {
        let room = self.reply_room.get();
        if room == REPLY_MAX { REPLY_KEPT_BY_BUSY } else { room }
    }

    /// So many bytes of replies left with one write; returns whether the client gets more room for the next ones.
    pub(super) fn note_replies(&self, len: usize, tuning: ReplyTuning) -> bool {
        let room = self.reply_room.get();
        self.reply_peak.set(self.reply_peak.get().max(len.min(room)));
        if !tuning.resizing || len < room || room == REPLY_MAX {
            return false;
        }
        let doubled = std::iter::successors(Some(room * 2), |room| Some(room * 2));
        let wanted = doubled.take_while(|room| *room < REPLY_MAX).find(|room| *room > len);
        self.reply_room.set(wanted.unwrap_or(REPLY_MAX));
        true
    }

    /// Ten times a second: chooses what is too much. Returns whether the room for replies became less.
    pub(in crate::node) fn tick(
        &self,
        now: Duration,
        silent_for: Duration,
        query: usize,
        tuning: ReplyTuning,
    ) -> bool {
        let kept = self.query_kept(silent_for, query);
        let shrunk = tuning.resizing && self.shrink_replies(now, tuning.peak_reset);
        if kept.is_some() || shrunk {
            self.trim.set(Some(kept.unwrap_or(usize::MAX)));
        }
        shrunk
    }

    fn query_kept(&self, silent_for: Duration, query: usize) -> Option<usize> {
        let (free, peak) = (self.query_free.get(), self.query_peak.replace(query));
        let size = query + free;
        match () {
            () if free == 0 => None,
            () if silent_for > IDLE => Some(query),
            () if size > QUERY_KEPT && peak < size / 2 => Some(peak.max(query)),
            () => None,
        }
    }

    fn shrink_replies(&self, now: Duration, peak_reset: Option<Duration>) -> bool {
        let (room, peak) = (self.reply_room.get(), self.reply_peak.get());
        let shrinks = room / 2 >= REPLY_MIN && peak < room / 2;
        if shrinks {
            self.reply_room.set((peak + 1).max(REPLY_MIN));
        }
        if peak_reset.is_some_and(|after| now.saturating_sub(self.reply_peak_since.get()) > after) {
            self.reply_peak.set(0);
            self.reply_peak_since.set(now);
        }
        shrinks
    }

    /// Whether the client's task has something to cut.
    pub(in crate::node) fn is_trim_due(&self) -> bool {
        self.trim.get().is_some()
    }

    /// To how much the read buffer is to be cut; `None` if all may stay as it is.
    pub(super) fn take_trim(&self) -> Option<usize> {
        self.trim.take()
    }
}

/// Bytes that a client takes for a name that it has given us, as a channel or a key to watch: roughly, with its places
/// in the tables.
pub(in crate::node) fn bytes_for_name(name: &[u8]) -> usize {
    const TABLES: usize = 64;
    name.len() + TABLES
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFTEN: ReplyTuning = ReplyTuning { resizing: true, peak_reset: Some(Duration::ZERO) };
    const NEVER: ReplyTuning = ReplyTuning { resizing: true, peak_reset: None };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_read_buffer_is_given_back_after_two_idle_seconds() {
        let buffers = Buffers::new(seconds(0));
        buffers.note_query(0, 16 * 1024);
        buffers.tick(seconds(2), seconds(2), 0, NEVER);
        assert_eq!(buffers.take_trim(), None);
        buffers.tick(seconds(3), seconds(3), 0, NEVER);
        assert_eq!(buffers.take_trim(), Some(0));
        buffers.note_query(0, 0);
        buffers.tick(seconds(4), seconds(4), 0, NEVER);
        assert!(!buffers.is_trim_due());
    }

    #[test]
    fn a_busy_read_buffer_is_cut_to_what_was_needed_of_late() {
        let buffers = Buffers::new(seconds(0));
        buffers.note_query(400_000, 100);
        buffers.note_query(0, 400_100);
        buffers.tick(seconds(1), seconds(0), 0, NEVER);
        assert_eq!(buffers.take_trim(), None, "it was needed just now");
        buffers.note_query(130, 399_970);
        buffers.tick(seconds(1), seconds(0), 0, NEVER);
        assert_eq!(buffers.take_trim(), Some(130));
        buffers.note_query(130, 30_000);
        buffers.tick(seconds(1), seconds(0), 0, NEVER);
        assert_eq!(buffers.take_trim(), None, "that much may stay");
    }

    #[test]
    fn the_room_for_replies_follows_what_is_needed_between_its_bounds() {
        let buffers = Buffers::new(seconds(0));
        assert!(!buffers.tick(seconds(1), seconds(0), 0, OFTEN), "the first peak is forgotten");
        assert!(buffers.tick(seconds(2), seconds(0), 0, OFTEN));
        assert_eq!((buffers.reply_room(), buffers.reply_kept()), (1024, 1024));
        assert_eq!(buffers.take_trim(), Some(usize::MAX), "the read buffer stays as it is");
        assert!(!buffers.note_replies(1000, NEVER));
        assert!(buffers.note_replies(3000, NEVER));
        assert_eq!((buffers.reply_room(), buffers.reply_peak()), (4096, 1024));
        assert!(buffers.note_replies(1_000_000, NEVER) && !buffers.note_replies(1_000_000, NEVER));
        assert_eq!((buffers.reply_room(), buffers.reply_peak()), (16_384, 16_384));
        assert_eq!(buffers.reply_kept(), 65_536);
        assert!(!buffers.tick(seconds(9), seconds(9), 0, NEVER), "nothing makes it forget");
    }
}
