//! A consumer group: how far it has read, who reads, and what was delivered and not acknowledged.

use std::borrow::Borrow;

use triomphe::Arc;

use super::pieces::Pieces;
use super::{Log, StreamId, UNKNOWN_COUNT};
use crate::store::Millis;
use crate::store::memory::allocated;

/// Name of a group or of a consumer: cheap to clone, because every pending entry names its consumer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Arc<Box<[u8]>>);

impl Name {
    /// A name of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(bytes.into()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn memory(&self) -> usize {
        allocated(self.0.len()) + allocated(size_of::<Box<[u8]>>() + size_of::<usize>())
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// When it was delivered last.
    pub time: Millis,
    /// How often.
    pub count: u64,
    /// To whom.
    pub consumer: Name,
}

/// A member of a group.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// When it last asked for anything.
    pub seen: Millis,
    pending: Pieces<StreamId, ()>,
}

impl Consumer {
    /// The ids that it has not acknowledged.
    pub fn pending(&self) -> &Pieces<StreamId, ()> {
        &self.pending
    }
}

/// A consumer group.
#[derive(Debug, Clone)]
pub struct Group {
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries were read up to there, or [`UNKNOWN_COUNT`].
    pub entries_read: i64,
    pending: Pieces<StreamId, Pending>,
    consumers: Pieces<Name, Arc<Consumer>>,
    /// Bytes of names and of the consumers' own lists.
    consumer_bytes: usize,
}

impl Group {
    /// A group that has read up to `last_id`.
    pub fn new(last_id: StreamId, entries_read: i64) -> Self {
        Self {
            last_id,
            entries_read,
            pending: Pieces::default(),
            consumers: Pieces::default(),
            consumer_bytes: 0,
        }
    }

    /// Estimate of the bytes that it takes beside its own size. O(1).
    pub fn memory(&self) -> usize {
        self.pending.memory() + self.consumers.memory() + self.consumer_bytes
    }

    /// All that was delivered and not acknowledged.
    pub fn pending(&self) -> &Pieces<StreamId, Pending> {
        &self.pending
    }

    /// The members.
    pub fn consumers(&self) -> impl Iterator<Item = (&Name, &Consumer)> {
        self.consumers.iter().map(|(name, consumer)| (name, &**consumer))
    }

    /// How many members there are.
    pub fn consumer_count(&self) -> usize {
        self.consumers.len()
    }

    /// A member.
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(name).map(|consumer| &**consumer)
    }

    /// Adds a member; `false` if it is one already.
    pub fn add_consumer(&mut self, name: &[u8], seen: Millis) -> bool {
        if self.consumers.get(name).is_some() {
            return false;
        }
        let name = Name::new(name);
        self.consumer_bytes += name.memory() + allocated(size_of::<Consumer>() + size_of::<usize>());
        self.consumers.insert(name, Arc::new(Consumer { seen, pending: Pieces::default() }));
        true
    }

    /// A member asks for something; `true` if it became one by that.
    pub fn see_consumer(&mut self, name: &[u8], now: Millis) -> bool {
        if self.consumers.get(name).is_none() {
            return self.add_consumer(name, now);
        }
        self.edit_consumer(name, |consumer| consumer.seen = now);
        false
    }

    /// Removes a member with what it has not acknowledged; returns how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let stored = self.consumers.get_entry(name)?.0.memory();
        let consumer = self.consumers.remove(name)?;
        self.consumer_bytes -=
            stored + allocated(size_of::<Consumer>() + size_of::<usize>()) + consumer.pending.memory();
        for (id, ()) in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    fn edit_consumer(&mut self, name: &[u8], change: impl FnOnce(&mut Consumer)) {
        if let Some(consumer) = self.consumers.get_mut(name) {
            // Before a snapshot's share is left to it: a copy need not be of the same size.
            self.consumer_bytes -= consumer.pending.memory();
            let consumer = Arc::make_mut(consumer);
            change(consumer);
            self.consumer_bytes += consumer.pending.memory();
        }
    }

    /// Notes that `id` was delivered to a member, whoever had it before. `false` if there is no such member.
    pub fn assign(&mut self, id: StreamId, consumer: &[u8], time: Millis, count: u64) -> bool {
        let Some((name, _)) = self.consumers.get_entry(consumer) else { return false };
        let name = name.clone();
        let before = self.pending.insert(id, Pending { time, count, consumer: name });
        match before {
            Some(before) if before.consumer.as_bytes() == consumer => return true,
            Some(before) => self.edit_consumer(before.consumer.as_bytes(), |before| {
                before.pending.remove(&id);
            }),
            None => {}
        }
        self.edit_consumer(consumer, |consumer| {
            consumer.pending.insert(id, ());
        });
        true
    }

    /// Notes that what a member has not acknowledged was delivered to it again.
    pub fn delivered_again(&mut self, id: StreamId, time: Millis) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.time = time;
            pending.count = pending.count.wrapping_add(1);
        }
    }

    /// An entry is acknowledged, or gone; returns what was known of it.
    pub fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.edit_consumer(pending.consumer.as_bytes(), |consumer| {
            consumer.pending.remove(&id);
        });
        Some(pending)
    }

    /// Moves on to an entry behind the last one that was delivered.
    pub fn advance(&mut self, to: StreamId, log: &Log) {
        if self.entries_read != UNKNOWN_COUNT && !log.has_gap_from(to) {
            self.entries_read = self.entries_read.wrapping_add(1);
        } else if log.entries_added > 0 {
            self.entries_read = log.count_up_to(to);
        }
        self.last_id = to;
    }

    /// How many entries it has not read yet, if that can be told without counting.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        let added = log.entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        let read = if self.entries_read != UNKNOWN_COUNT && !log.has_gap_from(self.last_id) {
            self.entries_read
        } else {
            log.count_up_to(self.last_id)
        };
        (read != UNKNOWN_COUNT).then(|| added.wrapping_sub(read))
    }
}
