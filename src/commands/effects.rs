//! What a command leaves for others: the replication stream, WATCH, subscribers, and clients that wait for keys.

use std::borrow::Cow;

use super::KeyspaceEvents;
use crate::protocol::write_request;
use crate::store::Millis;

/// What a command leaves for the replication stream, for WATCH and for the save points.
#[derive(Debug, Default)]
pub struct Effects {
    /// Number of changes to the data set.
    pub dirty: u64,
    /// Somebody reads the stream; else nothing is encoded.
    pub streaming: bool,
    /// Somebody watches keys; else none are noted.
    pub watching: bool,
    /// Commands to send, each with its database, encoded one after the other in `encoded`.
    commands: Vec<(usize, usize)>,
    encoded: Vec<u8>,
    /// The command itself is not to be sent: others stand for it, or nothing does.
    pub(super) replaced: bool,
    /// Keys that were changed, each with its database, one after the other in `key_bytes`.
    keys: Vec<(usize, usize)>,
    key_bytes: Vec<u8>,
    /// Databases that were flushed or swapped as a whole.
    pub whole_dbs: Vec<WholeDb>,
    /// Classes of events that somebody may hear of; else none are noted.
    pub notifying: KeyspaceEvents,
    /// Events to publish, each with its database, name and key, one key after the other in `event_keys`.
    events: Vec<(usize, Cow<'static, str>, usize)>,
    event_keys: Vec<u8>,
    /// Clients wait for keys; else none are noted as ready.
    pub serving: bool,
    /// Somebody waits for what may also be lost: every changed key is noted as ready.
    pub changes_serve: bool,
    /// Keys that may have what somebody waits for.
    ready: Vec<(usize, Vec<u8>)>,
    /// The command has found nothing and waits.
    pub wait: Option<KeyWait>,
}

/// What became of a database as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WholeDb {
    /// It was emptied; what it held is in [`Ctx::garbage`](super::Ctx::garbage) under this index, unless it was empty.
    Flushed {
        /// The database.
        db: usize,
        /// Where its keys are.
        garbage: Option<usize>,
    },
    /// These two were exchanged.
    Swapped(usize, usize),
}

impl WholeDb {
    /// The databases that changed.
    pub fn dbs(&self) -> impl Iterator<Item = usize> + use<> {
        let (one, other) = match *self {
            Self::Flushed { db, .. } => (db, None),
            Self::Swapped(one, other) => (one, Some(other)),
        };
        std::iter::once(one).chain(other)
    }
}

/// What a blocking command waits for. It runs again, as it came, when one of the keys is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWait {
    /// Keys of the selected database.
    pub keys: Vec<Vec<u8>>,
    /// How long, in milliseconds; 0 for ever.
    pub timeout: Millis,
    /// What it answers when the time is over.
    pub at_timeout: AtTimeout,
    /// The request to run again instead of the one that came: XREAD's `$` means the end as it was then.
    pub instead: Option<Vec<Vec<u8>>>,
    /// An error at a later run is its answer; otherwise the wait goes on, as for a key of another type.
    pub errors_end_it: bool,
}

/// What a blocking command answers when nothing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtTimeout {
    /// A null bulk.
    Null,
    /// A null array.
    NullArray,
}

impl Effects {
    /// Forgets everything but who listens: call it before each command.
    #[inline]
    pub fn clear(&mut self) {
        self.dirty = 0;
        self.replaced = false;
        if !self.commands.is_empty() {
            self.commands.clear();
            self.encoded.clear();
            self.encoded.shrink_to(64 * 1024);
        }
        if !self.keys.is_empty() {
            self.keys.clear();
            self.key_bytes.clear();
        }
        self.whole_dbs.clear();
        if !self.events.is_empty() {
            self.events.clear();
            self.event_keys.clear();
        }
        self.wait = None;
    }

    /// Adds a command for the stream, in database `db`.
    pub fn send(&mut self, db: usize, parts: &[&[u8]]) {
        if !self.streaming {
            return;
        }
        encode_command(&mut self.encoded, parts);
        self.commands.push((db, self.encoded.len()));
    }

    /// What was added with [`Effects::send`], each with its database and encoded as a RESP array.
    pub fn sent(&self) -> impl ExactSizeIterator<Item = (usize, &[u8])> {
        let mut from = 0;
        self.commands.iter().map(move |&(db, to)| {
            let command = &self.encoded[from..to];
            from = to;
            (db, command)
        })
    }

    /// Whether the last command left anything at all.
    #[inline]
    pub fn has_any(&self) -> bool {
        self.dirty > 0 || !self.commands.is_empty() || !self.keys.is_empty() || !self.events.is_empty()
    }

    /// Whether the command itself goes into the stream, after [`Effects::sent`].
    pub fn sends_itself(&self) -> bool {
        self.dirty > 0 && !self.replaced
    }

    /// Keys that were changed, each with its database.
    pub fn changed_keys(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut from = 0;
        self.keys.iter().map(move |&(db, to)| {
            let key = &self.key_bytes[from..to];
            from = to;
            (db, key)
        })
    }

    /// Events to publish: database, name, key.
    pub fn events(&self) -> impl Iterator<Item = (usize, &str, &[u8])> {
        let mut from = 0;
        self.events.iter().map(move |(db, name, to)| {
            let key = &self.event_keys[from..*to];
            from = *to;
            (*db, &**name, key)
        })
    }

    /// Whether there is any event to publish.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Takes the keys that may have what somebody waits for, in the order in which they got it.
    pub fn take_ready(&mut self) -> Vec<(usize, Vec<u8>)> {
        std::mem::take(&mut self.ready)
    }

    /// Whether any key may have what somebody waits for.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Notes an event, if its class is published.
    #[inline]
    pub fn notify(
        &mut self,
        class: KeyspaceEvents,
        name: impl Into<Cow<'static, str>>,
        db: usize,
        key: &[u8],
    ) {
        if self.notifying.has(class) {
            self.event_keys.extend_from_slice(key);
            self.events.push((db, name.into(), self.event_keys.len()));
        }
    }

    /// Notes that a key has come to be, or has got more elements, which somebody may wait for.
    #[inline]
    pub fn signal_ready(&mut self, db: usize, key: &[u8]) {
        // A key that comes twice is served twice; a search for it could cost more than that.
        if self.serving && self.ready.last().is_none_or(|(last_db, last)| *last_db != db || last != key) {
            self.ready.push((db, key.to_vec()));
        }
    }

    pub(super) fn note_key(&mut self, db: usize, key: &[u8]) {
        if self.watching {
            self.key_bytes.extend_from_slice(key);
            self.keys.push((db, self.key_bytes.len()));
        }
        // Who waits as a member of a stream's group must hear that the stream is gone. To run once more in vain costs
        // the others little.
        if self.changes_serve {
            self.signal_ready(db, key);
        }
    }
}

/// Appends a command as it travels.
pub(crate) fn encode_command(into: &mut Vec<u8>, parts: &[&[u8]]) {
    write_request(parts, &mut |piece| into.extend_from_slice(piece));
}
