//! What a key can hold.

use super::Millis;

/// Strings from this many bytes on live in an allocation of their own: shared with snapshots and grown in
/// place, instead of being part of the key's record.
pub const BIG_STRING: usize = 4096;

/// A value that is not part of its key's record.
///
/// Every further type is a variant here; a large collection keeps its elements in shared pieces of bounded
/// size, so that cloning the variant (the first write under a snapshot) stays cheap.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// A string of [`BIG_STRING`] bytes or more, or one that grew by APPEND or SETRANGE.
    Text(Vec<u8>),
}

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// A string, wherever it lives.
    Str(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// Name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Str(_) => "string",
        }
    }

    /// The bytes, if this is a string.
    pub fn as_str(&self) -> Option<&'a [u8]> {
        match self {
            Self::Str(bytes) => Some(bytes),
        }
    }
}

/// A value of its own, taken out of a keyspace or about to enter one.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string; `changed_in_place` keeps OBJECT ENCODING at `raw`.
    Str {
        /// The bytes.
        bytes: Vec<u8>,
        /// It was changed by APPEND or SETRANGE.
        changed_in_place: bool,
    },
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Str { bytes: bytes.to_vec(), changed_in_place: false }
    }
}

/// A value with its expiry: what RENAME, COPY and MOVE carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Unix time in milliseconds at which it expires.
    pub expire: Option<Millis>,
}
