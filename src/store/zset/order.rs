//! Members in the order of their scores: leaves of bounded size in branches of bounded size, both shared with clones.
//!
//! Two levels that know how many items they hold: an item is found by its place or its rank with two short walks and a
//! search in one leaf, and a change copies, under a snapshot, one branch's directory and one leaf.

use std::ops::Range;

use triomphe::Arc;

use super::record::{Scored, compare};
use crate::store::allocated;

/// Most items of a leaf: 4 KiB.
const LEAF_MAX: usize = 256;
/// A leaf grows by this many items: one size class of the allocator, so that little of it stays empty.
const LEAF_STEP: usize = 32;
/// Most leaves of a branch.
const BRANCH_MAX: usize = 256;
/// Neighbours are merged when they hold this many items, or leaves, together.
const MERGE_AT: usize = 128;

/// An item: the score stands here too, so that a search seldom looks at members.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) score: f64,
    pub(super) record: Scored,
}

#[derive(Debug, Clone)]
struct Leaf {
    first: Item,
    items: Arc<Vec<Item>>,
}

#[derive(Debug, Clone)]
struct Branch {
    first: Item,
    len: usize,
    leaves: Arc<Vec<Leaf>>,
}

/// Where an item stands, or would stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    branch: usize,
    leaf: usize,
    index: usize,
}

/// Items in order. No branch and no leaf is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    branches: Vec<Branch>,
    len: usize,
    /// What leaves and directories take, without the records.
    bytes: usize,
}

fn leaf_bytes(items: &Vec<Item>) -> usize {
    allocated(items.capacity() * size_of::<Item>()) + allocated(size_of::<Vec<Item>>() + 8)
}

fn branch_bytes(leaves: &Vec<Leaf>) -> usize {
    allocated(leaves.capacity() * size_of::<Leaf>()) + allocated(size_of::<Vec<Leaf>>() + 8)
}

impl Order {
    /// Items.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it takes, the records not counted.
    pub(super) fn memory(&self) -> usize {
        self.bytes + self.branches.capacity() * size_of::<Branch>()
    }

    /// Puts an item in. O(log n), and the size of one leaf.
    pub(super) fn insert(&mut self, record: Scored) {
        let item = Item { score: record.score(), record };
        self.len += 1;
        if self.branches.is_empty() {
            let leaf = new_leaf(vec![item.clone()]);
            self.bytes += leaf_bytes(&leaf.items);
            let leaves = Arc::new(vec![leaf]);
            self.bytes += branch_bytes(&leaves);
            self.branches.push(Branch { first: item, len: 1, leaves });
            return;
        }
        let wanted = (item.score, item.record.member());
        let before = |other: &Item| compare((other.score, other.record.member()), wanted).is_lt();
        let mut place = self.place(before);
        if self.leaf_at(place).len() >= LEAF_MAX {
            self.split_leaf(place);
            place = self.place(before);
        }
        let branch = &mut self.branches[place.branch];
        branch.len += 1;
        // A copy of what a clone shares has no room to spare, so the size is taken before that.
        self.bytes -= branch_bytes(&branch.leaves);
        let leaves = Arc::make_mut(&mut branch.leaves);
        self.bytes += branch_bytes(leaves);
        let leaf = &mut leaves[place.leaf];
        self.bytes -= leaf_bytes(&leaf.items);
        let items = Arc::make_mut(&mut leaf.items);
        make_room(items);
        self.bytes += leaf_bytes(items);
        if place.index == 0 {
            leaf.first = item.clone();
            if place.leaf == 0 {
                branch.first = item.clone();
            }
        }
        items.insert(place.index, item);
    }

    /// Takes the item with this score and member out. O(log n), and the size of one leaf.
    pub(super) fn remove(&mut self, score: f64, member: &[u8]) {
        let wanted = (score, member);
        let place = self.place(|other| compare((other.score, other.record.member()), wanted).is_lt());
        let place = self.normal(place);
        debug_assert!(self.item(place).is_some_and(|item| item.record.member() == member));
        self.remove_in_leaf(place, 1);
    }

