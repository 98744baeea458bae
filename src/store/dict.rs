//! A hash table in pieces of bounded size: what large hashes, sets and sorted sets look their elements up in.
//!
//! It grows as a keyspace does (extendible hashing on the top hash bits), so growing moves one piece only, a snapshot
//! shares the pieces, and a cursor is the start of a range of hashes: an element that is there all along is visited
//! exactly once.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use triomphe::Arc;

/// A piece splits when it holds this many elements: the most that 512 slots take without growing.
const SPLIT_AT: usize = 448;
/// The directory doubles up to this many bits; beyond it pieces just grow.
const BITS_MAX: u8 = 28;
/// Bits of the hash that a cursor leaves out, so that it stays below 2^48.
const CURSOR_SHIFT: u32 = 16;

const HASHER: FixedState = FixedState::with_seed(0x5EED_0F5C_09E5_11AB);

/// An element: cheap to clone, because a piece that a snapshot shares is cloned by its first change.
pub trait Keyed: Clone {
    /// What it is found by.
    fn key(&self) -> &[u8];
    /// Estimate of the allocation behind it, in bytes.
    fn memory(&self) -> usize;
}

#[derive(Debug, Clone)]
struct Piece<R> {
    table: Arc<HashTable<R>>,
    /// First hash of the range.
    start: u64,
    /// How many top bits all hashes here share.
    depth: u8,
}

/// Elements by key.
#[derive(Debug, Clone)]
pub struct Dict<R> {
    directory: Vec<u32>,
    bits: u8,
    pieces: Vec<Piece<R>>,
    len: usize,
    element_bytes: usize,
    table_bytes: usize,
}

impl<R: Keyed> Default for Dict<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a table sees of a hash: all keys of a piece share their top bits, and the table takes its tag bits from the top.
fn in_table(hash: u64) -> u64 {
    (hash << 37) | (hash & 0xFFFF_FFFF)
}

fn hash_of(key: &[u8]) -> u64 {
    HASHER.hash_one(key)
}

