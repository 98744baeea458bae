//! OBJECT: what is known about a value beside the value.

use std::sync::atomic::Ordering::Relaxed;

use super::access::{lfu_counter, lru_clock};
use super::{Access, CmdError, CmdResult, Ctx, numbers};
use crate::protocol::Args;
use crate::store::{EntryRef, StringEncoding, ValueRef};

const NEEDS_LFU: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
    that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
const NEEDS_LRU: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
    switching between policies at runtime LRU and LFU data will take some time to adjust.";

/// Redis keeps these integers once for all keys and calls their number of references infinite.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

/// `OBJECT ENCODING key`. O(1).
pub(super) fn encoding(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let name = ctx.peek_unheard(ctx.db, args.get(2)).map(|entry| entry.encoding());
    ctx.out.bulk_or_null(name.map(str::as_bytes));
    Ok(())
}

/// `OBJECT REFCOUNT key`. O(1).
pub(super) fn refcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let shares = ctx.shares_integers;
    let count = ctx.peek_unheard(ctx.db, args.get(2)).map(|entry| references(&entry, shares));
    answer(ctx, count)
}

/// How many references Redis would have to this value, if it shares small integers or not. O(1).
pub fn references(entry: &EntryRef<'_>, shares_integers: bool) -> i64 {
    let is_shared = shares_integers
        && match entry.value() {
            ValueRef::Str(text) => {
                entry.string_encoding() == StringEncoding::Int
                    && numbers::integer(text).is_ok_and(|number| SHARED_INTEGERS.contains(&number))
            }
            _ => false,
        };
    if is_shared { i64::from(i32::MAX) } else { 1 }
}

/// `OBJECT FREQ key`. O(1).
pub(super) fn freq(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let access = access(ctx, args);
    if access.is_some() && ctx.access != Access::Lfu {
        return Err(CmdError::text(NEEDS_LFU));
    }
    let (now, lfu) = (ctx.now, ctx.lfu);
    answer(ctx, access.map(|access| lfu_counter(access, now, lfu).into()))
}

/// `OBJECT IDLETIME key`. O(1).
pub(super) fn idletime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let access = access(ctx, args);
    if access.is_some() && ctx.access != Access::Lru {
        return Err(CmdError::text(NEEDS_LRU));
    }
    let clock = lru_clock(ctx.now);
    // The clock has 24 bits and wraps every 194 days.
    answer(ctx, access.map(|access| (clock.wrapping_sub(access) & 0xFF_FFFF).into()))
}

fn access(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Option<u32> {
    ctx.peek_unheard(ctx.db, args.get(2)).map(|entry| entry.access().load(Relaxed))
}

fn answer(ctx: &mut Ctx<'_>, number: Option<i64>) -> CmdResult {
    match number {
        Some(number) => ctx.out.integer(number),
        None => ctx.out.null(),
    }
    Ok(())
}
