//! Lists against the simplest model there is: a vector.
#![allow(clippy::unwrap_used)]

use super::{End, List, Side};
use crate::store::Random;

/// A list beside its model; every change is made to both.
struct Pair {
    list: List,
    model: Vec<Vec<u8>>,
}

impl Pair {
    fn new(limit: i64) -> Self {
        Self { list: List::new(limit), model: Vec::new() }
    }

    #[track_caller]
    fn check(&self) {
        let forward: Vec<_> = self.list.iter_from(0).map(|item| item.bytes().into_owned()).collect();
        assert_eq!(forward, self.model);
        let mut backward: Vec<_> = self.list.iter_back().map(|item| item.bytes().into_owned()).collect();
        backward.reverse();
        assert_eq!(backward, self.model);
        assert_eq!(self.list.len(), self.model.len());
        let sizes: Vec<usize> = self.list.nodes.iter().map(|node| node.pack.len()).collect();
        let counts: Vec<usize> = self.list.nodes.iter().map(|node| node.count).collect();
        assert_eq!(sizes, counts, "counts of the nodes");
        assert!(counts.iter().all(|count| *count > 0), "an empty node was left");
        let bytes: usize = self.list.packs().map(super::node_memory).sum();
        assert_eq!(self.list.bytes, bytes, "the account of memory");
    }
}

fn element(random: &mut Random) -> Vec<u8> {
    match random.index(6) {
        0 => random.bits().to_string().into_bytes(),
        1 => vec![b'x'; random.index(300)],
        _ => random.index(4).to_string().into_bytes(),
    }
}

fn step(pair: &mut Pair, random: &mut Random) {
    let len = pair.model.len();
    let index = if len > 0 { random.index(len) } else { 0 };
    let (new, count) = (element(random), random.index(7));
    match random.index(12) {
        0..=2 => {
            pair.list.push(End::Head, &new);
            pair.model.insert(0, new);
        }
        3..=5 => {
            pair.list.push(End::Tail, &new);
            pair.model.push(new);
        }
        6 if len > 0 => {
            pair.list.insert(index, Side::Before, &new);
            pair.model.insert(index, new);
        }
        7 if len > 0 => {
            pair.list.insert(index, Side::After, &new);
            pair.model.insert(index + 1, new);
        }
        8 if len > 0 => {
            assert!(pair.list.set(index as i64 - len as i64, &new));
            pair.model[index] = new;
        }
        9 => {
            pair.list.remove(index, count);
            pair.model.drain(index..(index + count).min(len));
        }
        10 => {
            let most = if count == 0 { usize::MAX } else { count };
            let from = if index.is_multiple_of(2) { End::Head } else { End::Tail };
            let removed = pair.list.remove_equal(&new, most, from);
            let mut hits: Vec<usize> = (0..len).filter(|at| pair.model[*at] == new).collect();
            if from == End::Tail {
                hits.reverse();
            }
            hits.truncate(most);
            hits.sort_unstable();
            assert_eq!(removed, hits.len());
            hits.iter().rev().for_each(|at| drop(pair.model.remove(*at)));
        }
        _ => {
            let popped = pair.list.pop(End::Tail);
            assert_eq!(popped, pair.model.pop());
        }
    }
}

#[test]
fn a_list_is_what_a_vector_would_be_whatever_its_nodes_hold() {
    for (limit, seed) in [(-1, 1), (-2, 2), (-5, 3), (1, 4), (2, 5), (3, 6), (16, 7), (128, 8), (0, 9)] {
        let (mut pair, mut random) = (Pair::new(limit), Random::new(seed));
        for round in 0..4000 {
            step(&mut pair, &mut random);
            if round % 16 == 0 {
                pair.check();
            }
        }
        pair.check();
        for (index, expected) in pair.model.iter().enumerate() {
            assert_eq!(*pair.list.get(index as i64).unwrap().bytes(), **expected);
        }
        assert!(pair.list.get(pair.model.len() as i64).is_none());
    }
}

#[test]
fn a_clone_is_not_changed_with_its_original() {
    let mut list = List::new(-1);
    (0..10_000).for_each(|n: u32| list.push(End::Tail, n.to_string().as_bytes()));
    let kept = list.clone();
    list.remove_equal(b"5000", 1, End::Head);
    list.set(0, b"changed");
    list.pop(End::Tail);
    assert_eq!(kept.len(), 10_000);
    assert!(kept.iter_from(0).enumerate().all(|(n, item)| *item.bytes() == *n.to_string().as_bytes()));
}

#[test]
fn nodes_are_cut_where_redis_cuts_them() {
    let counts = |list: &List| list.nodes.iter().map(|node| node.count).collect::<Vec<_>>();
    let mut list = List::new(4);
    (0..8).for_each(|n: u32| list.push(End::Tail, n.to_string().as_bytes()));
    assert_eq!(counts(&list), [4, 4]);
    // Both are full and 1 is inside the first: it is split, and the new half is joined with nothing.
    list.insert(1, Side::After, b"new");
    assert_eq!(counts(&list), [2, 3, 4]);
    // 8 KiB less the estimate for one element more.
    let mut list = List::new(-2);
    (0..100).for_each(|_| list.push(End::Head, &[b'x'; 1000]));
    assert_eq!(counts(&list)[1], 8);
}
