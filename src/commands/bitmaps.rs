//! Strings as rows of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. Bit 0 is the highest one of the first byte.

use super::ranges::overwrite;
use super::strings::{current, text};
use super::{CmdError, CmdResult, Ctx, ExpiryMode, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::Ttl;

const BAD_OFFSET: CmdError = CmdError::text("ERR bit offset is not an integer or out of range");
const BAD_BIT: CmdError = CmdError::text("ERR bit is not an integer or out of range");

/// The number of a bit. `width` allows `#n` for the n-th field of that many bits.
///
/// # Errors
/// It is no number, or lies behind the longest string that is allowed. A master's word is taken: its limit may be
/// another one.
pub(super) fn bit_offset(ctx: &Ctx<'_>, argument: &[u8], width: Option<i64>) -> CmdResult<u64> {
    let (number, unit) = match (argument, width) {
        ([b'#', number @ ..], Some(width)) => (number, width),
        (number, _) => (number, 1),
    };
    let offset = numbers::integer(number).ok().and_then(|offset| offset.checked_mul(unit));
    let offset = offset.and_then(|offset| u64::try_from(offset).ok()).ok_or(BAD_OFFSET)?;
    let within = ctx.expiry == ExpiryMode::Visible || offset >> 3 < ctx.max_string as u64;
    if within { Ok(offset) } else { Err(BAD_OFFSET) }
}

fn bit_at(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset >> 3).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte & mask(offset) != 0)
}

fn mask(offset: u64) -> u8 {
    0x80 >> (offset & 7)
}

/// `SETBIT key offset value`. O(1), and the zero bytes before it.
pub(super) fn setbit(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let offset = bit_offset(ctx, args.get(2), None)?;
    let on = match numbers::integer(args.get(3)) {
        Ok(0) => false,
        Ok(1) => true,
        _ => return Err(BAD_BIT),
    };
    let hash = ctx.hash(key);
    let at = (offset >> 3) as usize;
    let old = current(ctx, hash, key)?;
    let byte = old.and_then(|old| old.get(at)).copied();
    let is_new = old.is_none();
    let was_on = byte.is_some_and(|byte| byte & mask(offset) != 0);
    let byte_after = if on { byte.unwrap_or(0) | mask(offset) } else { byte.unwrap_or(0) & !mask(offset) };
    // Written even if nothing changes: as in Redis, the value is no number any more after this.
    overwrite(ctx, hash, key, at, &[byte_after]);
    if is_new {
        ctx.note_new(key);
    }
    if byte.is_none() || was_on != on {
        ctx.changed(key);
        ctx.notify(KeyspaceEvents::STRING, "setbit", key);
    }
    ctx.out.flag(was_on);
    Ok(())
}

/// `GETBIT key offset`. O(1).
pub(super) fn getbit(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let offset = bit_offset(ctx, args.get(2), None)?;
    let hash = ctx.hash(args.get(1));
    let (entry, out) = ctx.read_and_reply(hash, args.get(1));
    let bytes = entry.map(|entry| text(&entry)).transpose()?.unwrap_or_default();
    out.flag(bit_at(bytes, offset));
    Ok(())
}

/// Whether the word at `at` counts in bits and not in bytes.
fn counts_bits(args: &Args<'_>, at: usize) -> CmdResult<bool> {
    match args {
        _ if args.len() <= at || args.is(at, "BYTE") => Ok(false),
        _ if args.is(at, "BIT") => Ok(true),
        _ => Err(CmdError::Syntax),
    }
}

/// First and last bit of the range from `start` to `end`, both inclusive and in units, of a string of `len` bytes;
/// `None` if it is empty.
fn bit_range(start: i64, end: i64, in_bits: bool, len: usize) -> Option<(u64, u64)> {
    let total = if in_bits { len as i64 * 8 } else { len as i64 };
    let from_start = |at: i64| if at < 0 { at.saturating_add(total).max(0) } else { at };
    let (start, end) = (from_start(start), from_start(end).min(total - 1));
    if start > end {
        return None;
    }
    let (start, end) = (start as u64, end as u64);
    Some(if in_bits { (start, end) } else { (start * 8, end * 8 + 7) })
}

