//! The entries of a stream, and what is remembered about those that are gone.

use std::iter::FusedIterator;

use triomphe::Arc;

use super::node::{self, Entry, Master};
use super::pieces::{self, Pieces};
use super::{StreamId, UNKNOWN_COUNT};
use crate::store::{Encodings, Listpack};

/// Largest node, whatever `stream-node-max-bytes` says.
const NODE_BYTES_MAX: u64 = 1 << 30;

type Nodes = Pieces<StreamId, Arc<Listpack>>;

/// How far a stream is cut at its old end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// To so many entries.
    MaxLen(u64),
    /// To the entries from this id on.
    MinId(StreamId),
}

/// Entries in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Log {
    nodes: Nodes,
    /// Bytes of all listpacks.
    node_bytes: usize,
    len: u64,
    /// The id that was given last, by XADD or XSETID.
    pub last_id: StreamId,
    /// The id of the first entry that is left; 0-0 if there is none.
    pub first_id: StreamId,
    /// The largest id that XDEL has removed.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
}

impl Log {
    /// Entries.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Estimate of the bytes that it takes. O(1).
    pub fn memory(&self) -> usize {
        self.nodes.memory() + self.node_bytes
    }

    /// The listpacks with their ids, as RDB carries them.
    pub fn nodes(&self) -> impl Iterator<Item = (StreamId, &Listpack)> {
        self.nodes.iter().map(|(id, pack)| (*id, &**pack))
    }

    /// How many listpacks there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Adds an entry at the end; `fields` are names and values in turn, and `id` is above [`Log::last_id`].
    pub fn append(&mut self, id: StreamId, fields: &[&[u8]], encodings: &Encodings) {
        debug_assert!(id > self.last_id);
        let more: usize = fields.iter().map(|part| part.len()).sum();
        let last = self.nodes.last().filter(|(_, pack)| has_room(pack, more, encodings));
        if let Some(node) = last.map(|(node, _)| *node) {
            self.edit_node(node, |pack| node::append(pack, node, id, fields));
        } else {
            let pack = node::new(fields);
            self.node_bytes += pack.memory();
            self.nodes.insert(id, Arc::new(pack));
        }
        self.len += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    fn edit_node(&mut self, node: StreamId, change: impl FnOnce(&mut Listpack)) {
        if let Some(pack) = self.nodes.get_mut(&node) {
            self.node_bytes -= pack.memory();
            let pack = Arc::make_mut(pack);
            change(pack);
            self.node_bytes += pack.memory();
        }
    }

    fn drop_node(&mut self, node: StreamId) {
        if let Some(pack) = self.nodes.remove(&node) {
            self.node_bytes -= pack.memory();
        }
    }

    /// Entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> Entries<'_> {
        Entries { nodes: self.nodes.from_floor(&start), node: None, start, end, deleted_too: false }
    }

