//! ZPOPMIN and its kin, those that wait included: they try, and wait if there is nothing.

use super::write_score;
use crate::commands::{ArgCursor, AtTimeout, CmdError, CmdResult, Ctx, KeyspaceEvents, numbers, timeout};
use crate::protocol::Args;
use crate::store::{Direction, Zset};

/// Which end of a sorted set members are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn verb(self) -> &'static [u8] {
        match self {
            Self::Min => b"ZPOPMIN",
            Self::Max => b"ZPOPMAX",
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }
}

/// How popped members are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Members and scores in one array.
    Flat,
    /// A pair for each member.
    Pairs,
    /// The key, one member, its score.
    Keyed,
    /// The key, and an array of pairs.
    KeyedPairs,
}

/// Takes up to `count` members, at least one, from the sorted set at `key`. `None` if the key is missing, else how
/// many they were.
fn pop(ctx: &mut Ctx<'_>, key: &[u8], end: End, count: usize, shape: Shape) -> CmdResult<Option<usize>> {
    let Some((mut zset, out)) = ctx.edit::<Zset>(key)? else { return Ok(None) };
    let len = zset.len();
    let count = count.min(len);
    let (ranks, direction) = match end {
        End::Min => (0..count, Direction::Forward),
        End::Max => (len - count..len, Direction::Backward),
    };
    match shape {
        Shape::Flat => out.array(count * 2),
        Shape::Pairs => out.array(count),
        Shape::Keyed => {
            out.array(count * 2 + 1);
            out.bulk(key);
        }
        Shape::KeyedPairs => {
            out.array(2);
            out.bulk(key);
            out.array(count);
        }
    }
    for (member, score) in zset.range(ranks.clone(), direction) {
        if matches!(shape, Shape::Pairs | Shape::KeyedPairs) {
            out.array(2);
        }
        member.with(|member| out.bulk(member));
        write_score(out, score);
    }
    zset.remove_ranks(ranks);
    drop(zset);
    ctx.changed(key);
    ctx.effects.dirty += count as u64 - 1;
    ctx.notify(KeyspaceEvents::ZSET, end.event(), key);
    ctx.drop_if_empty::<Zset>(key);
    Ok(Some(count))
}

/// `ZPOPMIN key [count]`. O(log n), and the members.
pub(in crate::commands) fn zpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    pop_one(ctx, args, End::Min)
}

/// `ZPOPMAX key [count]`. O(log n), and the members.
pub(in crate::commands) fn zpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    pop_one(ctx, args, End::Max)
}

fn pop_one(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let (count, shape) = match args.len() {
        2 => (1, Shape::Flat),
        3 => {
            let count = numbers::integer(args.get(2)).ok().and_then(|count| usize::try_from(count).ok());
            let count = count.ok_or(CmdError::text("ERR value is out of range, must be positive"))?;
            (count, if ctx.out.is_resp3() { Shape::Pairs } else { Shape::Flat })
        }
        _ => return Err(CmdError::Syntax),
    };
    let key = args.get(1);
    // Nothing is asked for, but of the right type it must be.
    let nothing = count == 0 && ctx.edit::<Zset>(key)?.is_some();
    if nothing || pop(ctx, key, end, count, shape)?.is_none() {
        ctx.out.array(0);
    }
    Ok(())
}

/// `numkeys key [key ...] MIN | MAX [COUNT count]`
#[derive(Debug, Clone, Copy)]
struct Several {
    first: usize,
    keys: usize,
    end: End,
    count: usize,
}

impl Several {
    fn parse(args: &Args<'_>, at: usize) -> CmdResult<Self> {
        let keys = numbers::integer(args.get(at)).ok().and_then(|keys| usize::try_from(keys).ok());
        let keys =
            keys.filter(|keys| *keys > 0).ok_or(CmdError::text("ERR numkeys should be greater than 0"))?;
        let end_at = keys.saturating_add(at + 1);
        let end = match args.get(end_at) {
            word if word.eq_ignore_ascii_case(b"MIN") => End::Min,
            word if word.eq_ignore_ascii_case(b"MAX") => End::Max,
            _ => return Err(CmdError::Syntax),
        };
        let mut count = None;
        let mut words = ArgCursor::new(args, end_at + 1);
        while words.has_more() {
            let (None, Some([given])) = (count, words.option("COUNT")) else { return Err(CmdError::Syntax) };
            let given = numbers::integer(given).ok();
            let given = given.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
            count = Some(given.ok_or(CmdError::text("ERR count should be greater than 0"))?);
        }
        Ok(Self { first: at + 1, keys, end, count: count.unwrap_or(1) })
    }

    /// Takes members from the first key that is there; `false` if none is.
    fn try_pop(self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult<bool> {
        for key in args.from(self.first).take(self.keys) {
            if let Some(count) = pop(ctx, key, self.end, self.count, Shape::KeyedPairs)? {
                let mut text = itoa::Buffer::new();
                ctx.propagate(&[self.end.verb(), key, text.format(count).as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]`. O(keys), and O(log n) with the members.
pub(in crate::commands) fn zmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    if !Several::parse(args, 1)?.try_pop(ctx, args)? {
        ctx.out.null_array();
    }
    Ok(())
}

/// `BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]`: ZMPOP that waits. O(keys), and O(log n) with the
/// members.
pub(in crate::commands) fn bzmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let several = Several::parse(args, 2)?;
    let timeout = timeout::seconds(args.get(1))?;
    if !several.try_pop(ctx, args)? {
        ctx.wait_for(args.from(several.first).take(several.keys), timeout, AtTimeout::NullArray);
    }
    Ok(())
}

/// `BZPOPMIN key [key ...] timeout`. O(keys + log n).
pub(in crate::commands) fn bzpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    pop_or_wait(ctx, args, End::Min)
}

/// `BZPOPMAX key [key ...] timeout`. O(keys + log n).
pub(in crate::commands) fn bzpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    pop_or_wait(ctx, args, End::Max)
}

fn pop_or_wait(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let keys = args.len() - 2;
    let timeout = timeout::seconds(args.get(args.len() - 1))?;
    for key in args.from(1).take(keys) {
        if pop(ctx, key, end, 1, Shape::Keyed)?.is_some() {
            ctx.propagate(&[end.verb(), key]);
            return Ok(());
        }
    }
    ctx.wait_for(args.from(1).take(keys), timeout, AtTimeout::NullArray);
    Ok(())
}
