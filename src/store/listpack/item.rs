//! One element of a listpack.

use std::borrow::Cow;

use crate::protocol::strict_i64;

/// An element as it is stored: what can be an integer is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Item<'a> {
    /// The one decimal spelling of this number.
    Int(i64),
    /// Anything else.
    Str(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The element's bytes.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Int(number) => Cow::Owned(itoa::Buffer::new().format(*number).as_bytes().to_vec()),
            Self::Str(text) => Cow::Borrowed(text),
        }
    }

    /// Hands the element's bytes over without an allocation.
    #[inline]
    pub fn with<R>(&self, use_it: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Int(number) => use_it(itoa::Buffer::new().format(*number).as_bytes()),
            Self::Str(text) => use_it(text),
        }
    }

    /// What an element with these bytes would be stored as.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        strict_i64(bytes).map_or(Self::Str(bytes), Self::Int)
    }
}
