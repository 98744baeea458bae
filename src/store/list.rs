//! Lists: a chain of listpacks (Redis' quicklist).
//!
//! Where one listpack ends and the next begins is Redis' own rule, so that DUMP and RDB carry the same bytes. Snapshots
//! share the listpacks: each is copied at its first change.

use std::collections::VecDeque;

use triomphe::Arc;

use super::memory::allocated;
use super::{Item, Listpack};

/// Bytes of a listpack for `list-max-listpack-size` -1 to -5.
const BYTES_MAX: [usize; 5] = [4096, 8192, 16384, 32768, 65536];
/// Most bytes of a listpack that is limited by its elements.
const BYTES_SAFE: usize = 8192;
/// What Redis adds to the length of an element before it compares with the limit.
const OVERHEAD: usize = 8;
/// What two listpacks lose when they become one, as Redis counts it.
const MERGE_GAIN: usize = 11;
/// Removing more than this many elements from a node writes it anew instead.
const REMOVED_IN_PLACE: usize = 8;

/// A list.
#[derive(Debug, Clone)]
pub struct List {
    nodes: VecDeque<Node>,
    len: usize,
    /// What the nodes take, the queue itself not counted.
    bytes: usize,
    limit: i16,
}

/// One listpack. It is never empty.
#[derive(Debug, Clone)]
struct Node {
    pack: Arc<Listpack>,
    count: usize,
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Index 0.
    Head,
    /// Index -1.
    Tail,
}

impl Default for List {
    fn default() -> Self {
        Self::new(super::Encodings::REDIS.list_max_listpack_size)
    }
}

impl List {
    /// Longest element: a listpack counts its bytes in 32 bits.
    pub const ELEMENT_MAX: usize = u32::MAX as usize - 64;

    /// An empty list whose nodes are limited by `list-max-listpack-size`.
    pub fn new(limit: i64) -> Self {
        let mut list = Self { nodes: VecDeque::new(), len: 0, bytes: 0, limit: 0 };
        list.set_limit(limit);
        list
    }

