//! Redis' listpack: strings and integers one after the other in one allocation, byte for byte as RDB and DUMP carry them.
//!
//! `[bytes u32][count u16]` then the elements, then 0xFF. An element is `[encoding and data][its own length]`; the
//! length can be read backwards, so that a walk goes both ways. Positions are byte offsets; they hold until the next
//! change before them.

use std::borrow::Cow;

use super::memory::allocated;

const HEADER: usize = 6;
const END: u8 = 0xFF;
/// The count is not known: more elements than 16 bits can count.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// No text that is longer can be an integer.
const INTEGER_LEN: usize = 20;

/// A list of small elements in one allocation. Every operation is O(bytes) at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listpack(Vec<u8>);

/// An element as it is stored: what can be an integer is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Item<'a> {
    /// The one decimal spelling of this number.
    Int(i64),
    /// Anything else.
    Str(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The element's bytes.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Int(number) => Cow::Owned(itoa::Buffer::new().format(*number).as_bytes().to_vec()),
            Self::Str(text) => Cow::Borrowed(text),
        }
    }

    /// Hands the element's bytes over without an allocation.
    #[inline]
    pub fn with<R>(&self, use_it: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Int(number) => use_it(itoa::Buffer::new().format(*number).as_bytes()),
            Self::Str(text) => use_it(text),
        }
    }

    /// What an element with these bytes would be stored as.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        canonical_i64(bytes).map_or(Self::Str(bytes), Self::Int)
    }
}

/// The number that `bytes` are the one decimal spelling of.
#[inline]
pub fn canonical_i64(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if bytes.len() <= INTEGER_LEN => {}
        _ => return None,
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards, because the smallest number has no positive counterpart.
        number = number.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

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

/// How an element is encoded, its own length not counted.
#[derive(Debug)]
enum Element<'a> {
    Str(&'a [u8]),
    Uint7(u8),
    Int13(i16),
    /// Type byte and how many of the little-endian bytes follow.
    Int(u8, usize, i64),
}

impl<'a> Element<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        canonical_i64(bytes).map_or(Self::Str(bytes), Self::int)
    }

    fn int(number: i64) -> Self {
        match number {
            0..=127 => Self::Uint7(number as u8),
            -4096..=4095 => Self::Int13(number as i16),
            -0x8000..=0x7FFF => Self::Int(0xF1, 2, number),
            -0x80_0000..=0x7F_FFFF => Self::Int(0xF2, 3, number),
            -0x8000_0000..=0x7FFF_FFFF => Self::Int(0xF3, 4, number),
            _ => Self::Int(0xF4, 8, number),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Str(text) if text.len() < 64 => 1 + text.len(),
            Self::Str(text) if text.len() < 4096 => 2 + text.len(),
            Self::Str(text) => 5 + text.len(),
            Self::Uint7(_) => 1,
            Self::Int13(_) => 2,
            Self::Int(_, bytes, _) => 1 + bytes,
        }
    }

    fn write(&self, into: &mut [u8]) {
        match self {
            Self::Str(text) => {
                let head = self.len() - text.len();
                match head {
                    1 => into[0] = 0x80 | text.len() as u8,
                    2 => into[..2].copy_from_slice(&(0xE000 | text.len() as u16).to_be_bytes()),
                    _ => {
                        into[0] = 0xF0;
                        into[1..5].copy_from_slice(&(text.len() as u32).to_le_bytes());
                    }
                }
                into[head..head + text.len()].copy_from_slice(text);
            }
            Self::Uint7(number) => into[0] = *number,
            Self::Int13(number) => {
                into[..2].copy_from_slice(&(0xC000 | (*number as u16 & 0x1FFF)).to_be_bytes());
            }
            Self::Int(kind, bytes, number) => {
                into[0] = *kind;
                into[1..=*bytes].copy_from_slice(&number.to_le_bytes()[..*bytes]);
            }
        }
    }
}

/// Bytes of encoding and data of the element at `at`.
#[inline]
fn data_len(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        0..0x80 => 1,
        short @ 0x80..0xC0 => 1 + usize::from(short & 0x3F),
        0xC0..0xE0 => 2,
        high @ 0xE0..0xF0 => 2 + (usize::from(high & 0x0F) << 8 | usize::from(bytes[at + 1])),
        0xF0 => 5 + long_len(bytes, at),
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        _ => 9,
    }
}

/// The same for bytes that may be anything; they end where the elements should.
fn checked_data_len(bytes: &[u8], at: usize) -> Option<usize> {
    let head = match bytes.get(at)? {
        0xE0..0xF0 => 2,
        0xF0 => 5,
        0xF5.. => return None,
        _ => 1,
    };
    bytes.get(at..at + head)?;
    let len = data_len(bytes, at);
    bytes.get(at..at + len)?;
    Some(len)
}

fn long_len(bytes: &[u8], at: usize) -> usize {
    let len = bytes.get(at + 1..).and_then(|rest| rest.first_chunk::<4>());
    len.map_or(0, |len| u32::from_le_bytes(*len) as usize)
}

