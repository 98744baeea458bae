//! LZF, the compression of strings in RDB files, in the byte format of liblzf.
//!
//! A stream of two kinds of items. A control byte below 32 announces that many + 1 literal bytes. Any other
//! is a copy of earlier output: its upper three bits are the length less two (7 means that one more byte is
//! added), its lower five and the next byte are the distance less one.

/// Longest run of literals of one item.
const LITERALS_MAX: usize = 32;
/// Shortest copy that saves a byte.
const COPY_MIN: usize = 3;
/// Longest copy: 7 + 255 + 2.
const COPY_MAX: usize = 264;
/// A copy reaches back at most this far.
const DISTANCE_MAX: usize = 1 << 13;
/// At best three bytes become [`COPY_MAX`]: what claims to be larger cannot be honest.
const GROWTH_MAX: usize = COPY_MAX / 3;
const TABLE_BITS: u32 = 13;

/// Compresses strings one after the other with one table.
#[derive(Debug)]
pub(super) struct Compressor {
    /// Where three bytes with this hash were last seen, as `base` + position.
    table: Box<[u32]>,
    /// Entries below belong to earlier strings. So the table need not be cleared for each string.
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { table: vec![0; 1 << TABLE_BITS].into(), base: 1 }
    }
}

impl Compressor {
    /// Replaces `out` by the compressed `input`; `false` (and `out` is worthless) if that does not save at
    /// least four bytes.
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        let (Some(limit), Ok(len)) = (input.len().checked_sub(4), u32::try_from(input.len())) else {
            return false;
        };
        let base = self.base_for(len);
        let (mut at, mut literals) = (0, 0);
        while let Some(&next) = input.get(at..).and_then(|rest| rest.first_chunk::<COPY_MIN>()) {
            let entry = &mut self.table[hash(next)];
            let before = entry.checked_sub(base).map(|from| from as usize);
            *entry = base + at as u32;
            let Some(from) = before.filter(|&from| {
                at - from <= DISTANCE_MAX && input[from..].first_chunk::<COPY_MIN>() == Some(&next)
            }) else {
                // The longer nothing repeats, the larger the steps: random data cost little.
                at += 1 + ((at - literals) >> 6);
                continue;
            };
            put_literals(&input[literals..at], out);
            let len = common(&input[from..], &input[at..]);
            put_copy(at - from - 1, len, out);
            if out.len() > limit {
                return false;
            }
            at += len;
            literals = at;
        }
        put_literals(&input[literals..], out);
        out.len() <= limit
    }

    fn base_for(&mut self, len: u32) -> u32 {
        if self.base.checked_add(len).is_none() {
            self.table.fill(0);
            self.base = 1;
        }
        let base = self.base;
        self.base = base.saturating_add(len);
        base
    }
}

fn hash([a, b, c]: [u8; COPY_MIN]) -> usize {
    (u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize
}

/// How many bytes of a copy both have in common; the first [`COPY_MIN`] are known to be equal.
fn common(earlier: &[u8], now: &[u8]) -> usize {
    let most = now.len().min(COPY_MAX);
    let differs = earlier.iter().zip(&now[..most]).position(|(a, b)| a != b);
    differs.unwrap_or(most)
}

fn put_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn put_copy(distance: usize, len: usize, out: &mut Vec<u8>) {
    let (high, low) = ((distance >> 8) as u8, distance as u8);
    match len - 2 {
        short @ ..7 => out.extend_from_slice(&[(short as u8) << 5 | high, low]),
        long => out.extend_from_slice(&[7 << 5 | high, (long - 7) as u8, low]),
    }
}

/// Why bytes are no LZF stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LzfError {
    /// The length announced cannot come from so few bytes.
    #[error("{compressed} compressed bytes cannot hold {announced}")]
    Impossible {
        /// Length of the compressed bytes.
        compressed: usize,
        /// Length announced for the original.
        announced: usize,
    },
    /// The last item is cut short.
    #[error("the compressed bytes end in the middle of an item")]
    Truncated,
    /// An item copies from before the beginning.
    #[error("a compressed item refers to what lies before the beginning")]
    BeforeStart,
    /// More or fewer bytes come out than announced.
    #[error("the compressed bytes hold more or less than the {announced} bytes announced")]
    WrongLength {
        /// Length announced for the original.
        announced: usize,
    },
}