    /// Limits its nodes from now on. Lists keep the limit of the time when they came to be.
    pub fn set_limit(&mut self, limit: i64) {
        self.limit = limit.clamp(-(BYTES_MAX.len() as i64), i16::MAX.into()) as i16;
    }

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
        let queue = self.nodes.capacity() * size_of::<Node>();
        self.bytes + if queue > 0 { allocated(queue) } else { 0 }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "quicklist"
    }

    /// Its listpacks, first to last.
    pub fn packs(&self) -> impl ExactSizeIterator<Item = &Listpack> {
        self.nodes.iter().map(|node| &*node.pack)
    }

    /// Adds a whole listpack at the end, as a file brings it; an empty one adds nothing.
    pub fn push_pack(&mut self, pack: Listpack) {
        if !pack.is_empty() {
            self.add_node(self.nodes.len(), pack);
        }
    }

    /// Adds an element at one end. O(bytes of a node).
    pub fn push(&mut self, end: End, element: &[u8]) {
        let (at, new) = match end {
            End::Head => (0, 0),
            End::Tail => (self.nodes.len().saturating_sub(1), self.nodes.len()),
        };
        if self.has_room(at, element) {
            self.put(at, end, element);
        } else {
            self.add_node(new, single(element));
        }
    }

    /// Takes the element at one end. O(bytes of a node).
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let found = match end {
            End::Head => self.get(0)?.bytes().into_owned(),
            End::Tail => self.get(-1)?.bytes().into_owned(),
        };
        match end {
            End::Head => self.remove(0, 1),
            End::Tail => self.remove(self.len - 1, 1),
        }
        Some(found)
    }

    /// The index from the head that `index` means: negative ones count from the tail, -1 is the last element.
    pub fn index(&self, index: i64) -> Option<usize> {
        let len = self.len as i64;
        let index = if index < 0 { index.saturating_add(len) } else { index };
        (0..len).contains(&index).then_some(index as usize)
    }

    /// The element with this index; negative ones count from the tail. O(nodes, and elements of one).
    pub fn get(&self, index: i64) -> Option<Item<'_>> {
        let (at, offset) = self.locate(self.index(index)?);
        let pack = &self.nodes[at].pack;
        Some(pack.get(pack.seek(offset as i64)?))
    }

    /// The elements from an index on, up to the tail.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = Item<'_>> {
        let (at, offset) = if index < self.len { self.locate(index) } else { (self.nodes.len(), 0) };
        let mut nodes = self.nodes.range(at..);
        let first = nodes.next().map(|node| {
            let from = node.pack.seek(offset as i64).unwrap_or_else(|| node.pack.end());
            node.pack.iter_from(from)
        });
        first.into_iter().flatten().chain(nodes.flat_map(|node| node.pack.iter()))
    }

    /// All elements from the tail to the head.
    pub fn iter_back(&self) -> impl Iterator<Item = Item<'_>> {
        self.nodes.iter().rev().flat_map(|node| {
            let pack = &*node.pack;
            std::iter::successors(pack.last(), |at| pack.before(*at)).map(|at| pack.get(at))
        })
    }

    /// Index of the first element equal to `wanted`. O(n).
    pub fn find(&self, wanted: &[u8]) -> Option<usize> {
        let wanted = Item::of(wanted);
        self.iter_from(0).position(|item| item == wanted)
    }

    /// Replaces an element; `false` if there is none of this index. O(nodes, and bytes of one).
    pub fn set(&mut self, index: i64, element: &[u8]) -> bool {
        let Some(index) = self.index(index) else { return false };
        let (at, offset) = self.locate(index);
        self.change(at, |pack| {
            if let Some(position) = pack.seek(offset as i64) {
                pack.replace(position, element);
            }
        });
        true
    }

    /// Puts an element before or behind the one with this index, which must be there. O(nodes, and bytes of some).
    pub fn insert(&mut self, index: usize, side: Side, element: &[u8]) {
        let (at, offset) = self.locate(index);
        let behind = side == Side::After;
        let is_last = behind && offset + 1 == self.nodes[at].count;
        let is_first = !behind && offset == 0;
        if self.has_room(at, element) {
            self.insert_inside(at, offset + usize::from(behind), element);
        } else if is_last && self.has_room(at + 1, element) {
            self.put(at + 1, End::Head, element);
        } else if is_first && at > 0 && self.has_room(at - 1, element) {
            self.put(at - 1, End::Tail, element);
        } else if is_last || is_first {
            self.add_node(at + usize::from(behind), single(element));
        } else {
            self.insert_between(at, offset, side, element);
        }
    }

    /// Cuts a full node in two for one more element between the halves.
    fn insert_between(&mut self, at: usize, offset: usize, side: Side, element: &[u8]) {
        let cut = offset + usize::from(side == Side::After);
        let tail = self.split(at, cut);
        self.add_node(at + 1, tail);
        // The element goes into the half that does not hold its neighbour.
        match side {
            Side::After => {
                self.put(at + 1, End::Head, element);
                self.merge_around(at);
            }
            Side::Before => {
                self.put(at, End::Tail, element);
                self.merge_around(at + 1);
            }
        }
    }

    /// Removes up to `count` elements from an index on. O(nodes, and bytes of two).
    pub fn remove(&mut self, index: usize, count: usize) {
        let mut left = count.min(self.len.saturating_sub(index));
        if left == 0 {
            return;
        }
        let (mut at, mut offset) = self.locate(index);
        while left > 0 {
            let here = (self.nodes[at].count - offset).min(left);
            left -= here;
            if here == self.nodes[at].count {
                self.drop_node(at);
            } else {
                self.change(at, |pack| {
                    if let Some(position) = pack.seek(offset as i64) {
                        pack.remove(position, here);
                    }
                });
                self.nodes[at].count -= here;
                self.len -= here;
                at += 1;
            }
            offset = 0;
        }
        self.shrink();
    }

    /// Removes the first `most` elements equal to `wanted`, seen from one end; returns how many there were. O(n).
    pub fn remove_equal(&mut self, wanted: &[u8], most: usize, from: End) -> usize {
        let wanted = Item::of(wanted);
        let mut removed = 0;
        let mut step = 0;
        let nodes = self.nodes.len();
        while step < nodes && removed < most {
            // Nodes that go are behind the ones still to be seen, or counted by `gone`.
            let gone = nodes - self.nodes.len();
            let at = match from {
                End::Head => step - gone,
                End::Tail => nodes - 1 - step,
            };
            removed += self.remove_equal_in(at, wanted, most - removed, from);
            step += 1;
        }
        self.shrink();
        removed
    }

    fn remove_equal_in(&mut self, at: usize, wanted: Item<'_>, most: usize, from: End) -> usize {
        let found = self.nodes[at].pack.iter().filter(|item| *item == wanted).count();
        let removed = found.min(most);
        if removed == self.nodes[at].count {
            self.drop_node(at);
            return removed;
        }
        if removed == 0 {
            return 0;
        }
        // Those nearer to the other end stay.
        let skip = if from == End::Tail { found - removed } else { 0 };
        self.change(at, |pack| {
            if removed > REMOVED_IN_PLACE {
                *pack = without(pack, wanted, skip, removed);
                return;
            }
            let (mut seen, mut position, mut left) = (0, pack.start(), removed);
            while left > 0 && position < pack.end() {
                if pack.get(position) != wanted {
                    position = pack.after(position);
                } else if seen < skip {
                    seen += 1;
                    position = pack.after(position);
                } else {
                    pack.remove(position, 1);
                    left -= 1;
                }
            }
        });
        self.nodes[at].count -= removed;
        self.len -= removed;
        removed
    }

    /// Node and index within it of the element with this index, which must be there.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index <= self.len / 2 {
            let mut before = 0;
            for (at, node) in self.nodes.iter().enumerate() {
                if index < before + node.count {
                    return (at, index - before);
                }
                before += node.count;
            }
        }
        let mut end = self.len;
        for (at, node) in self.nodes.iter().enumerate().rev() {
            end -= node.count;
            if index >= end {
                return (at, index - end);
            }
        }
        (0, 0)
    }

    /// Whether the node, if there is one, takes one more element of this length.
    fn has_room(&self, at: usize, element: &[u8]) -> bool {
        let Some(node) = self.nodes.get(at) else { return false };
        let bytes = node.pack.as_bytes().len() + element.len() + OVERHEAD;
        self.fits(bytes, node.count + 1)
    }

    /// Whether a node may have this many bytes and elements.
    fn fits(&self, bytes: usize, count: usize) -> bool {
        match usize::try_from(self.limit) {
            Ok(most) => bytes <= BYTES_SAFE && count <= most,
            Err(_) => bytes <= BYTES_MAX[usize::from(self.limit.unsigned_abs()) - 1],
        }
    }

    /// Changes a listpack and keeps account of its memory.
    fn change<R>(&mut self, at: usize, change: impl FnOnce(&mut Listpack) -> R) -> R {
        let node = &mut self.nodes[at];
        let before = node.pack.memory();
        let pack = Arc::make_mut(&mut node.pack);
        let result = change(pack);
        self.bytes = self.bytes + pack.memory() - before;
        result
    }

    /// Adds an element at one end of a node.
    fn put(&mut self, at: usize, end: End, element: &[u8]) {
        self.change(at, |pack| match end {
            End::Head => pack.push_front(element),
            End::Tail => pack.push(element),
        });
        self.nodes[at].count += 1;
        self.len += 1;
    }

    fn insert_inside(&mut self, at: usize, offset: usize, element: &[u8]) {
        self.change(at, |pack| {
            let position = pack.seek(offset as i64).unwrap_or_else(|| pack.end());
            pack.insert(position, element);
        });
        self.nodes[at].count += 1;
        self.len += 1;
    }

    fn add_node(&mut self, at: usize, pack: Listpack) {
        let count = pack.len();
        self.bytes += node_memory(&pack);
        self.len += count;
        if self.nodes.capacity() == 0 {
            // Most lists are short, and the queue's own first step is four nodes.
            self.nodes.reserve_exact(1);
        }
        self.nodes.insert(at, Node { pack: Arc::new(pack), count });
    }

    fn drop_node(&mut self, at: usize) {
        if let Some(node) = self.nodes.remove(at) {
            self.bytes -= node_memory(&node.pack);
            self.len -= node.count;
        }
    }

    /// Takes the elements from an offset on out of a node.
    fn split(&mut self, at: usize, offset: usize) -> Listpack {
        let tail = self.change(at, |pack| {
            let position = pack.seek(offset as i64).unwrap_or_else(|| pack.end());
            pack.split_off(position)
        });
        let moved = self.nodes[at].count - offset;
        self.nodes[at].count = offset;
        self.len -= moved;
        tail
    }

    /// Joins small neighbours of a node that was split, and the node with them, in Redis' order.
    fn merge_around(&mut self, mut center: usize) {
        if center >= 2 && self.merge(center - 2) {
            center -= 1;
        }
        self.merge(center + 1);
        if center >= 1 && self.merge(center - 1) {
            center -= 1;
        }
        self.merge(center);
    }

    /// Joins a node with the next one, if both are there and small enough.
    fn merge(&mut self, at: usize) -> bool {
        let (Some(left), Some(right)) = (self.nodes.get(at), self.nodes.get(at + 1)) else { return false };
        let bytes = left.pack.as_bytes().len() + right.pack.as_bytes().len() - MERGE_GAIN;
        if !self.fits(bytes, left.count + right.count) {
            return false;
        }
        let right = Arc::clone(&right.pack);
        let moved = self.nodes[at + 1].count;
        self.drop_node(at + 1);
        self.change(at, |pack| pack.append(&right));
        self.nodes[at].count += moved;
        self.len += moved;
        true
    }

    /// A queue that was long gives its room back.
    fn shrink(&mut self) {
        if self.nodes.capacity() > 16 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }
}

/// A side of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nearer to the head.
    Before,
    /// Nearer to the tail.
    After,
}

/// A listpack beside its reference count.
fn node_memory(pack: &Listpack) -> usize {
    allocated(size_of::<usize>() + size_of::<Listpack>()) + pack.memory()
}

fn single(element: &[u8]) -> Listpack {
    let mut pack = Listpack::new();
    pack.push(element);
    pack
}

/// The listpack without `removed` elements equal to `unwanted`; the first `skip` such ones stay.
fn without(pack: &Listpack, unwanted: Item<'_>, skip: usize, removed: usize) -> Listpack {
    let mut kept = Listpack::new();
    let mut seen = 0;
    for item in pack {
        if item == unwanted {
            seen += 1;
            if seen > skip && seen <= skip + removed {
                continue;
            }
        }
        match item {
            Item::Int(number) => kept.push_int(number),
            Item::Str(text) => kept.push(text),
        }
    }
    kept
}

#[cfg(test)]
mod tests;
