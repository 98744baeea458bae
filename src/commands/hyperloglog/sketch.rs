//! A HyperLogLog as the string that holds it: 16 bytes of header, then its registers in one of two forms.

use super::registers::{
    DENSE_BYTES, Histogram, REGISTERS, dense_get, dense_raise, dense_set, estimate, place,
};
use super::sparse::{self, Raised, runs};

const MAGIC: &[u8; 4] = b"HYLL";
/// Magic, form, three bytes of nothing, and the estimate as it was last computed.
const HEADER: usize = 16;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Highest byte of the remembered estimate: its highest bit says that it is out of date.
const STALE_BYTE: usize = 15;
const STALE: u8 = 0x80;

/// The runs do not cover all registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Corrupted;

/// The highest value of each register over several sketches.
pub(super) type Highest = [u8; REGISTERS];

/// A sketch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sketch(Vec<u8>);

impl Sketch {
    /// One of nothing.
    pub(super) fn empty() -> Self {
        let mut bytes = [&MAGIC[..], &[SPARSE], &[0; 11]].concat();
        bytes.extend_from_slice(&sparse::empty());
        Self(bytes)
    }

    /// The sketch that a string holds, if its header is that of one.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let fits = text.len() >= HEADER
            && text.starts_with(MAGIC)
            && match text[4] {
                DENSE => text.len() == HEADER + DENSE_BYTES,
                form => form == SPARSE,
            };
        fits.then(|| Self(text.to_vec()))
    }

    /// The string that holds it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.0[4] == SPARSE
    }

    /// What stands behind the header.
    pub(super) fn registers(&self) -> &[u8] {
        &self.0[HEADER..]
    }

    /// The remembered estimate, if it is up to date.
    pub(super) fn remembered(&self) -> Option<u64> {
        let fresh = self.0[STALE_BYTE] & STALE == 0;
        fresh.then(|| self.0[8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    pub(super) fn remember(&mut self, estimate: u64) {
        self.0[8..HEADER].copy_from_slice(&estimate.to_le_bytes());
    }

    pub(super) fn forget(&mut self) {
        self.0[STALE_BYTE] |= STALE;
    }

    /// Adds an element; whether that changed a register. A sparse form of more than `sparse_max` bytes becomes dense.
    pub(super) fn add(&mut self, element: &[u8], sparse_max: u64) -> Result<bool, Corrupted> {
        let (index, value) = place(element);
        self.raise(index, value, sparse_max)
    }

    /// Raises a register to at least `value`; whether it was lower.
    pub(super) fn raise(&mut self, index: usize, value: u8, sparse_max: u64) -> Result<bool, Corrupted> {
        if self.is_sparse() {
            let mut runs = self.0.split_off(HEADER);
            let most = usize::try_from(sparse_max).unwrap_or(usize::MAX).saturating_sub(HEADER);
            let raised = sparse::raise(&mut runs, index, value, most);
            self.0.append(&mut runs);
            match raised {
                Raised::No => return Ok(false),
                Raised::Corrupted => return Err(Corrupted),
                Raised::NeedsDense => self.make_dense()?,
                Raised::Yes => {
                    self.forget();
                    return Ok(true);
                }
            }
        }
        Ok(dense_raise(&mut self.0[HEADER..], index, value))
    }

    /// Turns the sparse form into the dense one; whether it was sparse.
    pub(super) fn make_dense(&mut self) -> Result<(), Corrupted> {
        if !self.is_sparse() {
            return Ok(());
        }
        let mut dense = self.0[..HEADER].to_vec();
        dense[4] = DENSE;
        dense.resize(HEADER + DENSE_BYTES, 0);
        self.each_run(|first, len, value| {
            if value > 0 {
                (first..first + len).for_each(|index| dense_set(&mut dense[HEADER..], index, value));
            }
        })?;
        self.0 = dense;
        Ok(())
    }

    /// Hands out the runs of the sparse form: first register, number of registers, value.
    fn each_run(&self, mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Corrupted> {
        let (mut index, mut bytes) = (0, 0);
        for run in runs(self.registers()) {
            if index + run.len > REGISTERS {
                return Err(Corrupted);
            }
            visit(index, run.len, run.value);
            index += run.len;
            bytes += 1 + usize::from(run.is_long());
        }
        if index == REGISTERS && bytes == self.registers().len() { Ok(()) } else { Err(Corrupted) }
    }

    /// Raises every register of `highest` to what it is here.
    pub(super) fn merge_into(&self, highest: &mut Highest) -> Result<(), Corrupted> {
        if self.is_sparse() {
            return self.each_run(|first, len, value| {
                highest[first..first + len].iter_mut().for_each(|high| *high = value.max(*high));
            });
        }
        for (index, high) in highest.iter_mut().enumerate() {
            *high = dense_get(self.registers(), index).max(*high);
        }
        Ok(())
    }

    /// How many different elements were added.
    pub(super) fn count(&self) -> Result<u64, Corrupted> {
        let mut histogram: Histogram = [0; 64];
        if self.is_sparse() {
            self.each_run(|_, len, value| histogram[usize::from(value)] += len as u32)?;
        } else {
            for index in 0..REGISTERS {
                histogram[usize::from(dense_get(self.registers(), index))] += 1;
            }
        }
        Ok(estimate(&histogram))
    }
}

/// How many different elements were added to several sketches.
pub(super) fn count_union(highest: &Highest) -> u64 {
    let mut histogram: Histogram = [0; 64];
    for value in highest {
        histogram[usize::from(value & 63)] += 1;
    }
    estimate(&histogram)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_forms_estimate_the_same_and_well() {
        let (mut small, mut dense) = (Sketch::empty(), Sketch::empty());
        dense.make_dense().unwrap();
        let mut checkpoint = 1;
        for element in 1..=100_000u64 {
            let bytes = element.to_le_bytes();
            assert_eq!(small.add(&bytes, 3000), dense.add(&bytes, 3000));
            if element == checkpoint {
                checkpoint *= 10;
                assert_eq!(small.is_sparse(), element <= 1000);
                let count = dense.count().unwrap();
                assert_eq!(small.count(), Ok(count));
                assert!(count.abs_diff(element) * 100 <= element * 3, "{count} of {element}");
            }
        }
    }

    #[test]
    fn a_string_without_the_header_is_no_sketch() {
        let empty = Sketch::empty();
        assert_eq!(Sketch::of(empty.bytes()), Some(empty.clone()));
        for wrong in [&b""[..], b"HYLL", b"HYLM\x01\0\0\0\0\0\0\0\0\0\0\0", b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0"]
        {
            assert_eq!(Sketch::of(wrong), None);
        }
        let mut short = empty.bytes().to_vec();
        short[4] = DENSE;
        assert_eq!(Sketch::of(&short), None, "a dense one has one length only");
    }

    #[test]
    fn damaged_runs_are_noticed() {
        let mut damaged = Sketch::empty().0;
        damaged.extend_from_slice(&[0x80]);
        let damaged = Sketch::of(&damaged).unwrap();
        assert_eq!(damaged.count(), Err(Corrupted));
        assert_eq!(damaged.clone().make_dense(), Err(Corrupted));
        assert_eq!(damaged.merge_into(&mut [0; REGISTERS]), Err(Corrupted));
    }
}
