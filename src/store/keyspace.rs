//! One database: a directory of segments that split as they grow (extendible hashing on the top hash bits).
//!
//! Each segment covers a contiguous range of hashes, so growing never moves more than one segment, a SCAN
//! cursor is the start of the next range, and the order is the same for the same seed and history.
// Long because its counters and its segments change together in every method.

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use triomphe::Arc;

use super::edit::{Edit, StringEdit, record_delta};
use super::millis::Millis;
use super::record::{ObjectEntry, Record};
use super::segment::{EntryRef, SPLIT_AT, Segment, Taken};
use super::slot::{Capture, Slot};
use super::value::{BIG_STRING, Collection, Entry, Object, Value, ValueRef};

/// The directory doubles up to this many bits; beyond it (2^28 segments) segments just grow.
const DIRECTORY_BITS_MAX: u8 = 28;
/// No key of a segment expires.
const NEVER: Millis = Millis::MAX;

/// Hash of a key within one keyspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyHash(pub(super) u64);

impl KeyHash {
    /// What the table of a segment sees. All keys of a segment share their top bits, and the table takes its
    /// seven tag bits from the top: so bits from the middle stand there instead.
    #[inline]
    pub(super) fn in_table(self) -> u64 {
        (self.0 << 37) | (self.0 & 0xFFFF_FFFF)
    }
}

/// What a write does to the expiry of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// The key will not expire.
    Clear,
    /// As it was (KEEPTTL).
    Keep,
    /// Unix time in milliseconds.
    At(Millis),
}

/// One database.
#[derive(Debug)]
pub struct Keyspace {
    hasher: SeedableRandomState,
    seed: u64,
    directory: Vec<u32>,
    directory_bits: u8,
    pub(super) slots: Vec<Slot>,
    len: usize,
    expires: usize,
    /// Sum of all deadlines: what the average time to live is made of.
    deadlines: i128,
    record_bytes: u64,
    table_bytes: u64,
    pub(super) capture: Option<Capture>,
    /// Keys that a segment will hold if [`Keyspace::reserve`] was told the truth; 0 if nothing was told.
    expected: usize,
    scratch: Vec<u8>,
}

impl Keyspace {
    /// An empty database; `seed` decides the order of its keys.
    pub fn new(seed: u64) -> Self {
        let mut keyspace = Self {
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            seed,
            directory: vec![0],
            directory_bits: 0,
            slots: vec![Slot { segment: Arc::default(), start: 0, due: NEVER, epoch: 0, depth: 0 }],
            len: 0,
            expires: 0,
            deadlines: 0,
            record_bytes: 0,
            table_bytes: 0,
            capture: None,
            expected: 0,
            scratch: Vec::new(),
        };
        keyspace.table_bytes = keyspace.slots[0].segment.table_memory() as u64;
        keyspace
    }

    pub(super) fn emptied(&self) -> Self {
        Self::new(self.seed)
    }

    /// Makes room for `keys` keys at once, as RESIZEDB announces; at most 2^20 segments are made on a promise.
    pub fn reserve(&mut self, keys: u64) {
        let wanted = (keys / (SPLIT_AT as u64 * 3 / 4)).clamp(1, 1 << 20);
        let bits = wanted.next_power_of_two().trailing_zeros() as u8;
        if self.len == 0 {
            let mean = (keys >> bits) as usize;
            self.expected = (mean + 3 * mean.isqrt()).min(SPLIT_AT);
        }
        while self.len == 0 && self.slots.len() < 1 << bits {
            let Some(at) = self.slots.iter().position(|slot| slot.depth < bits) else {
                debug_assert!(false, "all segments are split as often as wanted, and yet they are too few");
                return;
            };
            for index in at..self.slots.len() {
                self.split(index);
            }
        }
    }

