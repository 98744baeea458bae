//! The sparse form of a HyperLogLog: runs of registers, one or two bytes each.
//!
//! | bytes | run |
//! |---|---|
//! | `00nnnnnn` | n + 1 registers that are 0 |
//! | `01nnnnnn nnnnnnnn` | the same, for longer runs |
//! | `1vvvvvnn` | n + 1 registers that are v + 1 |
//!
//! An update splits one run and joins its neighbours exactly where Redis does: the bytes are visible to GET.

use super::registers::REGISTERS;

/// Longest run that one byte of zeros stands for.
const SHORT_MAX: usize = 64;
/// Longest run of a value.
const VALUE_RUN_MAX: usize = 4;
/// Largest value of this form.
const VALUE_MAX: u8 = 32;
/// Runs that are looked at for neighbours to join, from the one before the change on.
const JOIN_RUNS: usize = 5;

/// Some registers of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// What they hold.
    pub(super) value: u8,
    /// How many there are.
    pub(super) len: usize,
    /// Bytes that stand for them.
    bytes: usize,
}

impl Run {
    /// The run at the front of `bytes`; `None` at the end, or in the middle of a run.
    fn first(bytes: &[u8]) -> Option<Self> {
        Some(match *bytes {
            [byte, ..] if byte & 0x80 != 0 => {
                Self { value: ((byte >> 2) & 0x1F) + 1, len: usize::from(byte & 3) + 1, bytes: 1 }
            }
            [byte, ..] if byte & 0x40 == 0 => Self { value: 0, len: usize::from(byte) + 1, bytes: 1 },
            [high, low, ..] => {
                let len = (usize::from(high & 0x3F) << 8 | usize::from(low)) + 1;
                Self { value: 0, len, bytes: 2 }
            }
            [] | [_] => return None,
        })
    }

    /// Whether two bytes stand for it.
    pub(super) fn is_long(self) -> bool {
        self.bytes == 2
    }
}

/// The runs that these bytes stand for; ends early in front of half a run.
pub(super) fn runs(mut bytes: &[u8]) -> impl Iterator<Item = Run> {
    std::iter::from_fn(move || {
        let run = Run::first(bytes)?;
        bytes = &bytes[run.bytes..];
        Some(run)
    })
}

fn put_run(into: &mut Vec<u8>, value: u8, len: usize) {
    match (value, len) {
        (_, 0) => {}
        (0, ..=SHORT_MAX) => into.push(len as u8 - 1),
        (0, _) => into.extend_from_slice(&((len - 1) as u16 | 0x4000).to_be_bytes()),
        (value, _) => into.push(0x80 | (value - 1) << 2 | (len as u8 - 1)),
    }
}

/// All registers 0.
pub(super) fn empty() -> Vec<u8> {
    let mut bytes = Vec::new();
    put_run(&mut bytes, 0, REGISTERS);
    bytes
}

/// What raising a register came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raised {
    /// It holds as much already.
    No,
    Yes,
    /// Neither the value nor the longer sequence has room in this form.
    NeedsDense,
    /// The runs do not cover the register.
    Corrupted,
}

/// Raises one register to at least `value`; `most` bytes may stand there afterwards.
pub(super) fn raise(bytes: &mut Vec<u8>, index: usize, value: u8, most: usize) -> Raised {
    if value > VALUE_MAX {
        return Raised::NeedsDense;
    }
    let (mut at, mut before, mut first) = (0, 0, 0);
    let run = loop {
        let Some(run) = Run::first(&bytes[at..]) else { return Raised::Corrupted };
        if index < first + run.len {
            break run;
        }
        (before, at, first) = (at, at + run.bytes, first + run.len);
    };
    if run.value >= value {
        return Raised::No;
    }
    let mut new = Vec::with_capacity(5);
    put_run(&mut new, run.value, index - first);
    put_run(&mut new, value, 1);
    put_run(&mut new, run.value, first + run.len - 1 - index);
    if new.len() > run.bytes && bytes.len() + new.len() - run.bytes > most {
        return Raised::NeedsDense;
    }
    bytes.splice(at..at + run.bytes, new);
    join(bytes, before);
    Raised::Yes
}

/// Joins neighbouring runs of one value that have room in a single one, near `at`.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_RUNS {
        let Some(run) = Run::first(&bytes[at.min(bytes.len())..]) else { return };
        let next = Run::first(&bytes[at + run.bytes..]);
        match next {
            Some(next) if run.value > 0 && next.value == run.value && run.len + next.len <= VALUE_RUN_MAX => {
                let mut joined = Vec::with_capacity(1);
                put_run(&mut joined, run.value, run.len + next.len);
                bytes.splice(at..at + 2, joined);
            }
            _ => at += run.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> Vec<(u8, usize)> {
        runs(bytes).map(|run| (run.value, run.len)).collect()
    }

    #[test]
    fn a_register_splits_its_run_and_joins_its_equals() {
        let mut bytes = empty();
        assert_eq!(raise(&mut bytes, 100, 3, 3000), Raised::Yes);
        assert_eq!(shown(&bytes), [(0, 100), (3, 1), (0, 16283)]);
        assert_eq!(raise(&mut bytes, 101, 3, 3000), Raised::Yes);
        assert_eq!(shown(&bytes), [(0, 100), (3, 2), (0, 16282)]);
        assert_eq!(raise(&mut bytes, 100, 2, 3000), Raised::No);
        assert_eq!(raise(&mut bytes, 100, 9, 3000), Raised::Yes);
        assert_eq!(shown(&bytes), [(0, 100), (9, 1), (3, 1), (0, 16282)]);
        assert_eq!(raise(&mut bytes, 0, 33, 3000), Raised::NeedsDense);
        let full = bytes.len();
        assert_eq!(raise(&mut bytes, 0, 1, full), Raised::NeedsDense);
    }

    #[test]
    fn runs_that_end_too_early_are_corrupted() {
        assert_eq!(raise(&mut vec![0x3F], 64, 1, 3000), Raised::Corrupted);
        assert_eq!(raise(&mut vec![0x7F], 0, 1, 3000), Raised::Corrupted);
        assert_eq!(raise(&mut vec![], 0, 1, 3000), Raised::Corrupted);
    }
}
