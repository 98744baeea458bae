//! What can be asked about the keys of a node, and what comes back.
//!
//! Owns the questions and answers as the journal keeps them. It must not know sockets or the window.

use serde::{Deserialize, Serialize};

use crate::lab::key_type::KeyType;

/// A look at the keys of one database of one node. Nothing of it changes data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Browse {
    /// A page of keys by SCAN, each with its figures.
    Keys {
        /// Cursor to go on from, 0 for the first page.
        from: u64,
        /// MATCH, empty for all.
        #[serde(with = "crate::lab::lossless::bytes")]
        pattern: Vec<u8>,
        /// TYPE, `None` for all.
        kind: Option<KeyType>,
        /// About how many keys are wanted.
        count: u32,
        /// Also a digest of each value, to compare it with that on another node.
        digests: bool,
    },
    /// A page of the value of a key.
    Value {
        /// Which key.
        #[serde(with = "crate::lab::lossless::bytes")]
        key: Vec<u8>,
        /// Where to go on: `next` of the page before, empty for the first page.
        from: String,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Browsed {
    /// A page of keys.
    Keys(KeyPage),
    /// A page of a value.
    Value(Box<ValuePage>),
    /// The key is not there, or not any more.
    Gone(#[serde(with = "crate::lab::lossless::bytes")] Vec<u8>),
    /// Nothing came back; why, in the node's words where it has any.
    Failed(String),
}

/// Keys that one look found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyPage {
    /// Cursor that was asked from.
    pub from: u64,
    /// Cursor to go on from, 0 when all were visited.
    pub next: u64,
    /// What was found, in no order; a key may come twice.
    pub keys: Vec<KeyInfo>,
    /// DBSIZE.
    pub dbsize: u64,
    /// `master_repl_offset` just before the look: what the page can be held against.
    pub offset: Option<u64>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its name.
    #[serde(with = "crate::lab::lossless::bytes")]
    pub key: Vec<u8>,
    /// TYPE.
    pub kind: KeyType,
    /// PTTL, `None` if it does not expire.
    pub ttl_ms: Option<u64>,
    /// MEMORY USAGE, where the node can tell.
    pub memory: Option<u64>,
    /// Elements, or bytes of a string.
    pub len: Option<u64>,
    /// OBJECT ENCODING.
    pub encoding: String,
    /// Digest of the value, where it was asked for and could be made.
    pub digest: Option<Digest>,
}

/// What stands for a whole value. Two are comparable only if they were made the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Digest {
    /// DEBUG DIGEST-VALUE of the node.
    Node(String),
    /// SHA-1 over the elements as the lab read them, for a node that gives no digest.
    Elements(String),
}

/// A part of a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ValuePage {
    /// The key and its figures at this moment.
    pub info: KeyInfo,
    /// Where this page begins; empty for the first one.
    pub from: String,
    /// Where the next page begins, `None` at the end.
    pub next: Option<String>,
    /// Elements: `[value]` of a string, list or set, `[field, value]`, `[member, score]`, or
    /// `[id, field, value, …]`.
    pub rows: Vec<Vec<Cell>>,
    /// Consumer groups of a stream, with its first page.
    pub groups: Vec<Group>,
}

/// Bytes of one element, cut where there are very many.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The bytes, the first ones of a very long element.
    #[serde(with = "crate::lab::lossless::bytes")]
    pub bytes: Vec<u8>,
    /// Length of the whole element.
    pub len: u64,
}

impl Cell {
    /// Longest part of one element that is kept.
    pub const KEPT: usize = 16 << 10;

    /// Keeps `bytes`, or as much as is kept of an element.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        bytes.truncate(Self::KEPT);
        Self { bytes, len }
    }

    /// Whether all of the element is here.
    pub fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.len
    }
}

/// A consumer group of a stream, by XINFO GROUPS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: Cell,
    /// Number of consumers.
    pub consumers: u64,
    /// Entries delivered and not acknowledged.
    pub pending: u64,
    /// `last-delivered-id`.
    pub last_id: String,
    /// Entries not delivered yet, where the node knows.
    pub lag: Option<u64>,
}

impl Browsed {
    /// Rough memory of it.
    pub(in crate::lab) fn size(&self) -> usize {
        const ELEMENT: usize = 64;
        match self {
            Self::Keys(page) => page.keys.iter().map(|info| ELEMENT * 2 + info.key.len()).sum(),
            Self::Value(page) => {
                page.rows.iter().flatten().map(|cell| ELEMENT + cell.bytes.len()).sum::<usize>() + ELEMENT
            }
            Self::Gone(text) => text.len(),
            Self::Failed(text) => text.len(),
        }
    }
}
