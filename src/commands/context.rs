//! What a data command works with: the data set, the time, its reply, and what it leaves for others.

use std::sync::atomic::Ordering::Relaxed;

use super::access::{Access, LFU_INIT, LfuTuning, lfu_touched, lru_clock, minutes};
use super::effects::{AtTimeout, Effects, KeyWait};
use super::{CmdError, CmdResult, KeyspaceEvents};
use crate::protocol::Replies;
use crate::store::{
    Collection, Edit, Encodings, Entry, EntryRef, KeyHash, Keyspace, Millis, Object, Random, Store, Value,
    ValueRef,
};

/// What to do with a key whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryMode {
    /// A master deletes it and tells its replicas.
    Delete,
    /// A replica treats it as missing and waits for the master's DEL.
    Hide,
    /// The stream of a master is applied as it comes: the key is there until the stream deletes it.
    Visible,
}

/// Counters that commands move; INFO shows them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// `keyspace_hits`
    pub hits: u64,
    /// `keyspace_misses`
    pub misses: u64,
    /// `expired_keys`
    pub expired: u64,
}

/// What was deleted and takes long to free.
#[derive(Debug)]
pub enum Garbage {
    /// A database that was emptied.
    Keyspace(Box<Keyspace>),
    /// A large collection.
    Object(Object),
}

/// A collection of this many bytes or more is freed beside the node's work.
const LARGE: usize = 16 * 1024;

/// Everything that one data command may read and change.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// All databases.
    pub store: &'a mut Store,
    /// The database that the client has selected.
    pub db: usize,
    /// Unix time; the same for all commands of one batch, so that a batch sees one instant.
    pub now: Millis,
    /// What to do with expired keys.
    pub expiry: ExpiryMode,
    /// How accesses are noted.
    pub access: Access,
    /// Redis keeps small integers once for all keys now (OBJECT REFCOUNT).
    pub shares_integers: bool,
    /// How the LFU counter moves.
    pub lfu: LfuTuning,
    /// Propagate deletions of expired keys as UNLINK (`lazyfree-lazy-expire`).
    pub lazy_expire: bool,
    /// Longest string allowed (`proto-max-bulk-len`), in bytes.
    pub max_string: usize,
    /// A serialized value is taken only with the right checksum.
    pub verify_checksum: bool,
    /// Thresholds of the compact encodings.
    pub encodings: &'a Encodings,
    /// The command may wait: it does not run inside MULTI, nor for a master.
    pub may_block: bool,
    /// The command has waited and runs again because of this key: only it may serve.
    pub ready_key: Option<&'a [u8]>,
    /// Where the reply goes.
    pub out: &'a mut Replies,
    /// What the command leaves for others.
    pub effects: &'a mut Effects,
    /// Counters.
    pub stats: &'a mut Stats,
    /// State of the node's generator, for RANDOMKEY and the LFU counter.
    pub random: &'a mut Random,
    /// What takes long to free; the node does that on a thread of its own.
    pub garbage: &'a mut Vec<Garbage>,
}