    /// Takes the items of these ranks out. O(log n), and the items.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>) {
        let mut left = ranks.end.min(self.len).saturating_sub(ranks.start);
        while left > 0 {
            let place = self.place_of(ranks.start);
            let count = left.min(self.leaf_at(place).len() - place.index);
            self.remove_in_leaf(place, count);
            left -= count;
        }
    }

    /// Number of items that `before` holds for; it must hold for the first ones and then for none. O(log n).
    pub(super) fn partition(&self, before: impl Fn(&Item) -> bool) -> usize {
        if self.branches.is_empty() {
            return 0;
        }
        let place = self.place(before);
        let branches: usize = self.branches[..place.branch].iter().map(|branch| branch.len).sum();
        let leaves = &self.branches[place.branch].leaves[..place.leaf];
        branches + leaves.iter().map(|leaf| leaf.items.len()).sum::<usize>() + place.index
    }

    /// The items of these ranks, from either end.
    pub(super) fn range(&self, ranks: Range<usize>) -> Items<'_> {
        let end = ranks.end.min(self.len);
        let start = ranks.start.min(end);
        let (front, back) = if start < end {
            (self.place_of(start), self.place_of(end - 1))
        } else {
            (Place { branch: 0, leaf: 0, index: 0 }, Place { branch: 0, leaf: 0, index: 0 })
        };
        Items { order: self, front, back, left: end - start }
    }

    fn leaf_at(&self, place: Place) -> &Arc<Vec<Item>> {
        &self.branches[place.branch].leaves[place.leaf].items
    }

    fn item(&self, place: Place) -> Option<&Item> {
        self.branches.get(place.branch)?.leaves.get(place.leaf)?.items.get(place.index)
    }

    /// Place of the first item that `before` does not hold for, or the end of the leaf before it.
    #[inline]
    fn place(&self, before: impl Fn(&Item) -> bool) -> Place {
        let branch = self.branches.partition_point(|branch| before(&branch.first)).saturating_sub(1);
        let leaves = &self.branches[branch].leaves;
        let leaf = leaves.partition_point(|leaf| before(&leaf.first)).saturating_sub(1);
        let index = leaves[leaf].items.partition_point(before);
        Place { branch, leaf, index }
    }

    /// The same place, but the begin of a leaf instead of the end of the one before.
    fn normal(&self, place: Place) -> Place {
        if place.index < self.leaf_at(place).len() {
            return place;
        }
        if place.leaf + 1 < self.branches[place.branch].leaves.len() {
            Place { leaf: place.leaf + 1, index: 0, ..place }
        } else {
            Place { branch: place.branch + 1, leaf: 0, index: 0 }
        }
    }

    /// Place of the item of this rank, which must be there.
    fn place_of(&self, mut rank: usize) -> Place {
        let mut branch = 0;
        while rank >= self.branches[branch].len {
            rank -= self.branches[branch].len;
            branch += 1;
        }
        let leaves = &self.branches[branch].leaves;
        // Backwards if that is the shorter way.
        if rank > self.branches[branch].len / 2 {
            let mut start = self.branches[branch].len;
            for (leaf, found) in leaves.iter().enumerate().rev() {
                start -= found.items.len();
                if rank >= start {
                    return Place { branch, leaf, index: rank - start };
                }
            }
        }
        let mut leaf = 0;
        while rank >= leaves[leaf].items.len() {
            rank -= leaves[leaf].items.len();
            leaf += 1;
        }
        Place { branch, leaf, index: rank }
    }

    /// Makes two leaves of a full one. At either end of the order the full one stays whole: who adds in order wants no
    /// half-empty leaves.
    fn split_leaf(&mut self, place: Place) {
        let Place { branch: branch_index, leaf: leaf_index, index } = place;
        let last_branch = branch_index + 1 == self.branches.len();
        let branch = &mut self.branches[branch_index];
        self.bytes -= branch_bytes(&branch.leaves);
        let leaves = Arc::make_mut(&mut branch.leaves);
        let last = last_branch && leaf_index + 1 == leaves.len() && index == LEAF_MAX;
        let at = if last { LEAF_MAX - 1 } else { LEAF_MAX / 2 };
        self.bytes -= leaf_bytes(&leaves[leaf_index].items);
        let items = Arc::make_mut(&mut leaves[leaf_index].items);
        let tail = items.split_off(at);
        if !last {
            items.shrink_to(at + LEAF_STEP);
        }
        self.bytes += leaf_bytes(items);
        let leaf = new_leaf(tail);
        self.bytes += leaf_bytes(&leaf.items);
        leaves.insert(leaf_index + 1, leaf);
        self.bytes += branch_bytes(leaves);
        if leaves.len() > BRANCH_MAX {
            self.split_branch(branch_index);
        }
    }

    fn split_branch(&mut self, index: usize) {
        let branch = &mut self.branches[index];
        self.bytes -= branch_bytes(&branch.leaves);
        let leaves = Arc::make_mut(&mut branch.leaves);
        let tail = leaves.split_off(leaves.len() / 2);
        leaves.shrink_to_fit();
        self.bytes += branch_bytes(leaves) + branch_bytes(&tail);
        let len = tail.iter().map(|leaf| leaf.items.len()).sum();
        branch.len -= len;
        let first = tail[0].first.clone();
        self.branches.insert(index + 1, Branch { first, len, leaves: Arc::new(tail) });
    }

    fn remove_in_leaf(&mut self, place: Place, count: usize) {
        self.len -= count;
        let branch = &mut self.branches[place.branch];
        branch.len -= count;
        self.bytes -= branch_bytes(&branch.leaves);
        let leaves = Arc::make_mut(&mut branch.leaves);
        let leaf = &mut leaves[place.leaf];
        self.bytes -= leaf_bytes(&leaf.items);
        if count == leaf.items.len() {
            leaves.remove(place.leaf);
        } else {
            let items = Arc::make_mut(&mut leaf.items);
            items.drain(place.index..place.index + count);
            if items.len() + 2 * LEAF_STEP <= items.capacity() {
                items.shrink_to(items.len().next_multiple_of(LEAF_STEP));
            }
            self.bytes += leaf_bytes(items);
            leaf.first = items[0].clone();
            merge_leaves(leaves, place.leaf, &mut self.bytes);
        }
        if leaves.is_empty() {
            self.branches.remove(place.branch);
        } else {
            self.bytes += branch_bytes(leaves);
            branch.first = leaves[0].first.clone();
            self.merge_branches(place.branch);
        }
    }

    /// Joins a branch that has become small with a small one beside it.
    fn merge_branches(&mut self, index: usize) {
        if self.branches[index].leaves.len() > MERGE_AT / 2 {
            return;
        }
        for left in [index, index.wrapping_sub(1)] {
            let Some([a, b]) = self.branches.get(left..left.wrapping_add(2)) else { continue };
            if a.leaves.len() + b.leaves.len() > MERGE_AT {
                continue;
            }
            let gone = self.branches.remove(left + 1);
            let into = &mut self.branches[left];
            into.len += gone.len;
            self.bytes -= branch_bytes(&into.leaves) + branch_bytes(&gone.leaves);
            let leaves = Arc::make_mut(&mut into.leaves);
            leaves.extend(gone.leaves.iter().cloned());
            self.bytes += branch_bytes(leaves);
            return;
        }
    }
}