    /// Hash of `key` here: compute it once for a command and pass it to every call.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(self.hasher.hash_one(key))
    }

    #[inline]
    fn index_of(&self, hash: KeyHash) -> usize {
        // Two shifts, because a shift by 64 (a directory of one entry) is not defined.
        let prefix = (hash.0 >> 1) >> (63 - self.directory_bits);
        self.directory[prefix as usize] as usize
    }

    #[inline]
    pub(super) fn slot_of(&self, hash: KeyHash) -> &Slot {
        &self.slots[self.index_of(hash)]
    }

    /// The segment of `hash`, to change it: captured first if a snapshot still needs it, and cloned if one
    /// holds it.
    #[inline]
    fn segment_mut(&mut self, index: usize) -> &mut Segment {
        let slot = &mut self.slots[index];
        if let Some(capture) = &self.capture {
            capture.take(slot);
        }
        Arc::make_mut(&mut slot.segment)
    }

    /// Loads what a look-up of `hash` will read, so that the next keys of a batch find it in the cache.
    #[inline]
    pub fn touch(&self, hash: KeyHash) {
        std::hint::black_box(self.slot_of(hash).segment.touch(hash.in_table()));
    }

    /// The same for an element of the collection at `key`.
    #[inline]
    pub fn touch_element(&self, hash: KeyHash, key: &[u8], element: &[u8]) {
        match self.get(hash, key).map(|entry| entry.value()) {
            Some(ValueRef::Hash(fields)) => fields.touch(element),
            Some(ValueRef::Set(members)) => members.touch(element),
            Some(ValueRef::Zset(members)) => members.touch(element),
            _ => {}
        }
    }

    /// The key, expired or not. O(1).
    #[inline]
    pub fn get(&self, hash: KeyHash, key: &[u8]) -> Option<EntryRef<'_>> {
        self.slot_of(hash).segment.find(hash.in_table(), key)
    }

    /// Stores a string; a value of any other type that `key` held is gone. O(1), and the length of `value`.
    pub fn set(&mut self, hash: KeyHash, key: &[u8], value: &[u8], ttl: Ttl, access: u32) {
        self.put_string(hash, key, value, ttl, false, access);
    }

    /// Stores a string that APPEND or SETRANGE has made: OBJECT ENCODING calls it raw.
    pub fn set_changed(&mut self, hash: KeyHash, key: &[u8], value: &[u8], ttl: Ttl, access: u32) {
        self.put_string(hash, key, value, ttl, true, access);
    }

    fn put_string(&mut self, hash: KeyHash, key: &[u8], value: &[u8], ttl: Ttl, raw: bool, access: u32) {
        let index = self.index_of(hash);
        let in_table = hash.in_table();
        let mut scratch = std::mem::take(&mut self.scratch);
        let segment = self.segment_mut(index);
        if value.len() < BIG_STRING
            && let Some(record) = segment.strings.find_mut(in_table, |record| record.key() == key)
        {
            let old_expire = record.expire();
            let expire = match ttl {
                Ttl::Keep => old_expire,
                Ttl::Clear => None,
                Ttl::At(at) => Some(at),
            };
            if !raw && record.overwrite(value, expire) {
                record.access().store(access, std::sync::atomic::Ordering::Relaxed);
                self.note_expire(index, old_expire, expire);
            } else {
                let before = record.memory();
                *record = Record::new(&mut scratch, key, value, expire, raw, access);
                let delta = record_delta(before, record.memory());
                self.record_bytes = self.record_bytes.wrapping_add(delta);
                self.note_expire(index, old_expire, expire);
            }
            self.scratch = scratch;
            return;
        }
        let old_expire = self.remove_at(index, in_table, key).and_then(|taken| taken.entry().expire());
        let expire = match ttl {
            Ttl::Keep => old_expire,
            Ttl::Clear => None,
            Ttl::At(at) => Some(at),
        };
        if value.len() < BIG_STRING {
            let record = Record::new(&mut scratch, key, value, expire, raw, access);
            self.scratch = scratch;
            self.insert(hash, index, Taken::Inline(record));
        } else {
            self.scratch = scratch;
            self.insert_object(hash, index, key, Object::Text(value.to_vec()), expire, access);
        }
    }

    /// Stores a value of any type, as taken by [`Keyspace::take`] or copied by [`EntryRef::to_value`].
    pub fn put(&mut self, hash: KeyHash, key: &[u8], entry: Entry, access: u32) {
        match entry.value {
            Value::Str { bytes, changed_in_place } => {
                let ttl = entry.expire.map_or(Ttl::Clear, Ttl::At);
                self.put_string(hash, key, &bytes, ttl, changed_in_place, access);
            }
            Value::Object(object) => self.put_object(hash, key, object, entry.expire, access),
        }
    }

    /// Stores a collection; whatever `key` held is gone.
    pub fn put_object(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        object: Object,
        expire: Option<Millis>,
        access: u32,
    ) {
        let index = self.index_of(hash);
        self.remove_at(index, hash.in_table(), key);
        self.insert_object(hash, index, key, object, expire, access);
    }

    /// The collection at `key`, to change it; `None` if there is none of this type. O(1), and a copy of its directory
    /// of pieces at the first change under a snapshot.
    ///
    /// An empty collection must not be left behind: delete the key then.
    pub fn edit<T: Collection>(&mut self, hash: KeyHash, key: &[u8]) -> Option<Edit<'_, T>> {
        let index = self.index_of(hash);
        // A miss must not cost a copy of the segment.
        T::of(self.slots[index].segment.find(hash.in_table(), key)?.value())?;
        let slot = &mut self.slots[index];
        if let Some(capture) = &self.capture {
            capture.take(slot);
        }
        let segment = Arc::make_mut(&mut slot.segment);
        let entry = segment.objects.find_mut(hash.in_table(), |entry| *entry.key == *key)?;
        let value = T::of_mut(&mut Arc::make_mut(entry).object)?;
        Some(Edit::new(value, &mut self.record_bytes))
    }

    /// The string at `key`, if it is short, to write over it. O(1).
    #[inline]
    pub fn edit_string(&mut self, hash: KeyHash, key: &[u8]) -> Option<StringEdit<'_>> {
        let segment = self.segment_mut(self.index_of(hash));
        segment.strings.find_mut(hash.in_table(), |record| record.key() == key).map(StringEdit)
    }

    /// The text of a string of [`BIG_STRING`] bytes or more, to grow or change it in place; `None` for
    /// everything else. A snapshot keeps what it held: then the text is copied, once.
    pub fn edit_big_string<R>(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        edit: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Option<R> {
        let index = self.index_of(hash);
        if self.slots[index].segment.objects.is_empty() {
            return None;
        }
        let segment = self.segment_mut(index);
        let entry = segment.objects.find_mut(hash.in_table(), |entry| *entry.key == *key)?;
        if !matches!(entry.object, Object::Text(_)) {
            return None;
        }
        let before = entry.memory();
        let Object::Text(text) = &mut Arc::make_mut(entry).object else { return None };
        let result = edit(text);
        let after = entry.memory();
        self.record_bytes = self.record_bytes.wrapping_add(record_delta(before, after));
        Some(result)
    }

    /// Changes the expiry of a key; `false` if there is no such key. O(1).
    pub fn set_expire(&mut self, hash: KeyHash, key: &[u8], expire: Option<Millis>) -> bool {
        let index = self.index_of(hash);
        let in_table = hash.in_table();
        let mut scratch = std::mem::take(&mut self.scratch);
        let segment = self.segment_mut(index);
        let mut changed = None;
        if let Some(record) = segment.strings.find_mut(in_table, |record| record.key() == key) {
            let before = record.memory();
            let old = record.expire();
            if old != expire {
                let access = record.access().load(std::sync::atomic::Ordering::Relaxed);
                *record = Record::new(&mut scratch, key, record.value(), expire, record.is_raw(), access);
            }
            changed = Some((old, record_delta(before, record.memory())));
        } else if let Some(entry) = segment.objects.find_mut(in_table, |entry| *entry.key == *key) {
            let old = entry.expire();
            if old != expire {
                Arc::make_mut(entry).set_expire(expire);
            }
            changed = Some((old, 0));
        }
        self.scratch = scratch;
        let Some((old, delta)) = changed else { return false };
        self.record_bytes = self.record_bytes.wrapping_add(delta);
        self.note_expire(index, old, expire);
        true
    }

    /// Deletes a key; `false` if there was none. O(1).
    pub fn remove(&mut self, hash: KeyHash, key: &[u8]) -> bool {
        let index = self.index_of(hash);
        if self.slots[index].segment.find(hash.in_table(), key).is_none() {
            return false;
        }
        self.remove_at(index, hash.in_table(), key).is_some()
    }

    /// Takes a key with its value out. O(1), and the length of the value.
    pub fn take(&mut self, hash: KeyHash, key: &[u8]) -> Option<Entry> {
        let index = self.index_of(hash);
        let taken = self.remove_at(index, hash.in_table(), key)?;
        let expire = taken.entry().expire();
        Some(Entry { value: taken.into_value(), expire })
    }

    fn remove_at(&mut self, index: usize, in_table: u64, key: &[u8]) -> Option<Taken> {
        let taken = self.segment_mut(index).take(in_table, key)?;
        self.len -= 1;
        self.record_bytes -= taken.entry().memory() as u64;
        if let Some(at) = taken.entry().expire() {
            self.expires -= 1;
            self.deadlines -= i128::from(at);
        }
        if self.slots[index].segment.is_empty() {
            let before = self.slots[index].segment.table_memory();
            self.slots[index].segment = Arc::default();
            self.slots[index].due = NEVER;
            self.table_bytes -= (before - self.slots[index].segment.table_memory()) as u64;
        }
        Some(taken)
    }

    fn insert_object(
        &mut self,
        hash: KeyHash,
        index: usize,
        key: &[u8],
        object: Object,
        expire: Option<Millis>,
        access: u32,
    ) {
        let entry = ObjectEntry::new(key, object, expire, access);
        self.insert(hash, index, Taken::Object(Arc::new(entry)));
    }

    /// Puts in a key that is not there. Splits the segment first if it is full.
    fn insert(&mut self, hash: KeyHash, mut index: usize, taken: Taken) {
        while self.slots[index].segment.len() >= SPLIT_AT && self.slots[index].depth < DIRECTORY_BITS_MAX {
            self.split(index);
            index = self.index_of(hash);
        }
        let hasher = self.hasher.clone();
        let rehash = |key: &[u8]| KeyHash(hasher.hash_one(key)).in_table();
        let before = self.slots[index].segment.table_memory();
        self.len += 1;
        self.record_bytes += taken.entry().memory() as u64;
        self.note_expire(index, None, taken.entry().expire());
        let segment = self.segment_mut(index);
        match taken {
            Taken::Inline(record) => segment.insert_record(hash.in_table(), record, rehash),
            Taken::Object(entry) => segment.insert_object(hash.in_table(), entry, rehash),
        }
        self.table_bytes += (segment.table_memory() - before) as u64;
    }

    /// Stores a string under a key that should not be there; `false`, and nothing is changed, if it is. What
    /// loading a snapshot needs: faster than [`Keyspace::set`], most of all after [`Keyspace::reserve`].
    pub fn insert_new(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        value: Cow<'_, [u8]>,
        expire: Option<Millis>,
        access: u32,
    ) -> bool {
        let index = self.index_of(hash);
        let in_table = hash.in_table();
        if self.slots[index].segment.find(in_table, key).is_some() {
            return false;
        }
        self.make_expected_room(index);
        if value.len() < BIG_STRING {
            let mut scratch = std::mem::take(&mut self.scratch);
            let record = Record::new(&mut scratch, key, &value, expire, false, access);
            self.scratch = scratch;
            self.insert(hash, index, Taken::Inline(record));
        } else {
            self.insert_object(hash, index, key, Object::Text(value.into_owned()), expire, access);
        }
        true
    }

    /// Stores a collection under a key that should not be there; `false`, and nothing is changed, if it is.
    pub fn insert_new_object(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        object: Object,
        expire: Option<Millis>,
        access: u32,
    ) -> bool {
        let index = self.index_of(hash);
        let is_free = self.slots[index].segment.find(hash.in_table(), key).is_none();
        if is_free {
            self.insert_object(hash, index, key, object, expire, access);
        }
        is_free
    }

    /// Lets the table of a segment grow to the expected size at once, but not before some keys have come:
    /// memory is taken for keys and not for promises.
    fn make_expected_room(&mut self, index: usize) {
        const KEYS_FIRST: usize = 28;
        let table = &self.slots[index].segment.strings;
        let capacity = table.capacity();
        if table.len() < capacity || capacity >= self.expected {
            return;
        }
        let room = if capacity < KEYS_FIRST { self.expected.min(KEYS_FIRST) } else { self.expected };
        let hasher = self.hasher.clone();
        let segment = self.segment_mut(index);
        let before = segment.table_memory();
        let additional = room - segment.strings.len();
        segment.strings.reserve(additional, |record| KeyHash(hasher.hash_one(record.key())).in_table());
        self.table_bytes += (segment.table_memory() - before) as u64;
    }

    /// Divides a segment into the two halves of its range.
    fn split(&mut self, index: usize) {
        let depth = self.slots[index].depth;
        if depth == self.directory_bits {
            self.directory = self.directory.iter().flat_map(|&at| [at, at]).collect();
            self.directory_bits += 1;
        }
        if let Some(capture) = &self.capture {
            capture.take(&mut self.slots[index]);
        }
        let slot = &mut self.slots[index];
        let old = std::mem::take(&mut slot.segment);
        let before = old.table_memory();
        let middle = 1 << (63 - depth);
        let hasher = self.hasher.clone();
        let rehash = |key: &[u8]| KeyHash(hasher.hash_one(key)).in_table();
        // Records move; only a segment that a snapshot holds is copied.
        let old = Arc::try_unwrap(old).unwrap_or_else(|shared| Segment::clone(&shared));
        let mut halves = [old.empty_half(), old.empty_half()];
        for record in old.strings {
            let hash = KeyHash(hasher.hash_one(record.key()));
            let half = &mut halves[usize::from(hash.0 & middle != 0)];
            half.insert_record(hash.in_table(), record, rehash);
        }
        for entry in old.objects {
            let hash = KeyHash(hasher.hash_one(&*entry.key));
            let half = &mut halves[usize::from(hash.0 & middle != 0)];
            half.insert_object(hash.in_table(), entry, rehash);
        }
        let after = halves[0].table_memory() + halves[1].table_memory();
        let [low, high] = halves;
        slot.segment = Arc::new(low);
        slot.depth += 1;
        let upper = Slot {
            segment: Arc::new(high),
            start: slot.start | middle,
            due: slot.due,
            epoch: slot.epoch,
            depth: slot.depth,
        };
        self.table_bytes = self.table_bytes - before as u64 + after as u64;
        let new_index = self.slots.len() as u32;
        let first = ((upper.start >> 1) >> (63 - self.directory_bits)) as usize;
        let count = 1 << (self.directory_bits - upper.depth);
        self.directory[first..first + count].fill(new_index);
        self.slots.push(upper);
    }

    fn note_expire(&mut self, index: usize, old: Option<Millis>, new: Option<Millis>) {
        self.expires += usize::from(new.is_some());
        self.expires -= usize::from(old.is_some());
        self.deadlines += i128::from(new.unwrap_or(0)) - i128::from(old.unwrap_or(0));
        if let Some(at) = new {
            self.slots[index].due = self.slots[index].due.min(at);
        }
    }

    /// Keys, expired ones that were not yet collected included (DBSIZE).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keys that have an expiry.
    pub fn expires(&self) -> usize {
        self.expires
    }

    /// Mean time to live of the keys that have an expiry, in milliseconds; 0 if none has.
    pub fn average_ttl(&self, now: Millis) -> Millis {
        let Ok(expires) = i128::try_from(self.expires) else { return 0 };
        if expires == 0 {
            return 0;
        }
        (self.deadlines / expires - i128::from(now)).max(0) as Millis
    }

    /// Estimate of the bytes taken: records, tables and directory.
    pub fn memory(&self) -> u64 {
        let directory = self.slots.capacity() * size_of::<Slot>() + self.directory.capacity() * 4;
        self.record_bytes + self.table_bytes + directory as u64
    }

    /// Bytes of the tables alone.
    pub fn table_memory(&self) -> u64 {
        self.table_bytes
    }

    /// Places for keys in its tables, taken or not. O(segments).
    pub fn slot_count(&self) -> usize {
        self.slots.iter().map(|slot| slot.segment.buckets()).sum()
    }

    /// Every key, in hash order of its segments.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.slots.iter().flat_map(|slot| slot.segment.iter())
    }

    pub(super) fn segment_count(&self) -> usize {
        self.slots.len()
    }
}
