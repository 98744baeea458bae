//! Decodes RDB versions 1 to 11 into a new data set: the one that is served meanwhile is not touched.
//!
//! Whatever the bytes are, they end in a data set or in an error with its place: lengths are checked, and
//! memory is taken for what has arrived and not for what was announced.

use std::borrow::Cow;
use std::io::Read;
use std::ops::ControlFlow;

use super::format::{TYPE_STRING, VERSION_NEWEST, VERSION_WITH_CHECKSUM, length, opcode, type_name};
use super::lzf::decompress;
use super::rdb_aux::Aux;
use super::rdb_error::{RdbError, Reason};
use super::rdb_input::Input;
use super::rdb_load::{Checksum, Ending, LoadOptions, Loaded, Progress, Repairs};
use super::rdb_plain::{Plain, expiry};
use super::values::{self, Fields};
use crate::commands::Access;
use crate::store::{BIG_STRING, KeyHash, Library, Millis, Object, Store};

/// Keys that are decoded and touched before they are inserted: as many cache misses are under way at once.
const GROUP: usize = 32;
/// Longest key, whatever the limit for strings.
const KEY_MAX: u64 = 512 * 1024 * 1024;
/// Room is made in advance for at most this many keys, whatever the file promises.
const PROMISE_MAX: u64 = 1 << 24;
/// Longest field before the keys.
const AUX_MAX: u64 = 16 * 1024 * 1024;

/// Loads a snapshot from `source`, whose reads need not be large. `progress` is called whenever bytes came
/// in, and can stop the load.
///
/// About 120 ns for each small key. A load that fails leaves nothing behind.
///
/// # Errors
/// The source failed, or its bytes are no snapshot that we can serve whole.
pub fn load<R: Read>(
    source: R,
    options: &LoadOptions,
    progress: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Loaded, RdbError> {
    let mut loader = Loader::new(source, options, progress);
    match loader.run() {
        Ok((checksum, bytes)) => Ok(loader.into_loaded(checksum, bytes)),
        Err(reason) => Err(loader.locate(reason)),
    }
}

struct Loader<'a, R, P> {
    input: Input<R>,
    options: &'a LoadOptions,
    progress: P,
    store: Store,
    version: u32,
    aux: Aux,
    repairs: Repairs,
    db: usize,
    /// Where the field being read begins.
    field: u64,
    key: Vec<u8>,
    /// `key` is the one being read.
    in_key: bool,
    value: Vec<u8>,
    packed: Vec<u8>,
    fresh: u32,
    keys: u64,
    keys_total: u64,
    expired: u64,
    promise_left: u64,
    refills_told: u64,
    /// The last keys were waited for: progress is told more often then.
    is_slow: bool,
}

/// What precedes a key.
#[derive(Debug, Clone, Copy, Default)]
struct Attributes {
    expire: Option<Millis>,
    access: Option<u32>,
}

enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a, R: Read, P: FnMut(&Progress) -> ControlFlow<()>> Loader<'a, R, P> {
    fn new(source: R, options: &'a LoadOptions, progress: P) -> Self {
        Self {
            input: Input::new(source, options.verify_checksum),
            options,
            progress,
            store: Store::new(options.databases, options.seed),
            version: 0,
            aux: Aux::default(),
            repairs: Repairs::default(),
            db: 0,
            field: 0,
            key: Vec::new(),
            in_key: false,
            value: Vec::new(),
            packed: Vec::new(),
            fresh: options.fresh_access(),
            keys: 0,
            keys_total: 0,
            expired: 0,
            promise_left: PROMISE_MAX,
            refills_told: 0,
            is_slow: false,
        }
    }

    fn locate(self, reason: Reason) -> RdbError {
        let offset = match reason {
            Reason::Truncated | Reason::Read(_) | Reason::Stopped => self.input.received(),
            _ => self.field,
        };
        RdbError { offset, key: self.in_key.then_some(self.key), reason }
    }

    fn into_loaded(self, checksum: Checksum, bytes: u64) -> Loaded {
        Loaded {
            store: self.store,
            aux: self.aux,
            repairs: self.repairs,
            version: self.version,
            keys_loaded: self.keys - self.expired,
            keys_expired: self.expired,
            bytes,
            checksum,
            rest: self.input.window().to_vec(),
        }
    }

    fn run(&mut self) -> Result<(Checksum, u64), Reason> {
        self.read_magic()?;
        let mut attributes = Attributes::default();
        loop {
            if attributes.expire.is_none() && attributes.access.is_none() {
                self.read_plain_keys()?;
            }
            self.tell_progress()?;
            self.field = self.input.offset();
            match self.input.byte()? {
                opcode::EXPIRETIME_MS => {
                    attributes.expire = expiry(Millis::from_le_bytes(self.input.array()?));
                }
                opcode::EXPIRETIME => {
                    let seconds = i32::from_le_bytes(self.input.array()?);
                    attributes.expire = expiry(i64::from(seconds).saturating_mul(1000));
                }
                opcode::IDLE => {
                    let idle = self.read_count()?;
                    if self.options.access == Access::Lru {
                        let idle = idle.min(0xFF_FFFF) as u32;
                        attributes.access = Some(self.fresh.wrapping_sub(idle) & 0xFF_FFFF);
                    }
                }
                opcode::FREQ => {
                    let counter = u32::from(self.input.byte()?);
                    if self.options.access == Access::Lfu {
                        attributes.access = Some((self.fresh & !0xFF) | counter);
                    }
                }
                opcode::SELECTDB => self.read_selected()?,
                opcode::RESIZEDB => self.read_sizes()?,
                opcode::AUX => self.read_aux()?,
                opcode::SLOT_INFO => {
                    for _ in 0..3 {
                        self.read_count()?;
                    }
                }
                opcode::FUNCTION2 => {
                    self.read_value(self.options.max_string)?;
                    let library = Library::new(&self.value).map_err(Reason::Library)?;
                    if self.store.libraries.put(library) {
                        return Err(Reason::LibraryTwice);
                    }
                }
                opcode::FUNCTION_PRE_GA => return Err(Reason::OldFunction),
                opcode::MODULE_AUX => return Err(Reason::module(self.read_count()?)),
                opcode::EOF => return self.read_end(),
                id => {
                    self.read_key_of_type(id, attributes)?;
                    attributes = Attributes::default();
                }
            }
        }
    }

    fn read_magic(&mut self) -> Result<(), Reason> {
        let magic: [u8; 9] = self.input.array()?;
        let version = magic.strip_prefix(b"REDIS").filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let Some(digits) = version else { return Err(Reason::NotRdb(magic.to_vec())) };
        self.version = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        match self.version {
            1..=VERSION_NEWEST => Ok(()),
            version => Err(Reason::Version(version)),
        }
    }

    fn tell_progress(&mut self) -> Result<(), Reason> {
        if self.refills_told == self.input.refills() && !self.is_slow {
            return Ok(());
        }
        self.refills_told = self.input.refills();
        let now = Progress { bytes: self.input.offset(), keys: self.keys, keys_total: self.keys_total };
        match (self.progress)(&now) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Reason::Stopped),
        }
    }

    /// Decodes the keys at hand while they are what nearly all keys are: short uncompressed strings. Stops in
    /// front of everything else.
    fn read_plain_keys(&mut self) -> Result<(), Reason> {
        let longest = self.options.max_string.min(BIG_STRING as u64 - 1) as usize;
        let (keep_expired, now) = (self.options.keep_expired, self.options.now);
        let keyspace = self.store.db_mut(self.db);
        let mut group: [(Plain, KeyHash); GROUP] = Default::default();
        loop {
            let window = self.input.window();
            let (mut count, mut at) = (0, 0);
            while let Some(plain) = (count < GROUP).then(|| Plain::parse(window, at, longest)).flatten() {
                at = plain.value.end;
                let hash = keyspace.hash(&window[plain.key.clone()]);
                group[count] = (plain, hash);
                count += 1;
            }
            // A pass of its own: nothing else stands between one cache miss and the next.
            group[..count].iter().for_each(|(_, hash)| keyspace.touch(*hash));
            for (plain, hash) in &group[..count] {
                let key = &window[plain.key.clone()];
                if !keep_expired && plain.expire.is_some_and(|at| at <= now) {
                    self.expired += 1;
                    continue;
                }
                let value = Cow::Borrowed(&window[plain.value.clone()]);
                if !keyspace.insert_new(*hash, key, value, plain.expire, self.fresh) {
                    self.field = self.input.offset() + plain.start as u64;
                    self.key.clear();
                    self.key.extend_from_slice(key);
                    self.in_key = true;
                    return Err(Reason::Duplicate);
                }
            }
            self.is_slow = self.options.key_delay.wait(self.keys, count as u64);
            self.keys += count as u64;
            self.input.consume(at);
            if count < GROUP || self.is_slow {
                return Ok(());
            }
        }
    }

    fn read_key_of_type(&mut self, id: u8, attributes: Attributes) -> Result<(), Reason> {
        let entry = self.field;
        type_name(id).ok_or(Reason::UnknownType(id))?;
        self.in_key = false;
        let mut key = std::mem::take(&mut self.key);
        let read = self.read_string(self.options.max_string.min(KEY_MAX), &mut key);
        self.key = key;
        read?;
        self.in_key = true;
        if id == TYPE_STRING {
            self.read_value(self.options.max_string)?;
            self.field = entry;
            self.insert(attributes)?;
        } else {
            let object = values::read(id, self, &self.options.encodings);
            let is_of_key =
                matches!(object, Err(Reason::OtherType { .. } | Reason::Module(_) | Reason::Damaged(_)));
            if object.is_ok() || is_of_key {
                self.field = entry;
            }
            match object {
                // A bug that lasted up to 6.2 could write them, and nothing is lost with them.
                Err(Reason::Empty) => self.repairs.note_empty(&self.key),
                object => self.insert_object(object?, attributes)?,
            }
        }
        self.in_key = false;
        Ok(())
    }

    fn insert(&mut self, attributes: Attributes) -> Result<(), Reason> {
        self.is_slow = self.options.key_delay.wait(self.keys, 1);
        self.keys += 1;
        if !self.options.keep_expired && attributes.expire.is_some_and(|at| at <= self.options.now) {
            self.expired += 1;
            return Ok(());
        }
        let value = if self.value.len() < BIG_STRING {
            Cow::Borrowed(&self.value[..])
        } else {
            Cow::Owned(std::mem::take(&mut self.value))
        };
        let keyspace = self.store.db_mut(self.db);
        let hash = keyspace.hash(&self.key);
        let access = attributes.access.unwrap_or(self.fresh);
        if keyspace.insert_new(hash, &self.key, value, attributes.expire, access) {
            Ok(())
        } else {
            Err(Reason::Duplicate)
        }
    }

    fn insert_object(&mut self, object: Object, attributes: Attributes) -> Result<(), Reason> {
        self.is_slow = self.options.key_delay.wait(self.keys, 1);
        self.keys += 1;
        if !self.options.keep_expired && attributes.expire.is_some_and(|at| at <= self.options.now) {
            self.expired += 1;
            return Ok(());
        }
        let keyspace = self.store.db_mut(self.db);
        let hash = keyspace.hash(&self.key);
        let access = attributes.access.unwrap_or(self.fresh);
        let is_new = keyspace.insert_new_object(hash, &self.key, object, attributes.expire, access);
        if is_new { Ok(()) } else { Err(Reason::Duplicate) }
    }

    fn read_selected(&mut self) -> Result<(), Reason> {
        let db = self.read_count()?;
        let databases = self.store.databases();
        if db >= databases as u64 {
            return Err(Reason::Database { db, databases });
        }
        self.db = db as usize;
        Ok(())
    }

    fn read_sizes(&mut self) -> Result<(), Reason> {
        let keys = self.read_count()?;
        self.read_count()?;
        self.keys_total = self.keys_total.saturating_add(keys);
        let believed = keys.min(self.promise_left);
        self.promise_left -= believed;
        self.store.db_mut(self.db).reserve(believed);
        Ok(())
    }

    fn read_aux(&mut self) -> Result<(), Reason> {
        let mut name = std::mem::take(&mut self.key);
        let read = self.read_string(AUX_MAX, &mut name);
        self.key = name;
        read?;
        self.read_value(AUX_MAX)?;
        self.aux.note(&self.key, &self.value);
        Ok(())
    }

    fn read_end(&mut self) -> Result<(Checksum, u64), Reason> {
        let found = self.input.finish_checksum();
        self.field = self.input.offset();
        let checksum = if self.version < VERSION_WITH_CHECKSUM {
            Checksum::Ignored
        } else {
            match (u64::from_le_bytes(self.input.array()?), found) {
                (_, None) => Checksum::Ignored,
                (0, _) => Checksum::Absent,
                (expected, Some(found)) if expected == found => Checksum::Verified,
                (expected, Some(found)) => return Err(Reason::Checksum { expected, found }),
            }
        };
        let bytes = self.input.offset();
        self.field = bytes;
        match self.options.ending {
            Ending::Open => {}
            Ending::File if self.input.at_end()? => {}
            // The checksum says that the data are whole, so nothing that belongs to them can follow.
            Ending::File if checksum == Checksum::Verified => self.repairs.note_trailing(bytes),
            Ending::File => return Err(Reason::Trailing),
            Ending::Mark(mark) => {
                if self.input.array()? != mark {
                    return Err(Reason::WrongMark);
                }
            }
        }
        Ok((checksum, bytes))
    }

    fn read_length(&mut self) -> Result<Length, Reason> {
        self.field = self.input.offset();
        let first = self.input.byte()?;
        Ok(match first & length::KIND {
            0 => Length::Plain(u64::from(first)),
            length::BITS_14 => {
                let second = self.input.byte()?;
                Length::Plain(u64::from(first & !length::KIND) << 8 | u64::from(second))
            }
            length::ENCODED => Length::Encoded(first),
            _ => match first {
                length::BITS_32 => Length::Plain(u64::from(u32::from_be_bytes(self.input.array()?))),
                length::BITS_64 => Length::Plain(u64::from_be_bytes(self.input.array()?)),
                other => return Err(Reason::BadLength(other)),
            },
        })
    }

    fn read_count(&mut self) -> Result<u64, Reason> {
        match self.read_length()? {
            Length::Plain(count) => Ok(count),
            Length::Encoded(first) => Err(Reason::BadEncoding(first)),
        }
    }

    fn read_value(&mut self, max: u64) -> Result<(), Reason> {
        let mut value = std::mem::take(&mut self.value);
        let read = self.read_string(max, &mut value);
        self.value = value;
        read
    }

    fn read_string(&mut self, max: u64, out: &mut Vec<u8>) -> Result<(), Reason> {
        out.clear();
        let first = match self.read_length()? {
            Length::Plain(len) => return self.read_bytes(len, max, out),
            Length::Encoded(first) => first,
        };
        let number = match first {
            length::INT8 => i32::from(i8::from_le_bytes(self.input.array()?)),
            length::INT16 => i32::from(i16::from_le_bytes(self.input.array()?)),
            length::INT32 => i32::from_le_bytes(self.input.array()?),
            length::LZF => return self.read_compressed(max, out),
            other => return Err(Reason::BadEncoding(other)),
        };
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        Ok(())
    }

    fn read_bytes(&mut self, len: u64, max: u64, out: &mut Vec<u8>) -> Result<(), Reason> {
        if len > max {
            return Err(Reason::TooLong { len, max });
        }
        let mut left = len;
        while left > 0 {
            left -= self.input.append_some(left, out)?;
            self.tell_progress()?;
        }
        Ok(())
    }

    fn read_compressed(&mut self, max: u64, out: &mut Vec<u8>) -> Result<(), Reason> {
        let string = self.field;
        let compressed = self.read_count()?;
        let len = self.read_count()?;
        self.field = string;
        if len > max {
            return Err(Reason::TooLong { len, max });
        }
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        let read = self.read_bytes(compressed, max, &mut packed);
        let result = read.and_then(|()| Ok(decompress(&packed, len as usize, out)?));
        self.packed = packed;
        result
    }
}

impl<R: Read, P: FnMut(&Progress) -> ControlFlow<()>> Fields for Loader<'_, R, P> {
    fn count(&mut self) -> Result<u64, Reason> {
        self.read_count()
    }

    fn string(&mut self) -> Result<Vec<u8>, Reason> {
        let mut text = Vec::new();
        self.read_string(self.options.max_string, &mut text)?;
        Ok(text)
    }

    fn byte(&mut self) -> Result<u8, Reason> {
        self.input.byte()
    }

    fn eight(&mut self) -> Result<[u8; 8], Reason> {
        self.input.array()
    }

    fn repair(&mut self, damage: &'static str) -> Result<(), Reason> {
        self.repairs.note(&self.key, self.db, damage);
        Ok(())
    }
}
