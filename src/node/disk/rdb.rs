//! The RDB file: how it is read, and what becomes of what was in it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::loading::Loading;
use crate::node::node::{Node, Shared};
use crate::node::tasks::on_thread;
use crate::persistence::{Aux, Checksum, Ending, LoadOptions, Loaded, Progress, Repairs, load};
use crate::store::{Entry, Store};

/// Stops the helper thread when nobody waits for it any more.
#[derive(Debug, Default)]
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Node {
    /// Adds another data set to this one.
    ///
    /// # Errors
    /// A key is in both, and the other's may not replace it: nothing is added. Redis panics at such a key.
    pub(super) fn merge(&mut self, other: &Store, replaces: bool) -> Result<(), String> {
        for db in (0..other.databases()).filter(|_| !replaces) {
            let own = self.data.store.db(db);
            let key = other
                .db(db)
                .iter()
                .map(|entry| entry.key())
                .find(|key| own.get(own.hash(key), key).is_some());
            if let Some(key) = key {
                return Err(format!("RDB has duplicated key '{}' in DB {db}", key.escape_ascii()));
            }
        }
        for db in 0..other.databases() {
            let own = self.data.store.db_mut(db);
            for entry in other.db(db).iter() {
                let (hash, access) = (own.hash(entry.key()), entry.access().load(Ordering::Relaxed));
                let copy = Entry { value: entry.to_value(), expire: entry.expire() };
                own.put(hash, entry.key(), copy, access);
            }
        }
        for library in other.libraries.iter() {
            self.data.store.libraries.put(library.clone());
        }
        Ok(())
    }

    /// How a file of this node's is read, and a snapshot that a master sends.
    pub(in crate::node) fn load_options(&mut self) -> LoadOptions {
        LoadOptions {
            databases: self.config.databases as usize,
            seed: self.random(),
            now: self.clock.millis(),
            // Also on a master: its replicas still hold them, so each needs the DEL that expiry will send.
            keep_expired: true,
            verify_checksum: self.config.rdbchecksum && !self.data.skips_checksums,
            max_string: self.config.proto_max_bulk_len,
            access: self.access(),
            encodings: self.config.encodings,
            ending: Ending::File,
            key_delay: self.disk.key_load_delay.clone(),
        }
    }

    /// Loads the RDB file, if there is one.
    ///
    /// # Errors
    /// The file is there and cannot be served whole: what is wrong with it, and where.
    pub(super) fn load_file(&mut self) -> Result<Option<Loaded>, String> {
        let path = self.rdb_path();
        let file = match crate::persistence::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let options = self.load_options();
        let loaded = load(file, &options, |_| ControlFlow::Continue(()))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        self.note_loaded(&loaded.aux, &loaded.repairs, loaded.keys_loaded, loaded.keys_expired);
        Ok(Some(loaded))
    }

    /// At the start: data and history of the RDB file, which took so long to decode. Returns the keys loaded.
    pub(super) fn adopt_rdb(&mut self, loaded: Loaded, took: Duration) -> u64 {
        if loaded.checksum == Checksum::Absent {
            self.warning("RDB file was saved with checksum disabled: no check performed.");
        }
        self.restore_history(&loaded.aux);
        self.data.store = loaded.store;
        let expired = self.drop_expired();
        let keys = loaded.keys_loaded - expired;
        self.note_loaded(&loaded.aux, &loaded.repairs, keys, loaded.keys_expired + expired);
        self.notice(format!("DB loaded from disk: {:.3} seconds", took.as_secs_f64()));
        keys
    }

    pub(super) fn restore_history(&mut self, aux: &Aux) {
        let Some((id, offset, db)) = aux.history() else { return };
        let Some(id) = crate::replication::ReplId::parse(id) else { return };
        if self.config.replicaof.is_none() {
            let new = self.random_replid();
            self.ledger().restore_as_master(new, id, offset);
        } else if db < self.data.store.databases() {
            self.ledger().restore_as_replica(id, offset, u16::try_from(db).ok());
        } else {
            // The master goes on with commands for a database that is not here.
            return;
        }
        self.replication.restored = true;
        self.update_streaming();
    }

    /// Logs what a snapshot says of itself and what became of it, in Redis' words.
    pub(in crate::node) fn note_loaded(&mut self, aux: &Aux, repairs: &Repairs, keys: u64, expired: u64) {
        self.figures.stats.load_keys_loaded = keys;
        self.figures.stats.load_keys_expired = expired;
        for (name, text) in &aux.remarks {
            self.notice(format!("RDB '{name}': {text}"));
        }
        if let Some(version) = &aux.redis_ver {
            self.notice(format!("Loading RDB produced by version {version}"));
        }
        if let Some(ctime) = aux.ctime {
            let age = (self.clock.unix().as_secs() as i64).saturating_sub(ctime).max(0);
            self.notice(format!("RDB age {age} seconds"));
        }
        if let Some(bytes) = aux.used_mem {
            let megabytes = bytes as f64 / f64::from(1 << 20);
            self.notice(format!("RDB memory usage when created {megabytes:.2} Mb"));
        }
        if aux.aof_preamble {
            self.notice("RDB has an AOF tail");
        }
        if aux.aof_base {
            self.notice("RDB is base AOF");
        }
        for line in &repairs.lines {
            self.warning(line.clone());
        }
        if repairs.values > 0 {
            self.warning(format!("Values repaired: {}", repairs.values));
        }
        let done = format!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}");
        if repairs.empty_keys > 0 {
            self.warning(format!("{done}, empty keys skipped: {}.", repairs.empty_keys));
        } else {
            self.notice(format!("{done}."));
        }
    }

    /// Deletes at once what expired while a master was away; its replicas, which still hold it, get the DELs when they
    /// return. Returns the number of keys.
    pub(super) fn drop_expired(&mut self) -> u64 {
        if self.config.replicaof.is_some() {
            return 0;
        }
        self.update_streaming();
        // They count as expired by the load alone.
        let before = self.data.data_stats.expired;
        while self.delete_some_due() {}
        std::mem::replace(&mut self.data.data_stats.expired, before) - before
    }

    /// Bytes of the files that a start reads.
    pub(super) fn bytes_to_load(&self) -> u64 {
        let len = |path: std::path::PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
        match self.read_manifest() {
            Ok(Some(manifest)) if self.config.appendonly => {
                manifest.parts().map(|part| len(self.aof_folder().join(&part.name))).sum()
            }
            _ => len(self.rdb_path()),
        }
    }
}

