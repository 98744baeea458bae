//! Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.

use super::{CmdError, CmdResult, Ctx, Garbage, WholeDb, numbers};
use crate::protocol::Args;

/// `DBSIZE`: expired keys that were not yet removed count. O(1).
pub(super) fn dbsize(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    let keys = ctx.keyspace().len();
    ctx.out.integer(keys as i64);
    Ok(())
}

/// ASYNC and SYNC are the same to us: the node frees what was flushed beside its work.
fn check_mode(args: &Args<'_>) -> CmdResult {
    let fits = match args.len() {
        1 => true,
        2 => args.is(1, "ASYNC") || args.is(1, "SYNC"),
        _ => false,
    };
    if fits { Ok(()) } else { Err(CmdError::Syntax) }
}

fn flush(ctx: &mut Ctx<'_>, db: usize) {
    let flushed = ctx.store.flush(db);
    ctx.effects.dirty += flushed.len() as u64;
    let garbage = (!flushed.is_empty()).then_some(ctx.garbage.len());
    ctx.garbage.extend(garbage.map(|_| Garbage::Keyspace(Box::new(flushed))));
    ctx.effects.whole_dbs.push(WholeDb::Flushed { db, garbage });
}

/// `FLUSHDB [ASYNC | SYNC]`. O(1).
pub(super) fn flushdb(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    check_mode(args)?;
    flush(ctx, ctx.db);
    // Replicas hear of it even if there was nothing here: theirs may hold what ours lost.
    ctx.effects.dirty = ctx.effects.dirty.max(1);
    ctx.out.ok();
    Ok(())
}

/// `FLUSHALL [ASYNC | SYNC]`. O(databases).
pub(super) fn flushall(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    check_mode(args)?;
    (0..ctx.store.databases()).for_each(|db| flush(ctx, db));
    ctx.effects.dirty = ctx.effects.dirty.max(1);
    ctx.out.ok();
    Ok(())
}

/// `SWAPDB index1 index2`. O(1).
pub(super) fn swapdb(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let index = |at: usize, otherwise: &'static str| match numbers::small_integer(args.get(at)) {
        Ok(index) => Ok(index),
        Err(_) => Err(CmdError::text(otherwise)),
    };
    let first = index(1, "ERR invalid first DB index")?;
    let second = index(2, "ERR invalid second DB index")?;
    let databases = ctx.store.databases();
    let within = |index: i32| usize::try_from(index).ok().filter(|index| *index < databases);
    let (Some(first), Some(second)) = (within(first), within(second)) else {
        return Err(CmdError::DbOutOfRange);
    };
    ctx.store.swap(first, second);
    ctx.effects.dirty += 1;
    if first != second {
        ctx.effects.whole_dbs.push(WholeDb::Swapped(first, second));
    }
    ctx.out.ok();
    Ok(())
}
