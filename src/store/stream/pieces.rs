//! An ordered map in pieces of bounded size that clones share: what nodes, pending entries and consumers are kept in.
//!
//! Two levels: a directory of pieces, each a sorted vector. A clone copies the directory; the first change of a piece
//! that is shared copies this piece alone.

use std::borrow::Borrow;

use triomphe::Arc;

use crate::store::memory::allocated;

/// A piece never holds more entries than this.
const PIECE_MAX: usize = 128;
/// A piece that falls below this many entries is merged with the next one if both fit into half a piece.
const PIECE_MIN: usize = PIECE_MAX / 8;

#[derive(Debug, Clone)]
struct Piece<K, V> {
    /// No key of the piece is smaller, and all keys of the piece before it are.
    floor: K,
    entries: Arc<Vec<(K, V)>>,
}

/// Values by key, in the order of the keys.
#[derive(Debug, Clone)]
#[allow(clippy::struct_field_names)] // the pieces of it are what it is named after
pub struct Pieces<K, V> {
    /// None of them is empty.
    pieces: Vec<Piece<K, V>>,
    len: usize,
    /// Entries that there is room for.
    slots: usize,
}

impl<K, V> Default for Pieces<K, V> {
    fn default() -> Self {
        Self { pieces: Vec::new(), len: 0, slots: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Pieces<K, V> {
    /// Entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Estimate of the bytes that it takes, without what keys and values point to. O(1).
    pub fn memory(&self) -> usize {
        if self.pieces.capacity() == 0 {
            return 0;
        }
        allocated(self.pieces.capacity() * size_of::<Piece<K, V>>())
            + self.slots * size_of::<(K, V)>()
            + self.pieces.len() * (size_of::<Vec<(K, V)>>() + size_of::<usize>())
    }

    /// Index of the piece where `key` is, or would be.
    fn piece_of<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.pieces.partition_point(|piece| piece.floor.borrow() <= key).saturating_sub(1)
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        K: Borrow<Q>,
    {
        let piece = self.piece_of(key);
        let within = self
            .pieces
            .get(piece)
            .map_or(Err(0), |piece| piece.entries.binary_search_by(|(found, _)| found.borrow().cmp(key)));
        (piece, within)
    }

    /// The value of a key. O(log n).
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_entry(key).map(|(_, value)| value)
    }

    /// A key as it is stored, with its value. O(log n).
    pub fn get_entry<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let (piece, within) = self.find(key);
        let (key, value) = &self.pieces.get(piece)?.entries[within.ok()?];
        Some((key, value))
    }

    /// The value of a key, to change it. O(log n), and a copy of its piece if that is shared.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (piece, within) = self.find(key);
        let within = within.ok()?;
        self.edit(piece, |entries| entries.len());
        let entries = Arc::make_mut(&mut self.pieces[piece].entries);
        Some(&mut entries[within].1)
    }

    /// Changes a piece, keeping count of what it takes.
    fn edit<R>(&mut self, piece: usize, change: impl FnOnce(&mut Vec<(K, V)>) -> R) -> R {
        let shared = &mut self.pieces[piece].entries;
        self.slots -= shared.capacity();
        let entries = Arc::make_mut(shared);
        let result = change(entries);
        self.slots += entries.capacity();
        result
    }

    /// Puts an entry in; the value that it replaces comes back. O(log n), and up to a piece is moved.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (piece, within) = self.find(&key);
        let at = match within {
            Ok(at) => {
                return Some(self.edit(piece, |entries| std::mem::replace(&mut entries[at].1, value)));
            }
            Err(at) => at,
        };
        self.len += 1;
        let Some(full) = self.pieces.get(piece).map(|piece| piece.entries.len() >= PIECE_MAX) else {
            self.add_piece(0, vec![(key, value)]);
            return None;
        };
        if full && at == PIECE_MAX {
            // Keys mostly come in order: what is full then stays full.
            self.add_piece(piece + 1, vec![(key, value)]);
            return None;
        }
        let mut target = (piece, at);
        if full {
            let tail = self.edit(piece, |entries| {
                let tail = entries.split_off(PIECE_MAX / 2);
                entries.shrink_to_fit();
                tail
            });
            self.add_piece(piece + 1, tail);
            if at > PIECE_MAX / 2 {
                target = (piece + 1, at - PIECE_MAX / 2);
            }
        }
        let (piece, at) = target;
        if at == 0 {
            self.pieces[piece].floor = key.clone();
        }
        self.edit(piece, |entries| entries.insert(at, (key, value)));
        None
    }

    fn add_piece(&mut self, at: usize, entries: Vec<(K, V)>) {
        self.slots += entries.capacity();
        let floor = entries[0].0.clone();
        self.pieces.insert(at, Piece { floor, entries: Arc::new(entries) });
    }

    /// Takes an entry out. O(log n), and up to a piece is moved.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (piece, within) = self.find(key);
        let at = within.ok()?;
        self.len -= 1;
        let (value, left) = self.edit(piece, |entries| (entries.remove(at).1, entries.len()));
        if left < PIECE_MIN {
            self.tidy(piece, left);
        }
        Some(value)
    }

    /// Drops an empty piece, and merges a small one with the next.
    fn tidy(&mut self, piece: usize, left: usize) {
        if left == 0 {
            self.slots -= self.pieces[piece].entries.capacity();
            self.pieces.remove(piece);
            if self.pieces.capacity() > 2 * self.pieces.len() + 16 {
                self.pieces.shrink_to_fit();
            }
        } else if self.pieces.get(piece + 1).is_some_and(|next| next.entries.len() + left <= PIECE_MAX / 2) {
            let next = self.pieces.remove(piece + 1);
            self.slots -= next.entries.capacity();
            self.edit(piece, |entries| entries.extend(next.entries.iter().cloned()));
        }
    }

    /// The entry with the smallest key.
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entry with the largest key.
    pub fn last(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// All entries in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { pieces: &self.pieces, front: (0, 0), back: (self.pieces.len(), 0) }
    }

    /// The entries whose keys are `key` or larger.
    pub fn from<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let (piece, Ok(at) | Err(at)) = self.find(key);
        Iter { front: (piece, at), ..self.iter() }
    }

    /// The entries from the last one on whose key is not larger than `key`; all if there is none.
    pub fn from_floor<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let at = match self.find(key) {
            (piece, Ok(at)) => (piece, at),
            // The floor may be lower than the first key that is left: then the one before it is in the last piece.
            (piece, Err(0)) if piece > 0 => (piece - 1, self.pieces[piece - 1].entries.len() - 1),
            (piece, Err(at)) => (piece, at.saturating_sub(1)),
        };
        Iter { front: at, ..self.iter() }
    }

    /// The entries whose keys are not larger than `key`.
    pub fn up_to<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let back = match self.find(key) {
            (piece, Ok(at)) => (piece, at + 1),
            (piece, Err(at)) => (piece, at),
        };
        Iter { back, ..self.iter() }
    }
}

