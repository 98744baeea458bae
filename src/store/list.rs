//! Lists: a chain of listpacks (Redis' quicklist).

use std::collections::VecDeque;

use triomphe::Arc;

use super::Listpack;

/// A list.
#[derive(Debug, Clone, Default)]
pub struct List {
    nodes: VecDeque<Arc<Listpack>>,
    len: usize,
}

impl List {
    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Estimate of the bytes that it takes.
    pub fn memory(&self) -> usize {
        self.nodes.iter().map(|node| node.memory()).sum()
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "quicklist"
    }
}
