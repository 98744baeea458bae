//! Numbers, strings and whatever else RDB is made of, into chunks.

use std::io;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use super::format::{length, opcode};
use super::lzf::Compressor;
use crate::protocol::strict_i64;
use crate::store::Library;

/// Bytes of a chunk; only the last one of a snapshot is clearly smaller, none is larger.
pub const CHUNK: usize = 128 * 1024;
/// Strings up to this length are never compressed.
const NOT_COMPRESSED: usize = 20;
/// Longest decimal number that is stored as an integer.
const INTEGER_LEN: usize = 11;

/// Encodes into chunks that `sink` takes one by one.
pub(super) struct Encoder<S> {
    sink: S,
    chunk: Vec<u8>,
    bytes: u64,
    crc: Option<Digest>,
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
}

impl<S: FnMut(Bytes) -> io::Result<()>> Encoder<S> {
    /// Without a compressor strings stay as long as they are.
    pub(super) fn new(compressor: Option<Compressor>, sink: S) -> Self {
        let chunk = Vec::with_capacity(CHUNK);
        Self { sink, chunk, bytes: 0, crc: None, compressor, compressed: Vec::new() }
    }

    /// Sums up all bytes from now on; otherwise the checksum is zero.
    pub(super) fn begin_checksum(&mut self) {
        self.crc = Some(Digest::new(CrcAlgorithm::Crc64Redis));
    }

    pub(super) fn put_library(&mut self, library: &Library) -> io::Result<()> {
        self.put_byte(opcode::FUNCTION2)?;
        self.put_string(library.code())
    }

    /// Ends the file, and tells how many bytes it has and its checksum.
    pub(super) fn finish(mut self) -> io::Result<(u64, u64)> {
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
        Ok((self.bytes, checksum))
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
