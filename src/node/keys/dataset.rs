//! The data set, and what a command that changes it leaves behind.

use super::eviction::Eviction;
use super::own_expires::OwnExpires;
use crate::commands::{Effects, Garbage, Stats};
use crate::store::{Random, Store};

/// The data set of a node.
#[derive(Debug)]
pub(in crate::node) struct Dataset {
    pub(in crate::node) store: Store,
    pub(in crate::node) effects: Effects,
    pub(in crate::node) data_stats: Stats,
    /// The node's own generator.
    pub(in crate::node) random: Random,
    pub(in crate::node) garbage: Vec<Garbage>,
    pub(in crate::node) eviction: Eviction,
    pub(in crate::node) own_expires: OwnExpires,
    pub(in crate::node) active_expire: bool,
    /// Nothing is done by the clock (`DEBUG PAUSE-CRON`).
    pub(in crate::node) cron_paused: bool,
    /// `DEBUG SET-SKIP-CHECKSUM-VALIDATION`.
    pub(in crate::node) skips_checksums: bool,
    /// Commands of the transaction being executed, encoded, each with its database.
    pub(in crate::node) collected: Option<Vec<(usize, Vec<u8>)>>,
}

impl Dataset {
    /// An empty one; `random` decides the order of its keys.
    pub(in crate::node) fn new(databases: usize, mut random: Random) -> Self {
        Self {
            store: Store::new(databases, random.bits()),
            effects: Effects::default(),
            data_stats: Stats::default(),
            random,
            garbage: Vec::new(),
            eviction: Eviction::default(),
            own_expires: OwnExpires::default(),
            active_expire: true,
            cron_paused: false,
            skips_checksums: false,
            collected: None,
        }
    }
}