impl<R: Keyed> Dict<R> {
    /// An empty one.
    pub fn new() -> Self {
        let piece = Piece { table: Arc::default(), start: 0, depth: 0 };
        Self { directory: vec![0], bits: 0, pieces: vec![piece], len: 0, element_bytes: 0, table_bytes: 0 }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Places for elements in its tables, taken or not. O(tables).
    pub fn slot_count(&self) -> usize {
        self.pieces.iter().map(|piece| piece.table.num_buckets()).sum()
    }

    /// Estimate of the bytes that it takes, elements included.
    pub fn memory(&self) -> usize {
        let directory = self.pieces.capacity() * size_of::<Piece<R>>() + self.directory.capacity() * 4;
        self.element_bytes + self.table_bytes + directory
    }

    #[inline]
    fn index_of(&self, hash: u64) -> usize {
        // Two shifts, because a shift by 64 (a directory of one entry) is not defined.
        self.directory[((hash >> 1) >> (63 - self.bits)) as usize] as usize
    }

    /// The element with this key. O(1).
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<&R> {
        let hash = hash_of(key);
        self.pieces[self.index_of(hash)].table.find(in_table(hash), |element| element.key() == key)
    }

    /// Loads what a look-up of `key` will read, so that the next elements of a batch find it in the cache.
    #[inline]
    pub fn touch(&self, key: &[u8]) {
        let hash = hash_of(key);
        let table = &self.pieces[self.index_of(hash)].table;
        // No element takes nothing: this reads where each begins, and a comparison would wait for it.
        std::hint::black_box(table.find(in_table(hash), |element| element.memory() == 0));
    }

    /// Changes the element with this key where it is; its key must stay. `None` if there is none. O(1).
    pub fn edit<T>(&mut self, key: &[u8], edit: impl FnOnce(&mut R) -> T) -> Option<T> {
        let hash = hash_of(key);
        let index = self.index_of(hash);
        let piece = &mut self.pieces[index];
        if !piece.table.is_unique() {
            // A miss must not cost a copy of the piece.
            piece.table.find(in_table(hash), |element| element.key() == key)?;
        }
        let table = Arc::make_mut(&mut piece.table);
        let element = table.find_mut(in_table(hash), |element| element.key() == key)?;
        let before = element.memory();
        let result = edit(element);
        self.element_bytes = self.element_bytes + element.memory() - before;
        Some(result)
    }

    /// Puts an element in; the one with the same key that it replaces comes back. O(1).
    pub fn insert(&mut self, element: R) -> Option<R> {
        let hash = hash_of(element.key());
        let mut index = self.index_of(hash);
        self.element_bytes += element.memory();
        let table = Arc::make_mut(&mut self.pieces[index].table);
        if let Some(old) = table.find_mut(in_table(hash), |old| old.key() == element.key()) {
            let old = std::mem::replace(old, element);
            self.element_bytes -= old.memory();
            return Some(old);
        }
        while self.pieces[index].table.len() >= SPLIT_AT && self.pieces[index].depth < BITS_MAX {
            self.split(index);
            index = self.index_of(hash);
        }
        let table = Arc::make_mut(&mut self.pieces[index].table);
        let before = table.allocation_size();
        table.insert_unique(in_table(hash), element, |element| in_table(hash_of(element.key())));
        self.table_bytes += table.allocation_size() - before;
        self.len += 1;
        None
    }

    /// Takes an element out. O(1).
    pub fn remove(&mut self, key: &[u8]) -> Option<R> {
        let hash = hash_of(key);
        let index = self.index_of(hash);
        // A miss must not cost a copy of the piece.
        self.pieces[index].table.find(in_table(hash), |element| element.key() == key)?;
        let table = Arc::make_mut(&mut self.pieces[index].table);
        let before = table.allocation_size();
        let (element, _) = table.find_entry(in_table(hash), |element| element.key() == key).ok()?.remove();
        if table.len() * 8 < table.capacity() {
            table.shrink_to(table.len() * 2, |element| in_table(hash_of(element.key())));
        }
        self.table_bytes -= before - table.allocation_size();
        self.element_bytes -= element.memory();
        self.len -= 1;
        Some(element)
    }

    /// All elements, in an order that only hashes and history decide.
    pub fn iter(&self) -> impl Iterator<Item = &R> + Clone {
        self.pieces.iter().flat_map(|piece| piece.table.iter())
    }

    /// Visits about `count` elements from `cursor` on and returns the next cursor, 0 at the end.
    ///
    /// An element that is there all along is visited exactly once, whatever changes between two calls. O(count) and
    /// one piece.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a R)) -> u64 {
        let mut start = (cursor & (u64::MAX >> CURSOR_SHIFT)) << CURSOR_SHIFT;
        let (mut visited, mut pieces_left) = (0, count.saturating_mul(10));
        loop {
            let piece = &self.pieces[self.index_of(start)];
            let whole = piece.start | u64::MAX.checked_shr(piece.depth.into()).unwrap_or(0);
            let held = piece.table.len();
            let wanted = count.saturating_sub(visited).max(1);
            let last = if held <= wanted.saturating_mul(2) {
                whole
            } else {
                let span = (u64::MAX >> piece.depth) / held as u64;
                let part = span.saturating_mul(wanted as u64) | ((1 << CURSOR_SHIFT) - 1);
                start.saturating_add(part).min(whole) | ((1 << CURSOR_SHIFT) - 1)
            };
            for element in piece.table.iter() {
                if (start..=last).contains(&hash_of(element.key())) {
                    visited += 1;
                    visit(element);
                }
            }
            pieces_left = pieces_left.saturating_sub(1);
            match last.checked_add(1) {
                None => return 0,
                Some(next) if visited >= count || pieces_left == 0 => return next >> CURSOR_SHIFT,
                Some(next) => start = next,
            }
        }
    }

    /// An element picked evenly at random; `random` yields 64 random bits each time. O(1).
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<&R> {
        if self.is_empty() {
            return None;
        }
        // A hash picks a piece as often as its range is wide; accepting it as often as it is full makes every element
        // equally likely. A piece that is nearly empty among full ones is found out by the bound.
        for _ in 0..256 {
            let table = &self.pieces[self.index_of(random())].table;
            if self.pieces.len() == 1 || random() % (SPLIT_AT as u64) < table.len() as u64 {
                return pick(table, &mut random);
            }
        }
        let nth = (random() % self.len as u64) as usize;
        self.iter().nth(nth)
    }

