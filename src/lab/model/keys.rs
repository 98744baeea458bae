//! What was seen of the nodes' keys: one listing and one open value per node.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lab::NodeId;
use crate::lab::browser::look::Cell;
use crate::lab::browser::look::{Browse, Browsed, Group, KeyInfo, KeyPage, ValuePage};

/// Keys that are kept of one listing.
pub const KEYS_MAX: usize = 100_000;
/// Elements that are kept of one value.
pub const ROWS_MAX: usize = 50_000;

/// Listings and open values, by node.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The listing of each node.
    pub listings: BTreeMap<NodeId, Listing>,
    /// The value that is open of each node.
    pub values: BTreeMap<NodeId, OpenValue>,
}

/// The keys of one database of one node, as far as they were asked for.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Joins it with its pages.
    pub id: u64,
    /// Which database.
    pub db: u16,
    /// What was asked for: pattern, type and digests; its `from` is that of the last page asked.
    pub asked: Option<Browse>,
    /// Keys so far, by name, each once.
    pub keys: Vec<SeenKey>,
    /// Cursor to go on from, `None` when all were visited or none were yet.
    pub next: Option<u64>,
    /// Every key was visited.
    pub complete: bool,
    /// A page is on its way.
    pub loading: bool,
    /// Why the last page did not come.
    pub failed: Option<String>,
    /// DBSIZE with the last page.
    pub dbsize: u64,
    /// `master_repl_offset` before the first and before the last page.
    pub offsets: Option<(u64, u64)>,
    /// When the last page came.
    pub at: Duration,
    /// More keys were found than are kept.
    pub full: bool,
    /// Grows with every change.
    pub revision: u64,
}

/// A key, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    /// The key with its figures.
    pub info: KeyInfo,
    /// When it expires, in lab time.
    pub deadline: Option<Duration>,
}

/// The value of one key, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct OpenValue {
    /// Joins it with its pages.
    pub id: u64,
    /// Which database.
    pub db: u16,
    /// Which key.
    pub key: Vec<u8>,
    /// The key with its figures; `None` while nothing came.
    pub seen: Option<SeenKey>,
    /// Elements so far.
    pub rows: Vec<Vec<Cell>>,
    /// Consumer groups of a stream.
    pub groups: Vec<Group>,
    /// Where to go on, `None` at the end.
    pub next: Option<String>,
    /// A page is on its way.
    pub loading: bool,
    /// The key is not there, or not any more.
    pub gone: bool,
    /// Why the last page did not come.
    pub failed: Option<String>,
    /// Grows with every change.
    pub revision: u64,
}

impl SeenKey {
    fn new(info: KeyInfo, at: Duration) -> Self {
        let deadline = info.ttl_ms.map(|ms| at.saturating_add(Duration::from_millis(ms)));
        Self { info, deadline }
    }

    /// What is left of it at this lab time; `None` if it does not expire.
    pub fn ttl(&self, now: Duration) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_sub(now))
    }
}

impl Keys {
    pub(super) fn forget(&mut self, node: NodeId) {
        self.listings.remove(&node);
        self.values.remove(&node);
    }

    pub(super) fn asked(&mut self, id: u64, at: Duration, node: NodeId, db: u16, what: &Browse) {
        match what {
            Browse::Keys { from, .. } => {
                let listing = self.listings.entry(node).or_default();
                if *from == 0 || listing.id != id {
                    let revision = listing.revision;
                    *listing = Listing { id, db, at, revision, ..Listing::default() };
                }
                listing.asked = Some(what.clone());
                listing.loading = true;
                listing.failed = None;
                listing.revision += 1;
            }
            Browse::Value { key, from } => {
                let value = self.values.entry(node).or_default();
                if from.is_empty() || value.id != id {
                    let revision = value.revision;
                    // The same key read again: what was seen of it stays until the answer replaces it.
                    let again = value.key == *key && value.db == db;
                    let old = if again { std::mem::take(value) } else { OpenValue::default() };
                    *value = OpenValue { id, db, key: key.clone(), revision, ..old };
                }
                value.loading = true;
                value.revision += 1;
            }
        }
    }