/// Entries in order, from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'a, K, V> {
    pieces: &'a [Piece<K, V>],
    /// Piece and place in it of the next entry.
    front: (usize, usize),
    /// Piece and place behind the last entry.
    back: (usize, usize),
}

impl<'a, K: Ord + Clone, V: Clone> IntoIterator for &'a Pieces<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<K, V> Iter<'_, K, V> {
    /// The same with nothing left.
    #[must_use]
    pub fn finished(&self) -> Self {
        Self { pieces: self.pieces, front: self.back, back: self.back }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.front >= self.back {
                return None;
            }
            let (piece, at) = self.front;
            if let Some((key, value)) = self.pieces.get(piece)?.entries.get(at) {
                self.front.1 += 1;
                return Some((key, value));
            }
            self.front = (piece + 1, 0);
        }
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if self.front >= self.back {
                return None;
            }
            let (piece, at) = self.back;
            if at > 0 {
                self.back.1 -= 1;
                let (key, value) = self.pieces.get(piece)?.entries.get(at - 1)?;
                return Some((key, value));
            }
            let before = piece.checked_sub(1)?;
            self.back = (before, self.pieces[before].entries.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Pieces;

    proptest! {
        #[test]
        fn it_is_an_ordered_map_whatever_is_done_to_it(
            steps in prop::collection::vec((0u8..4, 0u32..600), 1..1500),
        ) {
            let (mut ours, mut model) = (Pieces::default(), BTreeMap::new());
            let mut kept: Option<(Pieces<u32, usize>, BTreeMap<u32, usize>)> = None;
            for (nth, (step, key)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 => prop_assert_eq!(ours.insert(key, nth), model.insert(key, nth)),
                    2 => prop_assert_eq!(ours.remove(&key), model.remove(&key)),
                    _ => {
                        prop_assert_eq!(ours.get(&key), model.get(&key));
                        prop_assert!(ours.from(&key).eq(model.range(key..)));
                        prop_assert!(ours.up_to(&key).rev().eq(model.range(..=key).rev()));
                        let floor = model.range(..=key).next_back().map_or(0, |(key, _)| *key);
                        prop_assert!(ours.from_floor(&key).eq(model.range(floor..)));
                        if let Some(value) = ours.get_mut(&key) {
                            *value += 1;
                            model.entry(key).and_modify(|value| *value += 1);
                        }
                    }
                }
                if nth == 700 {
                    kept = Some((ours.clone(), model.clone()));
                }
                prop_assert_eq!(ours.len(), model.len());
                prop_assert_eq!(ours.first(), model.first_key_value());
                prop_assert_eq!(ours.last(), model.last_key_value());
                let slots: usize = ours.pieces.iter().map(|piece| piece.entries.capacity()).sum();
                prop_assert_eq!(ours.slots, slots, "the room is counted");
            }
            prop_assert!(ours.iter().eq(&model));
            if let Some((ours, model)) = kept {
                prop_assert!(ours.iter().eq(&model), "a clone stays as it was");
            }
        }
    }

    #[test]
    fn a_clone_shares_all_pieces_but_the_ones_that_change() {
        let mut map = Pieces::default();
        for key in 0..10_000u32 {
            map.insert(key, key);
        }
        assert!(map.pieces.len() <= 10_000 / super::PIECE_MAX + 1, "in order they are filled");
        let copy = map.clone();
        map.insert(5_000, 1);
        map.remove(&9_999);
        let shared = map.pieces.iter().zip(&copy.pieces);
        let copied =
            shared.filter(|(ours, theirs)| !triomphe::Arc::ptr_eq(&ours.entries, &theirs.entries)).count();
        assert_eq!(copied, 2);
    }
}
