//! A figure for a data set: equal for equal data, whatever the order of keys, and with the exact expiry of each.
//!
//! DEBUG DIGEST knows only that a key has an expiry, and is slow: here a figure is made after nearly every command.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use repliscope::store::{EntryRef, Store, ValueRef};

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
        ValueRef::Stream(stream) => {
            let mut hash = hash.number(6);
            for entry in stream.log() {
                hash = hash.number(entry.id.ms).number(entry.id.seq);
                for (field, value) in entry.fields() {
                    field.with(|field| hash = hash.bytes(field));
                    value.with(|value| hash = hash.bytes(value));
                }
            }
            hash
        }
    }
    .end()
}
