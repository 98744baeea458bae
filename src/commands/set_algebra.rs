//! Intersections, unions and differences of sets, answered or stored.
//!
//! What is stored takes the way that Redis takes, because its encoding shows which one that was.

use std::cmp::Reverse;

use super::hashes::bulk_item;
use super::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::{Collection, Encodings, Item, Keyspace, Set};

/// Looks up every key, as one that is about to be read.
///
/// # Errors
/// [`CmdError::WrongType`] if one of the keys holds another type.
fn look_up<'k>(ctx: &mut Ctx<'_>, keys: impl Iterator<Item = &'k [u8]>) -> CmdResult<Vec<Key<'k>>> {
    let mut found = Vec::new();
    for name in keys {
        let is_there = ctx.read_as::<Set>(name)?.0.is_some();
        found.push(Key { name, is_there });
    }
    Ok(found)
}

/// A key that was looked up. An expired one is not there, even if a replica still keeps it.
struct Key<'k> {
    name: &'k [u8],
    is_there: bool,
}

/// The sets at keys that were looked up, `None` for each that is missing.
fn sets<'s>(keyspace: &'s Keyspace, keys: &[Key<'_>]) -> Vec<Option<&'s Set>> {
    let set = |key: &Key<'_>| {
        let entry = keyspace.get(keyspace.hash(key.name), key.name).filter(|_| key.is_there)?;
        Set::of(entry.value())
    };
    keys.iter().map(set).collect()
}

/// What all of the sets have, if none of them is missing: the smallest one first, so that the rest is asked as seldom
/// as possible.
fn common(sets: Vec<Option<&Set>>) -> impl Iterator<Item = Item<'_>> {
    let mut sets = sets.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default();
    sets.sort_by_key(|set| set.len());
    sets.first().copied().into_iter().flat_map(Set::iter).filter(move |member| {
        sets[1..].iter().all(|other| std::ptr::eq(*other, sets[0]) || other.contains_item(*member))
    })
}

/// What any of the sets has.
fn union(sets: &[Option<&Set>], encodings: &Encodings) -> Set {
    let mut union = Set::default();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        union.insert_item(member, encodings);
    }
    union
}

/// What the first set has and none of the others.
fn difference(sets: &[Option<&Set>], encodings: &Encodings) -> Set {
    let mut rest = Set::default();
    let Some((Some(first), others)) = sets.split_first() else { return rest };
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    if others.iter().any(|other| std::ptr::eq(*first, *other)) {
        return rest;
    }
    // Asking every other set for each member costs one figure, taking all of their members out of a copy the other;
    // the first has the smaller constant.
    let by_asking = first.len() * (others.len() + 1) / 2;
    let by_removing = first.len() + others.iter().map(|other| other.len()).sum::<usize>();
    if by_asking <= by_removing {
        others.sort_by_key(|other| Reverse(other.len()));
        for member in first.iter().filter(|member| !others.iter().any(|other| other.contains_item(*member))) {
            rest.insert_item(member, encodings);
        }
        return rest;
    }
    for member in first.iter() {
        rest.insert_item(member, encodings);
    }
    for member in others.iter().flat_map(|other| other.iter()) {
        if rest.is_empty() {
            break;
        }
        member.with(|member| rest.remove(member));
    }
    rest
}

/// `SINTER key [key ...]`. O(members of the smallest set * keys).
pub(super) fn sinter(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let keys = look_up(ctx, args.from(1))?;
    let members: Vec<Item<'_>> = common(sets(ctx.store.db(ctx.db), &keys)).collect();
    ctx.out.set(members.len());
    for member in members {
        bulk_item(ctx.out, member);
    }
    Ok(())
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`. O(members of the smallest set * keys).
///
/// # Errors
/// The number of keys or the limit makes no sense.
pub(super) fn sintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let count = numbers::integer(args.get(1)).ok().and_then(|count| usize::try_from(count).ok());
    let count =
        count.filter(|count| *count > 0).ok_or(CmdError::text("ERR numkeys should be greater than 0"))?;
    if count > args.len() - 2 {
        return Err(CmdError::text("ERR Number of keys can't be greater than number of args"));
    }
    let (mut limit, mut words) = (0, ArgCursor::new(args, 2 + count));
    while words.has_more() {
        let [given] = words.option("LIMIT").ok_or(CmdError::Syntax)?;
        let given = numbers::integer(given).ok().and_then(|limit| usize::try_from(limit).ok());
        limit = given.ok_or(CmdError::text("ERR LIMIT can't be negative"))?;
    }
    let most = if limit == 0 { usize::MAX } else { limit };
    let keys = look_up(ctx, args.from(2).take(count))?;
    let found = common(sets(ctx.store.db(ctx.db), &keys)).take(most).count();
    ctx.out.integer(found as i64);
    Ok(())
}

/// `SUNION key [key ...]`. O(members of all sets).
pub(super) fn sunion(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, union)
}

/// `SDIFF key [key ...]`. O(members of all sets).
pub(super) fn sdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, difference)
}

fn answer(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    compute: impl FnOnce(&[Option<&Set>], &Encodings) -> Set,
) -> CmdResult {
    let keys = look_up(ctx, args.from(1))?;
    let result = compute(&sets(ctx.store.db(ctx.db), &keys), ctx.encodings);
    ctx.out.set(result.len());
    result.iter().for_each(|member| bulk_item(ctx.out, member));
    Ok(())
}

/// `SINTERSTORE destination key [key ...]`. O(members of the smallest set * keys).
pub(super) fn sinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let keys = look_up(ctx, args.from(2))?;
    let mut result = Set::default();
    for member in common(sets(ctx.store.db(ctx.db), &keys)) {
        result.insert_item(member, ctx.encodings);
    }
    store(ctx, args.get(1), result, "sinterstore");
    Ok(())
}

/// `SUNIONSTORE destination key [key ...]`. O(members of all sets).
pub(super) fn sunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let keys = look_up(ctx, args.from(2))?;
    let result = union(&sets(ctx.store.db(ctx.db), &keys), ctx.encodings);
    store(ctx, args.get(1), result, "sunionstore");
    Ok(())
}

/// `SDIFFSTORE destination key [key ...]`. O(members of all sets).
pub(super) fn sdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let keys = look_up(ctx, args.from(2))?;
    let result = difference(&sets(ctx.store.db(ctx.db), &keys), ctx.encodings);
    store(ctx, args.get(1), result, "sdiffstore");
    Ok(())
}

/// Puts a result at `destination`, whatever it held, and answers with its size; an empty one deletes the key.
fn store(ctx: &mut Ctx<'_>, destination: &[u8], result: Set, event: &'static str) {
    ctx.out.integer(result.len() as i64);
    if result.is_empty() {
        let hash = ctx.hash(destination);
        if ctx.keyspace_mut().remove(hash, destination) {
            ctx.changed(destination);
            ctx.notify(KeyspaceEvents::GENERIC, "del", destination);
        }
        return;
    }
    ctx.replace(destination, result);
    ctx.changed(destination);
    ctx.notify(KeyspaceEvents::SET, event, destination);
}
