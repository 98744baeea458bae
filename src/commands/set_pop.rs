//! SPOP: replicas are told which members went, not that some did.

use super::hashes::bulk_item;
use super::sets::note;
use super::{CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::{Encodings, Item, Random, Set};

/// A set is rebuilt from what stays, if what goes is at least so many times as much.
const REBUILD_FACTOR: usize = 5;

/// `SPOP key [count]`. O(1), and O(count).
///
/// # Errors
/// [`CmdError::WrongType`], or the count is negative or no integer.
pub(super) fn spop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    match args.len() {
        2 => pop_one(ctx, args.get(1)),
        3 => {
            let count = numbers::integer(args.get(2)).ok().and_then(|count| usize::try_from(count).ok());
            let count = count.ok_or(CmdError::text("ERR value is out of range, must be positive"))?;
            pop_many(ctx, args.get(1), count)
        }
        _ => Err(CmdError::Syntax),
    }
}

fn pop_one(ctx: &mut Ctx<'_>, key: &[u8]) -> CmdResult {
    let mut random = Random::new(ctx.random());
    let popped = ctx.edit::<Set>(key)?.and_then(|(mut set, _)| take_one(&mut set, &mut random));
    let Some(member) = popped else {
        ctx.out.null();
        return Ok(());
    };
    ctx.out.bulk(&member);
    note(ctx, key, "spop", 1);
    ctx.propagate(&[b"SREM", key, &member]);
    ctx.drop_if_empty::<Set>(key);
    Ok(())
}

fn pop_many(ctx: &mut Ctx<'_>, key: &[u8], count: usize) -> CmdResult {
    let (mut random, encodings) = (Random::new(ctx.random()), ctx.encodings);
    let Some((mut set, out)) = ctx.edit::<Set>(key)?.filter(|_| count > 0) else {
        ctx.out.set(0);
        return Ok(());
    };
    let len = set.len();
    if count >= len {
        out.set(len);
        set.iter().for_each(|member| bulk_item(out, member));
        drop(set);
        let hash = ctx.hash(key);
        ctx.keyspace_mut().remove(hash, key);
        note(ctx, key, "spop", len);
        ctx.notify(KeyspaceEvents::GENERIC, "del", key);
        ctx.propagate(&[b"DEL", key]);
        return Ok(());
    }
    let popped: Vec<Vec<u8>> = if (len - count) * REBUILD_FACTOR > count {
        (0..count).map_while(|_| take_one(&mut set, &mut random)).collect()
    } else {
        let kept = take_kept(&mut set, len - count, &mut random, encodings);
        let popped = set.iter().map(owned).collect();
        *set = kept;
        popped
    };
    out.set(popped.len());
    for member in &popped {
        out.bulk(member);
    }
    drop(set);
    note(ctx, key, "spop", popped.len());
    for member in &popped {
        ctx.propagate(&[b"SREM", key, member]);
    }
    Ok(())
}

/// Moves `count` random members into a set of their own, which may be compact again.
fn take_kept(set: &mut Set, count: usize, random: &mut Random, encodings: &Encodings) -> Set {
    let mut kept = Set::default();
    for member in (0..count).map_while(|_| take_one(set, random)) {
        kept.insert(&member, encodings);
    }
    kept
}

fn take_one(set: &mut Set, random: &mut Random) -> Option<Vec<u8>> {
    let member = set.random(|| random.bits()).map(owned)?;
    set.remove(&member);
    Some(member)
}

fn owned(member: Item<'_>) -> Vec<u8> {
    member.bytes().into_owned()
}
