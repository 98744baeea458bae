//! BITFIELD: integers of any width, anywhere in a string.

use super::bitmaps::bit_offset;
use super::ranges::overwrite;
use super::strings::{current, text};
use super::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::{Args, strict_i64};

const BAD_TYPE: CmdError = CmdError::text(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

/// A type of integer: `i1` to `i64`, `u1` to `u63`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IntType {
    signed: bool,
    bits: u32,
}

impl IntType {
    fn parse(word: &[u8]) -> CmdResult<Self> {
        let (signed, most, digits) = match word {
            [b'i', digits @ ..] => (true, 64, digits),
            [b'u', digits @ ..] => (false, 63, digits),
            _ => return Err(BAD_TYPE),
        };
        // Redis takes the digits for a C string.
        let end = digits.iter().position(|byte| *byte == 0).unwrap_or(digits.len());
        let bits = strict_i64(&digits[..end]).filter(|bits| (1..=most).contains(bits)).ok_or(BAD_TYPE)?;
        Ok(Self { signed, bits: bits as u32 })
    }

    fn min(self) -> i128 {
        if self.signed { -(1 << (self.bits - 1)) } else { 0 }
    }

    fn max(self) -> i128 {
        (1 << (self.bits - u32::from(self.signed))) - 1
    }

    /// The number whose lowest bits `raw` holds.
    fn read(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { (raw << unused) as i64 >> unused } else { raw as i64 }
    }

    /// `wanted` as this type holds it; `None` if it does not and that counts as a failure.
    fn fit(self, wanted: i128, overflow: Overflow) -> Option<i64> {
        if (self.min()..=self.max()).contains(&wanted) {
            return Some(wanted as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.read(wanted as u64 & (u64::MAX >> (64 - self.bits)))),
            Overflow::Saturate => Some(wanted.clamp(self.min(), self.max()) as i64),
            Overflow::Fail => None,
        }
    }
}

/// What happens to a result that its type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    action: Action,
    of: IntType,
    offset: u64,
    overflow: Overflow,
}

/// Reads the operations.
///
/// # Errors
/// In the order of the arguments, as Redis.
fn parse(ctx: &Ctx<'_>, args: &Args<'_>) -> CmdResult<Vec<Operation>> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut words = ArgCursor::new(args, 2);
    while words.has_more() {
        if let Some([word]) = words.option("OVERFLOW") {
            overflow = match word.to_ascii_lowercase().as_slice() {
                b"wrap" => Overflow::Wrap,
                b"sat" => Overflow::Saturate,
                b"fail" => Overflow::Fail,
                _ => return Err(CmdError::text("ERR Invalid OVERFLOW type specified")),
            };
            continue;
        }
        let mut writing = |word, action: fn(i64) -> Action| {
            words.option(word).map(|[of, offset, number]| ([of, offset], Some((number, action))))
        };
        let write = writing("SET", Action::Set).or_else(|| writing("INCRBY", Action::Add));
        let found = write.or_else(|| words.option("GET").map(|field| (field, None)));
        let ([of, offset], value) = found.ok_or(CmdError::Syntax)?;
        let of = IntType::parse(of)?;
        let offset = bit_offset(ctx, offset, Some(of.bits.into()))?;
        let action = match value {
            None => Action::Get,
            Some((number, action)) => action(numbers::integer(number)?),
        };
        operations.push(Operation { action, of, offset, overflow });
    }
    Ok(operations)
}

/// The bytes that a field can touch: 64 bits that begin anywhere in a byte.
type Window = [u8; 9];

/// The bytes from the one on that bit `offset` is in, with zeros behind the end.
fn window(bytes: &[u8], offset: u64) -> Window {
    let mut window = Window::default();
    let from = bytes.get((offset >> 3) as usize..).unwrap_or_default();
    window.iter_mut().zip(from).for_each(|(to, byte)| *to = *byte);
    window
}

fn as_number(window: Window) -> u128 {
    window.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// How far a field's lowest bit is from that of its window.
fn shift(of: IntType, offset: u64) -> u32 {
    72 - (offset & 7) as u32 - of.bits
}

fn field(window: Window, of: IntType, offset: u64) -> i64 {
    of.read((as_number(window) >> shift(of, offset)) as u64 & (u64::MAX >> (64 - of.bits)))
}

/// Puts `value` into its place, and returns the bytes that it lies in.
fn put(window: Window, of: IntType, offset: u64, value: i64) -> Vec<u8> {
    let mask = u128::from(u64::MAX >> (64 - of.bits));
    let shift = shift(of, offset);
    let number = as_number(window) & !(mask << shift) | (u128::from(value as u64) & mask) << shift;
    let touched = ((offset & 7) as usize + of.bits as usize).div_ceil(8);
    number.to_be_bytes()[16 - window.len()..][..touched].to_vec()
}

/// `BITFIELD key [GET type offset | [OVERFLOW …] <SET type offset value | INCRBY type offset increment> …]`.
/// O(operations), and the zero bytes before the first one that is written.
pub(super) fn bitfield(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let operations = parse(ctx, args)?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        write(ctx, args.get(1), &operations)
    } else {
        read(ctx, args.get(1), &operations)
    }
}

