//! Redis' DEBUG DIGEST: equal for equal data sets, whatever the order of their keys.
//!
//! The same figure as a real server gives, so that a digest can be compared across implementations.

use sha1::{Digest as _, Sha1};

use super::segment::EntryRef;
use super::value::ValueRef;
use super::{Millis, ScoreText, Store};

/// 160 bits, all zero for an empty data set.
pub type Digest = [u8; 20];

/// Redis' object type numbers, as the digest mixes them in.
const TYPE_STRING: u32 = 0;
const TYPE_ZSET: u32 = 3;
const TYPE_SET: u32 = 2;
const TYPE_HASH: u32 = 4;
const TYPE_LIST: u32 = 1;
const TYPE_STREAM: u32 = 6;

/// Order does not matter: `digest ^= SHA1(bytes)`.
fn xor(digest: &mut Digest, bytes: &[u8]) {
    for (into, from) in digest.iter_mut().zip(Sha1::digest(bytes)) {
        *into ^= from;
    }
}

/// Order matters: the digest so far is part of what is hashed.
fn mix(digest: &mut Digest, bytes: &[u8]) {
    xor(digest, bytes);
    let mixed = Sha1::digest(&digest[..]);
    digest.copy_from_slice(&mixed);
}

/// Digest of a value with its expiry, as DEBUG DIGEST-VALUE gives it.
pub fn value_digest(value: ValueRef<'_>, expire: Option<Millis>) -> Digest {
    let mut digest = Digest::default();
    mix_value(&mut digest, value, expire);
    digest
}

fn mix_value(digest: &mut Digest, value: ValueRef<'_>, expire: Option<Millis>) {
    match value {
        ValueRef::Str(bytes) => {
            mix(digest, &TYPE_STRING.to_be_bytes());
            mix(digest, bytes);
        }
        ValueRef::Zset(zset) => {
            mix(digest, &TYPE_ZSET.to_be_bytes());
            for (member, score) in zset {
                let mut element = Digest::default();
                member.with(|member| mix(&mut element, member));
                mix(&mut element, ScoreText::new(score).as_bytes());
                xor(digest, &element);
            }
        }
        ValueRef::Set(set) => {
            mix(digest, &TYPE_SET.to_be_bytes());
            set.iter().for_each(|member| member.with(|member| xor(digest, member)));
        }
        ValueRef::Hash(hash) => {
            mix(digest, &TYPE_HASH.to_be_bytes());
            for (field, value) in hash.iter() {
                let mut pair = Digest::default();
                field.with(|field| mix(&mut pair, field));
                value.with(|value| mix(&mut pair, value));
                xor(digest, &pair);
            }
        }
        ValueRef::List(list) => {
            mix(digest, &TYPE_LIST.to_be_bytes());
            list.iter_from(0).for_each(|item| item.with(|element| mix(digest, element)));
        }
        ValueRef::Stream(stream) => {
            mix(digest, &TYPE_STREAM.to_be_bytes());
            // Entries alone: neither the counters nor the groups are part of Redis' figure.
            for entry in stream.log() {
                mix(digest, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                for (field, value) in entry.fields() {
                    field.with(|field| mix(digest, field));
                    value.with(|value| mix(digest, value));
                }
            }
        }
    }
    if expire.is_some() {
        xor(digest, b"!!expire!!");
    }
}

/// Digest of all databases, as DEBUG DIGEST gives it. O(keys): about a microsecond for each.
pub fn dataset_digest(store: &Store) -> Digest {
    let mut digest = Digest::default();
    for db in 0..store.databases() {
        let keyspace = store.db(db);
        if keyspace.is_empty() {
            continue;
        }
        mix(&mut digest, &(db as u32).to_be_bytes());
        for entry in keyspace.iter() {
            xor(&mut digest, &entry_digest(&entry));
        }
    }
    digest
}

fn entry_digest(entry: &EntryRef<'_>) -> Digest {
    let mut digest = Digest::default();
    mix(&mut digest, entry.key());
    mix_value(&mut digest, entry.value(), entry.expire());
    digest
}

#[test]
fn digests_are_those_of_a_real_server() {
    let parse = |text: &str| -> Digest {
        std::array::from_fn(|nth| u8::from_str_radix(&text[2 * nth..2 * nth + 2], 16).unwrap_or_default())
    };
    let mut store = Store::new(16, 1);
    assert_eq!(dataset_digest(&store), [0; 20]);
    for (db, key, value, ttl) in [
        (0, &b"key"[..], &b"value"[..], super::Ttl::Clear),
        (0, b"other", b"12", super::Ttl::At(4_000_000_000_000)),
        (5, b"key", b"value", super::Ttl::Clear),
    ] {
        let hash = store.db(db).hash(key);
        store.db_mut(db).set(hash, key, value, ttl, 0);
    }
    // What redis-server 7.0.15 answers to DEBUG DIGEST and DEBUG DIGEST-VALUE for the same keys.
    assert_eq!(dataset_digest(&store), parse("80b6b39a244f8d2f177400a3808c6a6f36b5b64f"));
    let other = value_digest(ValueRef::Str(b"12"), Some(4_000_000_000_000));
    assert_eq!(other, parse("83df3a94c43338a2db2a05ddb5dbb794b842c619"));
}
