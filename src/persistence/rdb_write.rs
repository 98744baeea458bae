//! Encodes a snapshot as RDB, chunk by chunk: the segments are immutable, so this runs on any thread.

use std::hint::black_box;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use super::format::{TYPE_STRING, VERSION_WRITTEN, length, opcode};
use super::lzf::Compressor;
use super::rdb_aux::Aux;
use super::values;
use crate::commands::{Access, LfuTuning, lfu_counter, lru_clock};
use crate::protocol::strict_i64;
use crate::store::{EntryRef, Library, Millis, SnapshotPart, SnapshotReader, ValueRef};

/// Bytes of a chunk; only the last one of a snapshot is clearly smaller, none is larger.
pub const CHUNK: usize = 128 * 1024;
/// Strings up to this length are never compressed.
const NOT_COMPRESSED: usize = 20;
/// Longest decimal number that is stored as an integer.
const INTEGER_LEN: usize = 11;
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
    sink: S,
    chunk: Vec<u8>,
    bytes: u64,
    crc: Option<Digest>,
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
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
        let mut writer = Self::new(options, sink);
        writer.put_header(&options.aux)?;
        for library in snapshot.libraries().iter() {
            writer.put_library(library)?;
        }
        let mut keys = 0;
        let mut selected = None;
        let mut announced = vec![false; snapshot.totals().len()];
        while let Some(SnapshotPart { db, segment }) = snapshot.next_part() {
            if selected != Some(db) {
                writer.put_byte(opcode::SELECTDB)?;
                writer.put_length(db as u64)?;
                selected = Some(db);
            }
            if !std::mem::replace(&mut announced[db], true) {
                let (in_db, expiring) = snapshot.totals()[db];
                writer.put_byte(opcode::RESIZEDB)?;
                writer.put_length(in_db)?;
                writer.put_length(expiring)?;
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
                    writer.flush()?;
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
        writer.put_end(keys)
    }

    pub(super) fn new(options: &WriteOptions, sink: S) -> Self {
        Self {
            sink,
            chunk: Vec::with_capacity(CHUNK),
            bytes: 0,
            crc: options.checksum.then(|| Digest::new(CrcAlgorithm::Crc64Redis)),
            compressor: options.compress.then(Compressor::default),
            compressed: Vec::new(),
            access: options.access,
            lfu: options.lfu,
            now: options.now,
        }
    }

    fn put_header(&mut self, aux: &Aux) -> io::Result<()> {
        self.put(format!("REDIS{VERSION_WRITTEN:04}").as_bytes())?;
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
        self.put_byte(opcode::AUX)?;
        self.put_string(name.as_bytes())?;
        self.put_string(value.to_string().as_bytes())
    }

    pub(super) fn put_library(&mut self, library: &Library) -> io::Result<()> {
        self.put_byte(opcode::FUNCTION2)?;
        self.put_string(library.code())
    }

    fn put_end(mut self, keys: u64) -> io::Result<Written> {
        self.put_byte(opcode::EOF)?;
        // The checksum covers all before it: only whole chunks are summed, so this one ends here.
        let checksum = match &mut self.crc {
            None => 0,
            Some(crc) => {
                crc.update(&self.chunk);
                crc.finalize()
            }
        };
        self.crc = None;
        self.put(&checksum.to_le_bytes())?;
        self.flush()?;
        Ok(Written { bytes: self.bytes, keys, checksum })
    }

    #[inline]
    fn put_entry(&mut self, entry: &EntryRef<'_>) -> io::Result<()> {
        if let Some(at) = entry.expire() {
            self.put_byte(opcode::EXPIRETIME_MS)?;
            self.put(&at.to_le_bytes())?;
        }
        if let Some(access) = self.access {
            self.put_access(access, entry.access().load(Relaxed))?;
        }
        match entry.value() {
            ValueRef::Str(value) => {
                self.put_byte(TYPE_STRING)?;
                self.put_string(entry.key())?;
                self.put_string(value)
            }
            value => {
                self.put_byte(values::type_of(value))?;
                self.put_string(entry.key())?;
                values::write(value, self)
            }
        }
    }

    fn put_access(&mut self, access: Access, field: u32) -> io::Result<()> {
        match access {
            Access::Lru => {
                self.put_byte(opcode::IDLE)?;
                self.put_length(u64::from(lru_clock(self.now).wrapping_sub(field) & 0xFF_FFFF))
            }
            Access::Lfu => {
                self.put_byte(opcode::FREQ)?;
                self.put_byte(lfu_counter(field, self.now, self.lfu) as u8)
            }
        }
    }

    #[inline]
    pub(super) fn put_string(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= INTEGER_LEN {
            if let Some(number) = canonical_i32(bytes) {
                return self.put_integer(number);
            }
        } else if bytes.len() > NOT_COMPRESSED
            && let Some(compressor) = &mut self.compressor
            && compressor.compress(bytes, &mut self.compressed)
        {
            return self.put_compressed(bytes.len());
        }
        self.put_length(bytes.len() as u64)?;
        self.put(bytes)
    }

    fn put_compressed(&mut self, original: usize) -> io::Result<()> {
        let compressed = std::mem::take(&mut self.compressed);
        self.put_byte(length::LZF)?;
        self.put_length(compressed.len() as u64)?;
        self.put_length(original as u64)?;
        let result = self.put(&compressed);
        // The room for one huge string is not kept until the end.
        if compressed.capacity() <= CHUNK {
            self.compressed = compressed;
        }
        result
    }

    fn put_integer(&mut self, number: i32) -> io::Result<()> {
        if let Ok(number) = i8::try_from(number) {
            self.put(&[length::INT8, number as u8])
        } else if let Ok(number) = i16::try_from(number) {
            let [a, b] = number.to_le_bytes();
            self.put(&[length::INT16, a, b])
        } else {
            let [a, b, c, d] = number.to_le_bytes();
            self.put(&[length::INT32, a, b, c, d])
        }
    }

    #[inline]
    pub(super) fn put_length(&mut self, len: u64) -> io::Result<()> {
        if len < 1 << 6 {
            self.put_byte(len as u8)
        } else if len < 1 << 14 {
            self.put(&(u16::from(length::BITS_14) << 8 | len as u16).to_be_bytes())
        } else if let Ok(len) = u32::try_from(len) {
            self.put_byte(length::BITS_32)?;
            self.put(&len.to_be_bytes())
        } else {
            self.put_byte(length::BITS_64)?;
            self.put(&len.to_be_bytes())
        }
    }

    #[inline]
    pub(super) fn put_byte(&mut self, byte: u8) -> io::Result<()> {
        self.put(&[byte])
    }

    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= CHUNK - self.chunk.len() {
            self.chunk.extend_from_slice(bytes);
            return Ok(());
        }
        self.put_in_parts(bytes)
    }

    #[cold]
    fn put_in_parts(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
            if self.chunk.len() == CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        if let Some(crc) = &mut self.crc {
            crc.update(&chunk);
        }
        self.bytes += chunk.len() as u64;
        (self.sink)(Bytes::from(chunk))
    }
}