/// The bytes that hold the bits `first` to `last`, and which bits of the first and of the last byte are meant.
fn bytes_of(bytes: &[u8], (first, last): (u64, u64)) -> (&[u8], u8, u8) {
    let part = &bytes[(first >> 3) as usize..=(last >> 3) as usize];
    (part, 0xFF >> (first & 7), 0xFF << (7 - (last & 7)))
}

/// `BITCOUNT key [start end [BYTE | BIT]]`. O(bytes in the range).
pub(super) fn bitcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let hash = ctx.hash(args.get(1));
    let (entry, out) = ctx.read_and_reply(hash, args.get(1));
    let Some(entry) = entry else {
        out.integer(0);
        return Ok(());
    };
    let bytes = text(&entry)?;
    let range = match args.len() {
        2 => bit_range(0, -1, false, bytes.len()),
        4 | 5 => {
            let (start, end) = (numbers::integer(args.get(2))?, numbers::integer(args.get(3))?);
            if start < 0 && end < 0 && start > end {
                None
            } else {
                bit_range(start, end, counts_bits(args, 4)?, bytes.len())
            }
        }
        _ => return Err(CmdError::Syntax),
    };
    out.integer(range.map_or(0, |range| count_ones(bytes, range)) as i64);
    Ok(())
}

