//! Where the keys of a command stand, and what becomes of them.

use std::ops::Range;

use crate::protocol::{Args, strict_i64};

/// `key` is read, but its value is of no concern.
pub(super) const RO: &[&str] = &["RO"];
pub(super) const RO_ACCESS: &[&str] = &["RO", "access"];
pub(super) const RW_ACCESS_DELETE: &[&str] = &["RW", "access", "delete"];
pub(super) const RW_ACCESS_UPDATE: &[&str] = &["RW", "access", "update"];
pub(super) const RW_UPDATE: &[&str] = &["RW", "update"];
pub(super) const OW_INSERT: &[&str] = &["OW", "insert"];
pub(super) const OW_UPDATE: &[&str] = &["OW", "update"];
pub(super) const RM_DELETE: &[&str] = &["RM", "delete"];

/// Where the keys of a command stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Index of the first key, 0 for none.
    pub first: i8,
    /// Index of the last key; negative counts from the end.
    pub last: i8,
    /// Distance between two keys.
    pub step: i8,
}

impl Keys {
    /// No key.
    pub const NONE: Self = Self { first: 0, last: 0, step: 0 };
    /// One key after the name.
    pub const ONE: Self = Self { first: 1, last: 1, step: 1 };

    /// The range that all of `specs` cover together; they stand one after the other. Counted keys are in no range.
    pub(super) const fn covering(specs: &[KeySpec]) -> Self {
        match specs {
            [] => Self::NONE,
            [
                before @ ..,
                KeySpec {
                    place: Place::Counted | Place::Behind(_) | Place::Next(_) | Place::Rest(_), ..
                },
            ] => Self::covering(before),
            // A key at no fixed place counts for the legacy form as if it were not there.
            [first, .., last] if last.keys.first == 0 => first.keys,
            [first, .., last] => {
                Self { first: first.keys.first, last: last.keys.last, step: first.keys.step }
            }
            [only] => only.keys,
        }
    }
}

/// What a command does with some of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Where they stand.
    pub keys: Keys,
    /// `RO`, `RW`, `OW` or `RM`, then `access`, `update`, `insert`, `delete`.
    pub flags: &'static [&'static str],
    /// What the flags alone do not say, or nothing.
    pub note: &'static str,
    /// How `keys` is to be read.
    pub place: Place,
}

/// How the keys of a [`KeySpec`] are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where `keys` says.
    Fixed,
    /// Where `keys` says, there is their number, and they stand behind it.
    Counted,
    /// Behind this word, looked for from `keys.first` on: the first half of what follows, as XREAD has it.
    Behind(&'static str),
    /// The one argument behind this word, if it is there: the last such word counts, from `keys.first` on.
    Next(&'static str),
    /// All arguments behind this word, if it is there: the last such word counts.
    Rest(&'static str),
}

impl KeySpec {
    pub(super) const fn new(first: i8, last: i8, step: i8, flags: &'static [&'static str]) -> Self {
        Self { keys: Keys { first, last, step }, flags, note: "", place: Place::Fixed }
    }

    /// As many keys as the argument at `index` says.
    pub(super) const fn counted(index: i8, flags: &'static [&'static str]) -> Self {
        Self { place: Place::Counted, ..Self::new(index, index, 1, flags) }
    }

    /// The first half of the arguments behind `word`, which stands at `from` or later.
    pub(super) const fn behind(word: &'static str, from: i8, flags: &'static [&'static str]) -> Self {
        Self { place: Place::Behind(word), ..Self::new(from, -1, 1, flags) }
    }

    /// The argument behind `word`, if that stands at `from` or later.
    pub(super) const fn next(word: &'static str, from: i8, flags: &'static [&'static str]) -> Self {
        Self { place: Place::Next(word), ..Self::new(from, from, 1, flags) }
    }

    /// All arguments behind `word`.
    pub(super) const fn rest(word: &'static str, from: i8, flags: &'static [&'static str]) -> Self {
        Self { place: Place::Rest(word), ..Self::new(from, -1, 1, flags) }
    }

    pub(super) const fn first(flags: &'static [&'static str]) -> Self {
        Self::new(1, 1, 1, flags)
    }

    /// Keys that stand at no fixed place, or whose names come out of other keys.
    pub(super) const fn unknown(flags: &'static [&'static str]) -> Self {
        Self::new(0, 0, 0, flags)
    }

    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// Where its keys stand in a request, and their distance; `None` if there are none, or fewer than a number says.
    pub(super) fn range_in(&self, args: &Args<'_>) -> Option<(Range<usize>, usize)> {
        let Keys { first, last, step } = self.keys;
        let at = usize::try_from(first).unwrap_or(0);
        let word_from = |word| (at..args.len()).find(|index| args.is(*index, word));
        let last_word = |word| (at..args.len()).rev().find(|index| args.is(*index, word));
        let range = match self.place {
            Place::Fixed if first <= 0 => return None,
            Place::Fixed => {
                let last = if last < 0 { args.len() as i64 + i64::from(last) } else { i64::from(last) };
                at..usize::try_from(last + 1).ok()?
            }
            Place::Counted => {
                let count = strict_i64(args.get(at)).and_then(|count| usize::try_from(count).ok())?;
                let is_right = count > 0 && count < args.len() - at;
                if is_right { at + 1..at + 1 + count } else { return None }
            }
            Place::Behind(word) => {
                let first = word_from(word)? + 1;
                let count = (args.len() - first) / 2;
                if count > 0 { first..first + count } else { return None }
            }
            Place::Next(word) => {
                let first = last_word(word)? + 1;
                if first < args.len() { first..first + 1 } else { return None }
            }
            Place::Rest(word) => last_word(word)? + 1..args.len(),
        };
        Some((range, step.max(1) as usize))
    }
}
