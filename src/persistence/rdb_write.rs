//! Encodes a snapshot as RDB, chunk by chunk: the segments are immutable, so this runs on any thread.

use std::hint::black_box;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;

use super::format::{TYPE_STRING, VERSION_WRITTEN, opcode};
use super::lzf::Compressor;
use super::rdb_aux::Aux;
use super::rdb_encode::Encoder;
use super::values;
use crate::commands::{Access, LfuTuning, lfu_counter, lru_clock};
use crate::store::{EntryRef, Millis, SnapshotPart, SnapshotReader, ValueRef};

/// Keys that are touched before they are encoded: as many cache misses are under way at once.
const GROUP: usize = 16;

/// How a snapshot is encoded.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Compress strings (`rdbcompression`). Costs more time than a fast network.
    pub compress: bool,
    /// Append the CRC-64 (`rdbchecksum`); zero stands there otherwise, and nobody checks it.
    pub checksum: bool,
    /// Write how long each key was idle or how often it is used: only eviction policies ask for it.
    pub access: Option<Access>,
    /// How LFU counters have decayed until `now`.
    pub lfu: LfuTuning,
    /// Time that idle times count from.
    pub now: Millis,
    /// Pause behind every key, to try out what is slow (`rdb-key-save-delay`). What was encoded goes out before it.
    pub key_delay: Duration,
    /// What the snapshot says about itself.
    pub aux: Aux,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes in all.
    pub bytes: u64,
    /// Keys in all.
    pub keys: u64,
    /// The checksum at the end, 0 if none was asked for.
    pub checksum: u64,
}

/// Encodes snapshots into chunks that `sink` takes one by one.
pub struct RdbWriter<S> {
    to: Encoder<S>,
    access: Option<Access>,
    lfu: LfuTuning,
    now: Millis,
}

impl<S: FnMut(Bytes) -> io::Result<()>> RdbWriter<S> {
    /// Encodes `snapshot`; `progress` hears the number of keys done after every segment.
    ///
    /// Waits for segments that are not captured yet. About 100 ns for each small key.
    ///
    /// # Errors
    /// The first error of `sink`: nothing is encoded after it.
    pub fn encode(
        mut snapshot: SnapshotReader,
        options: &WriteOptions,
        sink: S,
        mut progress: impl FnMut(u64),
    ) -> io::Result<Written> {
        let mut to = Encoder::new(options.compress.then(Compressor::default), sink);
        if options.checksum {
            to.begin_checksum();
        }
        let mut writer = Self { to, access: options.access, lfu: options.lfu, now: options.now };
        writer.put_header(&options.aux)?;
        for library in snapshot.libraries().iter() {
            writer.to.put_library(library)?;
        }
        let mut keys = 0;
        let mut selected = None;
        let mut announced = vec![false; snapshot.totals().len()];
        while let Some(SnapshotPart { db, segment }) = snapshot.next_part() {
            if selected != Some(db) {
                writer.to.put_byte(opcode::SELECTDB)?;
                writer.to.put_length(db as u64)?;
                selected = Some(db);
            }
            if !std::mem::replace(&mut announced[db], true) {
                let (in_db, expiring) = snapshot.totals()[db];
                writer.to.put_byte(opcode::RESIZEDB)?;
                writer.to.put_length(in_db)?;
                writer.to.put_length(expiring)?;
            }
            let entries: Vec<_> = segment.iter().collect();
            for group in entries.chunks(GROUP) {
                group.iter().for_each(touch);
                if options.key_delay.is_zero() {
                    group.iter().try_for_each(|entry| writer.put_entry(entry))?;
                    continue;
                }
                for entry in group {
                    writer.put_entry(entry)?;
                    writer.to.flush()?;
                    std::thread::sleep(options.key_delay);
                }
            }
            keys += entries.len() as u64;
            progress(keys);
        }
        // Otherwise the capture was given up, and half a data set must not pass for a whole one.
        if keys != snapshot.keys() {
            return Err(io::Error::other("the snapshot was given up before all keys were captured"));
        }
        let (bytes, checksum) = writer.to.finish()?;
        Ok(Written { bytes, keys, checksum })
    }

    fn put_header(&mut self, aux: &Aux) -> io::Result<()> {
        self.to.put(format!("REDIS{VERSION_WRITTEN:04}").as_bytes())?;
        self.put_aux("redis-ver", aux.redis_ver.as_ref())?;
        self.put_aux("redis-bits", aux.redis_bits.as_ref())?;
        self.put_aux("ctime", aux.ctime.as_ref())?;
        self.put_aux("used-mem", aux.used_mem.as_ref())?;
        self.put_aux("repl-stream-db", aux.repl_stream_db.as_ref())?;
        let repl_id = aux.repl_id.as_ref().map(|id| String::from_utf8_lossy(id));
        self.put_aux("repl-id", repl_id.as_ref())?;
        self.put_aux("repl-offset", aux.repl_offset.as_ref())?;
        self.put_aux("aof-base", Some(&u8::from(aux.aof_base)))
    }

    fn put_aux(&mut self, name: &str, value: Option<&impl ToString>) -> io::Result<()> {
        let Some(value) = value else { return Ok(()) };
        self.to.put_byte(opcode::AUX)?;
        self.to.put_string(name.as_bytes())?;
        self.to.put_string(value.to_string().as_bytes())
    }

    #[inline]
    fn put_entry(&mut self, entry: &EntryRef<'_>) -> io::Result<()> {
        if let Some(at) = entry.expire() {
            self.to.put_byte(opcode::EXPIRETIME_MS)?;
            self.to.put(&at.to_le_bytes())?;
        }
        if let Some(access) = self.access {
            self.put_access(access, entry.access().load(Relaxed))?;
        }
        match entry.value() {
            ValueRef::Str(value) => {
                self.to.put_byte(TYPE_STRING)?;
                self.to.put_string(entry.key())?;
                self.to.put_string(value)
            }
            value => {
                self.to.put_byte(values::type_of(value))?;
                self.to.put_string(entry.key())?;
                values::write(value, &mut self.to)
            }
        }
    }

    fn put_access(&mut self, access: Access, field: u32) -> io::Result<()> {
        match access {
            Access::Lru => {
                self.to.put_byte(opcode::IDLE)?;
                self.to.put_length(u64::from(lru_clock(self.now).wrapping_sub(field) & 0xFF_FFFF))
            }
            Access::Lfu => {
                self.to.put_byte(opcode::FREQ)?;
                self.to.put_byte(lfu_counter(field, self.now, self.lfu) as u8)
            }
        }
    }
}

/// Starts to read the record of a key, its end included.
#[inline]
fn touch(entry: &EntryRef<'_>) {
    if let ValueRef::Str(value) = entry.value() {
        black_box(value.last());
    }
}
