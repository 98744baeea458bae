//! Streams: entries in listpacks by id, consumer groups beside them.
//!
//! | module | holds |
//! |---|---|
//! | `id` | the id of an entry |
//! | `node` | some entries in one listpack, in Redis' layout |
//! | `log` | all entries, and the counters about those that are gone |
//! | `group` | consumer groups with what they have not acknowledged |
//! | `pieces` | the ordered map, shared with snapshots piece by piece |
//! | `radix` | how large the tree of nodes would be in Redis |

mod group;
mod id;
mod log;
mod node;
mod pieces;
mod radix;

#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};

use triomphe::Arc;

pub use self::group::{Consumer, Group, Name, Pending};
pub use self::id::StreamId;
pub use self::log::{Entries, EntriesBack, Log, Trim};
pub use self::node::Entry as StreamEntry;
pub use self::pieces::Pieces;
pub use self::radix::radix_nodes;
use super::memory::allocated;

/// A group's number of entries read, where nobody knows it.
pub const UNKNOWN_COUNT: i64 = -1;

/// Stream.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    log: Log,
    groups: Pieces<Name, Arc<Group>>,
    /// Bytes of the groups and their names.
    group_bytes: usize,
}

impl Stream {
    /// A stream of entries that no group reads yet.
    pub fn with_log(log: Log) -> Self {
        Self { log, ..Self::default() }
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.log.len() as usize
    }

    /// Whether it has no entry. It stays all the same, unlike other collections.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Estimate of the bytes that it takes. O(1).
    pub fn memory(&self) -> usize {
        self.log.memory() + self.groups.memory() + self.group_bytes
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// The entries.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The entries, to change them.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// The groups, by name.
    pub fn groups(&self) -> impl Iterator<Item = (&Name, &Group)> {
        self.groups.iter().map(|(name, group)| (name, &**group))
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// A group.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name).map(|group| &**group)
    }

    /// A group to change it, and the entries that it reads.
    pub fn edit_group(&mut self, name: &[u8]) -> Option<(&Log, EditGroup<'_>)> {
        let shared = self.groups.get_mut(name)?;
        // Before a snapshot's share is left to it: a copy need not be of the same size.
        let before = shared.memory();
        let edit = EditGroup { before, group: Arc::make_mut(shared), total: &mut self.group_bytes };
        Some((&self.log, edit))
    }

    /// Adds a group; `false` if there is one of this name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.get(name).is_some() {
            return false;
        }
        let name = Name::new(name);
        self.group_bytes += group_size(&name, &group);
        self.groups.insert(name, Arc::new(group));
        true
    }

    /// Removes a group; `false` if there is none of this name.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        let Some((stored, group)) = self.groups.get_entry(name) else { return false };
        self.group_bytes -= group_size(stored, group);
        self.groups.remove(name);
        true
    }
}

fn group_size(name: &Name, group: &Group) -> usize {
    name.memory() + allocated(size_of::<Group>() + size_of::<usize>()) + group.memory()
}

/// A group being changed: what it takes more or less afterwards is added to the estimate of its stream.
#[derive(Debug)]
pub struct EditGroup<'a> {
    group: &'a mut Group,
    before: usize,
    total: &'a mut usize,
}

impl Deref for EditGroup<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for EditGroup<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for EditGroup<'_> {
    fn drop(&mut self) {
        *self.total = *self.total + self.group.memory() - self.before;
    }
}
