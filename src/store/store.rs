//! All databases of one node, and the snapshot that is taken of them.

use super::keyspace::Keyspace;
use super::library::Libraries;
use super::snapshot::{Epochs, SnapshotReader};

/// All databases of one node.
#[derive(Debug)]
pub struct Store {
    dbs: Vec<Keyspace>,
    /// Libraries of functions, of no database.
    pub libraries: Libraries,
    snapshot: Epochs,
}

impl Store {
    /// An empty data set of `databases` databases; `seed` decides the order of keys.
    pub fn new(databases: usize, seed: u64) -> Self {
        let dbs = (0..databases).map(|db| Keyspace::new(seed.wrapping_add(db as u64))).collect();
        Self { dbs, libraries: Libraries::default(), snapshot: Epochs::default() }
    }

    /// Number of databases (`databases` in redis.conf).
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// One database.
    ///
    /// Panics if `db` is not below [`Store::databases`]: SELECT has checked it.
    pub fn db(&self, db: usize) -> &Keyspace {
        &self.dbs[db]
    }

    /// One database, to change it.
    pub fn db_mut(&mut self, db: usize) -> &mut Keyspace {
        &mut self.dbs[db]
    }

    /// Exchanges two databases (SWAPDB). O(1), but for a snapshot still being captured.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.finish_capture();
        self.dbs.swap(a, b);
    }

    /// Empties one database and hands out what it held, so that a caller can free it elsewhere.
    pub fn flush(&mut self, db: usize) -> Keyspace {
        self.finish_capture();
        let empty = self.dbs[db].emptied();
        std::mem::replace(&mut self.dbs[db], empty)
    }

    /// Fixes a snapshot of all databases at this instant. [`Store::capture`] must be called until it is done.
    pub fn begin_snapshot(&mut self) -> SnapshotReader {
        self.finish_capture();
        self.snapshot.begin(&mut self.dbs, &self.libraries)
    }

    /// Captures up to `segments` further segments; `true` when the whole snapshot is captured (or none is
    /// under way). About 20 ns for each segment.
    pub fn capture(&mut self, segments: usize) -> bool {
        self.snapshot.capture(&mut self.dbs, segments)
    }

    /// Captures all that is left at once: for what changes whole databases.
    fn finish_capture(&mut self) {
        self.capture(usize::MAX);
    }

    /// Keys in all databases, expired ones that were not yet collected included.
    pub fn keys(&self) -> u64 {
        self.dbs.iter().map(|db| db.len() as u64).sum()
    }

    /// Estimate of the bytes that the data set takes.
    pub fn memory(&self) -> u64 {
        self.dbs.iter().map(Keyspace::memory).sum::<u64>() + self.libraries.memory()
    }
}
