//! Hashes: compact in a listpack, large in a hash table. A hash that has become large stays so.

use triomphe::{Arc, ThinArc};

use super::dict::{Dict, Keyed};
use super::{Encodings, Item, Listpack, allocated};

/// Reference count and length that stand before the bytes of a [`Pair`].
const PAIR_OVERHEAD: usize = 16;
/// First byte of a pair whose field is too long for one byte: four bytes of length follow.
const LONG_FIELD: u8 = u8::MAX;
/// Pairs up to this many bytes are put together on the stack.
const SHORT_PAIR: usize = 256;
/// A listpack never grows beyond this many bytes, whatever the configured thresholds: its length has 32 bits.
const PACK_MAX: usize = 1 << 30;

/// A field with its value in one allocation, shared with snapshots: `[length of the field][field][value]`.
#[derive(Debug, Clone)]
struct Pair(ThinArc<(), u8>);

impl Pair {
    fn new(field: &[u8], value: &[u8]) -> Self {
        let mut head = [LONG_FIELD; 5];
        let head = if field.len() < usize::from(LONG_FIELD) {
            head[0] = field.len() as u8;
            &head[..1]
        } else {
            head[1..].copy_from_slice(&(field.len() as u32).to_le_bytes());
            &head[..]
        };
        let len = head.len() + field.len() + value.len();
        let mut short = [0; SHORT_PAIR];
        if let Some(bytes) = short.get_mut(..len) {
            let (into_head, rest) = bytes.split_at_mut(head.len());
            let (into_field, into_value) = rest.split_at_mut(field.len());
            into_head.copy_from_slice(head);
            into_field.copy_from_slice(field);
            into_value.copy_from_slice(value);
            return Self(ThinArc::from_header_and_slice((), bytes));
        }
        Self(ThinArc::from_header_and_slice((), &[head, field, value].concat()))
    }

    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        let bytes = &self.0.slice;
        match bytes[0] {
            LONG_FIELD => {
                let len = bytes[1..].first_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len) as usize);
                bytes[5..].split_at(len)
            }
            len => bytes[1..].split_at(len.into()),
        }
    }

    /// Puts another value in, in the same place if it fits there and no snapshot shares the pair.
    fn set_value(&mut self, value: &[u8]) {
        let old = self.parts().1;
        let at = self.0.slice.len() - old.len();
        let done = old.len() == value.len()
            && self.0.with_arc_mut(|arc| match Arc::get_mut(arc) {
                Some(inner) => {
                    inner.slice_mut()[at..].copy_from_slice(value);
                    true
                }
                None => false,
            });
        if !done {
            *self = Self::new(self.parts().0, value);
        }
    }

    fn items(&self) -> (Item<'_>, Item<'_>) {
        let (field, value) = self.parts();
        (Item::Str(field), Item::Str(value))
    }
}

impl Keyed for Pair {
    #[inline]
    fn key(&self) -> &[u8] {
        self.parts().0
    }

    fn memory(&self) -> usize {
        allocated(PAIR_OVERHEAD + self.0.slice.len())
    }
}

/// Fields with their values.
#[derive(Debug, Clone, Default)]
pub struct Hash(Fields);

#[derive(Debug, Clone)]
enum Fields {
    /// A field, its value, the next field, …
    Pack(Listpack),
    /// Behind one pointer, so that the many small hashes do not pay for the few large ones.
    Table(Box<Dict<Pair>>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::Pack(Listpack::new())
    }
}

impl Hash {
    /// Takes over a listpack of fields and values that has been checked: pairs only, no field twice.
    pub fn from_listpack(pack: Listpack, encodings: &Encodings) -> Self {
        let mut hash = Self(Fields::Pack(pack));
        if hash.len() as u64 > encodings.hash_max_listpack_entries {
            hash.convert();
        }
        hash
    }