impl Ctx<'_> {
    /// The selected database.
    #[inline]
    pub fn keyspace(&self) -> &Keyspace {
        self.store.db(self.db)
    }

    /// The selected database, to change it.
    #[inline]
    pub fn keyspace_mut(&mut self) -> &mut Keyspace {
        self.store.db_mut(self.db)
    }

    /// Hash of `key` in the selected database.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.keyspace().hash(key)
    }

    /// 64 random bits.
    pub fn random(&mut self) -> u64 {
        self.random.bits()
    }

    /// What a fresh key's access field starts with.
    #[inline]
    pub fn fresh_access(&self) -> u32 {
        match self.access {
            Access::Lru => lru_clock(self.now),
            Access::Lfu => (minutes(self.now) << 8) | LFU_INIT,
        }
    }

    /// Finds `key` in order to read it: expired keys are missing, the access is noted and counted.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let hash = self.hash(key);
        self.read_at(hash, key)
    }

    /// [`Ctx::read`] with a hash that is known already.
    #[inline]
    pub fn read_at(&mut self, hash: KeyHash, key: &[u8]) -> Option<EntryRef<'_>> {
        self.read_and_reply(hash, key).0
    }

    /// [`Ctx::read_at`] together with where the answer goes, so that a value is copied there straight away.
    #[inline]
    pub fn read_and_reply(&mut self, hash: KeyHash, key: &[u8]) -> (Option<EntryRef<'_>>, &mut Replies) {
        let gone = self.expire_if_due(self.db, hash, key);
        let luck = if self.access == Access::Lfu { self.random() } else { 0 };
        let entry = if gone { None } else { self.store.db(self.db).get(hash, key) };
        match entry {
            None => {
                self.stats.misses += 1;
                self.effects.notify(KeyspaceEvents::KEY_MISS, "keymiss", self.db, key);
            }
            Some(entry) => {
                self.stats.hits += 1;
                let before = entry.access().load(Relaxed);
                let after = match self.access {
                    Access::Lru => lru_clock(self.now),
                    Access::Lfu => lfu_touched(before, self.now, luck, self.lfu),
                };
                if after != before {
                    entry.access().store(after, Relaxed);
                }
            }
        }
        (entry, self.out)
    }

    /// What the access field of a key becomes that is about to be written; it may be there already.
    #[inline]
    pub fn write_access(&mut self, hash: KeyHash, key: &[u8]) -> u32 {
        if self.access == Access::Lru {
            return lru_clock(self.now);
        }
        let luck = self.random();
        let old = self.keyspace().get(hash, key).map(|entry| entry.access().load(Relaxed));
        old.map_or_else(|| self.fresh_access(), |old| lfu_touched(old, self.now, luck, self.lfu))
    }

    /// Makes way for a write to `key`: if its time has come, it is gone after this, on a writable replica too.
    #[inline]
    pub fn clear_expired(&mut self, db: usize, hash: KeyHash, key: &[u8]) {
        if self.expire_if_due(db, hash, key) && self.expiry == ExpiryMode::Hide {
            self.store.db_mut(db).remove(hash, key);
        }
    }

    /// The collection at `key` in order to read it, and where the answer goes; `None` if the key is missing.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] if the key holds another type.
    #[inline]
    pub fn read_as<T: Collection>(&mut self, key: &[u8]) -> CmdResult<(Option<&T>, &mut Replies)> {
        let hash = self.hash(key);
        let (entry, out) = self.read_and_reply(hash, key);
        match entry {
            None => Ok((None, out)),
            Some(entry) => {
                T::of(entry.value()).map_or(Err(CmdError::WrongType), |found| Ok((Some(found), out)))
            }
        }
    }

    /// The collection at `key` in order to change it, and where the answer goes; `None` if the key is missing.
    ///
    /// Call [`Ctx::drop_if_empty`] when elements were removed. It is no change yet: call [`Ctx::changed`] too.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] if the key holds another type.
    pub fn edit<T: Collection>(&mut self, key: &[u8]) -> CmdResult<Option<(Edit<'_, T>, &mut Replies)>> {
        let hash = self.hash(key);
        if !self.is_at::<T>(hash, key)? {
            return Ok(None);
        }
        self.edit_found(hash, key).map(Some)
    }

    /// [`Ctx::edit`], with an empty collection put at `key` first if the key is missing. It must not stay empty.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] if the key holds another type.
    pub fn edit_or_new<T: Collection + Default>(
        &mut self,
        key: &[u8],
    ) -> CmdResult<(Edit<'_, T>, &mut Replies)> {
        let hash = self.hash(key);
        if !self.is_at::<T>(hash, key)? {
            let access = self.fresh_access();
            self.keyspace_mut().put_object(hash, key, T::default().into_object(), None, access);
            self.note_new(key);
        }
        self.edit_found(hash, key)
    }

    /// A collection that was just looked up, or made.
    fn edit_found<T: Collection>(
        &mut self,
        hash: KeyHash,
        key: &[u8],
    ) -> CmdResult<(Edit<'_, T>, &mut Replies)> {
        let edit = self.store.db_mut(self.db).edit(hash, key);
        let edit = edit.ok_or_else(|| CmdError::broken("a collection is not where it was found"))?;
        Ok((edit, &mut *self.out))
    }

    /// Whether a collection of this type is at `key`, which is about to be changed: expired keys are gone after this,
    /// and the access is noted.
    fn is_at<T: Collection>(&mut self, hash: KeyHash, key: &[u8]) -> CmdResult<bool> {
        self.clear_expired(self.db, hash, key);
        let access = self.write_access(hash, key);
        let Some(entry) = self.keyspace().get(hash, key) else { return Ok(false) };
        if T::of(entry.value()).is_none() {
            return Err(CmdError::WrongType);
        }
        entry.access().store(access, Relaxed);
        Ok(true)
    }

    /// Puts a collection at `key`, whatever the key held (its expiry too); an empty one deletes the key. Neither a
    /// change nor an event is noted. Returns whether the key held anything before.
    pub fn replace<T: Collection>(&mut self, key: &[u8], value: T) -> bool {
        let hash = self.hash(key);
        self.clear_expired(self.db, hash, key);
        let existed = self.keyspace_mut().remove(hash, key);
        if !value.is_empty() {
            let access = self.fresh_access();
            self.keyspace_mut().put_object(hash, key, value.into_object(), None, access);
            if existed {
                self.effects.signal_ready(self.db, key);
            } else {
                self.note_new(key);
            }
        }
        existed
    }

    /// Deletes `key` if its collection has lost its last element, with the event for that. Returns whether it did.
    pub fn drop_if_empty<T: Collection>(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let found = self.keyspace().get(hash, key);
        let empty = found.and_then(|entry| T::of(entry.value())).is_some_and(Collection::is_empty);
        if empty {
            self.keyspace_mut().remove(hash, key);
            self.notify(KeyspaceEvents::GENERIC, "del", key);
        }
        empty
    }

    /// Notes that `key` of the selected database is about to get a value, whatever it holds: it may be new, or the end
    /// of a stream that somebody waits for.
    #[inline]
    pub fn note_store(&mut self, hash: KeyHash, key: &[u8]) {
        if self.effects.serving || self.effects.notifying.has(KeyspaceEvents::NEW) {
            match self.keyspace().get(hash, key).map(|entry| entry.value()) {
                None => self.note_new(key),
                Some(ValueRef::Stream(_)) => self.effects.signal_ready(self.db, key),
                Some(_) => {}
            }
        }
    }

    /// Deletes a key of database `db`; `false` if there was none. Neither a change nor an event is noted. O(1).
    pub fn delete(&mut self, db: usize, hash: KeyHash, key: &[u8]) -> bool {
        if self.effects.serving {
            let found = self.store.db(db).get(hash, key);
            if matches!(found.map(|entry| entry.value()), Some(ValueRef::Stream(_))) {
                // Who waits for a consumer group must hear that it is gone.
                self.effects.signal_ready(db, key);
            }
        }
        let found = self.store.db(db).get(hash, key);
        if !found.is_some_and(|entry| entry.memory() >= LARGE && entry.value().as_str().is_none()) {
            return self.store.db_mut(db).remove(hash, key);
        }
        if let Some(Entry { value: Value::Object(object), .. }) = self.store.db_mut(db).take(hash, key) {
            self.garbage.push(Garbage::Object(object));
        }
        true
    }

    /// Notes that `key` of the selected database has come to be.
    pub fn note_new(&mut self, key: &[u8]) {
        self.note_new_in(self.db, key);
    }

    /// Notes that `key` of database `db` has come to be.
    pub fn note_new_in(&mut self, db: usize, key: &[u8]) {
        self.effects.notify(KeyspaceEvents::NEW, "new", db, key);
        self.effects.signal_ready(db, key);
    }

    /// Notes an event of `key` in the selected database, if somebody may hear of it.
    #[inline]
    pub fn notify(&mut self, class: KeyspaceEvents, name: &'static str, key: &[u8]) {
        self.effects.notify(class, name, self.db, key);
    }

    /// Whether a blocking command may take something from this key: any of its keys at first, later only the one that
    /// has become ready.
    pub fn may_serve(&self, key: &[u8]) -> bool {
        self.ready_key.is_none_or(|ready| ready == key)
    }

    /// The command has found nothing: it waits for one of `keys`, unless it may not wait; then it answers at once as
    /// if the time were over. `timeout` is in milliseconds, 0 for ever.
    pub fn wait_for<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        timeout: Millis,
        at_timeout: AtTimeout,
    ) {
        if self.may_block {
            let keys = keys.map(<[u8]>::to_vec).collect();
            self.effects.wait =
                Some(KeyWait { keys, timeout, at_timeout, instead: None, errors_end_it: false });
        } else {
            match at_timeout {
                AtTimeout::Null => self.out.null(),
                AtTimeout::NullArray => self.out.null_array(),
            }
        }
    }

    /// Finds `key` without noting an access: what TYPE, TTL and EXISTS want. It is counted all the same.
    pub fn peek(&mut self, db: usize, key: &[u8]) -> Option<EntryRef<'_>> {
        let hash = self.store.db(db).hash(key);
        let gone = self.expire_if_due(db, hash, key);
        if gone || self.store.db(db).get(hash, key).is_none() {
            self.effects.notify(KeyspaceEvents::KEY_MISS, "keymiss", db, key);
        }
        self.peek_unheard(db, key)
    }

    /// [`Ctx::peek`] without the event for a missing key, as OBJECT and MEMORY want it.
    pub fn peek_unheard(&mut self, db: usize, key: &[u8]) -> Option<EntryRef<'_>> {
        let hash = self.store.db(db).hash(key);
        let gone = self.expire_if_due(db, hash, key);
        let entry = if gone { None } else { self.store.db(db).get(hash, key) };
        if entry.is_some() {
            self.stats.hits += 1;
        } else {
            self.stats.misses += 1;
        }
        entry
    }

    /// Makes an expired key vanish before a write: deleted and propagated on a master, left to be overwritten
    /// on a replica. `true` if the key counts as missing because of its expiry.
    #[inline]
    pub fn expire_if_due(&mut self, db: usize, hash: KeyHash, key: &[u8]) -> bool {
        if self.expiry == ExpiryMode::Visible || self.store.db(db).expires() == 0 {
            return false;
        }
        let expire = self.store.db(db).get(hash, key).and_then(|entry| entry.expire());
        if expire.is_none_or(|at| at > self.now) {
            return false;
        }
        if self.expiry == ExpiryMode::Delete {
            self.delete_expired(db, hash, key);
        }
        true
    }

    /// Deletes a key whose time has come and sends the DEL (or UNLINK) for it.
    pub fn delete_expired(&mut self, db: usize, hash: KeyHash, key: &[u8]) {
        if self.delete(db, hash, key) {
            self.stats.expired += 1;
            let verb: &[u8] = if self.lazy_expire { b"UNLINK" } else { b"DEL" };
            self.effects.send(db, &[verb, key]);
            self.effects.notify(KeyspaceEvents::EXPIRED, "expired", db, key);
            self.effects.note_key(db, key);
        }
    }

    /// Whether `expire` has passed, as seen by this role.
    pub fn is_expired(&self, expire: Option<Millis>) -> bool {
        self.expiry != ExpiryMode::Visible && expire.is_some_and(|at| at <= self.now)
    }

    /// Notes one change to `key` of the selected database: the command counts as a write and is propagated.
    #[inline]
    pub fn changed(&mut self, key: &[u8]) {
        self.changed_in(self.db, key);
    }

    /// Notes one change to `key` of database `db`.
    #[inline]
    pub fn changed_in(&mut self, db: usize, key: &[u8]) {
        self.effects.dirty += 1;
        self.effects.note_key(db, key);
    }

    /// Notes that the same change concerns another key too, as RENAME's second one: WATCH wants to know.
    pub fn also_changed(&mut self, db: usize, key: &[u8]) {
        self.effects.note_key(db, key);
    }

    /// Sends `parts` to the replicas instead of the command itself. Call it again for further commands.
    pub fn propagate(&mut self, parts: &[&[u8]]) {
        self.effects.replaced = true;
        self.effects.send(self.db, parts);
    }

    /// The command itself is not sent to the replicas.
    pub fn propagate_nothing(&mut self) {
        self.effects.replaced = true;
    }
}
