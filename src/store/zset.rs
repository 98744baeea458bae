//! Sorted sets: compact in a listpack, large in an ordered chain of pieces with a hash table beside it.

use super::Listpack;

/// Sorted set.
#[derive(Debug, Clone, Default)]
pub struct Zset {
    pack: Listpack,
}

impl Zset {
    /// Elements.
    pub fn len(&self) -> usize {
        self.pack.len()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.pack.is_empty()
    }

    /// Estimate of the bytes that it takes.
    pub fn memory(&self) -> usize {
        self.pack.memory()
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }
}
