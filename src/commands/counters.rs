//! INCR and its kin: numbers kept as strings.

use super::strings::{current, store};
use super::{CmdError, CmdResult, Ctx, KeyspaceEvents, float, numbers};
use crate::protocol::Args;
use crate::store::Ttl;

/// `INCR key`. O(1).
pub(super) fn incr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    add(ctx, args.get(1), 1)
}

/// `DECR key`. O(1).
pub(super) fn decr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    add(ctx, args.get(1), -1)
}

/// `INCRBY key increment`. O(1).
pub(super) fn incrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    add(ctx, args.get(1), numbers::integer(args.get(2))?)
}

/// `DECRBY key decrement`. O(1).
pub(super) fn decrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let decrement = numbers::integer(args.get(2))?;
    let increment = decrement.checked_neg().ok_or(CmdError::text("ERR decrement would overflow"))?;
    add(ctx, args.get(1), increment)
}

/// Adds to the integer at `key`, a missing one is 0. The result takes the place of the old digits.
///
/// # Errors
/// [`CmdError::WrongType`], [`CmdError::NotAnInteger`] or [`CmdError::Overflow`]; `key` is then unchanged.
#[inline]
fn add(ctx: &mut Ctx<'_>, key: &[u8], increment: i64) -> CmdResult {
    let hash = ctx.hash(key);
    ctx.clear_expired(ctx.db, hash, key);
    let access = ctx.write_access(hash, key);
    let plus = |old: i64| old.checked_add(increment).ok_or(CmdError::Overflow);
    let mut digits = itoa::Buffer::new();
    // One look-up, unless the sum has more digits or fewer.
    let (sum, in_place) = if let Some(mut string) = ctx.keyspace_mut().edit_string(hash, key) {
        let sum = plus(numbers::integer(string.bytes())?)?;
        (sum, string.overwrite(digits.format(sum).as_bytes(), access))
    } else {
        (plus(current(ctx, hash, key)?.map_or(Ok(0), numbers::integer)?)?, false)
    };
    if in_place {
        ctx.changed(key);
    } else {
        store(ctx, hash, key, digits.format(sum).as_bytes(), Ttl::Keep);
    }
    ctx.notify(KeyspaceEvents::STRING, "incrby", key);
    ctx.out.integer(sum);
    Ok(())
}

/// `INCRBYFLOAT key increment`. O(1).
///
/// # Errors
/// [`CmdError::WrongType`], [`CmdError::NotAFloat`] or [`CmdError::NanOrInfinity`]; `key` is then unchanged.
pub(super) fn incrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let hash = ctx.hash(key);
    let old = current(ctx, hash, key)?.unwrap_or(b"0");
    let sum = float::sum(old, args.get(2))?;
    store(ctx, hash, key, sum.as_bytes(), Ttl::Keep);
    ctx.notify(KeyspaceEvents::STRING, "incrbyfloat", key);
    // A replica receives the outcome and not the addition: another machine may add or print decimals in
    // another way, and the two data sets would drift apart unnoticed.
    ctx.propagate(&[b"SET", key, sum.as_bytes(), b"KEEPTTL"]);
    ctx.out.bulk(sum.as_bytes());
    Ok(())
}
