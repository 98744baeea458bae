//! I7: WAIT answered k, one of those k is promoted: it has the write.

use super::Verdicts;
use crate::server::Server;

/// A write that replicas have acknowledged.
#[derive(Debug)]
struct Promise {
    db: usize,
    key: Vec<u8>,
    /// Those of them that still hold the data set in which they acknowledged it.
    by: Vec<usize>,
}

#[derive(Debug)]
pub struct WaitedFor {
    verdicts: Verdicts,
    promises: Vec<Promise>,
    /// How often keys were lost on purpose, anywhere.
    pub flushes: u64,
    pub checked: u64,
}

impl WaitedFor {
    pub fn new(verdicts: &Verdicts, _: usize) -> Self {
        Self { verdicts: verdicts.clone(), promises: Vec::new(), flushes: 0, checked: 0 }
    }

    /// WAIT has told a client that these replicas have its write of `key`, which is written only once.
    pub fn told(&mut self, db: usize, key: Vec<u8>, by: Vec<usize>) {
        self.promises.push(Promise { db, key, by });
    }

    /// The node has another data set than it had when it acknowledged.
    pub fn forget(&mut self, node: usize) {
        self.promises.iter_mut().for_each(|promise| promise.by.retain(|by| *by != node));
        self.promises.retain(|promise| !promise.by.is_empty());
    }

    /// Keys are flushed or change their database.
    pub fn flushed(&mut self) {
        self.flushes += 1;
        self.promises.clear();
    }

    /// The node is promoted.
    pub fn promoted(&mut self, server: &Server) {
        for promise in self.promises.iter().filter(|promise| promise.by.contains(&server.node())) {
            self.checked += 1;
            let keyspace = server.store.db(promise.db);
            if keyspace.get(keyspace.hash(&promise.key), &promise.key).is_none() {
                let key = promise.key.escape_ascii();
                let text = format!("n{} acknowledged {key} and is promoted without it", server.node());
                self.verdicts.fail("I7", &text);
            }
        }
    }
}
