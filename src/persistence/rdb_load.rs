//! What goes into a load and what comes out of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::rdb_aux::Aux;
use crate::commands::{Access, lru_clock, minutes};
use crate::store::{Encodings, Millis, Store};

/// What ends the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The data are all: more bytes are an error. Reads on until the source ends.
    File,
    /// This mark follows the data (a diskless transfer). No byte behind it is waited for.
    Mark([u8; 40]),
    /// Anything may follow, none of it is waited for.
    Open,
}

/// How to load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Number of databases of the new data set.
    pub databases: usize,
    /// Decides the order of keys in it.
    pub seed: u64,
    /// The present.
    pub now: Millis,
    /// Load keys whose time has come (a replica: its master will delete them).
    pub keep_expired: bool,
    /// Compare the checksum, if there is one (`rdbchecksum`).
    pub verify_checksum: bool,
    /// Longest string allowed (`proto-max-bulk-len`), in bytes.
    pub max_string: u64,
    /// How accesses are noted.
    pub access: Access,
    /// Thresholds of the compact encodings.
    pub encodings: Encodings,
    /// What ends the bytes.
    pub ending: Ending,
    /// How slow the load is made.
    pub key_delay: KeyDelay,
}

impl LoadOptions {
    /// What the access field of a key begins with.
    pub(super) fn fresh_access(&self) -> u32 {
        match self.access {
            Access::Lru => lru_clock(self.now),
            // Redis' LFU_INIT_VAL: a fresh key is not the first one to be evicted.
            Access::Lfu => minutes(self.now) << 8 | 5,
        }
    }
}

/// A pause for each loaded key, to try out what takes long (`key-load-delay`). It can be changed while a load runs.
#[derive(Debug, Clone, Default)]
pub struct KeyDelay(Arc<AtomicI64>);

impl KeyDelay {
    /// In microseconds; a negative number `-n` is one for every `n` keys.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }

    /// Waits as `keys` keys have to, of which `before` were loaded before; `false` if there is nothing to wait for.
    pub(super) fn wait(&self, before: u64, keys: u64) -> bool {
        let micros = match self.0.load(Ordering::Relaxed) {
            0 => return false,
            micros if micros > 0 => keys.saturating_mul(micros.unsigned_abs()),
            rare => (before + keys) / rare.unsigned_abs() - before / rare.unsigned_abs(),
        };
        std::thread::sleep(Duration::from_micros(micros));
        true
    }
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            databases: 16,
            seed: 0,
            now: 0,
            keep_expired: false,
            verify_checksum: true,
            max_string: 512 * 1024 * 1024,
            access: Access::Lru,
            encodings: Encodings::REDIS,
            ending: Ending::File,
            key_delay: KeyDelay::default(),
        }
    }
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes decoded.
    pub bytes: u64,
    /// Keys decoded.
    pub keys: u64,
    /// Keys announced so far: each database announces its own.
    pub keys_total: u64,
}

/// What became of the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It matches.
    Verified,
    /// The writer made none: the data are worth a warning.
    Absent,
    /// It was not compared: the options say so, or the version has none.
    Ignored,
}

/// Lines of each kind that are kept for the log, as in Redis.
const LINES_MAX: u64 = 10;
/// Longest part of a key that such a line shows.
const KEY_SHOWN: usize = 64;

/// What was wrong with a snapshot and could be made good, because nothing of the data is lost by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Keys without elements, which were left out.
    pub empty_keys: u64,
    /// Places in values that contradicted the rest of them.
    pub values: u64,
    /// Lines for the log: the first ones of each kind.
    pub lines: Vec<String>,
}

impl Repairs {
    pub(super) fn note_empty(&mut self, key: &[u8]) {
        self.empty_keys += 1;
        if self.empty_keys <= LINES_MAX {
            let key = String::from_utf8_lossy(&key[..key.len().min(KEY_SHOWN)]);
            self.lines.push(format!("rdbLoadObject skipping empty key: {key}"));
        }
    }

    pub(super) fn note(&mut self, key: &[u8], db: usize, damage: &str) {
        self.values += 1;
        if self.values <= LINES_MAX {
            let key = key[..key.len().min(KEY_SHOWN)].escape_ascii();
            self.lines.push(format!("Repaired key \"{key}\" in DB {db}: it held a damaged {damage}"));
        }
    }

    pub(super) fn note_trailing(&mut self, end: u64) {
        self.lines.push(format!("The data end at byte {end}: what follows is ignored"));
    }
}

/// A complete data set.
#[derive(Debug)]
pub struct Loaded {
    /// The data.
    pub store: Store,
    /// What the snapshot says about itself.
    pub aux: Aux,
    /// What was left out or put right.
    pub repairs: Repairs,
    /// RDB version it is written in.
    pub version: u32,
    /// Keys in `store`.
    pub keys_loaded: u64,
    /// Keys left out because their time has come.
    pub keys_expired: u64,
    /// Bytes up to the end of the data, an end mark not counted.
    pub bytes: u64,
    /// What became of the checksum.
    pub checksum: Checksum,
    /// Bytes behind the end that came along with the last read.
    pub rest: Vec<u8>,
}