fn count_ones(bytes: &[u8], range: (u64, u64)) -> u64 {
    let (part, first, last) = bytes_of(bytes, range);
    let (words, rest) = part.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let in_rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let outside =
        |byte: Option<&u8>, meant: u8| byte.map_or(0, |byte| u64::from((byte & !meant).count_ones()));
    in_words + in_rest - outside(part.first(), first) - outside(part.last(), last)
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`. O(bytes in the range).
pub(super) fn bitpos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let wanted = match numbers::integer(args.get(2))? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::text("ERR The bit argument must be 1 or 0.")),
    };
    let hash = ctx.hash(args.get(1));
    let (entry, out) = ctx.read_and_reply(hash, args.get(1));
    let Some(entry) = entry else {
        // A missing key is zeros without end.
        out.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let bytes = text(&entry)?;
    if args.len() > 6 {
        return Err(CmdError::Syntax);
    }
    let start = if args.len() > 3 { numbers::integer(args.get(3))? } else { 0 };
    let in_bits = counts_bits(args, 5)?;
    let end = if args.len() > 4 { Some(numbers::integer(args.get(4))?) } else { None };
    let position = bit_range(start, end.unwrap_or(-1), in_bits, bytes.len()).map_or(-1, |range| {
        match first_bit(bytes, range, wanted) {
            Some(position) => position as i64,
            // Behind the string there are zeros, but not in a range whose end was given.
            None if !wanted && end.is_none() => bytes.len() as i64 * 8,
            None => -1,
        }
    });
    out.integer(position);
    Ok(())
}

fn first_bit(bytes: &[u8], range: (u64, u64), wanted: bool) -> Option<u64> {
    let (part, first, last) = bytes_of(bytes, range);
    let boring = if wanted { 0 } else { 0xFF };
    // Where bits outside the range would be found, they are made boring.
    let seen = |at: usize, byte: u8| {
        let mut meant = 0xFF;
        if at == 0 {
            meant &= first;
        }
        if at + 1 == part.len() {
            meant &= last;
        }
        (byte ^ boring) & meant
    };
    let mut at = 0;
    while at < part.len() {
        let found = seen(at, part[at]);
        if found != 0 {
            return Some((range.0 & !7) + at as u64 * 8 + u64::from(found.leading_zeros()));
        }
        at += 1;
        at += part[at..].as_chunks::<8>().0.iter().take_while(|word| **word == [boring; 8]).count() * 8;
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(word: &[u8]) -> CmdResult<Self> {
        Ok(match word.to_ascii_lowercase().as_slice() {
            b"and" => Self::And,
            b"or" => Self::Or,
            b"xor" => Self::Xor,
            b"not" => Self::Not,
            _ => return Err(CmdError::Syntax),
        })
    }

    /// Combines a further source into `result`; the shorter one is taken to end in zeros.
    fn join(self, result: &mut Vec<u8>, source: &[u8]) {
        if result.len() < source.len() {
            result.resize(source.len(), 0);
        }
        let pairs = result.iter_mut().zip(source);
        match self {
            Self::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                result[source.len()..].fill(0);
            }
            Self::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Self::Xor | Self::Not => pairs.for_each(|(byte, other)| *byte ^= other),
        }
    }
}

/// `BITOP <AND | OR | XOR | NOT> destkey key [key ...]`. O(bytes of all sources).
pub(super) fn bitop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let operation = Operation::parse(args.get(1))?;
    if operation == Operation::Not && args.len() != 4 {
        return Err(CmdError::text("ERR BITOP NOT must be called with a single source key."));
    }
    let mut result = Vec::new();
    for (nth, key) in args.from(3).enumerate() {
        let source = ctx.read(key).map(|entry| text(&entry)).transpose()?.unwrap_or_default();
        match nth {
            0 if operation == Operation::Not => result = source.iter().map(|byte| !byte).collect(),
            0 => result = source.to_vec(),
            _ => operation.join(&mut result, source),
        }
    }
    let target = args.get(2);
    let hash = ctx.hash(target);
    if !result.is_empty() {
        ctx.clear_expired(ctx.db, hash, target);
        ctx.note_store(hash, target);
        let access = ctx.write_access(hash, target);
        ctx.keyspace_mut().set_changed(hash, target, &result, Ttl::Clear, access);
        ctx.changed(target);
        ctx.notify(KeyspaceEvents::STRING, "set", target);
    } else if ctx.delete(ctx.db, hash, target) {
        ctx.changed(target);
        ctx.notify(KeyspaceEvents::GENERIC, "del", target);
    }
    ctx.out.integer(result.len() as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Random;

    #[test]
    fn counts_and_positions_are_those_of_looking_at_every_bit() {
        let mut chance = Random::new(1);
        for len in [1usize, 2, 7, 8, 9, 16, 17, 40] {
            for fill in [0u8, 0xFF, 0x55] {
                let mut bytes = vec![fill; len];
                let mut random = || chance.bits() as usize;
                for _ in 0..random() % 3 {
                    let at = random() % len;
                    bytes[at] = random() as u8;
                }
                for _ in 0..40 {
                    let (a, b) = (random() % (len * 8), random() % (len * 8));
                    let range = (a.min(b) as u64, a.max(b) as u64);
                    let ones = (range.0..=range.1).filter(|at| bit_at(&bytes, *at)).count() as u64;
                    assert_eq!(count_ones(&bytes, range), ones, "{bytes:x?} {range:?}");
                    for wanted in [false, true] {
                        let first = (range.0..=range.1).find(|at| bit_at(&bytes, *at) == wanted);
                        assert_eq!(first_bit(&bytes, range, wanted), first, "{bytes:x?} {range:?} {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn sources_of_different_lengths_end_in_zeros() {
        for (operation, expected) in [
            (Operation::And, [0b1000_0000, 0, 0]),
            (Operation::Or, [0b1110_0000, 0xFF, 0x0F]),
            (Operation::Xor, [0b0110_0000, 0xFF, 0x0F]),
        ] {
            let mut result = vec![0b1100_0000];
            operation.join(&mut result, &[0b1010_0000, 0xFF, 0x0F]);
            assert_eq!(result, expected);
        }
    }
}
