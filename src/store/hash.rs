//! Hashes: compact in a listpack, large in a hash table.

use super::Listpack;

/// Hash.
#[derive(Debug, Clone, Default)]
pub struct Hash {
    pack: Listpack,
}

impl Hash {
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
