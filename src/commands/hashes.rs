//! Hashes: HSET, HGETALL and their kin. Numbers in hashes are in `hash_counters`, random fields in `random_elements`.

use super::collection_scan::{self, Found};
use super::{CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::{Args, Replies};
use crate::store::{Hash, Item};

/// A bulk string with an element of a collection.
pub(super) fn bulk_item(out: &mut Replies, item: Item<'_>) {
    item.with(|bytes| out.bulk(bytes));
}

/// `HSET key field value [field value ...]`. O(fields given).
pub(super) fn hset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let created = set_fields(ctx, args, "hset")?;
    ctx.out.integer(created);
    Ok(())
}

/// `HMSET key field value [field value ...]`. O(fields given).
pub(super) fn hmset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_fields(ctx, args, "hmset")?;
    ctx.out.ok();
    Ok(())
}

/// Sets the fields of HSET and HMSET. Returns how many of them are new.
fn set_fields(ctx: &mut Ctx<'_>, args: &Args<'_>, name: &'static str) -> CmdResult<i64> {
    if !args.len().is_multiple_of(2) {
        return Err(CmdError::Arity(name.into()));
    }
    let (key, encodings) = (args.get(1), ctx.encodings);
    let (mut hash, _) = ctx.edit_or_new::<Hash>(key)?;
    hash.make_way(args.from(2), encodings);
    let mut created = 0;
    for (field, value) in args.from(2).step_by(2).zip(args.from(3).step_by(2)) {
        created += i64::from(hash.set(field, value, encodings));
    }
    drop(hash);
    note_set(ctx, key, "hset", args.len() / 2 - 1);
    Ok(created)
}

/// Notes that fields of `key` were set.
pub(super) fn note_set(ctx: &mut Ctx<'_>, key: &[u8], event: &'static str, fields: usize) {
    ctx.changed(key);
    // Redis counts every field, the save points rely on it.
    ctx.effects.dirty += fields as u64 - 1;
    ctx.notify(KeyspaceEvents::HASH, event, key);
}

/// `HSETNX key field value`. O(1).
pub(super) fn hsetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, field, encodings) = (args.get(1), args.get(2), ctx.encodings);
    let (mut hash, out) = ctx.edit_or_new::<Hash>(key)?;
    let is_new = hash.get(field).is_none();
    out.flag(is_new);
    if is_new {
        hash.set(field, args.get(3), encodings);
        drop(hash);
        note_set(ctx, key, "hset", 1);
    }
    Ok(())
}

/// `HGET key field`. O(1).
pub(super) fn hget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    match hash.and_then(|hash| hash.get(args.get(2))) {
        Some(value) => bulk_item(out, value),
        None => out.null(),
    }
    Ok(())
}

/// `HMGET key field [field ...]`: null where there is no such field. O(fields given).
pub(super) fn hmget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    out.array(args.len() - 2);
    for field in args.from(2) {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => bulk_item(out, value),
            None => out.null(),
        }
    }
    Ok(())
}

/// `HGETALL key`. O(fields).
pub(super) fn hgetall(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    out.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        bulk_item(out, field);
        bulk_item(out, value);
    }
    Ok(())
}

/// `HKEYS key`. O(fields).
pub(super) fn hkeys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer_all(ctx, args, |(field, _)| field)
}

/// `HVALS key`. O(fields).
pub(super) fn hvals(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer_all(ctx, args, |(_, value)| value)
}

fn answer_all(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    pick: impl for<'i> Fn((Item<'i>, Item<'i>)) -> Item<'i>,
) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    out.array(hash.map_or(0, Hash::len));
    for pair in hash.into_iter().flat_map(Hash::iter) {
        bulk_item(out, pick(pair));
    }
    Ok(())
}

/// `HLEN key`. O(1).
pub(super) fn hlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    out.integer(hash.map_or(0, Hash::len) as i64);
    Ok(())
}

/// `HSTRLEN key field`. O(1).
pub(super) fn hstrlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    let len = hash.and_then(|hash| hash.get(args.get(2))).map_or(0, |value| value.with(<[u8]>::len));
    out.integer(len as i64);
    Ok(())
}

/// `HEXISTS key field`. O(1).
pub(super) fn hexists(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    out.flag(hash.is_some_and(|hash| hash.get(args.get(2)).is_some()));
    Ok(())
}

/// `HDEL key field [field ...]`. O(fields given).
pub(super) fn hdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let mut deleted = 0;
    if let Some((mut hash, _)) = ctx.edit::<Hash>(key)? {
        deleted = args.from(2).filter(|field| hash.remove(field)).count();
    }
    ctx.out.integer(deleted as i64);
    if deleted > 0 {
        note_set(ctx, key, "hdel", deleted);
        ctx.drop_if_empty::<Hash>(key);
    }
    Ok(())
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count]`. O(count), and O(fields) in a small hash.
///
/// A field that is there from the first call to the last is returned exactly once.
pub(super) fn hscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let cursor = collection_scan::cursor(args)?;
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    let Some(hash) = hash else {
        collection_scan::nothing(out);
        return Ok(());
    };
    let mut found = Found::by_options(args)?;
    let next = hash.scan(cursor, found.count(), |field, value| {
        field.with(|field| value.with(|value| found.pair(field, value)));
    });
    found.answer(next, out);
    Ok(())
}