    /// The listpack, if the hash is small.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Fields::Pack(pack) => Some(pack),
            Fields::Table(_) => None,
        }
    }

    /// Places for fields in the table of a large one, taken or not.
    pub fn slot_count(&self) -> Option<usize> {
        match &self.0 {
            Fields::Pack(_) => None,
            Fields::Table(table) => Some(table.slot_count()),
        }
    }

    /// Fields. O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Fields::Pack(pack) => pack.len() / 2,
            Fields::Table(table) => table.len(),
        }
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Fields::Pack(pack) => pack.is_empty(),
            Fields::Table(table) => table.is_empty(),
        }
    }

    /// Estimate of the bytes that it takes.
    pub fn memory(&self) -> usize {
        match &self.0 {
            Fields::Pack(pack) => pack.memory(),
            Fields::Table(table) => allocated(size_of::<Dict<Pair>>()) + table.memory(),
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Fields::Pack(_) => "listpack",
            Fields::Table(_) => "hashtable",
        }
    }

    /// Loads what a look-up of `field` will read; a small hash is read as a whole anyway.
    #[inline]
    pub fn touch(&self, field: &[u8]) {
        if let Fields::Table(table) = &self.0 {
            table.touch(field);
        }
    }

    /// The value of a field. O(1), and O(fields) in a small hash.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        match &self.0 {
            Fields::Pack(pack) => {
                let at = pack.find(pack.start(), field, 1)?;
                Some(pack.get(pack.after(at)))
            }
            Fields::Table(table) => table.get(field).map(|pair| Item::Str(pair.parts().1)),
        }
    }

    /// Leaves the compact encoding at once if one of `texts`, fields and values that are about to come, is too long
    /// for it.
    pub fn make_way<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]>, encodings: &Encodings) {
        let Fields::Pack(pack) = &self.0 else { return };
        let mut total = pack.as_bytes().len();
        for text in texts {
            total = total.saturating_add(text.len());
            if !Self::is_short(text, encodings) || total > PACK_MAX {
                return self.convert();
            }
        }
    }

    /// Whether a field or a value is short enough for the compact encoding.
    pub fn is_short(text: &[u8], encodings: &Encodings) -> bool {
        text.len() as u64 <= encodings.hash_max_listpack_value
    }

    /// Sets a field. Returns whether it is new. O(1), and O(fields) in a small hash.
    pub fn set(&mut self, field: &[u8], value: &[u8], encodings: &Encodings) -> bool {
        self.make_way([field, value].into_iter(), encodings);
        match &mut self.0 {
            Fields::Pack(pack) => {
                if let Some(at) = pack.find(pack.start(), field, 1) {
                    pack.replace(pack.after(at), value);
                    return false;
                }
                pack.push(field);
                pack.push(value);
                if pack.len() as u64 / 2 > encodings.hash_max_listpack_entries {
                    self.convert();
                }
                true
            }
            Fields::Table(table) => {
                table.edit(field, |pair| pair.set_value(value)).is_none()
                    && table.insert(Pair::new(field, value)).is_none()
            }
        }
    }

    /// Removes a field. Returns whether it was there. O(1), and O(fields) in a small hash.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Fields::Pack(pack) => match pack.find(pack.start(), field, 1) {
                Some(at) => pack.remove(at, 2) > 0,
                None => false,
            },
            Fields::Table(table) => table.remove(field).is_some(),
        }
    }

    /// All fields with their values: as they came, or in no particular order in a large hash.
    pub fn iter(&self) -> impl Iterator<Item = (Item<'_>, Item<'_>)> {
        let (pack, table) = match &self.0 {
            Fields::Pack(pack) => (Some(pack), None),
            Fields::Table(table) => (None, Some(table)),
        };
        let packed = pack.into_iter().flat_map(|pack| {
            let mut items = pack.iter();
            std::iter::from_fn(move || Some((items.next()?, items.next()?)))
        });
        packed.chain(table.into_iter().flat_map(|table| table.iter().map(Pair::items)))
    }

    /// Visits about `count` fields from `cursor` on and returns the next cursor, 0 at the end; a small hash is visited
    /// whole. O(count).
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'a>, Item<'a>)) -> u64 {
        match &self.0 {
            Fields::Pack(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Fields::Table(table) => table.scan(cursor, count, |pair| {
                let (field, value) = pair.items();
                visit(field, value);
            }),
        }
    }

    /// A field picked evenly at random, with its value; `random` yields 64 random bits each time. O(1), and O(fields)
    /// in a small hash.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<(Item<'_>, Item<'_>)> {
        match &self.0 {
            Fields::Pack(pack) => {
                let nth = random().checked_rem(self.len() as u64)?;
                let at = pack.seek(nth as i64 * 2)?;
                Some((pack.get(at), pack.get(pack.after(at))))
            }
            Fields::Table(table) => table.random(random).map(Pair::items),
        }
    }

    /// Leaves the compact encoding: more fields are known to come than it may have.
    pub fn enlarge(&mut self) {
        if let Fields::Pack(_) = &self.0 {
            self.convert();
        }
    }

    fn convert(&mut self) {
        let mut table = Box::new(Dict::new());
        for (field, value) in self.iter() {
            let pair = field.with(|field| value.with(|value| Pair::new(field, value)));
            table.insert(pair);
        }
        self.0 = Fields::Table(table);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use crate::store::Random;
    use proptest::prelude::*;

    use super::*;

    const FEW: Encodings =
        Encodings { hash_max_listpack_entries: 8, hash_max_listpack_value: 20, ..Encodings::REDIS };

    fn contents(hash: &Hash) -> BTreeMap<Vec<u8>, Vec<u8>> {
        hash.iter().map(|(field, value)| (field.bytes().into_owned(), value.bytes().into_owned())).collect()
    }

    /// What its elements take alone.
    fn least(hash: &Hash) -> usize {
        match &hash.0 {
            Fields::Pack(pack) => pack.memory(),
            Fields::Table(table) => table.iter().map(Keyed::memory).sum(),
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => (0..30i64).prop_map(|number| number.to_string().into_bytes()),
            2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            2 => prop::collection::vec(any::<u8>(), 0..24),
            1 => Just(vec![b'f'; 254]),
            1 => Just(vec![b'f'; 255]),
            1 => Just(vec![b'f'; 300]),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_a_clone_of_it_does_not_change(
            steps in prop::collection::vec((0..8u8, text(), text()), 0..120),
            cut in 0..120usize,
        ) {
            let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
            let mut snapshot = None;
            let mut was_large = false;
            for (nth, (action, field, value)) in steps.into_iter().enumerate() {
                if nth == cut {
                    snapshot = Some((hash.clone(), model.clone()));
                }
                if action < 5 {
                    prop_assert_eq!(hash.set(&field, &value, &FEW), model.insert(field.clone(), value).is_none());
                } else {
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                }
                let found = hash.get(&field).map(|value| value.bytes().into_owned());
                prop_assert_eq!(found.as_ref(), model.get(&field));
                prop_assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
                let is_large = hash.as_listpack().is_none();
                prop_assert!(is_large || model.len() <= 8, "too long for a listpack");
                prop_assert!(is_large || !was_large, "a large hash stays large");
                was_large = is_large;
                prop_assert!((least(&hash)..least(&hash) + 8192).contains(&hash.memory()));
            }
            prop_assert_eq!(contents(&hash), model);
            if let Some((hash, model)) = snapshot {
                prop_assert_eq!(contents(&hash), model);
            }
        }
    }

    #[test]
    fn the_thresholds_count_fields_and_bytes() {
        let mut hash = Hash::default();
        for nth in 0..8 {
            assert!(hash.set(format!("{nth}").as_bytes(), &[b'v'; 20], &FEW));
        }
        assert_eq!(hash.encoding(), "listpack");
        let mut by_count = hash.clone();
        by_count.set(b"8", b"", &FEW);
        assert_eq!((by_count.encoding(), by_count.len()), ("hashtable", 9));
        let mut by_value = hash.clone();
        by_value.set(b"7", &[b'v'; 21], &FEW);
        assert_eq!((by_value.encoding(), by_value.len()), ("hashtable", 8));
        let mut by_field = hash.clone();
        by_field.make_way([&[b'f'; 21][..]].into_iter(), &FEW);
        assert_eq!((by_field.encoding(), by_field.len()), ("hashtable", 8));
        assert_eq!(contents(&by_field), contents(&hash));
    }

    #[test]
    fn a_walk_and_random_picks_meet_every_field() {
        for fields in [8, 2000] {
            let mut hash = Hash::default();
            for nth in 0..fields {
                assert!(hash.set(format!("field:{nth}").as_bytes(), b"1", &FEW));
            }
            let (mut cursor, mut seen) = (0, BTreeMap::new());
            loop {
                cursor = hash.scan(cursor, 10, |field, value| {
                    *seen.entry((field.bytes(), value.bytes())).or_insert(0) += 1;
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(seen.len(), fields);
            assert!(seen.values().all(|times| *times == 1));
            let mut random = Random::new(7);
            let picked: std::collections::BTreeSet<_> =
                (0..fields * 20).map(|_| hash.random(|| random.bits()).unwrap().0.bytes()).collect();
            assert_eq!(picked.len(), fields);
        }
        assert!(Hash::default().random(|| 1).is_none());
    }

    #[test]
    fn a_copy_keeps_the_values_that_are_written_over() {
        let encodings = Encodings { hash_max_listpack_entries: 0, ..Encodings::REDIS };
        let mut hash = Hash::default();
        hash.set(b"a", b"old", &encodings);
        let copy = hash.clone();
        let before = hash.memory();
        assert!(!hash.set(b"a", b"new", &encodings), "shared");
        assert!(!hash.set(b"a", b"two", &encodings), "its own");
        assert_eq!((copy.get(b"a"), hash.get(b"a")), (Some(Item::Str(b"old")), Some(Item::Str(b"two"))));
        assert_eq!(hash.memory(), before);
        hash.set(b"a", &[b'x'; 100], &encodings);
        assert!(hash.memory() > before);
    }
}
