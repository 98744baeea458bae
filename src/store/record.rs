//! One key with its value: a single allocation for small strings, an entry with an object for all else.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use triomphe::{Arc, ThinArc};

use super::key::Key;
use super::memory::allocated;
use super::millis::Millis;
use super::value::{Object, StringEncoding};
use crate::protocol::strict_i64;

/// Stands in an [`ObjectEntry`] that does not expire; no command takes such a time.
const NO_EXPIRY: Millis = Millis::MIN;

const FLAG_EXPIRES: u32 = 1 << 31;
const FLAG_RAW: u32 = 1 << 30;
const KEY_LEN: u32 = FLAG_RAW - 1;
/// Reference count, header and length that stand before the bytes of a [`Record`].
const RECORD_OVERHEAD: usize = 24;

#[derive(Debug)]
struct Header {
    /// Length of the key, with [`FLAG_EXPIRES`] and [`FLAG_RAW`] in the bits that no key length reaches.
    key_len: u32,
    /// LRU clock in seconds, or LFU counter and minute. Atomic because a read updates it, and a read must
    /// not count as a write to a segment that a snapshot holds.
    access: AtomicU32,
}

/// A key with a string below [`BIG_STRING`](super::BIG_STRING) bytes: `[expiry 8, if any][key][value]` behind
/// one thin pointer with its own reference count.
#[derive(Debug, Clone)]
pub(super) struct Record(ThinArc<Header, u8>);

impl Record {
    pub(super) fn new(
        scratch: &mut Vec<u8>,
        key: &[u8],
        value: &[u8],
        expire: Option<Millis>,
        raw: bool,
        access: u32,
    ) -> Self {
        scratch.clear();
        let mut key_len = key.len() as u32;
        debug_assert!(key_len <= KEY_LEN);
        if let Some(at) = expire {
            key_len |= FLAG_EXPIRES;
            scratch.extend_from_slice(&at.to_le_bytes());
        }
        if raw {
            key_len |= FLAG_RAW;
        }
        scratch.extend_from_slice(key);
        scratch.extend_from_slice(value);
        let header = Header { key_len, access: AtomicU32::new(access) };
        Self(ThinArc::from_header_and_slice(header, scratch))
    }

    fn flags(&self) -> u32 {
        self.0.header.header.key_len
    }

    fn key_start(&self) -> usize {
        if self.flags() & FLAG_EXPIRES == 0 { 0 } else { 8 }
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        let start = self.key_start();
        &self.0.slice[start..start + (self.flags() & KEY_LEN) as usize]
    }

    #[inline]
    pub(super) fn value(&self) -> &[u8] {
        &self.0.slice[self.key_start() + (self.flags() & KEY_LEN) as usize..]
    }

    #[inline]
    pub(super) fn expire(&self) -> Option<Millis> {
        if self.flags() & FLAG_EXPIRES == 0 {
            return None;
        }
        self.0.slice.first_chunk::<8>().map(|bytes| Millis::from_le_bytes(*bytes))
    }

    pub(super) fn is_raw(&self) -> bool {
        self.flags() & FLAG_RAW != 0
    }

    pub(super) fn access(&self) -> &AtomicU32 {
        &self.0.header.header.access
    }

    pub(super) fn memory(&self) -> usize {
        allocated(RECORD_OVERHEAD + self.0.slice.len())
    }

    /// Writes `value` and `expire` over the present ones if they take the same room and no snapshot shares
    /// the record.
    pub(super) fn overwrite(&mut self, value: &[u8], expire: Option<Millis>) -> bool {
        let start = self.key_start();
        let at = start + (self.flags() & KEY_LEN) as usize;
        if self.is_raw() || (start > 0) != expire.is_some() || self.0.slice.len() - at != value.len() {
            return false;
        }
        self.0.with_arc_mut(|arc| match Arc::get_mut(arc) {
            Some(inner) => {
                let slice = inner.slice_mut();
                if let Some(expire) = expire {
                    slice[..8].copy_from_slice(&expire.to_le_bytes());
                }
                slice[at..].copy_from_slice(value);
                true
            }
            None => false,
        })
    }

    /// Forces the first cache line of the record to be read. Never true.
    #[inline]
    pub(super) fn touch(&self) -> bool {
        self.0.header.header.key_len == u32::MAX
    }
}

/// A key whose value is an [`Object`].
#[derive(Debug)]
pub(super) struct ObjectEntry {
    pub(super) key: Key,
    /// [`NO_EXPIRY`] unless it expires.
    expire: Millis,
    pub(super) access: AtomicU32,
    pub(super) object: Object,
}

impl Clone for ObjectEntry {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            expire: self.expire,
            access: AtomicU32::new(self.access.load(Relaxed)),
            object: self.object.clone(),
        }
    }
}

impl ObjectEntry {
    pub(super) fn new(key: &[u8], object: Object, expire: Option<Millis>, access: u32) -> Self {
        Self { key: Key::new(key), expire: expire.unwrap_or(NO_EXPIRY), access: access.into(), object }
    }

    #[inline]
    pub(super) fn expire(&self) -> Option<Millis> {
        (self.expire != NO_EXPIRY).then_some(self.expire)
    }

    pub(super) fn set_expire(&mut self, expire: Option<Millis>) {
        self.expire = expire.unwrap_or(NO_EXPIRY);
    }

    pub(super) fn memory(&self) -> usize {
        self.key.memory() + allocated(8 + size_of::<Self>()) + self.object.memory()
    }
}

#[test]
fn an_object_costs_its_key_no_more_than_a_small_allocation() {
    assert_eq!(allocated(8 + size_of::<ObjectEntry>()), 80);
}

/// How OBJECT ENCODING calls these bytes.
pub(super) fn string_encoding(bytes: &[u8], raw: bool) -> StringEncoding {
    if !raw && strict_i64(bytes).is_some() {
        StringEncoding::Int
    } else if !raw && bytes.len() <= 44 {
        StringEncoding::EmbStr
    } else {
        StringEncoding::Raw
    }
}