/// From the RDB file, if there is one.
pub(super) async fn from_rdb(shared: &Shared) -> Result<u64, String> {
    let (begun, path, options) = {
        let mut node = shared.borrow_mut();
        (node.clock.since_start(), node.rdb_path(), node.load_options())
    };
    let loaded = match crate::persistence::open(&path) {
        Ok(file) => decode(shared, file, options).await,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => Err(error.to_string()),
    };
    let mut node = shared.borrow_mut();
    match loaded {
        Ok(loaded) => {
            let took = node.clock.since_start().saturating_sub(begun);
            Ok(node.adopt_rdb(loaded, took))
        }
        Err(error) => {
            let error = format!("{}: {error}", path.display());
            node.warning(format!("Fatal error loading the DB, check server logs. Exiting. {error}"));
            Err(error)
        }
    }
}

/// Decodes an RDB file, or one that begins as one, beside the node's thread.
pub(super) async fn decode(
    shared: &Shared,
    file: std::fs::File,
    options: LoadOptions,
) -> Result<Loaded, String> {
    let bytes = shared.borrow().disk.loading.as_ref().map(Loading::counter);
    let bytes = bytes.unwrap_or_default();
    let abandon = Abandon::default();
    let abandoned = Arc::clone(&abandon.0);
    let result = on_thread("load", move || {
        load(file, &options, |progress: &Progress| {
            bytes.store(progress.bytes, Ordering::Relaxed);
            if abandoned.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    result.await?.map_err(|error| error.to_string())
}
