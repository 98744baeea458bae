//! Redis' listpack: strings and integers one after the other in one allocation, byte for byte as RDB and DUMP carry them.
//!
//! `[bytes u32][count u16]` then the elements, then 0xFF. An element is `[encoding and data][its own length]`; the
//! length can be read backwards, so that a walk goes both ways. Positions are byte offsets; they hold until the next
//! change before them.

mod coding;
mod item;

pub use item::Item;

use super::memory::allocated;
use coding::{Element, backlen_size, checked_data_len, data_len, item, write_backlen};

const HEADER: usize = 6;
const END: u8 = 0xFF;
/// The count is not known: more elements than 16 bits can count.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A list of small elements in one allocation. Every operation is O(bytes) at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listpack(Vec<u8>);

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl Listpack {
    /// An empty one. It allocates.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(allocated(HEADER + 1));
        bytes.extend_from_slice(&[HEADER as u8 + 1, 0, 0, 0, 0, 0, END]);
        Self(bytes)
    }

    /// Takes over bytes from outside, after every element was checked.
    pub fn checked(bytes: Vec<u8>) -> Option<Self> {
        let len = u32::try_from(bytes.len()).ok()?;
        let (&head, &count) = (bytes.first_chunk::<4>()?, bytes.get(4..)?.first_chunk::<2>()?);
        if u32::from_le_bytes(head) != len || bytes.len() <= HEADER || bytes.last() != Some(&END) {
            return None;
        }
        let (mut at, mut found) = (HEADER, 0usize);
        while at < bytes.len() - 1 {
            let data = checked_data_len(&bytes[..bytes.len() - 1], at)?;
            let back = backlen_size(data);
            let mut expected = [0; 5];
            write_backlen(&mut expected, data);
            if bytes.get(at + data..at + data + back)? != &expected[..back] {
                return None;
            }
            at += data + back;
            found += 1;
        }
        let count = u16::from_le_bytes(count);
        let fits = at == bytes.len() - 1 && (count == COUNT_UNKNOWN || usize::from(count) == found);
        fits.then_some(Self(bytes))
    }

    /// The bytes as RDB carries them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Elements. O(1) below 65,535 of them, else O(n).
    pub fn len(&self) -> usize {
        match u16::from_le_bytes([self.0[4], self.0[5]]) {
            COUNT_UNKNOWN => self.iter().count(),
            count => count.into(),
        }
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER + 1
    }

    /// Estimate of the allocation, in bytes.
    pub fn memory(&self) -> usize {
        allocated(self.0.capacity())
    }

    /// Position of the first element, which is [`Listpack::end`] if there is none.
    pub fn start(&self) -> usize {
        HEADER
    }

    /// Position behind the last element.
    pub fn end(&self) -> usize {
        self.0.len() - 1
    }

    /// Position of the first element.
    pub fn first(&self) -> Option<usize> {
        (!self.is_empty()).then_some(HEADER)
    }

    /// Position of the last element.
    pub fn last(&self) -> Option<usize> {
        self.before(self.end())
    }

    /// Position of the element behind the one at `at`.
    #[inline]
    pub fn next(&self, at: usize) -> Option<usize> {
        let next = self.after(at);
        (next < self.end()).then_some(next)
    }

    /// Position behind the element at `at`: that of the next one, or the end.
    #[inline]
    pub fn after(&self, at: usize) -> usize {
        let data = data_len(&self.0, at);
        at + data + backlen_size(data)
    }

    /// Position of the element that ends at `at`.
    #[inline]
    pub fn before(&self, at: usize) -> Option<usize> {
        if at == HEADER {
            return None;
        }
        let (mut data, mut shift, mut back) = (0usize, 0, at - 1);
        loop {
            data |= usize::from(self.0[back] & 127) << shift;
            if self.0[back] & 128 == 0 {
                return Some(back - data);
            }
            shift += 7;
            back -= 1;
        }
    }

    /// Position of the element with this index; negative counts from the end, -1 is the last. O(index).
    pub fn seek(&self, index: i64) -> Option<usize> {
        if index < 0 {
            let mut at = self.last()?;
            for _ in 1..index.unsigned_abs() {
                at = self.before(at)?;
            }
            return Some(at);
        }
        let count = self.len();
        if index as usize >= count {
            return None;
        }
        if index as usize > count / 2 {
            return self.seek(index - count as i64);
        }
        let mut at = HEADER;
        for _ in 0..index {
            at = self.after(at);
        }
        Some(at)
    }

    /// The element at a position.
    #[inline]
    pub fn get(&self, at: usize) -> Item<'_> {
        item(&self.0, at)
    }

    /// All elements, first to last.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(HEADER)
    }

    /// The elements from a position on.
    pub fn iter_from(&self, at: usize) -> Iter<'_> {
        Iter { pack: self, at }
    }

    /// Position of the first element equal to `wanted` among those `skip + 1` apart, from `at` on: fields of a hash
    /// are found with `skip` 1.
    pub fn find(&self, mut at: usize, wanted: &[u8], skip: usize) -> Option<usize> {
        let wanted = Item::of(wanted);
        while at < self.end() {
            if self.get(at) == wanted {
                return Some(at);
            }
            for _ in 0..=skip {
                if at < self.end() {
                    at = self.after(at);
                }
            }
        }
        None
    }

    /// Puts an element in front of the one at `at`, or at the end. Returns the position behind it.
    pub fn insert(&mut self, at: usize, bytes: &[u8]) -> usize {
        let element = Element::of(bytes);
        self.splice(at, at, &element, 1)
    }

    /// Puts an element at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.insert(self.end(), bytes);
    }

    /// Puts an integer at the end.
    pub fn push_int(&mut self, number: i64) {
        let element = Element::int(number);
        self.splice(self.end(), self.end(), &element, 1);
    }

    /// Puts an element in front of all others.
    pub fn push_front(&mut self, bytes: &[u8]) {
        self.insert(HEADER, bytes);
    }

    /// Replaces the element at `at`. Returns the position behind it.
    pub fn replace(&mut self, at: usize, bytes: &[u8]) -> usize {
        let (element, after) = (Element::of(bytes), self.after(at));
        self.splice(at, after, &element, 0)
    }

    /// Replaces the element at `at` by an integer. Returns the position behind it.
    pub fn replace_int(&mut self, at: usize, number: i64) -> usize {
        let (element, after) = (Element::int(number), self.after(at));
        self.splice(at, after, &element, 0)
    }

    /// Removes up to `count` elements from `at` on; the next one is at `at` then. Returns how many there were.
    pub fn remove(&mut self, at: usize, count: usize) -> usize {
        let (mut end, mut removed) = (at, 0);
        while removed < count && end < self.end() {
            end = self.after(end);
            removed += 1;
        }
        let len = self.len();
        self.0.drain(at..end);
        self.changed(len - removed);
        self.shrink();
        removed
    }

    /// Adds all elements of another one at the end.
    pub fn append(&mut self, other: &Self) {
        let count = self.len() + other.len();
        self.reserve(other.0.len() - HEADER - 1);
        self.0.pop();
        self.0.extend_from_slice(&other.0[HEADER..]);
        self.changed(count);
    }

    /// Cuts it in two: the elements from `at` on are in the one returned.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        let total = self.len();
        let mut tail = Self::new();
        tail.reserve(self.end() - at);
        tail.0.pop();
        tail.0.extend_from_slice(&self.0[at..]);
        let moved = {
            tail.set_count(usize::from(COUNT_UNKNOWN));
            tail.iter().count()
        };
        tail.changed(moved);
        self.0.truncate(at);
        self.0.push(END);
        self.changed(total - moved);
        self.shrink();
        tail
    }

    /// Bytes that one more element with these bytes takes.
    pub fn room_for(bytes: &[u8]) -> usize {
        let data = Element::of(bytes).len();
        data + backlen_size(data)
    }

    fn splice(&mut self, from: usize, to: usize, element: &Element<'_>, more: usize) -> usize {
        let len = self.len();
        let data = element.len();
        let size = data + backlen_size(data);
        let old = to - from;
        let total = self.0.len();
        if size > old {
            self.reserve(size - old);
            self.0.resize(total + size - old, 0);
        }
        self.0.copy_within(to..total, from + size);
        self.0.truncate(total + size - old);
        element.write(&mut self.0[from..]);
        write_backlen(&mut self.0[from + data..], data);
        self.changed(len + more);
        if size < old {
            self.shrink();
        }
        from + size
    }

    /// Grows to the allocator's next size and no further: there are many, and most are done growing.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            self.0.reserve_exact(allocated(needed) - self.0.len());
        }
    }

    fn shrink(&mut self) {
        if allocated(self.0.len()) * 5 < self.0.capacity() * 4 {
            self.0.shrink_to(allocated(self.0.len()));
        }
    }

    fn changed(&mut self, count: usize) {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_le_bytes());
        self.set_count(count);
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }
}

/// Walks over the elements of a [`Listpack`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    pack: &'a Listpack,
    at: usize,
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.at >= self.pack.end() {
            return None;
        }
        let found = self.pack.get(self.at);
        self.at = self.pack.after(self.at);
        Some(found)
    }
}

#[cfg(test)]
mod tests;
