//! What one client listens to.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::buffers::bytes_for_name;

/// What a subscription names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Topic {
    /// A channel.
    Channel,
    /// A pattern of channels.
    Pattern,
    /// A shard channel: a world of its own.
    Shard,
}

impl Topic {
    pub(in crate::node) const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];

    pub(in crate::node) fn joined(self) -> &'static [u8] {
        match self {
            Self::Channel => b"subscribe",
            Self::Pattern => b"psubscribe",
            Self::Shard => b"ssubscribe",
        }
    }

    pub(in crate::node) fn left(self) -> &'static [u8] {
        match self {
            Self::Channel => b"unsubscribe",
            Self::Pattern => b"punsubscribe",
            Self::Shard => b"sunsubscribe",
        }
    }
}

/// What one client listens to.
#[derive(Debug, Default)]
pub(in crate::node) struct Subscriptions {
    /// Per [`Topic`]: names, each with its place in the order of subscription.
    by_topic: [BTreeMap<Rc<[u8]>, u64>; 3],
    next: u64,
    /// Bytes for all names.
    bytes: usize,
}

impl Subscriptions {
    /// How many there are of one topic.
    pub(super) fn count(&self, topic: Topic) -> usize {
        self.by_topic[topic as usize].len()
    }

    /// Bytes that they take.
    pub(super) fn memory(&self) -> usize {
        self.bytes
    }

    /// The number in the reply to a subscription: channels and patterns together, shard channels alone.
    pub(in crate::node) fn shown_count(&self, topic: Topic) -> usize {
        match topic {
            Topic::Shard => self.count(topic),
            Topic::Channel | Topic::Pattern => self.count(Topic::Channel) + self.count(Topic::Pattern),
        }
    }

    /// Names of one topic in the order of subscription.
    pub(in crate::node) fn names(&self, topic: Topic) -> Vec<Rc<[u8]>> {
        let mut names: Vec<_> = self.by_topic[topic as usize].iter().collect();
        names.sort_by_key(|(_, place)| **place);
        names.into_iter().map(|(name, _)| Rc::clone(name)).collect()
    }

    /// Adds a name; one that is there already keeps its place.
    pub(in crate::node) fn add(&mut self, topic: Topic, name: &Rc<[u8]>) {
        self.next += 1;
        let place = self.next;
        self.by_topic[topic as usize].entry(Rc::clone(name)).or_insert_with(|| {
            self.bytes += bytes_for_name(name);
            place
        });
    }

    /// Takes a name away, if it is there.
    pub(in crate::node) fn remove(&mut self, topic: Topic, name: &[u8]) {
        if self.by_topic[topic as usize].remove(name).is_some() {
            self.bytes -= bytes_for_name(name);
        }
    }
}
