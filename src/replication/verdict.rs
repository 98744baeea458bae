//! The master's answer to a PSYNC, with the numbers that decided it.

use serde::{Deserialize, Serialize};

use super::{Backlog, History, MAX_OFFSET, MIN_BACKLOG_SIZE, ReplId, ReplOffset};

/// What a master answers to `PSYNC <replid> <offset>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PsyncVerdict {
    /// `+CONTINUE`: the backlog holds every byte from `from` on.
    Continue {
        /// First stream byte that the replica lacks.
        from: ReplOffset,
        /// Bytes that the backlog sends at once.
        bytes: u64,
        /// The replica named our previous history (replid2) and not the current one.
        via_replid2: bool,
    },
    /// `+FULLRESYNC`: the replica needs a snapshot.
    Full(FullReason),
}

/// Why a partial resync was not possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FullReason {
    /// `PSYNC ? -1` or `SYNC`: the replica holds no history to continue.
    NoHistory,
    /// The master keeps no backlog.
    NoBacklog,
    /// The replica's replid is neither ours nor our previous one.
    UnknownHistory {
        /// What the replica named.
        asked: ReplId,
        /// Our current history.
        replid: ReplId,
        /// Our previous history, if there is one.
        replid2: Option<ReplId>,
    },
    /// The replica followed our previous history beyond the point where ours left it.
    PastFork {
        /// First byte that the replica asked for.
        asked: ReplOffset,
        /// Last offset up to which the previous history is ours too (`second_repl_offset`).
        fork: ReplOffset,
    },
    /// The backlog no longer holds the first byte asked for.
    BeforeBacklog {
        /// First byte that the replica asked for.
        asked: ReplOffset,
        /// First byte that the backlog holds.
        first: ReplOffset,
        /// Bytes that `repl-backlog-size` had to be for a partial resync.
        needed: u64,
    },
    /// The replica asked for bytes that were never written.
    BeyondBacklog {
        /// First byte that the replica asked for.
        asked: ReplOffset,
        /// Next byte that will be written.
        next: ReplOffset,
    },
}

/// What a replica asks for with PSYNC or SYNC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PsyncRequest {
    /// `PSYNC ? -1` or `SYNC`: a snapshot, please.
    Fresh,
    /// `PSYNC <replid> <offset>`: the stream from this byte on, please.
    Resume {
        /// The history that the replica holds.
        replid: ReplId,
        /// The first byte that it lacks.
        from: ReplOffset,
    },
    /// An id that is neither `?` nor a replid: answered as [`PsyncRequest::Fresh`], counted as a failed attempt.
    Malformed,
}

impl PsyncRequest {
    /// Reads the two arguments of PSYNC; `None` if the offset is no integer (Redis then answers with an error).
    pub fn parse(replid: &[u8], offset: &[u8]) -> Option<Self> {
        let offset: i64 = std::str::from_utf8(offset).ok()?.parse().ok()?;
        if replid == b"?" {
            return Some(Self::Fresh);
        }
        Some(match ReplId::parse(replid) {
            // No stream has a byte 0 or less, so a negative offset asks for what never is in a backlog.
            Some(replid) => Self::Resume { replid, from: offset.max(0) as ReplOffset },
            None => Self::Malformed,
        })
    }

    /// The history and first byte asked for, `None` if the replica has no history to continue.
    pub fn asked(&self) -> Option<(ReplId, ReplOffset)> {
        match *self {
            Self::Resume { replid, from } => Some((replid, from)),
            Self::Fresh | Self::Malformed => None,
        }
    }

    /// Whether a full sync in answer to this counts in `sync_partial_err`.
    pub fn hoped_for_partial(&self) -> bool {
        !matches!(self, Self::Fresh)
    }
}

/// Decides whether this replica can continue from the backlog.
pub fn judge(history: &History, backlog: Option<&Backlog>, asked: PsyncRequest) -> PsyncVerdict {
    match partial(history, backlog, asked) {
        Ok(verdict) => verdict,
        Err(reason) => PsyncVerdict::Full(reason),
    }
}

fn partial(
    history: &History,
    backlog: Option<&Backlog>,
    asked: PsyncRequest,
) -> Result<PsyncVerdict, FullReason> {
    let (replid, from) = asked.asked().ok_or(FullReason::NoHistory)?;
    let via_replid2 = replid != history.replid();
    if via_replid2 {
        match (history.replid2(), history.second_offset()) {
            (Some(replid2), Some(fork)) if replid == replid2 => {
                if from > fork {
                    return Err(FullReason::PastFork { asked: from, fork });
                }
            }
            (replid2, _) => {
                return Err(FullReason::UnknownHistory { asked: replid, replid: history.replid(), replid2 });
            }
        }
    }

    let backlog = backlog.ok_or(FullReason::NoBacklog)?;
    // Else a replica would be given bytes under offsets that are not theirs, and nobody would ever notice.
    assert_eq!(backlog.next(), history.offset() + 1, "history and backlog count the same bytes");
    let (first, next) = (backlog.first(), backlog.next());
    if from < first {
        return Err(FullReason::BeforeBacklog { asked: from, first, needed: next - from });
    }
    if from > next {
        return Err(FullReason::BeyondBacklog { asked: from, next });
    }
    Ok(PsyncVerdict::Continue { from, bytes: next - from, via_replid2 })
}