    /// The same, last to first.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> EntriesBack<'_> {
        EntriesBack { nodes: self.nodes.up_to(&end), node: None, start, end }
    }

    /// All entries.
    pub fn iter(&self) -> Entries<'_> {
        self.range(StreamId::MIN, StreamId::MAX)
    }

    /// The entry with this id.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// The id of the last entry that is left.
    pub fn last_entry_id(&self) -> Option<StreamId> {
        self.range_back(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
    }

    /// The id of the first entry that stands anywhere, deleted ones included; the largest id if there is none.
    pub fn first_id_deleted_too(&self) -> StreamId {
        Entries { deleted_too: true, ..self.iter() }.next().map_or(StreamId::MAX, |entry| entry.id)
    }

    /// Deletes entries; returns how many of the ids there were.
    pub fn delete(&mut self, ids: &[StreamId]) -> u64 {
        let (mut deleted, mut first_is_gone) = (0, false);
        for &id in ids {
            if self.delete_one(id) {
                deleted += 1;
                first_is_gone |= id == self.first_id;
                self.max_deleted_id = self.max_deleted_id.max(id);
            }
        }
        if self.len == 0 && deleted > 0 {
            self.first_id = StreamId::MIN;
        } else if first_is_gone {
            self.find_first();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let mut entries = self.range(id, id);
        let Some(at) = entries.next().map(|entry| entry.at()) else { return false };
        let Some((node, live)) = entries.node.map(|walk| (walk.node, node::counts(walk.pack).0)) else {
            return false;
        };
        if live == 1 {
            self.drop_node(node);
        } else {
            self.edit_node(node, |pack| {
                node::mark_deleted(pack, at);
                node::count_deleted(pack, 1);
            });
        }
        self.len -= 1;
        true
    }

    fn find_first(&mut self) {
        self.first_id = self.iter().next().map_or(StreamId::MAX, |entry| entry.id);
    }

    /// Drops the oldest entries; returns how many. `whole_nodes` stops at the first node that would have to be cut;
    /// `limit` is the most entries to drop, 0 for no limit.
    pub fn trim(&mut self, to: Trim, whole_nodes: bool, limit: u64) -> u64 {
        let mut deleted = 0;
        while let Some((&node, pack)) = self.nodes.first() {
            if matches!(to, Trim::MaxLen(max) if self.len <= max) {
                break;
            }
            let live = node::counts(pack).0 as u64;
            if limit > 0 && deleted + live > limit {
                break;
            }
            let all = match to {
                Trim::MaxLen(max) => self.len - live >= max,
                Trim::MinId(min) => last_id_of(pack, node) < min,
            };
            if all {
                self.drop_node(node);
                self.len -= live;
                deleted += live;
                continue;
            }
            if !whole_nodes {
                deleted += self.trim_node(node, to);
            }
            break;
        }
        if self.len == 0 {
            self.first_id = StreamId::MIN;
        } else if deleted > 0 {
            self.find_first();
        }
        deleted
    }

    fn trim_node(&mut self, node: StreamId, to: Trim) -> u64 {
        let Some(pack) = self.nodes.get(&node) else { return 0 };
        let walk = Walk::new(node, pack);
        let mut at = walk.master.body();
        let mut marks = Vec::new();
        while at < pack.end() {
            let entry = walk.entry(at);
            let stop = match to {
                Trim::MaxLen(max) => self.len - marks.len() as u64 <= max,
                Trim::MinId(min) => entry.id >= min,
            };
            if stop {
                break;
            }
            if !entry.is_deleted() {
                marks.push(at);
            }
            at = entry.end();
        }
        let deleted = marks.len() as u64;
        self.edit_node(node, |pack| {
            // From the end, should a flag ever take another size than the one before.
            marks.iter().rev().for_each(|at| node::mark_deleted(pack, *at));
            node::count_deleted(pack, deleted as i64);
        });
        self.len -= deleted;
        deleted
    }

    /// Whether XDEL has left a gap at `start` or behind it, as far as that is remembered.
    pub fn has_gap_from(&self, start: StreamId) -> bool {
        self.len > 0
            && self.max_deleted_id != StreamId::MIN
            && self.first_id <= self.max_deleted_id
            && start <= self.max_deleted_id
    }

    /// How many entries were ever added up to `id`, or [`UNKNOWN_COUNT`] if that cannot be told without counting.
    pub fn count_up_to(&self, id: StreamId) -> i64 {
        let added = self.entries_added as i64;
        if added == 0 || id == self.last_id || (self.len == 0 && id < self.last_id) {
            return added;
        }
        let no_gap = self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id;
        if id > self.last_id || !no_gap || id > self.first_id {
            return UNKNOWN_COUNT;
        }
        added.wrapping_sub(self.len as i64) + i64::from(id == self.first_id)
    }

    /// Puts a node from outside behind the others, after all of it was checked.
    pub fn push_checked(&mut self, node: StreamId, pack: Listpack) -> bool {
        let Some(checked) = node::check(&pack, node) else { return false };
        let in_order = self.nodes.last().is_none_or(|(last, _)| *last < node);
        let before = self.last_entry_id();
        let ids_in_order = match (before, checked.ends) {
            (Some(before), Some((first, _))) => before < first,
            _ => true,
        };
        if !in_order || !ids_in_order {
            return false;
        }
        self.len += checked.live;
        self.node_bytes += pack.memory();
        self.nodes.insert(node, Arc::new(pack));
        true
    }
}

impl<'a> IntoIterator for &'a Log {
    type Item = Entry<'a>;
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// Whether a node takes another entry with `more` bytes of names and values.
fn has_room(pack: &Listpack, more: usize, encodings: &Encodings) -> bool {
    let bytes_max = match encodings.stream_node_max_bytes {
        0 => NODE_BYTES_MAX,
        max => max.min(NODE_BYTES_MAX),
    };
    let (live, deleted) = node::counts(pack);
    let entries_max = encodings.stream_node_max_entries;
    ((pack.as_bytes().len() + more) as u64) < bytes_max
        && (entries_max == 0 || ((live + deleted) as u64) < entries_max)
}

/// The id of the last entry in a node, deleted or not.
fn last_id_of(pack: &Listpack, node: StreamId) -> StreamId {
    let walk = Walk::new(node, pack);
    node::entry_before(pack, pack.end()).map_or(node, |at| walk.entry(at).id)
}

/// A node being walked over.
#[derive(Debug, Clone, Copy)]
struct Walk<'a> {
    node: StreamId,
    pack: &'a Listpack,
    master: Master,
    /// Where the next entry begins, or the last one ended when walking back.
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(node: StreamId, pack: &'a Listpack) -> Self {
        let master = Master::of(pack);
        Self { node, pack, master, at: master.body() }
    }

    fn entry(&self, at: usize) -> Entry<'a> {
        node::entry(self.pack, &self.master, self.node, at)
    }
}

/// Walks over entries, first to last.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    nodes: pieces::Iter<'a, StreamId, Arc<Listpack>>,
    node: Option<Walk<'a>>,
    start: StreamId,
    end: StreamId,
    deleted_too: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some(walk) = self.node.as_mut().filter(|walk| walk.at < walk.pack.end()) else {
                let (node, pack) = self.nodes.next()?;
                self.node = Some(Walk::new(*node, pack));
                continue;
            };
            let entry = walk.entry(walk.at);
            walk.at = entry.end();
            if entry.id < self.start || (entry.is_deleted() && !self.deleted_too) {
                continue;
            }
            if entry.id > self.end {
                // Nothing behind it is in the range.
                self.nodes = self.nodes.finished();
                walk.at = walk.pack.end();
                return None;
            }
            return Some(entry);
        }
    }
}

impl FusedIterator for Entries<'_> {}

/// Walks over entries, last to first.
#[derive(Debug, Clone)]
pub struct EntriesBack<'a> {
    nodes: pieces::Iter<'a, StreamId, Arc<Listpack>>,
    node: Option<Walk<'a>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for EntriesBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let before = self.node.as_ref().and_then(|walk| node::entry_before(walk.pack, walk.at));
            let (Some(at), Some(walk)) = (before, self.node.as_mut()) else {
                let (node, pack) = self.nodes.next_back()?;
                self.node = Some(Walk { at: pack.end(), ..Walk::new(*node, pack) });
                continue;
            };
            let entry = walk.entry(at);
            walk.at = at;
            if entry.id > self.end || entry.is_deleted() {
                continue;
            }
            if entry.id < self.start {
                self.nodes = self.nodes.finished();
                self.node = None;
                return None;
            }
            return Some(entry);
        }
    }
}

impl FusedIterator for EntriesBack<'_> {}