/// Starts to read the record of a key, its end included.
#[inline]
fn touch(entry: &EntryRef<'_>) {
    if let ValueRef::Str(value) = entry.value() {
        black_box(value.last());
    }
}

/// The number that `bytes` are the one decimal spelling of, if it has 32 bits.
#[inline]
fn canonical_i32(bytes: &[u8]) -> Option<i32> {
    strict_i64(bytes).and_then(|number| i32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_spelling_of_a_number_is_stored_as_an_integer() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("127", Some(127)),
            ("2147483647", Some(i32::MAX)),
            ("-2147483648", Some(i32::MIN)),
            ("2147483648", None),
            ("-2147483649", None),
            ("99999999999", None),
            ("-0", None),
            ("00", None),
            ("012", None),
            ("+1", None),
            ("1.0", None),
            (" 1", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(canonical_i32(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_redis_whatever_the_pieces() {
        assert_eq!(crc_fast::checksum(CrcAlgorithm::Crc64Redis, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let data: Vec<u8> = (0..10_000u32).map(|n| ((n * 31) >> 3) as u8).collect();
        let mut bitwise = 0u64;
        for &byte in &data {
            bitwise ^= u64::from(byte);
            for _ in 0..8 {
                let carry = bitwise & 1;
                bitwise = (bitwise >> 1) ^ (carry * 0x95ac_9329_ac4b_c9b5);
            }
        }
        for piece in [1, 7, 64, 255, 1024, 9_999] {
            let mut crc = Digest::new(CrcAlgorithm::Crc64Redis);
            data.chunks(piece).for_each(|part| crc.update(part));
            assert_eq!(crc.finalize(), bitwise, "pieces of {piece} bytes");
        }
    }
}
