//! Redis' intset: a sorted array of integers in one allocation, byte for byte as RDB and DUMP carry it.
//!
//! `[width u32][length u32]` then the integers, all of the width in bytes (2, 4 or 8) that the widest one ever added
//! needs; everything little-endian.

use super::memory::allocated;

const HEADER: usize = 8;

/// A set of integers. Finding is O(log n), a change O(n).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intset(Vec<u8>);

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes that an integer needs.
fn width_of(number: i64) -> usize {
    match number {
        -0x8000..=0x7FFF => 2,
        -0x8000_0000..=0x7FFF_FFFF => 4,
        _ => 8,
    }
}

impl Intset {
    /// An empty one. It allocates.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(allocated(HEADER));
        bytes.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
        Self(bytes)
    }

    /// Takes over bytes from outside, after it was checked that they are sorted and that no integer comes twice.
    pub fn checked(bytes: Vec<u8>) -> Option<Self> {
        let width = match u32::from_le_bytes(*bytes.first_chunk()?) {
            width @ (2 | 4 | 8) => width as usize,
            _ => return None,
        };
        let len = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
        if len.checked_mul(width)?.checked_add(HEADER)? != bytes.len() {
            return None;
        }
        let set = Self(bytes);
        set.iter().is_sorted_by(|before, after| before < after).then_some(set)
    }

    /// The bytes as RDB carries them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Integers in it.
    #[inline]
    pub fn len(&self) -> usize {
        (self.0.len() - HEADER) / self.width()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER
    }

    /// Estimate of the allocation, in bytes.
    pub fn memory(&self) -> usize {
        allocated(self.0.capacity())
    }

    #[inline]
    fn width(&self) -> usize {
        self.0[0].into()
    }

    /// The integer at a position, the smallest is at 0. It must be there.
    #[inline]
    pub fn get(&self, index: usize) -> i64 {
        let width = self.width();
        let bytes = &self.0[HEADER + index * width..][..width];
        let mut all = if bytes[width - 1] & 0x80 == 0 { [0; 8] } else { [0xFF; 8] };
        all[..width].copy_from_slice(bytes);
        i64::from_le_bytes(all)
    }

    /// All integers, smallest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Where the integer is, or where it would stand.
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        // New ones are often larger than all others.
        if high > 0 && self.get(high - 1) < number {
            return Err(high);
        }
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(&number) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Whether the integer is in it.
    pub fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// Adds an integer. Returns whether it is new.
    pub fn insert(&mut self, number: i64) -> bool {
        let width = width_of(number);
        if width > self.width() {
            self.widen(width);
        }
        let Err(index) = self.search(number) else { return false };
        let (width, old_end) = (self.width(), self.0.len());
        let at = HEADER + index * width;
        self.reserve(width);
        self.0.resize(old_end + width, 0);
        self.0.copy_within(at..old_end, at + width);
        self.0[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        self.count();
        true
    }

    /// Removes an integer. Returns whether it was there. The width stays.
    pub fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.search(number) else { return false };
        let (width, at) = (self.width(), HEADER + index * self.width());
        self.0.drain(at..at + width);
        self.count();
        if allocated(self.0.len()) * 5 < self.0.capacity() * 4 {
            self.0.shrink_to(allocated(self.0.len()));
        }
        true
    }

    fn widen(&mut self, width: usize) {
        let len = self.len();
        let mut wide = Vec::with_capacity(allocated(HEADER + (len + 1) * width));
        wide.extend_from_slice(&(width as u32).to_le_bytes());
        wide.extend_from_slice(&(len as u32).to_le_bytes());
        for number in self.iter() {
            wide.extend_from_slice(&number.to_le_bytes()[..width]);
        }
        self.0 = wide;
    }

    fn count(&mut self) {
        let len = self.len() as u32;
        self.0[4..HEADER].copy_from_slice(&len.to_le_bytes());
    }

    /// Grows to the allocator's next size and no further: there are many, and most are done growing.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            self.0.reserve_exact(allocated(needed) - self.0.len());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[i64]) -> Intset {
        let mut set = Intset::new();
        for number in numbers {
            assert!(set.insert(*number));
        }
        set
    }

    #[test]
    fn the_bytes_are_those_of_redis() {
        assert_eq!(of(&[]).as_bytes(), b"\x02\0\0\0\0\0\0\0");
        assert_eq!(of(&[3, -1, 2]).as_bytes(), b"\x02\0\0\0\x03\0\0\0\xFF\xFF\x02\0\x03\0");
        assert_eq!(of(&[1, 40_000]).as_bytes(), b"\x04\0\0\0\x02\0\0\0\x01\0\0\0\x40\x9C\0\0");
        let mut wide = of(&[-1, 1 << 40]);
        assert!(wide.remove(1 << 40));
        let kept = b"\x08\0\0\0\x01\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        assert_eq!(wide.as_bytes(), kept, "it does not become narrow again");
    }

    #[test]
    fn bytes_that_are_no_intset_are_refused() {
        for good in [of(&[]), of(&[1]), of(&[-5, 7, 1 << 50])] {
            assert_eq!(Intset::checked(good.as_bytes().to_vec()), Some(good));
        }
        let bad: [&[u8]; 9] = [
            b"",
            b"\x02\0\0\0\0\0\0",
            b"\x03\0\0\0\x01\0\0\0\x01\0\0",
            b"\0\0\0\0\0\0\0\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0",
            b"\x02\0\0\0\x01\0\0\0\x01\0\x02\0",
            b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0",
            b"\x08\0\0\0\xFF\xFF\xFF\xFF\x01\0\0\0",
        ];
        for bytes in bad {
            assert_eq!(Intset::checked(bytes.to_vec()), None, "{bytes:?}");
        }
    }

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            -20i64..20,
            any::<i64>(),
            any::<i16>().prop_map(i64::from),
            any::<i32>().prop_map(i64::from),
            Just(i64::MIN),
            Just(0x7FFF),
            Just(0x8000),
            Just(-0x8001),
            Just(0x8000_0000),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(steps in prop::collection::vec((any::<bool>(), number()), 0..200)) {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for (insert, number) in steps {
                if insert {
                    prop_assert_eq!(set.insert(number), model.insert(number));
                } else {
                    prop_assert_eq!(set.remove(number), model.remove(&number));
                }
                prop_assert_eq!(set.contains(number), insert);
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert_eq!(Intset::checked(set.as_bytes().to_vec()), Some(set.clone()));
            }
        }
    }
}
