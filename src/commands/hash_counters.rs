//! HINCRBY and HINCRBYFLOAT: numbers kept in the fields of hashes.

use super::hashes::note_set;
use super::{CmdError, CmdResult, Ctx, float, numbers};
use crate::protocol::Args;
use crate::store::{Hash, Item};

/// `HINCRBY key field increment`. O(1).
///
/// # Errors
/// The increment or the field is no integer, or [`CmdError::Overflow`]; the hash is then unchanged.
pub(super) fn hincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, field) = (args.get(1), args.get(2));
    let increment = numbers::integer(args.get(3))?;
    let encodings = ctx.encodings;
    let (mut hash, out) = ctx.edit_or_new::<Hash>(key)?;
    let old = match hash.get(field) {
        None => 0,
        Some(Item::Int(number)) => number,
        Some(Item::Str(text)) => {
            numbers::integer(text).map_err(|_| CmdError::text("ERR hash value is not an integer"))?
        }
    };
    let sum = old.checked_add(increment).ok_or(CmdError::Overflow)?;
    hash.set(field, itoa::Buffer::new().format(sum).as_bytes(), encodings);
    out.integer(sum);
    drop(hash);
    note_set(ctx, key, "hincrby", 1);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`. O(1).
///
/// # Errors
/// The increment or the field is no finite number, or [`CmdError::NanOrInfinity`]; the hash is then unchanged.
pub(super) fn hincrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, field, increment) = (args.get(1), args.get(2), args.get(3));
    if !float::is_finite(increment).ok_or(CmdError::NotAFloat)? {
        return Err(CmdError::text("ERR value is NaN or Infinity"));
    }
    let encodings = ctx.encodings;
    let (mut hash, out) = ctx.edit_or_new::<Hash>(key)?;
    let sum = match hash.get(field) {
        None => float::sum(b"0", increment),
        Some(old) => old.with(|old| float::sum(old, increment)),
    };
    let sum = sum.map_err(|error| match error {
        CmdError::NotAFloat => CmdError::text("ERR hash value is not a float"),
        other => other,
    })?;
    hash.set(field, sum.as_bytes(), encodings);
    out.bulk(sum.as_bytes());
    drop(hash);
    note_set(ctx, key, "hincrbyfloat", 1);
    // A replica receives the outcome and not the addition: another machine may add or print decimals in another way,
    // and the two data sets would drift apart unnoticed.
    ctx.propagate(&[b"HSET", key, field, sum.as_bytes()]);
    Ok(())
}