/// Appends the original of `input`, which must be `len` bytes, to `out`.
///
/// # Errors
/// `input` is not an LZF stream of `len` bytes; what `out` gained is then worthless.
pub(super) fn decompress(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), LzfError> {
    if len > input.len().saturating_mul(GROWTH_MAX) {
        return Err(LzfError::Impossible { compressed: input.len(), announced: len });
    }
    let start = out.len();
    let end = start + len;
    out.reserve(len);
    let mut rest = input;
    while let Some((&control, after)) = rest.split_first() {
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, after) = after.split_at_checked(control + 1).ok_or(LzfError::Truncated)?;
            if out.len() + literals.len() > end {
                return Err(LzfError::WrongLength { announced: len });
            }
            out.extend_from_slice(literals);
            rest = after;
            continue;
        }
        let (mut copy, mut after) = ((control >> 5) + 2, after);
        if copy == 9 {
            let (&more, behind) = after.split_first().ok_or(LzfError::Truncated)?;
            copy += usize::from(more);
            after = behind;
        }
        let (&low, after) = after.split_first().ok_or(LzfError::Truncated)?;
        let distance = ((control & 31) << 8 | usize::from(low)) + 1;
        if distance > out.len() - start {
            return Err(LzfError::BeforeStart);
        }
        if out.len() + copy > end {
            return Err(LzfError::WrongLength { announced: len });
        }
        copy_back(out, distance, copy);
        rest = after;
    }
    if out.len() == end { Ok(()) } else { Err(LzfError::WrongLength { announced: len }) }
}

/// Appends `len` bytes that begin `distance` bytes before the end; what is appended may be part of them.
fn copy_back(out: &mut Vec<u8>, distance: usize, mut len: usize) {
    let from = out.len() - distance;
    while len > 0 {
        let part = len.min(out.len() - from);
        out.extend_from_within(from..from + part);
        len -= part;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::Random;

    fn round_trip(compressor: &mut Compressor, original: &[u8]) -> Option<usize> {
        let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
        if !compressor.compress(original, &mut packed) {
            return None;
        }
        assert!(packed.len() + 4 <= original.len());
        assert_eq!(decompress(&packed, original.len(), &mut unpacked), Ok(()));
        assert!(unpacked == original, "{} bytes changed", original.len());
        Some(packed.len())
    }

    #[test]
    fn repetitive_text_shrinks_and_random_bytes_are_left_alone() {
        let mut compressor = Compressor::default();
        let text = b"the quick brown fox ".repeat(50);
        assert!(round_trip(&mut compressor, &text).is_some_and(|len| len < 60));
        let mut random = Random::new(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.bits() as u8).take(100_000).collect();
        assert_eq!(round_trip(&mut compressor, &noise), None);
        assert_eq!(round_trip(&mut compressor, b"aaaa"), None);
        assert_eq!(round_trip(&mut compressor, b""), None);
    }

    #[test]
    fn a_copy_never_reaches_into_an_earlier_string() {
        let mut compressor = Compressor::default();
        let text = b"abcdefghijklmnopqrstuvwxyz0123456789";
        assert_eq!(round_trip(&mut compressor, text), None);
        assert_eq!(round_trip(&mut compressor, text), None);
        compressor.base = u32::MAX - 10;
        assert!(round_trip(&mut compressor, &[7; 300]).is_some());
        assert!(round_trip(&mut compressor, &[7; 300]).is_some());
    }

    #[test]
    fn the_farthest_and_longest_copies_survive() {
        let mut compressor = Compressor::default();
        for gap in [DISTANCE_MAX - 8, DISTANCE_MAX, DISTANCE_MAX + 8] {
            let mut text = b"needle-needle-in-a-haystack".to_vec();
            text.resize(gap, b'.');
            text.extend_from_slice(b"needle-needle-in-a-haystack");
            assert!(round_trip(&mut compressor, &text).is_some());
        }
        for len in [263, 264, 265, 266, 267, 528, 529, 530] {
            assert!(round_trip(&mut compressor, &vec![b'x'; len]).is_some(), "{len}");
        }
    }

    #[test]
    fn a_lie_about_the_length_is_refused_before_memory_is_taken() {
        let mut out = Vec::new();
        let lie = decompress(&[0, b'a'], usize::MAX, &mut out);
        assert_eq!(lie, Err(LzfError::Impossible { compressed: 2, announced: usize::MAX }));
        assert_eq!(out.capacity(), 0);
    }

    #[test]
    fn each_way_to_be_corrupt_has_its_own_name() {
        let mut out = b"earlier".to_vec();
        assert_eq!(decompress(&[3, b'a'], 4, &mut out), Err(LzfError::Truncated));
        assert_eq!(decompress(&[0xE0], 4, &mut out), Err(LzfError::Truncated));
        assert_eq!(decompress(&[0x20, 0], 3, &mut out), Err(LzfError::BeforeStart));
        assert_eq!(decompress(&[0, b'a'], 2, &mut out), Err(LzfError::WrongLength { announced: 2 }));
        assert_eq!(decompress(&[1, b'a', b'b'], 1, &mut out), Err(LzfError::WrongLength { announced: 1 }));
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(pieces in prop::collection::vec((0..6u8, 1..90usize), 0..200)) {
            let original: Vec<u8> =
                pieces.iter().flat_map(|&(seed, len)| (0..len).map(move |n| seed * (n % 7) as u8)).collect();
            round_trip(&mut Compressor::default(), &original);
        }

        #[test]
        fn random_bytes_are_decompressed_or_refused(
            input in prop::collection::vec(any::<u8>(), 0..400),
            len in 0..9000usize,
        ) {
            let mut out = Vec::new();
            if decompress(&input, len, &mut out).is_ok() {
                prop_assert_eq!(out.len(), len);
            }
        }
    }
}
