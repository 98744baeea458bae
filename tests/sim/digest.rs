//! A figure for a data set: equal for equal data, whatever the order of keys, and with the exact expiry of each.
//!
//! DEBUG DIGEST knows only that a key has an expiry, and is slow: here a figure is made after nearly every command.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use repliscope::store::stream::StreamId;
use repliscope::store::{EntryRef, Store, Stream, ValueRef};

use crate::rng::mix;

/// Which keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    All,
    /// Those that nothing but a command can delete: time may have taken the others.
    WithoutExpiry,
}

/// A hash of bytes in their order.
#[derive(Debug, Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    pub fn new(start: u64) -> Self {
        Self(mix(start ^ 0x5EED))
    }

    pub fn number(mut self, number: u64) -> Self {
        self.0 = mix(self.0 ^ number).wrapping_mul(0x0100_0000_01B3);
        self
    }

    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.number(FixedState::with_seed(1).hash_one(bytes))
    }

    pub fn end(self) -> u64 {
        mix(self.0)
    }
}

pub fn of_store(store: &Store, keys: Keys) -> u64 {
    let mut sum = 0_u64;
    for db in 0..store.databases() {
        for entry in store.db(db).iter() {
            if keys == Keys::All || entry.expire().is_none() {
                sum = sum.wrapping_add(of_entry(db, &entry));
            }
        }
    }
    sum
}

/// Keys with their database, each in words.
pub type Words = BTreeMap<(usize, Vec<u8>), String>;

/// Every key in words, to find what differs.
pub fn in_words(store: &Store) -> Words {
    let mut words = BTreeMap::new();
    for db in 0..store.databases() {
        for entry in store.db(db).iter() {
            let mut text = format!("{:016x}, expires {:?}", of_entry(db, &entry), entry.expire());
            if let ValueRef::Stream(stream) = entry.value() {
                let log = stream.log();
                let (last, deleted, added) = (log.last_id, log.max_deleted_id, log.entries_added);
                text = format!("{} entries to {last}, {deleted} deleted, {added} added", log.len());
                for (name, group) in stream.groups() {
                    let pending: Vec<_> = group.pending().iter().collect();
                    let members: Vec<_> = group.consumers().map(|(name, _)| name.as_bytes()).collect();
                    let (name, last) = (name.as_bytes(), group.last_id);
                    text = format!("{text}; {name:?} at {last}, {members:?}, {pending:?}");
                }
            }
            words.insert((db, entry.key().to_vec()), text);
        }
    }
    words
}

fn of_entry(db: usize, entry: &EntryRef<'_>) -> u64 {
    let hash = Hash::new(db as u64).bytes(entry.key()).number(entry.expire().map_or(0, |at| at as u64));
    match entry.value() {
        ValueRef::Str(bytes) => hash.number(1).bytes(bytes),
        ValueRef::List(list) => {
            let mut hash = hash.number(2);
            list.iter_from(0).for_each(|item| item.with(|element| hash = hash.bytes(element)));
            hash
        }
        ValueRef::Set(set) => {
            let mut sum = 0_u64;
            set.iter()
                .for_each(|member| member.with(|m| sum = sum.wrapping_add(Hash::new(0).bytes(m).end())));
            hash.number(3).number(sum)
        }
        ValueRef::Hash(fields) => {
            let mut sum = 0_u64;
            for (field, value) in fields.iter() {
                let mut pair = Hash::new(0);
                field.with(|field| pair = pair.bytes(field));
                value.with(|value| pair = pair.bytes(value));
                sum = sum.wrapping_add(pair.end());
            }
            hash.number(4).number(sum)
        }
        ValueRef::Zset(zset) => {
            let mut sum = 0_u64;
            for (member, score) in zset {
                let mut pair = Hash::new(score.to_bits());
                member.with(|member| pair = pair.bytes(member));
                sum = sum.wrapping_add(pair.end());
            }
            hash.number(5).number(sum)
        }
        ValueRef::Stream(stream) => of_stream(hash.number(6), stream),
    }
    .end()
}

/// Entries, counters, groups and what their members have not acknowledged; when a member was seen is its node's affair.
fn of_stream(hash: Hash, stream: &Stream) -> Hash {
    let id = |hash: Hash, id: StreamId| hash.number(id.ms).number(id.seq);
    let log = stream.log();
    let mut hash = id(id(hash, log.last_id), log.max_deleted_id).number(log.entries_added);
    for entry in log {
        hash = id(hash, entry.id);
        for (field, value) in entry.fields() {
            field.with(|field| hash = hash.bytes(field));
            value.with(|value| hash = hash.bytes(value));
        }
    }
    for (name, group) in stream.groups() {
        // Not its number of entries read: Redis 7.0 does not send that with XREADGROUP, and neither do we.
        hash = id(hash.bytes(name.as_bytes()), group.last_id);
        for (consumer, _) in group.consumers() {
            hash = hash.bytes(consumer.as_bytes());
        }
        for (at, pending) in group.pending() {
            hash = id(hash, *at).bytes(pending.consumer.as_bytes());
            hash = hash.number(pending.time as u64).number(pending.count);
        }
    }
    hash
}
