//! I15: the RDB file is the old one or the new one, never anything else, and the new one once SAVE has said so.

use super::Verdicts;
use crate::digest::Hash;

#[derive(Debug)]
pub struct Files {
    verdicts: Verdicts,
    /// What each node may find: the last file that was saved, and those that were tried since.
    possible: Vec<Vec<u64>>,
}

fn figure(bytes: &[u8]) -> u64 {
    Hash::new(0).bytes(bytes).end()
}

impl Files {
    pub fn new(verdicts: &Verdicts, nodes: usize) -> Self {
        Self { verdicts: verdicts.clone(), possible: vec![Vec::new(); nodes] }
    }

    /// A node tries to replace its file.
    pub fn saving(&mut self, node: usize, bytes: &[u8]) {
        self.possible[node].push(figure(bytes));
    }

    /// It is told that the file is in place.
    pub fn saved(&mut self, node: usize, bytes: &[u8]) {
        self.possible[node] = vec![figure(bytes)];
    }

    /// A node finds this file at its start.
    pub fn loaded(&self, node: usize, bytes: &[u8]) {
        if !self.possible[node].contains(&figure(bytes)) {
            self.verdicts.fail("I15", &format!("n{node} finds a file that was never saved whole"));
        }
    }
}