/// `+FULLRESYNC <replid> <offset>`: to be sent when the snapshot of `offset` begins, not before.
pub fn full_resync_line(replid: ReplId, offset: ReplOffset) -> String {
    format!("+FULLRESYNC {replid} {offset}\r\n")
}

/// `+CONTINUE <replid>`, without the id for a replica that does not know `psync2`.
pub fn continue_line(replid: ReplId, psync2: bool) -> String {
    if psync2 { format!("+CONTINUE {replid}\r\n") } else { "+CONTINUE\r\n".to_owned() }
}

/// One or two plain sentences that tell a user why this sync is partial or full.
pub fn explain(verdict: &PsyncVerdict) -> String {
    let reason = match verdict {
        PsyncVerdict::Continue { from, bytes, via_replid2 } => {
            let what = if *bytes == 0 {
                format!("Partial resync from byte {}: nothing was missing.", grouped(*from))
            } else {
                format!(
                    "Partial resync from byte {}: the backlog held the {} that {} missing.",
                    grouped(*from),
                    counted_bytes(*bytes),
                    if *bytes == 1 { "was" } else { "were" }
                )
            };
            return if *via_replid2 {
                format!("{what} The replica named the previous history, which this master continues.")
            } else {
                what
            };
        }
        PsyncVerdict::Full(reason) => reason,
    };
    match reason {
        FullReason::NoHistory => "Full sync: the replica has no history to continue.".to_owned(),
        FullReason::NoBacklog => {
            "Full sync: the master kept no backlog, so nothing could be continued.".to_owned()
        }
        FullReason::UnknownHistory { asked, replid, replid2 } => {
            let known = match replid2 {
                Some(replid2) => format!("{} and, before that, {}", replid.short(), replid2.short()),
                None => replid.short(),
            };
            format!("Full sync: the replica holds history {}; this master knows {known}.", asked.short())
        }
        FullReason::PastFork { asked, fork } => format!(
            "Full sync: asked for {}; the two histories are the same only up to {}. \
             The replica holds {} that this master never had.",
            grouped(*asked),
            grouped(fork.saturating_sub(1)),
            counted_bytes(asked.saturating_sub(*fork))
        ),
        FullReason::BeforeBacklog { asked, first, needed } => format!(
            "Full sync: asked for {}; the backlog starts at {}. A backlog of {} would have served it.",
            grouped(*asked),
            grouped(*first),
            backlog_size(*needed)
        ),
        FullReason::BeyondBacklog { asked, next } => format!(
            "Full sync: asked for {}; this master has written only up to {}. It may have lost its last writes.",
            grouped(*asked),
            grouped(next.saturating_sub(1))
        ),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn counted_bytes(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{} bytes", grouped(bytes)) }
}

/// A `repl-backlog-size` that holds this much, as a person would set it: a power of two in KiB, MiB or GiB.
fn backlog_size(needed: u64) -> String {
    let size = needed.clamp(MIN_BACKLOG_SIZE, MAX_OFFSET).next_power_of_two();
    match size {
        0..0x10_0000 => format!("{} KiB", size >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", size >> 20),
        _ => format!("{} GiB", grouped(size >> 30)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn id(byte: u8) -> ReplId {
        ReplId::from_bytes([byte; 20])
    }

    /// A master that was promoted at offset 1,000 and has written 500 bytes since.
    fn promoted() -> (History, Backlog) {
        let mut history = History::restored_as_replica(id(1), 1000);
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 901);
        backlog.append(&[0; 100]);
        history.promote(id(2));
        backlog.append(&[0; 500]);
        history.advance(500);
        (history, backlog)
    }

    fn resume(byte: u8, from: ReplOffset) -> PsyncRequest {
        PsyncRequest::Resume { replid: id(byte), from }
    }

    #[test]
    fn each_row_of_the_decision_table() {
        use FullReason as R;
        use PsyncVerdict::{Continue, Full};
        let (history, backlog) = promoted();
        let unknown = R::UnknownHistory { asked: id(9), replid: id(2), replid2: Some(id(1)) };
        for (asked, verdict) in [
            (PsyncRequest::Fresh, Full(R::NoHistory)),
            (PsyncRequest::Malformed, Full(R::NoHistory)),
            (resume(9, 1000), Full(unknown)),
            (resume(2, 1501), Continue { from: 1501, bytes: 0, via_replid2: false }),
            (resume(2, 901), Continue { from: 901, bytes: 600, via_replid2: false }),
            (resume(2, 900), Full(R::BeforeBacklog { asked: 900, first: 901, needed: 601 })),
            (resume(2, 1502), Full(R::BeyondBacklog { asked: 1502, next: 1501 })),
            (resume(1, 1001), Continue { from: 1001, bytes: 500, via_replid2: true }),
            (resume(1, 1002), Full(R::PastFork { asked: 1002, fork: 1001 })),
            (resume(1, 0), Full(R::BeforeBacklog { asked: 0, first: 901, needed: 1501 })),
        ] {
            assert_eq!(judge(&history, Some(&backlog), asked), verdict, "{asked:?}");
        }
        assert_eq!(judge(&history, None, resume(2, 1501)), Full(R::NoBacklog));
    }

    #[test]
    fn psync_arguments() {
        let hex = "ab".repeat(20);
        let parse = |id: &str, offset: &str| PsyncRequest::parse(id.as_bytes(), offset.as_bytes());
        assert_eq!(parse("?", "-1"), Some(PsyncRequest::Fresh));
        assert_eq!(parse("?", "abc"), None);
        assert_eq!(parse(&hex, "17"), Some(resume(0xab, 17)));
        assert_eq!(parse(&hex.to_uppercase(), "17"), Some(resume(0xab, 17)));
        assert_eq!(parse(&hex, "-5"), Some(resume(0xab, 0)));
        assert_eq!(parse(&hex, "9223372036854775808"), None);
        assert_eq!(parse("abc", "17"), Some(PsyncRequest::Malformed));
        assert!(PsyncRequest::Malformed.hoped_for_partial() && !PsyncRequest::Fresh.hoped_for_partial());
    }

    #[test]
    fn a_recording_with_impossible_numbers_is_explained_too() {
        for reason in [
            FullReason::PastFork { asked: 0, fork: 0 },
            FullReason::PastFork { asked: 0, fork: u64::MAX },
            FullReason::BeyondBacklog { asked: 0, next: 0 },
            FullReason::BeforeBacklog { asked: u64::MAX, first: 0, needed: 0 },
        ] {
            assert!(explain(&PsyncVerdict::Full(reason)).starts_with("Full sync: asked for"));
        }
    }

    #[test]
    fn explanations_name_the_numbers() {
        let text = explain(&PsyncVerdict::Full(FullReason::BeforeBacklog {
            asked: 10_240,
            first: 51_300,
            needed: 60_000,
        }));
        assert_eq!(
            text,
            "Full sync: asked for 10,240; the backlog starts at 51,300. A backlog of 64 KiB would have served it."
        );
        let text = explain(&PsyncVerdict::Continue { from: 1_234_567, bytes: 1, via_replid2: false });
        assert_eq!(text, "Partial resync from byte 1,234,567: the backlog held the 1 byte that was missing.");
        let text = explain(&PsyncVerdict::Full(FullReason::PastFork { asked: 1_200, fork: 1_001 }));
        assert!(text.contains("only up to 1,000") && text.contains("199 bytes"), "{text}");
        assert_eq!(backlog_size(1), "16 KiB");
        assert_eq!(backlog_size(1 << 20), "1 MiB");
        assert_eq!(backlog_size((1 << 20) + 1), "2 MiB");
        assert_eq!(backlog_size(u64::MAX), "4,294,967,296 GiB");
    }

    proptest! {
        /// I3: whatever is asked of whatever master, a partial sync hands over exactly the shared history's bytes.
        #[test]
        fn no_partial_resync_over_a_broken_history(
            before in 0_u64..40_000,
            promoted_after in 0_u64..40_000,
            written_after in 0_u64..40_000,
            promoted in any::<bool>(),
            asked_id in 1_u8..4,
            from in 0_u64..130_000,
        ) {
            let mut history = History::restored_as_replica(id(1), before);
            let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, before + 1);
            backlog.append(&vec![1; promoted_after as usize]);
            history.advance(promoted_after);
            let fork = history.offset() + 1;
            if promoted {
                history.promote(id(2));
            }
            backlog.append(&vec![2; written_after as usize]);
            history.advance(written_after);

            let shared = match (asked_id, promoted) {
                (1, true) => from <= fork,
                (1, false) | (2, true) => true,
                _ => false,
            };
            let held = from >= backlog.first() && from <= history.offset() + 1;
            match judge(&history, Some(&backlog), resume(asked_id, from)) {
                PsyncVerdict::Continue { from: start, bytes, .. } => {
                    prop_assert!(shared && held);
                    prop_assert_eq!((start, start + bytes), (from, history.offset() + 1));
                    let cursor = backlog.open(from).unwrap();
                    prop_assert_eq!(backlog.bytes_behind(&cursor), bytes);
                }
                PsyncVerdict::Full(_) => prop_assert!(!(shared && held)),
            }
        }
    }
}
