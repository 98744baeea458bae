//! What a key can hold.

use super::memory::allocated;
use super::millis::Millis;
use super::{Hash, List, Set, Stream, Zset};

/// Strings from this many bytes on live in an allocation of their own: shared with snapshots and grown in
/// place, instead of being part of the key's record.
pub const BIG_STRING: usize = 4096;

/// A value that is not part of its key's record.
///
/// A large collection keeps its elements in shared pieces of bounded size, so that cloning the variant (the first write
/// under a snapshot) stays cheap.
#[derive(Debug, Clone)]
pub enum Object {
    /// A string of [`BIG_STRING`] bytes or more, or one that grew by APPEND or SETRANGE.
    Text(Vec<u8>),
    /// A list. Boxed, as a stream is: they are larger than the others, which would pay for it.
    List(Box<List>),
    /// A set.
    Set(Set),
    /// A hash.
    Hash(Hash),
    /// A sorted set.
    Zset(Zset),
    /// A stream.
    Stream(Box<Stream>),
}

impl Object {
    /// Estimate of the bytes that it takes beside its own size.
    pub fn memory(&self) -> usize {
        match self {
            Self::Text(text) => allocated(text.capacity()),
            Self::List(list) => allocated(size_of::<List>()) + list.memory(),
            Self::Set(set) => set.memory(),
            Self::Hash(hash) => hash.memory(),
            Self::Zset(zset) => zset.memory(),
            Self::Stream(stream) => allocated(size_of::<Stream>()) + stream.memory(),
        }
    }

    /// The same, to read it.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Text(text) => ValueRef::Str(text),
            Self::List(list) => ValueRef::List(list),
            Self::Set(set) => ValueRef::Set(set),
            Self::Hash(hash) => ValueRef::Hash(hash),
            Self::Zset(zset) => ValueRef::Zset(zset),
            Self::Stream(stream) => ValueRef::Stream(stream),
        }
    }
}

/// A type of collection: what lets commands ask for "the list at this key".
pub trait Collection: Sized {
    /// It, if the value is of this type.
    fn of(value: ValueRef<'_>) -> Option<&Self>;
    /// It, to change it.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// As a value.
    fn into_object(self) -> Object;
    /// Whether nothing is left in it. Empty collections (streams aside) are deleted with their key.
    fn is_empty(&self) -> bool;
    /// Estimate of the bytes that it takes beside its own size.
    fn memory(&self) -> usize;
}

macro_rules! collection {
    ($type:ident, |$value:ident| $into:expr, |$object:ident| $deref:expr) => {
        impl Collection for $type {
            fn of(value: ValueRef<'_>) -> Option<&Self> {
                match value {
                    ValueRef::$type(found) => Some(found),
                    _ => None,
                }
            }
            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                match object {
                    Object::$type($object) => Some($deref),
                    _ => None,
                }
            }
            fn into_object(self) -> Object {
                let $value = self;
                Object::$type($into)
            }
            fn is_empty(&self) -> bool {
                self.is_empty()
            }
            fn memory(&self) -> usize {
                self.memory()
            }
        }
    };
}

collection!(List, |list| Box::new(list), |list| &mut **list);
collection!(Set, |set| set, |set| set);
collection!(Hash, |hash| hash, |hash| hash);
collection!(Zset, |zset| zset, |zset| zset);
collection!(Stream, |stream| Box::new(stream), |stream| &mut **stream);

/// How OBJECT ENCODING calls a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringEncoding {
    /// A canonical 64-bit integer.
    Int,
    /// At most 44 bytes, written whole.
    EmbStr,
    /// Anything longer, or changed in place.
    Raw,
}

impl StringEncoding {
    /// The name that OBJECT ENCODING answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::EmbStr => "embstr",
            Self::Raw => "raw",
        }
    }
}

/// A value as found in a keyspace.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string, wherever it lives.
    Str(&'a [u8]),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A hash.
    Hash(&'a Hash),
    /// A sorted set.
    Zset(&'a Zset),
    /// A stream.
    Stream(&'a Stream),
}

impl<'a> ValueRef<'a> {
    /// Name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Str(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
            Self::Zset(_) => "zset",
            Self::Stream(_) => "stream",
        }
    }

    /// The bytes, if this is a string.
    pub fn as_str(&self) -> Option<&'a [u8]> {
        match self {
            Self::Str(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// A value of its own, taken out of a keyspace or about to enter one.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string; `changed_in_place` keeps OBJECT ENCODING at `raw`.
    Str {
        /// The bytes.
        bytes: Vec<u8>,
        /// It was changed by APPEND or SETRANGE.
        changed_in_place: bool,
    },
    /// Any other type.
    Object(Object),
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Str { bytes: bytes.to_vec(), changed_in_place: false }
    }
}

/// A value with its expiry: what RENAME, COPY and MOVE carry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Unix time in milliseconds at which it expires.
    pub expire: Option<Millis>,
}
