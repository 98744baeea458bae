//! One value by itself: what DUMP answers and RESTORE takes.
//!
//! `type, value as in RDB, version (2 bytes), CRC-64 of all before it (8 bytes)`, numbers little-endian.

use std::io;

use crc_fast::CrcAlgorithm;

use super::format::{TYPE_STRING, VERSION_WRITTEN, length, opcode};
use super::lzf::{Compressor, decompress};
use super::rdb_encode::Encoder;
use super::rdb_error::Reason;
use super::values::{self, Fields};
use crate::store::{Encodings, Libraries, Library, LibraryError, Value, ValueRef};

/// Version and checksum.
const FOOTER: usize = 10;
const CHECKSUM: usize = 8;

/// Encodes a value; `compress` as in `rdbcompression`. O(bytes).
///
/// # Errors
/// None for a value that a keyspace holds.
pub fn dump_value(value: ValueRef<'_>, compress: bool) -> io::Result<Vec<u8>> {
    sealed(compress, |writer| {
        writer.put_byte(values::type_of(value))?;
        values::write(value, writer)
    })
}

/// Encodes libraries of functions, as FUNCTION DUMP does. O(bytes).
///
/// # Errors
/// None.
pub fn dump_libraries(libraries: &Libraries) -> io::Result<Vec<u8>> {
    sealed(false, |writer| libraries.iter().try_for_each(|library| writer.put_library(library)))
}

/// Where a payload is collected.
type Sink<'a> = &'a mut dyn FnMut(bytes::Bytes) -> io::Result<()>;

