//! Lists: what concerns several of them, and what may wait for one: LMOVE, LMPOP, BLPOP and their kin.

use super::lists::{pop_range, popped};
use super::numbers::integer;
use super::timeout::seconds;
use super::{AtTimeout, CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::Args;
use crate::store::{End, List, Millis};

/// `LEFT` or `RIGHT`.
fn end_of(args: &Args<'_>, at: usize) -> CmdResult<End> {
    if args.is(at, "LEFT") {
        Ok(End::Head)
    } else if args.is(at, "RIGHT") {
        Ok(End::Tail)
    } else {
        Err(CmdError::Syntax)
    }
}

fn word(end: End) -> &'static [u8] {
    match end {
        End::Head => b"left",
        End::Tail => b"right",
    }
}

fn pop_command(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LPOP",
        End::Tail => b"RPOP",
    }
}

/// `LMOVE source destination LEFT | RIGHT LEFT | RIGHT`. O(1).
pub(super) fn lmove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (from, to) = (end_of(args, 3)?, end_of(args, 4)?);
    if !move_element(ctx, args.get(1), args.get(2), from, to)? {
        ctx.out.null();
    }
    Ok(())
}

/// `RPOPLPUSH source destination`. O(1).
pub(super) fn rpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    if !move_element(ctx, args.get(1), args.get(2), End::Tail, End::Head)? {
        ctx.out.null();
    }
    Ok(())
}

/// Moves one element and answers with it; `false` if the source is missing.
fn move_element(ctx: &mut Ctx<'_>, source: &[u8], destination: &[u8], from: End, to: End) -> CmdResult<bool> {
    if ctx.edit::<List>(source)?.is_none() {
        return Ok(false);
    }
    let limit = ctx.encodings.list_max_listpack_size;
    // Before anything is changed: the destination may be of another type.
    ctx.edit::<List>(destination)?;
    let Some(element) = ctx.edit::<List>(source)?.and_then(|(mut list, _)| list.pop(from)) else {
        return Ok(false);
    };
    let (mut list, out) = ctx.edit_or_new::<List>(destination)?;
    if list.is_empty() && source != destination {
        list.set_limit(limit);
    }
    list.push(to, &element);
    out.bulk(&element);
    drop(list);
    ctx.also_changed(ctx.db, destination);
    ctx.notify(KeyspaceEvents::LIST, to.push_event(), destination);
    ctx.notify(KeyspaceEvents::LIST, from.pop_event(), source);
    ctx.drop_if_empty::<List>(source);
    ctx.changed(source);
    Ok(true)
}

/// `BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout`. O(1).
pub(super) fn blmove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (from, to) = (end_of(args, 3)?, end_of(args, 4)?);
    let timeout = seconds(args.get(5))?;
    let moved = move_or_wait(ctx, args, (from, to), timeout)?;
    if moved {
        // In the client's own words at once, in ours when it has waited.
        let (from, to) =
            if ctx.ready_key.is_some() { (word(from), word(to)) } else { (args.get(3), args.get(4)) };
        ctx.propagate(&[b"LMOVE", args.get(1), args.get(2), from, to]);
    }
    Ok(())
}

/// `BRPOPLPUSH source destination timeout`. O(1).
pub(super) fn brpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let timeout = seconds(args.get(3))?;
    if move_or_wait(ctx, args, (End::Tail, End::Head), timeout)? {
        ctx.propagate(&[b"RPOPLPUSH", args.get(1), args.get(2)]);
    }
    Ok(())
}

fn move_or_wait(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    (from, to): (End, End),
    timeout: Millis,
) -> CmdResult<bool> {
    let (source, destination) = (args.get(1), args.get(2));
    let moved = if is_other_type_again(ctx, source) {
        false
    } else {
        move_element(ctx, source, destination, from, to)?
    };
    if !moved && ctx.may_block {
        ctx.wait_for(std::iter::once(source), timeout, AtTimeout::NullArray);
        if let Some(wait) = &mut ctx.effects.wait {
            // Once the source is there, a destination of another type is an error.
            wait.errors_end_it = true;
        }
    } else if !moved {
        // Unlike after the time is over.
        ctx.out.null();
    }
    Ok(moved)
}

