//! Which history a node holds: its replid, the one it continued from, and how far it got.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Position in a replication stream, in bytes since the history began.
pub type ReplOffset = u64;

/// Identity of one replication history: 160 random bits, written as 40 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplId([u8; 20]);

impl ReplId {
    /// The id made of these random bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Reads 40 hex digits of either case; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 40 {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Self(bytes))
    }

    /// The first eight hex digits, enough to tell histories apart on screen.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Highest offset that is believed from a peer or a file: far beyond any real stream, yet sums never overflow.
pub const MAX_OFFSET: ReplOffset = 1 << 62;

/// Which replication history a data set belongs to, and how far it got.
///
/// Two data sets with equal `replid` and `offset` are equal. The previous history, if there is one, is ours
/// too up to `second_offset`: that is what lets replicas of a lost master go on with the promoted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    replid: ReplId,
    previous: Option<(ReplId, ReplOffset)>,
    offset: ReplOffset,
}

impl History {
    /// A history without past: nothing was written yet.
    pub fn new(replid: ReplId) -> Self {
        Self { replid, previous: None, offset: 0 }
    }

    /// What a restarted replica holds: the history of its data file, which it tries to continue.
    pub fn restored_as_replica(replid: ReplId, offset: ReplOffset) -> Self {
        Self { replid, previous: None, offset }
    }

    /// What a restarted master holds: a new history that continues the one of its data file.
    pub fn restored_as_master(new_id: ReplId, replid: ReplId, offset: ReplOffset) -> Self {
        let mut history = Self::restored_as_replica(replid, offset);
        history.promote(new_id);
        history
    }

    /// `master_replid`: the current history.
    pub fn replid(&self) -> ReplId {
        self.replid
    }

    /// `master_replid2`: the previous history.
    pub fn replid2(&self) -> Option<ReplId> {
        self.previous.map(|(replid, _)| replid)
    }

    /// `second_repl_offset`: the highest first byte that may still be asked for under [`History::replid2`].
    pub fn second_offset(&self) -> Option<ReplOffset> {
        self.previous.map(|(_, offset)| offset)
    }

    /// `master_repl_offset`: bytes of the stream that this data set holds.
    pub fn offset(&self) -> ReplOffset {
        self.offset
    }

    /// A replica becomes master: its past stays known as the previous history.
    pub fn promote(&mut self, new_id: ReplId) {
        self.previous = Some((self.replid, self.offset + 1));
        self.replid = new_id;
    }

    /// Starts a history that continues none, at the same offset.
    ///
    /// For the first replica of a master without backlog, and when the backlog is freed: what was written
    /// meanwhile is in no backlog, so nobody may continue the old history.
    pub fn reset(&mut self, new_id: ReplId) {
        self.previous = None;
        self.replid = new_id;
    }

    /// A replica has loaded a whole snapshot: it holds that history and no other.
    pub fn adopt_full(&mut self, replid: ReplId, offset: ReplOffset) {
        *self = Self { replid, previous: None, offset };
    }

    /// A replica was told `+CONTINUE <replid>`; `true` if that is another history than before.
    ///
    /// After `true` the own replicas must be disconnected: they come back by a cheap PSYNC and learn the new id.
    #[must_use = "after a change the own replicas must be disconnected"]
    pub fn adopt_continue(&mut self, replid: ReplId) -> bool {
        let changed = replid != self.replid;
        if changed {
            self.promote(replid);
        }
        changed
    }

    /// The stream grew by this many bytes.
    pub fn advance(&mut self, bytes: u64) {
        self.offset += bytes;
    }
}

impl From<ReplId> for String {
    fn from(id: ReplId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ReplId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("a replid is 40 hex digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ReplId {
        ReplId::from_bytes([byte; 20])
    }

    #[test]
    fn promotion_keeps_the_old_history_up_to_the_next_byte() {
        let mut history = History::new(id(1));
        history.advance(100);
        history.promote(id(2));
        assert_eq!(history.replid(), id(2));
        assert_eq!(history.replid2(), Some(id(1)));
        assert_eq!(history.second_offset(), Some(101));
        assert_eq!(history.offset(), 100);
    }

    #[test]
    fn a_reset_or_a_full_sync_forgets_the_previous_history() {
        let mut promoted = History::new(id(1));
        promoted.promote(id(2));

        let mut reset = promoted.clone();
        reset.advance(7);
        reset.reset(id(3));
        assert_eq!((reset.replid(), reset.replid2(), reset.offset()), (id(3), None, 7));

        let mut full = promoted;
        full.adopt_full(id(4), 900);
        assert_eq!((full.replid(), full.second_offset(), full.offset()), (id(4), None, 900));
    }

    #[test]
    fn continue_shifts_only_when_the_id_is_new() {
        let mut history = History::restored_as_replica(id(1), 50);
        assert!(!history.adopt_continue(id(1)));
        assert_eq!(history.replid2(), None);
        assert!(history.adopt_continue(id(2)));
        assert_eq!((history.replid2(), history.second_offset()), (Some(id(1)), Some(51)));
    }

    #[test]
    fn a_restarted_master_lets_its_replicas_continue() {
        let history = History::restored_as_master(id(9), id(1), 50);
        assert_eq!((history.replid(), history.offset()), (id(9), 50));
        assert_eq!((history.replid2(), history.second_offset()), (Some(id(1)), Some(51)));
    }

    #[test]
    fn a_replid_is_40_hex_digits_of_either_case() {
        assert_eq!(ReplId::parse(&[b'A'; 40]), Some(id(0xaa)));
        assert_eq!(ReplId::parse(&[b'a'; 39]), None);
        assert_eq!(ReplId::parse(&[b'g'; 40]), None);
        assert_eq!(id(0xab).to_string(), "ab".repeat(20));
    }
}
