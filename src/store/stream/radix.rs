//! How many nodes the radix tree of Redis has for the nodes of a stream: XINFO STREAM shows it.
//!
//! That tree puts a chain of bytes without a branch into one node, the bytes at which keys part into another, and an
//! empty one at the end of each key.

use super::StreamId;

/// Bytes of a key.
const KEY: usize = 16;

/// Nodes of the tree of these keys, which come in order. O(keys).
pub fn radix_nodes(keys: impl Iterator<Item = StreamId>) -> usize {
    let chain = |from: usize, to: usize| usize::from(to > from);
    // Depths at which keys part, one below the other, of the branches that the last key went through.
    let mut branches: Vec<usize> = Vec::new();
    let mut last: Option<[u8; KEY]> = None;
    // From where on the last key shares nothing with the one before it.
    let mut apart = 0;
    let mut nodes = 0;
    for key in keys.map(StreamId::to_bytes) {
        if let Some(last) = &last {
            let shared = last.iter().zip(&key).take_while(|(a, b)| a == b).count();
            // The end of the last key, below the deeper of its two branches.
            nodes += 1 + chain(apart.max(shared + 1), KEY);
            while let Some(depth) = branches.pop_if(|depth| *depth > shared) {
                let above = branches.last().map_or(0, |above| above + 1).max(shared + 1);
                nodes += 1 + chain(above, depth);
            }
            if branches.last() != Some(&shared) {
                branches.push(shared);
            }
            apart = shared + 1;
        }
        last = Some(key);
    }
    if last.is_none() {
        return 1;
    }
    nodes += 1 + chain(apart, KEY);
    while let Some(depth) = branches.pop() {
        nodes += 1 + chain(branches.last().map_or(0, |above| above + 1), depth);
    }
    nodes
}

#[test]
fn the_tree_has_as_many_nodes_as_that_of_a_real_server() {
    let id = |ms| StreamId { ms, seq: 0 };
    let nodes = |keys: &[u64]| radix_nodes(keys.iter().map(|ms| id(*ms)));
    assert_eq!(nodes(&[]), 1);
    assert_eq!(nodes(&[1]), 2, "a chain and its end");
    assert_eq!(nodes(&[1, 2]), 6, "a chain, a branch, and a chain with an end below each");
    assert_eq!(nodes(&[1, 2, 3]), 8);
    assert_eq!(nodes(&[1, 2, 256]), 9, "a branch right below another");
}