    /// Divides a piece into the two halves of its range.
    fn split(&mut self, index: usize) {
        let depth = self.pieces[index].depth;
        if depth == self.bits {
            self.directory = self.directory.iter().flat_map(|&at| [at, at]).collect();
            self.bits += 1;
        }
        let piece = &mut self.pieces[index];
        let old = std::mem::take(&mut piece.table);
        let before = old.allocation_size();
        let middle = 1 << (63 - depth);
        let mut halves = [HashTable::with_capacity(SPLIT_AT), HashTable::with_capacity(SPLIT_AT)];
        let mut put = |element: R| {
            let hash = hash_of(element.key());
            let half = &mut halves[usize::from(hash & middle != 0)];
            half.insert_unique(in_table(hash), element, |element| in_table(hash_of(element.key())));
        };
        match Arc::try_unwrap(old) {
            Ok(old) => old.into_iter().for_each(&mut put),
            Err(shared) => shared.iter().cloned().for_each(&mut put),
        }
        let [low, high] = halves;
        self.table_bytes = self.table_bytes - before + low.allocation_size() + high.allocation_size();
        piece.table = Arc::new(low);
        piece.depth += 1;
        let upper = Piece { table: Arc::new(high), start: piece.start | middle, depth: piece.depth };
        let new_index = self.pieces.len() as u32;
        let first = ((upper.start >> 1) >> (63 - self.bits)) as usize;
        let count = 1 << (self.bits - upper.depth);
        self.directory[first..first + count].fill(new_index);
        self.pieces.push(upper);
    }
}

fn pick<'a, R>(table: &'a HashTable<R>, random: &mut impl FnMut() -> u64) -> Option<&'a R> {
    if table.is_empty() {
        return None;
    }
    for _ in 0..1024 {
        let bucket = (random() % table.num_buckets() as u64) as usize;
        if let Some(element) = table.get_bucket(bucket) {
            return Some(element);
        }
    }
    table.iter().next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashMap;

    use super::*;
    use crate::store::Random;

    impl Keyed for std::rc::Rc<str> {
        fn key(&self) -> &[u8] {
            self.as_bytes()
        }
        fn memory(&self) -> usize {
            self.len()
        }
    }

    fn of(count: usize) -> Dict<std::rc::Rc<str>> {
        let mut dict = Dict::new();
        (0..count).for_each(|nth| drop(dict.insert(nth.to_string().into())));
        dict
    }

    #[test]
    fn elements_are_found_until_they_are_removed() {
        let mut dict = of(10_000);
        assert!((0..10_000).all(|nth| dict.get(nth.to_string().as_bytes()).is_some()));
        assert!(dict.insert("77".into()).is_some(), "the old one comes back");
        assert_eq!((dict.len(), dict.iter().count()), (10_000, 10_000));
        for nth in 0..10_000 {
            assert!(dict.remove(nth.to_string().as_bytes()).is_some());
            assert!(dict.remove(nth.to_string().as_bytes()).is_none());
        }
        assert_eq!((dict.len(), dict.element_bytes), (0, 0));
    }

    #[test]
    fn a_clone_is_not_changed_with_the_original() {
        let mut dict = of(3_000);
        let before = dict.clone();
        for nth in 0..3_000 {
            dict.remove(nth.to_string().as_bytes());
            dict.insert(format!("new{nth}").into());
        }
        assert!((0..3_000).all(|nth| before.get(nth.to_string().as_bytes()).is_some()));
        assert_eq!(before.iter().count(), 3_000);
    }

    #[test]
    fn a_walk_meets_everything_once_while_the_table_grows() {
        let mut dict = of(500);
        let (mut seen, mut cursor, mut grown) = (HashMap::<String, u32>::new(), 0, 500);
        loop {
            cursor = dict.scan(cursor, 10, |element| *seen.entry(element.to_string()).or_default() += 1);
            for _ in 0..50 {
                dict.insert(grown.to_string().into());
                grown += 1;
            }
            if cursor == 0 {
                break;
            }
        }
        assert!((0..500).all(|nth| seen[&nth.to_string()] == 1), "each of the first 500 exactly once");
        assert!(seen.values().all(|times| *times == 1));
    }

    #[test]
    fn random_picks_are_even() {
        let dict = of(2_000);
        let mut random = Random::new(1);
        let mut hits = HashMap::<String, u32>::new();
        for _ in 0..200_000 {
            let picked = dict.random(|| random.bits());
            *hits.entry(picked.unwrap().to_string()).or_default() += 1;
        }
        // 100 expected for each; beyond 6 standard deviations is no luck.
        assert!((0..2_000).all(|nth| (40..160).contains(&hits[&nth.to_string()])));
    }
}
