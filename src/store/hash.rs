//! Hashes: compact in a listpack, large in a hash table. A hash that has become large stays so.

use triomphe::ThinArc;

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
            Fields::Table(table) => table.insert(Pair::new(field, value)).is_none(),
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