/// Room for one more item, up to the next of few sizes.
fn make_room(items: &mut Vec<Item>) {
    let len = items.len();
    if len == items.capacity() {
        let wanted = if len < LEAF_STEP { (len + 1).next_power_of_two().max(4) } else { len + 1 };
        let wanted = if wanted > LEAF_STEP { wanted.next_multiple_of(LEAF_STEP) } else { wanted };
        items.reserve_exact(wanted - len);
    }
}

fn new_leaf(mut items: Vec<Item>) -> Leaf {
    items.shrink_to_fit();
    make_room(&mut items);
    Leaf { first: items[0].clone(), items: Arc::new(items) }
}

/// Joins a leaf that has become small with a small one beside it.
fn merge_leaves(leaves: &mut Vec<Leaf>, index: usize, bytes: &mut usize) {
    if leaves[index].items.len() > MERGE_AT / 2 {
        return;
    }
    for left in [index, index.wrapping_sub(1)] {
        let Some([a, b]) = leaves.get(left..left.wrapping_add(2)) else { continue };
        if a.items.len() + b.items.len() > MERGE_AT {
            continue;
        }
        let gone = leaves.remove(left + 1);
        *bytes -= leaf_bytes(&leaves[left].items) + leaf_bytes(&gone.items);
        let items = Arc::make_mut(&mut leaves[left].items);
        items.reserve_exact(gone.items.len().next_multiple_of(LEAF_STEP));
        items.extend(gone.items.iter().cloned());
        items.shrink_to(items.len().next_multiple_of(LEAF_STEP));
        *bytes += leaf_bytes(items);
        return;
    }
}

/// Walks over the items of some ranks.
#[derive(Debug, Clone)]
pub(super) struct Items<'a> {
    order: &'a Order,
    front: Place,
    back: Place,
    left: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a Item;

    #[inline]
    fn next(&mut self) -> Option<&'a Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let found = self.order.item(self.front);
        self.front.index += 1;
        if self.front.index == self.order.leaf_at(self.front).len() {
            self.front = self.order.normal(self.front);
        }
        found
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let found = self.order.item(self.back);
        if self.left > 0 {
            let Place { branch, leaf, index } = self.back;
            self.back = if index > 0 {
                Place { index: index - 1, ..self.back }
            } else {
                let (branch, leaf) = if leaf > 0 {
                    (branch, leaf - 1)
                } else {
                    (branch - 1, self.order.branches[branch - 1].leaves.len() - 1)
                };
                let index = self.order.branches[branch].leaves[leaf].items.len() - 1;
                Place { branch, leaf, index }
            };
        }
        found
    }
}

impl ExactSizeIterator for Items<'_> {}

#[cfg(test)]
impl Order {
    /// What every change must leave in place.
    pub(super) fn check(&self) {
        let (mut len, mut bytes) = (0, 0);
        for branch in &self.branches {
            let in_branch: usize = branch.leaves.iter().map(|leaf| leaf.items.len()).sum();
            assert_eq!(branch.len, in_branch);
            assert!(!branch.leaves.is_empty() && branch.leaves.len() <= BRANCH_MAX);
            assert_eq!(branch.first.record.member(), branch.leaves[0].first.record.member());
            bytes += branch_bytes(&branch.leaves);
            for leaf in branch.leaves.iter() {
                assert!(!leaf.items.is_empty() && leaf.items.len() <= LEAF_MAX);
                assert_eq!(leaf.first.record.member(), leaf.items[0].record.member());
                bytes += leaf_bytes(&leaf.items);
            }
            len += in_branch;
        }
        assert_eq!((self.len, self.bytes), (len, bytes));
        let items: Vec<&Item> = self.range(0..len).collect();
        for pair in items.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|item| (item.score, item.record.member()));
            assert!(compare(a, b).is_lt());
        }
    }
}
