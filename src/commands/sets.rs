//! Sets: SADD, SMEMBERS and their kin. Intersections, unions and differences are in `set_algebra`, SPOP is in
//! `set_pop`, random members are in `random_elements`.

use super::collection_scan::{self, Found};
use super::hashes::bulk_item;
use super::{CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::Args;
use crate::store::Set;

/// Notes that members of `key` came or went.
pub(super) fn note(ctx: &mut Ctx<'_>, key: &[u8], event: &'static str, members: usize) {
    ctx.changed(key);
    // Redis counts every member, the save points rely on it.
    ctx.effects.dirty += members as u64 - 1;
    ctx.notify(KeyspaceEvents::SET, event, key);
}

/// `SADD key member [member ...]`. O(members given).
pub(super) fn sadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, encodings) = (args.get(1), ctx.encodings);
    let (mut set, out) = ctx.edit_or_new::<Set>(key)?;
    let added = args.from(2).filter(|member| set.insert(member, encodings)).count();
    out.integer(added as i64);
    drop(set);
    if added > 0 {
        note(ctx, key, "sadd", added);
    }
    Ok(())
}

/// `SREM key member [member ...]`. O(members given).
pub(super) fn srem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let mut removed = 0;
    if let Some((mut set, _)) = ctx.edit::<Set>(key)? {
        removed = args.from(2).filter(|member| set.remove(member)).count();
    }
    ctx.out.integer(removed as i64);
    if removed > 0 {
        note(ctx, key, "srem", removed);
        ctx.drop_if_empty::<Set>(key);
    }
    Ok(())
}

/// `SISMEMBER key member`. O(1).
pub(super) fn sismember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (set, out) = ctx.read_as::<Set>(args.get(1))?;
    out.flag(set.is_some_and(|set| set.contains(args.get(2))));
    Ok(())
}

/// `SMISMEMBER key member [member ...]`. O(members given).
pub(super) fn smismember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (set, out) = ctx.read_as::<Set>(args.get(1))?;
    out.array(args.len() - 2);
    for member in args.from(2) {
        out.flag(set.is_some_and(|set| set.contains(member)));
    }
    Ok(())
}

/// `SCARD key`. O(1).
pub(super) fn scard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (set, out) = ctx.read_as::<Set>(args.get(1))?;
    out.integer(set.map_or(0, Set::len) as i64);
    Ok(())
}

/// `SMEMBERS key`. O(members).
pub(super) fn smembers(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (set, out) = ctx.read_as::<Set>(args.get(1))?;
    out.set(set.map_or(0, Set::len));
    set.into_iter().flat_map(Set::iter).for_each(|member| bulk_item(out, member));
    Ok(())
}

/// `SMOVE source destination member`. O(1).
pub(super) fn smove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (source, destination, member) = (args.get(1), args.get(2), args.get(3));
    // Both keys are looked up before anything else, so that of two expired ones both are deleted.
    for key in [source, destination] {
        let hash = ctx.hash(key);
        ctx.clear_expired(ctx.db, hash, key);
    }
    let Some((set, _)) = ctx.edit::<Set>(source)? else {
        ctx.out.flag(false);
        return Ok(());
    };
    let is_there = set.contains(member);
    drop(set);
    ctx.edit::<Set>(destination)?;
    ctx.out.flag(is_there);
    if !is_there || source == destination {
        return Ok(());
    }
    if let Some((mut set, _)) = ctx.edit::<Set>(source)? {
        set.remove(member);
    }
    note(ctx, source, "srem", 1);
    ctx.drop_if_empty::<Set>(source);
    let encodings = ctx.encodings;
    let (mut set, _) = ctx.edit_or_new::<Set>(destination)?;
    let is_new = set.insert(member, encodings);
    drop(set);
    if is_new {
        note(ctx, destination, "sadd", 1);
    }
    Ok(())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`. O(count), and O(members) in an intset.
///
/// A member that is there from the first call to the last is returned exactly once.
pub(super) fn sscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let cursor = collection_scan::cursor(args)?;
    let (set, out) = ctx.read_as::<Set>(args.get(1))?;
    let Some(set) = set else {
        collection_scan::nothing(out);
        return Ok(());
    };
    let mut found = Found::by_options(args)?;
    let next = set.scan(cursor, found.count(), |member| member.with(|member| found.one(member)));
    found.answer(next, out);
    Ok(())
}
