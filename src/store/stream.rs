//! Streams: entries in listpacks by id, consumer groups beside them.

use super::Listpack;

/// Stream.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    pack: Listpack,
}

impl Stream {
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
