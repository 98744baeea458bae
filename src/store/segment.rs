//! A small table of records that covers one contiguous range of hashes: the unit of copy-on-write.

use std::sync::atomic::AtomicU32;

use hashbrown::HashTable;
use triomphe::Arc;

use super::millis::Millis;
use super::record::{ObjectEntry, Record, string_encoding};
use super::value::{Object, StringEncoding, Value, ValueRef};

/// A segment splits when it holds this many keys: the most that 512 slots take without growing.
pub(super) const SPLIT_AT: usize = 448;

/// A contiguous range of hashes of one database. Cloning it copies the tables and counts one reference for
/// each record: a few microseconds.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    pub(super) strings: HashTable<Record>,
    pub(super) objects: HashTable<Arc<ObjectEntry>>,
}

/// A key with its value, seen in place.
#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'a>(Place<'a>);

#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Inline(&'a Record),
    Object(&'a ObjectEntry),
}

impl<'a> EntryRef<'a> {
    /// The key.
    pub fn key(&self) -> &'a [u8] {
        match self.0 {
            Place::Inline(record) => record.key(),
            Place::Object(entry) => &entry.key,
        }
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> ValueRef<'a> {
        match self.0 {
            Place::Inline(record) => ValueRef::Str(record.value()),
            Place::Object(entry) => entry.object.as_ref(),
        }
    }

    /// A copy of the value.
    pub fn to_value(&self) -> Value {
        match (self.0, self.value()) {
            (_, ValueRef::Str(bytes)) => Value::Str {
                bytes: bytes.to_vec(),
                changed_in_place: self.string_encoding() == StringEncoding::Raw && bytes.len() <= 44,
            },
            (Place::Object(entry), _) => Value::Object(entry.object.clone()),
            (Place::Inline(_), _) => unreachable!("a record holds a string"),
        }
    }

    /// Unix time in milliseconds at which the key expires.
    #[inline]
    pub fn expire(&self) -> Option<Millis> {
        match self.0 {
            Place::Inline(record) => record.expire(),
            Place::Object(entry) => entry.expire(),
        }
    }

    /// LRU clock or LFU counter of the last access; a read may store here.
    pub fn access(&self) -> &'a AtomicU32 {
        match self.0 {
            Place::Inline(record) => record.access(),
            Place::Object(entry) => &entry.access,
        }
    }

    /// How OBJECT ENCODING calls a string here.
    pub fn string_encoding(&self) -> StringEncoding {
        match self.0 {
            Place::Inline(record) => string_encoding(record.value(), record.is_raw()),
            Place::Object(_) => StringEncoding::Raw,
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.value() {
            ValueRef::Str(_) => self.string_encoding().name(),
            ValueRef::List(list) => list.encoding(),
            ValueRef::Set(set) => set.encoding(),
            ValueRef::Hash(hash) => hash.encoding(),
            ValueRef::Zset(zset) => zset.encoding(),
            ValueRef::Stream(_) => "stream",
        }
    }

    /// Estimate of the bytes that key and value take, the slot in the table not counted.
    pub fn memory(&self) -> usize {
        match self.0 {
            Place::Inline(record) => record.memory(),
            Place::Object(entry) => entry.memory(),
        }
    }
}

impl Segment {
    /// Keys in this segment.
    pub fn len(&self) -> usize {
        self.strings.len() + self.objects.len()
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every key, in an order that only the hash and the history of the segment decide.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        let strings = self.strings.iter().map(|record| EntryRef(Place::Inline(record)));
        strings.chain(self.objects.iter().map(|entry| EntryRef(Place::Object(entry))))
    }

    /// A segment for half of these keys, with tables that will not grow before it splits itself: all segments
    /// grow in step, and a size that is passed through once would stay behind as unused memory.
    pub(super) fn empty_half(&self) -> Self {
        let room = |keys: usize| if keys > SPLIT_AT / 2 { SPLIT_AT } else { 0 };
        Self {
            strings: HashTable::with_capacity(room(self.strings.len())),
            objects: HashTable::with_capacity(room(self.objects.len())),
        }
    }

    #[inline]
    pub(super) fn find(&self, slot_hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        if let Some(record) = self.strings.find(slot_hash, |record| record.key() == key) {
            return Some(EntryRef(Place::Inline(record)));
        }
        if self.objects.is_empty() {
            return None;
        }
        let entry = self.objects.find(slot_hash, |entry| *entry.key == *key)?;
        Some(EntryRef(Place::Object(entry)))
    }

    /// Reads the control bytes and the first line of the likely record, so that a later look-up finds both
    /// in the cache.
    #[inline]
    pub(super) fn touch(&self, slot_hash: u64) -> bool {
        self.strings.find(slot_hash, Record::touch).is_some()
    }

    /// A key by its place in the tables, `None` where the place is empty: what a random pick needs.
    pub(super) fn at(&self, bucket: usize) -> Option<EntryRef<'_>> {
        match bucket.checked_sub(self.strings.num_buckets()) {
            None => self.strings.get_bucket(bucket).map(|record| EntryRef(Place::Inline(record))),
            Some(rest) => self.objects.get_bucket(rest).map(|entry| EntryRef(Place::Object(entry))),
        }
    }

    pub(super) fn buckets(&self) -> usize {
        self.strings.num_buckets() + self.objects.num_buckets()
    }

    pub(super) fn table_memory(&self) -> usize {
        self.strings.allocation_size() + self.objects.allocation_size()
    }

    pub(super) fn insert_record(&mut self, slot_hash: u64, record: Record, rehash: impl Fn(&[u8]) -> u64) {
        self.strings.insert_unique(slot_hash, record, |record| rehash(record.key()));
    }

    pub(super) fn insert_object(
        &mut self,
        slot_hash: u64,
        entry: Arc<ObjectEntry>,
        rehash: impl Fn(&[u8]) -> u64,
    ) {
        self.objects.insert_unique(slot_hash, entry, |entry| rehash(&entry.key));
    }

    /// Takes a key out; what it held comes back as the table stored it.
    pub(super) fn take(&mut self, slot_hash: u64, key: &[u8]) -> Option<Taken> {
        if let Ok(slot) = self.strings.find_entry(slot_hash, |record| record.key() == key) {
            return Some(Taken::Inline(slot.remove().0));
        }
        let slot = self.objects.find_entry(slot_hash, |entry| *entry.key == *key).ok()?;
        Some(Taken::Object(slot.remove().0))
    }
}

/// What [`Segment::take`] took out.
#[derive(Debug)]
pub(super) enum Taken {
    Inline(Record),
    Object(Arc<ObjectEntry>),
}

impl Taken {
    /// The value; what no snapshot shares is moved.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Object(entry) if !matches!(entry.object, Object::Text(_)) => Value::Object(
                Arc::try_unwrap(entry).map_or_else(|shared| shared.object.clone(), |entry| entry.object),
            ),
            other => other.entry().to_value(),
        }
    }

    pub(super) fn entry(&self) -> EntryRef<'_> {
        match self {
            Self::Inline(record) => EntryRef(Place::Inline(record)),
            Self::Object(entry) => EntryRef(Place::Object(entry)),
        }
    }
}