#[inline]
fn item(bytes: &[u8], at: usize) -> Item<'_> {
    match bytes[at] {
        number @ 0..0x80 => Item::Int(number.into()),
        short @ 0x80..0xC0 => Item::Str(&bytes[at + 1..=at + usize::from(short & 0x3F)]),
        high @ 0xC0..0xE0 => {
            let number = i16::from(high & 0x1F) << 8 | i16::from(bytes[at + 1]);
            // 13 bits with a sign.
            Item::Int((number << 3 >> 3).into())
        }
        0xE0..0xF0 => Item::Str(&bytes[at + 2..at + data_len(bytes, at)]),
        0xF0 => Item::Str(&bytes[at + 5..at + data_len(bytes, at)]),
        kind => {
            let size = if kind == 0xF4 { 8 } else { usize::from(kind - 0xEF) };
            let data = &bytes[at + 1..=at + size];
            let mut all = if data[size - 1] & 0x80 == 0 { [0; 8] } else { [0xFF; 8] };
            all[..size].copy_from_slice(data);
            Item::Int(i64::from_le_bytes(all))
        }
    }
}

/// Bytes that the length of an element takes behind it.
#[inline]
fn backlen_size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        // The bounds are Redis' own, one off from what would fit.
        128..16383 => 2,
        16383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Seven bits a byte, the lowest last; all but the first say that another one stands before them.
fn write_backlen(into: &mut [u8], len: usize) {
    let size = backlen_size(len);
    for (nth, byte) in into[..size].iter_mut().enumerate() {
        let bits = (len >> (7 * (size - 1 - nth))) as u8 & 127;
        *byte = if nth == 0 { bits } else { bits | 128 };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn pack(elements: &[&[u8]]) -> Listpack {
        let mut pack = Listpack::new();
        for element in elements {
            pack.push(element);
        }
        pack
    }

    fn all(pack: &Listpack) -> Vec<Vec<u8>> {
        pack.iter().map(|item| item.bytes().into_owned()).collect()
    }

    #[test]
    fn the_bytes_are_those_of_a_real_server() {
        // The inner string of DUMP after RPUSH of these elements to redis-server 7.0.15.
        let pack = pack(&[b"a", b"127", b"128", b"-1", b"70000", b"hello"]);
        let expected =
            b"\x1e\0\0\0\x06\0\x81a\x02\x7f\x01\xc0\x80\x02\xdf\xff\x02\xf2p\x11\x01\x04\x85hello\x06\xff";
        assert_eq!(pack.as_bytes(), expected);
    }

    #[test]
    fn every_element_comes_back_both_ways() {
        let long = vec![b'x'; 5000];
        let huge = vec![b'y'; 40_000];
        let mut elements: Vec<Vec<u8>> = [
            "0",
            "-0",
            "127",
            "128",
            "-1",
            "4095",
            "4096",
            "-4096",
            "-4097",
            "32767",
            "-32768",
            "32768",
            "8388607",
            "-8388608",
            "8388608",
            "2147483647",
            "-2147483648",
            "2147483648",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "01",
            "+1",
            "",
            "-",
            "a",
            "1.5",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into();
        elements.extend([vec![b'z'; 63], vec![b'z'; 64], vec![b'z'; 4095], long, huge]);
        let mut pack = Listpack::new();
        for element in &elements {
            pack.push(element);
        }
        assert_eq!(all(&pack), elements);
        assert_eq!(Listpack::checked(pack.as_bytes().to_vec()).as_ref(), Some(&pack));
        let mut at = pack.end();
        for element in elements.iter().rev() {
            at = pack.before(at).unwrap();
            assert_eq!(*pack.get(at).bytes(), **element);
        }
        assert_eq!(pack.before(at), None);
        for (nth, element) in elements.iter().enumerate() {
            assert_eq!(*pack.get(pack.seek(nth as i64).unwrap()).bytes(), **element);
            assert!(pack.find(HEADER, element, 0).is_some());
        }
        assert_eq!(pack.seek(elements.len() as i64), None);
    }

    #[test]
    fn changes_in_the_middle_keep_the_rest() {
        let mut pack = pack(&[b"one", b"2", b"three"]);
        let two = pack.seek(1).unwrap();
        pack.replace(two, b"a longer one");
        pack.insert(two, b"new");
        pack.push_front(b"0");
        assert_eq!(all(&pack), [&b"0"[..], b"one", b"new", b"a longer one", b"three"]);
        assert_eq!(pack.len(), 5);
        let at = pack.seek(1).unwrap();
        let tail = pack.split_off(at);
        assert_eq!((all(&pack), tail.len()), (vec![b"0".to_vec()], 4));
        pack.append(&tail);
        assert_eq!(pack.remove(pack.seek(1).unwrap(), 2), 2);
        assert_eq!(all(&pack), [&b"0"[..], b"a longer one", b"three"]);
        assert_eq!(pack.find(HEADER, b"three", 1), Some(pack.seek(2).unwrap()));
        assert_eq!(pack.find(HEADER, b"a longer one", 1), None);
        assert!(Listpack::checked(pack.as_bytes().to_vec()).is_some());
    }

    #[test]
    fn no_bytes_from_outside_are_believed() {
        let good = pack(&[b"one", b"70000", &[b'x'; 100], &[b'y'; 5000]]).as_bytes().to_vec();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                // Whatever is let through can be walked to its end.
                if let Some(pack) = Listpack::checked(bad) {
                    assert_eq!(pack.iter().count(), 4);
                }
            }
            assert_eq!(Listpack::checked(good[..at].to_vec()), None);
        }
    }

    #[test]
    fn more_elements_than_the_count_can_say_are_counted() {
        let mut pack = Listpack::new();
        for _ in 0..70_000 {
            pack.push(b"1");
        }
        assert_eq!(pack.len(), 70_000);
        pack.remove(HEADER, 10_000);
        assert_eq!(pack.len(), 60_000);
    }
}
