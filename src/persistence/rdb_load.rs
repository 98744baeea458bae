//! What goes into a load and what comes out of it.

use super::format::Aux;
use crate::commands::Access;
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
    /// It was not compared, as the options say.
    Ignored,
}

/// A complete data set.
#[derive(Debug)]
pub struct Loaded {
    /// The data.
    pub store: Store,
    /// What the snapshot says about itself.
    pub aux: Aux,
    /// RDB version it is written in.
    pub version: u32,
    /// Keys in `store`.
    pub keys_loaded: u64,
    /// Keys left out because their time has come.
    pub keys_expired: u64,
    /// Function libraries left out.
    pub functions_skipped: u64,
    /// Bytes up to the end of the data, an end mark not counted.
    pub bytes: u64,
    /// What became of the checksum.
    pub checksum: Checksum,
    /// Bytes behind the end that came along with the last read.
    pub rest: Vec<u8>,
}