    pub(super) fn answered(&mut self, id: u64, at: Duration, node: NodeId, answer: &Browsed) {
        let listing = self.listings.get_mut(&node).filter(|listing| listing.id == id);
        let value = self.values.get_mut(&node).filter(|value| value.id == id);
        match (answer, listing, value) {
            (Browsed::Keys(page), Some(listing), _) => listing.add(page, at),
            (Browsed::Value(page), _, Some(value)) => {
                value.add(page, at);
                let db = value.db;
                if let Some(listing) = self.listings.get_mut(&node).filter(|listing| listing.db == db) {
                    listing.see(&page.info, at);
                }
            }
            (Browsed::Gone(key), _, Some(value)) => {
                let db = value.db;
                if let Some(listing) = self.listings.get_mut(&node).filter(|listing| listing.db == db) {
                    listing.keys.retain(|seen| seen.info.key != *key);
                    listing.revision += 1;
                }
                let OpenValue { id, db, revision, .. } = *value;
                let key = std::mem::take(&mut value.key);
                *value =
                    OpenValue { id, db, key, gone: true, revision: revision + 1, ..OpenValue::default() };
            }
            (Browsed::Failed(why), Some(listing), _) => {
                listing.loading = false;
                listing.failed = Some(why.clone());
                listing.revision += 1;
            }
            (Browsed::Failed(why), _, Some(value)) => {
                value.loading = false;
                value.failed = Some(why.clone());
                value.revision += 1;
            }
            // Of a listing or value that was left meanwhile.
            _ => {}
        }
    }
}

impl Listing {
    fn add(&mut self, page: &KeyPage, at: Duration) {
        self.loading = false;
        self.failed = None;
        self.revision += 1;
        self.at = at;
        self.dbsize = page.dbsize;
        self.next = (page.next != 0).then_some(page.next);
        self.complete = page.next == 0;
        if let Some(offset) = page.offset {
            self.offsets = Some((self.offsets.map_or(offset, |(first, _)| first), offset));
        }
        // Newer sights first, so that they are the ones that stay.
        let mut keys: Vec<SeenKey> = page.keys.iter().map(|info| SeenKey::new(info.clone(), at)).collect();
        keys.append(&mut self.keys);
        keys.sort_by(|a, b| a.info.key.cmp(&b.info.key));
        keys.dedup_by(|later, first| later.info.key == first.info.key);
        if keys.len() > KEYS_MAX {
            self.full = true;
            self.next = None;
            keys.truncate(KEYS_MAX);
        }
        self.keys = keys;
    }

    /// A key of the listing was looked at again, or is new and nothing is filtered.
    fn see(&mut self, info: &KeyInfo, at: Duration) {
        let index = self.keys.binary_search_by(|seen| seen.info.key.cmp(&info.key));
        let seen = SeenKey::new(info.clone(), at);
        match index {
            // Read alone it has no digest, and with that of before it would be half old and half new.
            Ok(_) if self.has_digests() => return,
            Ok(index) => self.keys[index] = seen,
            Err(index) if self.is_unfiltered() && self.keys.len() < KEYS_MAX => self.keys.insert(index, seen),
            Err(_) => return,
        }
        self.revision += 1;
    }

    fn has_digests(&self) -> bool {
        matches!(self.asked, Some(Browse::Keys { digests: true, .. }))
    }

    fn is_unfiltered(&self) -> bool {
        matches!(&self.asked, Some(Browse::Keys { pattern, kind: None, digests: false, .. }) if pattern.is_empty())
    }

    /// The key of this name.
    pub fn find(&self, key: &[u8]) -> Option<&SeenKey> {
        let index = self.keys.binary_search_by(|seen| seen.info.key.as_slice().cmp(key)).ok()?;
        self.keys.get(index)
    }
}

impl OpenValue {
    fn add(&mut self, page: &ValuePage, at: Duration) {
        self.loading = false;
        self.gone = false;
        self.failed = None;
        self.revision += 1;
        let before = self.seen.as_ref().map(|seen| seen.info.kind.clone());
        if page.from.is_empty() {
            self.rows.clear();
            self.groups.clone_from(&page.groups);
        } else if before.as_ref() != Some(&page.info.kind) {
            let before = before.unwrap_or_default();
            self.failed = Some(format!("It was a {before} and is a {} now: read it again", page.info.kind));
            self.next = None;
            return;
        }
        self.seen = Some(SeenKey::new(page.info.clone(), at));
        let room = ROWS_MAX.saturating_sub(self.rows.len());
        self.rows.extend(page.rows.iter().take(room).cloned());
        self.next = page.next.clone().filter(|_| page.rows.len() <= room);
    }
}
