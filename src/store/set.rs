//! Sets: of integers in one sorted array, of anything else in a hash table.

use super::Listpack;

/// Set.
#[derive(Debug, Clone, Default)]
pub struct Set {
    pack: Listpack,
}

impl Set {
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