/// `BITFIELD_RO key [GET type offset …]`. O(operations).
pub(super) fn bitfield_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let operations = parse(ctx, args)?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        return Err(CmdError::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(ctx, args.get(1), &operations)
}

fn read(ctx: &mut Ctx<'_>, key: &[u8], operations: &[Operation]) -> CmdResult {
    let hash = ctx.hash(key);
    let (entry, out) = ctx.read_and_reply(hash, key);
    let bytes = entry.map(|entry| text(&entry)).transpose()?.unwrap_or_default();
    out.array(operations.len());
    for &Operation { of, offset, .. } in operations {
        out.integer(field(window(bytes, offset), of, offset));
    }
    Ok(())
}

fn write(ctx: &mut Ctx<'_>, key: &[u8], operations: &[Operation]) -> CmdResult {
    let hash = ctx.hash(key);
    let writes = operations.iter().filter(|operation| operation.action != Action::Get);
    let last_bit = writes.map(|write| write.offset + u64::from(write.of.bits) - 1).max().unwrap_or(0);
    let len = (last_bit >> 3) as usize + 1;
    let old = current(ctx, hash, key)?.map(<[u8]>::len);
    let grown = old.is_none_or(|old| old < len);
    // Nothing is written, but the string is as long as its longest write wants it, even if that fails.
    overwrite(ctx, hash, key, len, &[]);
    if old.is_none() {
        ctx.note_new(key);
    }
    ctx.out.array(operations.len());
    let mut changes = 0;
    for &Operation { action, of, offset, overflow } in operations {
        let bytes = ctx.keyspace().get(hash, key).and_then(|entry| entry.value().as_str());
        debug_assert!(bytes.is_some(), "the string was made long enough");
        let window = window(bytes.unwrap_or_default(), offset);
        let before = field(window, of, offset);
        let wanted = match action {
            Action::Get => {
                ctx.out.integer(before);
                continue;
            }
            // Redis reads a number for an unsigned field as one of 64 bits without a sign.
            // The room above the lowest numbers has no 64 bits, so Redis takes them for too large.
            Action::Set(number) if of.signed && overflow == Overflow::Saturate => {
                let is_lowest = of.bits < 64 && i128::from(number) < of.max() - i128::from(i64::MAX);
                if is_lowest { of.max() } else { i128::from(number) }
            }
            Action::Set(number) if of.signed => i128::from(number),
            Action::Set(number) => i128::from(number as u64),
            Action::Add(increment) => i128::from(before) + i128::from(increment),
        };
        match of.fit(wanted, overflow) {
            None => ctx.out.null(),
            Some(after) => {
                ctx.out.integer(if matches!(action, Action::Set(_)) { before } else { after });
                overwrite(ctx, hash, key, (offset >> 3) as usize, &put(window, of, offset, after));
                changes += u64::from(grown || before != after);
            }
        }
    }
    if changes > 0 {
        ctx.notify(KeyspaceEvents::STRING, "setbit", key);
    }
    if changes > 0 || grown {
        // A string that only grew is told too, other than Redis does: replicas would hold a shorter one for ever.
        ctx.changed(key);
        ctx.effects.dirty += changes.saturating_sub(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_field_is_read_as_it_was_put_and_its_neighbours_stay() {
        for signed in [false, true] {
            for bits in 1..=if signed { 64 } else { 63 } {
                let of = IntType { signed, bits };
                for offset in 0..8 {
                    for value in [of.min() as i64, of.max() as i64, of.read(u64::MAX >> (64 - bits))] {
                        for filled in [0, 0xFF] {
                            let bytes = put([filled; 9], of, offset, value);
                            assert_eq!(
                                field(window(&bytes, offset), of, offset),
                                value,
                                "{of:?} at {offset}"
                            );
                            let mut all = [filled; 9];
                            all[..bytes.len()].copy_from_slice(&bytes);
                            let back = put(all, of, offset, if filled == 0 { 0 } else { -1 });
                            assert!(back.iter().all(|byte| *byte == filled), "{of:?} at {offset}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_type_holds_what_fits_and_bends_the_rest() {
        let i8_type = IntType::parse(b"i8").unwrap();
        assert_eq!(i8_type.fit(127, Overflow::Fail), Some(127));
        assert_eq!(i8_type.fit(128, Overflow::Fail), None);
        assert_eq!(i8_type.fit(128, Overflow::Wrap), Some(-128));
        assert_eq!(i8_type.fit(-129, Overflow::Wrap), Some(127));
        assert_eq!(i8_type.fit(1000, Overflow::Saturate), Some(127));
        assert_eq!(i8_type.fit(-1000, Overflow::Saturate), Some(-128));
        let wide = IntType::parse(b"i64").unwrap();
        assert_eq!(wide.fit(i128::from(i64::MAX) + 1, Overflow::Wrap), Some(i64::MIN));
        for wrong in ["", "i", "x8", "i0", "i65", "u0", "u64", "i-1", "i08", "I8"] {
            assert_eq!(IntType::parse(wrong.as_bytes()), Err(BAD_TYPE), "{wrong}");
        }
    }
}