/// What `write` writes, with version and checksum behind it.
fn sealed(
    compress: bool,
    write: impl FnOnce(&mut Encoder<Sink<'_>>) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut collect = |chunk: bytes::Bytes| {
        bytes.extend_from_slice(&chunk);
        Ok(())
    };
    let compressor = compress.then(Compressor::default);
    let mut writer = Encoder::new(compressor, &mut collect as Sink<'_>);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    bytes.extend_from_slice(&(VERSION_WRITTEN as u16).to_le_bytes());
    let checksum = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// How payloads are read.
#[derive(Debug, Clone, Copy)]
pub struct Restoring {
    /// Longest string that is taken, in bytes.
    pub max_string: u64,
    /// Compare the checksum: whatever else is wrong is found also without it.
    pub verify_checksum: bool,
}

/// What stands before a footer that is right.
fn opened(payload: &[u8], verify_checksum: bool) -> Result<&[u8], RestoreError> {
    let body = payload.len().checked_sub(FOOTER).ok_or(RestoreError::Footer)?;
    let (body, footer) = payload.split_at(body);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let (summed, checksum) = payload.split_at(payload.len() - CHECKSUM);
    let is_right = || crc_fast::checksum(CrcAlgorithm::Crc64Redis, summed).to_le_bytes() == *checksum;
    if u32::from(version) > VERSION_WRITTEN || (verify_checksum && !is_right()) {
        return Err(RestoreError::Footer);
    }
    Ok(body)
}

/// Why a payload is no value.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is cut, of a newer version, or its bytes are not those that were summed up.
    #[error("DUMP payload version or checksum are wrong")]
    Footer,
    /// Something else than a library of functions.
    #[error("given type is not a function")]
    NoFunction,
    /// A library that is cut.
    #[error("failed loading the given functions payload")]
    BadFunction,
    /// The text of a library is none.
    #[error(transparent)]
    Library(LibraryError),
    /// The value itself cannot be read, or more bytes follow it.
    #[error("Bad data format")]
    Value(#[source] Reason),
}

/// Decodes what [`dump_value`] of any version up to ours gave. O(bytes).
///
/// # Errors
/// The payload is not whole, or does not hold exactly one value.
pub fn restore_value(payload: &[u8], how: Restoring, encodings: &Encodings) -> Result<Value, RestoreError> {
    let body = opened(payload, how.verify_checksum)?;
    read_value(&mut SliceFields { rest: body, max_string: how.max_string }, encodings)
        .map_err(RestoreError::Value)
}

/// Decodes what FUNCTION DUMP gave. O(bytes).
///
/// # Errors
/// The payload is not whole, or holds something else than libraries.
pub fn restore_libraries(payload: &[u8], how: Restoring) -> Result<Vec<Library>, RestoreError> {
    let mut from = SliceFields { rest: opened(payload, how.verify_checksum)?, max_string: how.max_string };
    let mut libraries = Vec::new();
    while !from.rest.is_empty() {
        match from.byte().map_err(RestoreError::Value)? {
            opcode::FUNCTION2 => {}
            _ => return Err(RestoreError::NoFunction),
        }
        let code = from.string().map_err(|_| RestoreError::BadFunction)?;
        libraries.push(Library::new(&code).map_err(RestoreError::Library)?);
    }
    Ok(libraries)
}

fn read_value(from: &mut SliceFields<'_>, encodings: &Encodings) -> Result<Value, Reason> {
    let value = match from.byte()? {
        TYPE_STRING => Value::Str { bytes: from.string()?, changed_in_place: false },
        id => Value::Object(values::read(id, from, encodings)?),
    };
    if from.rest.is_empty() { Ok(value) } else { Err(Reason::Trailing) }
}

/// Reads fields from bytes that are all there.
struct SliceFields<'a> {
    rest: &'a [u8],
    max_string: u64,
}

/// What stands at the begin of a string.
enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a> SliceFields<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], Reason> {
        if len > self.max_string {
            return Err(Reason::TooLong { len, max: self.max_string });
        }
        let (taken, rest) = self.rest.split_at_checked(len as usize).ok_or(Reason::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Reason::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn length(&mut self) -> Result<Length, Reason> {
        let [first] = self.array()?;
        Ok(Length::Plain(match first & length::KIND {
            0 => first.into(),
            length::BITS_14 => {
                let [second] = self.array()?;
                u64::from(first & !length::KIND) << 8 | u64::from(second)
            }
            length::ENCODED => return Ok(Length::Encoded(first)),
            _ => match first {
                length::BITS_32 => u32::from_be_bytes(self.array()?).into(),
                length::BITS_64 => u64::from_be_bytes(self.array()?),
                other => return Err(Reason::BadLength(other)),
            },
        }))
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Reason> {
        let (compressed, len) = (self.count()?, self.count()?);
        if len > self.max_string {
            return Err(Reason::TooLong { len, max: self.max_string });
        }
        let mut out = Vec::new();
        decompress(self.take(compressed)?, len as usize, &mut out)?;
        Ok(out)
    }
}

impl Fields for SliceFields<'_> {
    fn count(&mut self) -> Result<u64, Reason> {
        match self.length()? {
            Length::Plain(count) => Ok(count),
            Length::Encoded(first) => Err(Reason::BadEncoding(first)),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Reason> {
        let number = match self.length()? {
            Length::Plain(len) => return Ok(self.take(len)?.to_vec()),
            Length::Encoded(length::INT8) => i32::from(i8::from_le_bytes(self.array()?)),
            Length::Encoded(length::INT16) => i32::from(i16::from_le_bytes(self.array()?)),
            Length::Encoded(length::INT32) => i32::from_le_bytes(self.array()?),
            Length::Encoded(length::LZF) => return self.compressed(),
            Length::Encoded(other) => return Err(Reason::BadEncoding(other)),
        };
        Ok(itoa::Buffer::new().format(number).as_bytes().to_vec())
    }

    fn byte(&mut self) -> Result<u8, Reason> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn eight(&mut self) -> Result<[u8; 8], Reason> {
        self.array()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MAX: u64 = 1 << 20;

    fn restored(payload: &[u8]) -> Result<Vec<u8>, RestoreError> {
        match restore_value(payload, Restoring { max_string: MAX, verify_checksum: true }, &Encodings::REDIS)?
        {
            Value::Str { bytes, .. } => Ok(bytes),
            Value::Object(object) => panic!("{object:?}"),
        }
    }

    #[test]
    fn a_string_comes_back_as_it_was() {
        for text in
            [&b""[..], b"0", b"-128", b"70000", b"12345678901", b"abc", &[7; 100], &vec![0xFF; 20_000]]
        {
            for compress in [false, true] {
                let payload = dump_value(ValueRef::Str(text), compress).unwrap();
                assert_eq!(restored(&payload).unwrap(), text);
            }
        }
    }

    #[test]
    fn the_payload_of_a_short_string_is_that_of_redis() {
        let payload = dump_value(ValueRef::Str(b"hello"), true).unwrap();
        assert_eq!(payload, b"\x00\x05hello\n\x00cr\xdfve4 \n", "{}", payload.escape_ascii());
    }

    #[test]
    fn a_damaged_payload_is_refused_wherever_the_damage_is() {
        let payload = dump_value(ValueRef::Str(b"some text"), true).unwrap();
        for at in 0..payload.len() {
            let mut damaged = payload.clone();
            damaged[at] ^= 1;
            assert!(matches!(restored(&damaged), Err(RestoreError::Footer)), "byte {at}");
            assert!(restored(&payload[..at]).is_err());
        }
    }

    /// A payload with a right footer around any body.
    fn signed(body: &[u8], version: u16) -> Vec<u8> {
        let mut payload = body.to_vec();
        payload.extend_from_slice(&version.to_le_bytes());
        let checksum = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        payload
    }

    #[test]
    fn a_lying_body_is_refused_without_taking_what_it_promises() {
        let huge = [b"\x00\x81".as_slice(), &u64::MAX.to_be_bytes()].concat();
        let lzf = [b"\x00\xC3\x05\x81".as_slice(), &(1u64 << 60).to_be_bytes(), b"abcde"].concat();
        for body in [&b""[..], b"\x00", b"\x00\x05abc", b"\x00\x03abcd", b"\xFE\x00", b"\x06", &huge, &lzf] {
            let result = restored(&signed(body, 10));
            assert!(matches!(result, Err(RestoreError::Value(_))), "{}", body.escape_ascii());
        }
        assert!(matches!(restored(&signed(b"\x00\x03abc", 11)), Err(RestoreError::Footer)));
        assert_eq!(restored(&signed(b"\x00\x03abc", 6)).unwrap(), b"abc");
    }
}