/// A key that somebody waits for has become something that is no list: the wait goes on.
fn is_other_type_again(ctx: &mut Ctx<'_>, key: &[u8]) -> bool {
    ctx.ready_key.is_some() && ctx.edit::<List>(key).is_err()
}

/// `LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count]`. O(N+M) for N keys and M elements returned.
pub(super) fn lmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let request = MultiPop::parse(args, 1)?;
    if !request.run(ctx)? {
        ctx.out.null_array();
    }
    Ok(())
}

/// `BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count]`. O(N+M) for N keys and M elements returned.
pub(super) fn blmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let request = MultiPop::parse(args, 2)?;
    let timeout = seconds(args.get(1))?;
    if !request.run(ctx)? {
        ctx.wait_for(request.keys.iter().copied(), timeout, AtTimeout::NullArray);
    }
    Ok(())
}

/// A request for some elements of the first list that is there.
struct MultiPop<'a> {
    keys: Vec<&'a [u8]>,
    end: End,
    count: u64,
}

impl<'a> MultiPop<'a> {
    /// Parses what stands from the number of keys on.
    fn parse(args: &Args<'a>, at: usize) -> CmdResult<Self> {
        let above_zero = |at: usize, otherwise: &'static str| {
            let number = integer(args.get(at)).ok().filter(|number| *number > 0);
            number.map(i64::unsigned_abs).ok_or(CmdError::text(otherwise))
        };
        let numkeys = above_zero(at, "ERR numkeys should be greater than 0")?;
        let end_at = usize::try_from(numkeys).ok().and_then(|keys| keys.checked_add(at + 1));
        let end_at = end_at.filter(|end_at| *end_at < args.len()).ok_or(CmdError::Syntax)?;
        let end = end_of(args, end_at)?;
        let count = match args.len() - end_at {
            1 => 1,
            3 if args.is(end_at + 1, "COUNT") => {
                above_zero(end_at + 2, "ERR count should be greater than 0")?
            }
            n if n > 3 && args.is(end_at + 1, "COUNT") => {
                above_zero(end_at + 2, "ERR count should be greater than 0")?;
                return Err(CmdError::Syntax);
            }
            _ => return Err(CmdError::Syntax),
        };
        Ok(Self { keys: args.from(at + 1).take(end_at - at - 1).collect(), end, count })
    }

    /// Pops from the first list; `false` if all are missing.
    fn run(&self, ctx: &mut Ctx<'_>) -> CmdResult<bool> {
        for key in &self.keys {
            if !ctx.may_serve(key) {
                continue;
            }
            let Some((mut list, out)) = ctx.edit::<List>(key)? else { continue };
            out.array(2);
            out.bulk(key);
            let removed = pop_range(&mut list, self.end, self.count, out);
            drop(list);
            popped(ctx, key, self.end, removed);
            ctx.propagate(&[pop_command(self.end), key, removed.to_string().as_bytes()]);
            return Ok(true);
        }
        Ok(false)
    }
}

/// `BLPOP key [key ...] timeout`. O(keys).
pub(super) fn blpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    blocking_pop(ctx, args, End::Head)
}

/// `BRPOP key [key ...] timeout`. O(keys).
pub(super) fn brpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    blocking_pop(ctx, args, End::Tail)
}

fn blocking_pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let timeout = seconds(args.get(args.len() - 1))?;
    let keys = || args.from(1).take(args.len() - 2);
    for key in keys() {
        if !ctx.may_serve(key) {
            continue;
        }
        let Some((mut list, out)) = ctx.edit::<List>(key)? else { continue };
        let Some(element) = list.pop(end) else { continue };
        out.array(2);
        out.bulk(key);
        out.bulk(&element);
        drop(list);
        popped(ctx, key, end, 1);
        ctx.propagate(&[pop_command(end), key]);
        return Ok(());
    }
    ctx.wait_for(keys(), timeout, AtTimeout::NullArray);
    Ok(())
}
