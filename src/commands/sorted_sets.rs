//! Sorted sets: what is asked about single members and ranges of them; the other topics have files of their own.

mod add;
mod combine;
mod pop;
mod random;
mod range;

pub(super) use add::{Adding, zadd, zincrby};
pub(super) use combine::{zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore};
pub(super) use pop::{bzmpop, bzpopmax, bzpopmin, zmpop, zpopmax, zpopmin};
pub(super) use random::{zrandmember, zscan};
pub(super) use range::{
    zrange, zrangebylex, zrangebyscore, zrangestore, zrevrange, zrevrangebylex, zrevrangebyscore,
};

use std::ops::Range;

use super::{CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::{Args, Replies};
use crate::store::{
    Direction, LexBound, LexRange, ScoreBound, ScoreRange, ScoreText, Zset, parse_bound, parse_score,
};

const NOT_A_SCORE_RANGE: CmdError = CmdError::text("ERR min or max is not a float");
const NOT_A_LEX_RANGE: CmdError = CmdError::text("ERR min or max not valid string range item");

/// A number that may have a fraction.
///
/// # Errors
/// [`CmdError::NotAFloat`]
pub(super) fn number(text: &[u8]) -> CmdResult<f64> {
    parse_score(text).ok_or(CmdError::NotAFloat)
}

/// Answers with a score.
pub(super) fn write_score(out: &mut Replies, score: f64) {
    out.double(ScoreText::new(score).as_str());
}

fn score_bound(text: &[u8]) -> CmdResult<ScoreBound> {
    let bound = match text {
        [b'(', rest @ ..] => parse_bound(rest).map(ScoreBound::Exclusive),
        text => parse_bound(text).map(ScoreBound::Inclusive),
    };
    bound.ok_or(NOT_A_SCORE_RANGE)
}

/// `1.5`, `(1.5`, `-inf`, …
fn score_range(min: &[u8], max: &[u8]) -> CmdResult<ScoreRange> {
    Ok(ScoreRange { min: score_bound(min)?, max: score_bound(max)? })
}

fn lex_bound(text: &[u8]) -> CmdResult<LexBound<'_>> {
    match text {
        // C sees a text end at a NUL.
        [b'+'] | [b'+', 0, ..] => Ok(LexBound::Last),
        [b'-'] | [b'-', 0, ..] => Ok(LexBound::First),
        [b'(', member @ ..] => Ok(LexBound::Exclusive(member)),
        [b'[', member @ ..] => Ok(LexBound::Inclusive(member)),
        _ => Err(NOT_A_LEX_RANGE),
    }
}

/// `[member`, `(member`, `-`, `+`
fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> CmdResult<LexRange<'a>> {
    Ok(LexRange { min: lex_bound(min)?, max: lex_bound(max)? })
}

/// The ranks from `start` to `stop`, both inclusive and counted from the end if negative.
fn ranks_between(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let start = if start < 0 { (len + start).max(0) } else { start };
    let stop = if stop < 0 { len + stop } else { stop.min(len - 1) };
    if start > stop || start >= len { 0..0 } else { start as usize..stop as usize + 1 }
}

/// Puts a result at `key`, or deletes the key if there is none, and answers with its size.
pub(super) fn store_result(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    members: Vec<(f64, Vec<u8>)>,
    event: &'static str,
) -> usize {
    let zset = Zset::from_members(members, ctx.encodings);
    store_zset(ctx, key, zset, event)
}

/// [`store_result`] of a sorted set that is complete.
pub(super) fn store_zset(ctx: &mut Ctx<'_>, key: &[u8], zset: Zset, event: &'static str) -> usize {
    let stored = zset.len();
    let existed = ctx.replace(key, zset);
    if stored > 0 {
        ctx.changed(key);
        ctx.notify(KeyspaceEvents::ZSET, event, key);
    } else if existed {
        ctx.changed(key);
        ctx.notify(KeyspaceEvents::GENERIC, "del", key);
    }
    ctx.out.integer(stored as i64);
    stored
}

/// `ZCARD key`. O(1).
pub(super) fn zcard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    out.integer(zset.map_or(0, Zset::len) as i64);
    Ok(())
}

/// `ZSCORE key member`. O(1).
pub(super) fn zscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    match zset.and_then(|zset| zset.score(args.get(2))) {
        Some(score) => write_score(out, score),
        None => out.null(),
    }
    Ok(())
}

/// `ZMSCORE key member [member ...]`. O(members).
pub(super) fn zmscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    out.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => write_score(out, score),
            None => out.null(),
        }
    }
    Ok(())
}

/// `ZRANK key member`. O(log n).
pub(super) fn zrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    rank(ctx, args, Direction::Forward)
}

/// `ZREVRANK key member`. O(log n).
pub(super) fn zrevrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    rank(ctx, args, Direction::Backward)
}

fn rank(ctx: &mut Ctx<'_>, args: &Args<'_>, direction: Direction) -> CmdResult {
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    match zset.and_then(|zset| Some((zset.rank(args.get(2))?, zset.len()))) {
        None => out.null(),
        Some((rank, _)) if direction == Direction::Forward => out.integer(rank as i64),
        Some((rank, len)) => out.integer((len - 1 - rank) as i64),
    }
    Ok(())
}

/// `ZCOUNT key min max`. O(log n).
pub(super) fn zcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let range = score_range(args.get(2), args.get(3))?;
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    out.integer(zset.map_or(0, |zset| zset.ranks_by_score(&range).len()) as i64);
    Ok(())
}

/// `ZLEXCOUNT key min max`. O(log n).
pub(super) fn zlexcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let range = lex_range(args.get(2), args.get(3))?;
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    out.integer(zset.map_or(0, |zset| zset.ranks_by_lex(&range, Direction::Forward).len()) as i64);
    Ok(())
}

/// Notes that `removed` members are gone, with the event for it.
fn note_removed(ctx: &mut Ctx<'_>, key: &[u8], removed: usize, event: &'static str) {
    if removed > 0 {
        ctx.changed(key);
        ctx.effects.dirty += removed as u64 - 1;
        ctx.notify(KeyspaceEvents::ZSET, event, key);
        ctx.drop_if_empty::<Zset>(key);
    }
}

/// `ZREM key member [member ...]`. O(members · log n).
pub(super) fn zrem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let removed = match ctx.edit::<Zset>(key)? {
        None => 0,
        Some((mut zset, _)) => args.from(2).filter(|member| zset.remove(member)).count(),
    };
    note_removed(ctx, key, removed, "zrem");
    ctx.out.integer(removed as i64);
    Ok(())
}

/// Removes the ranks that `ranks` picks.
fn remove_ranks(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    event: &'static str,
    ranks: impl FnOnce(&Zset) -> Range<usize>,
) -> CmdResult {
    let key = args.get(1);
    let removed = match ctx.edit::<Zset>(key)? {
        None => 0,
        Some((mut zset, _)) => {
            let ranks = ranks(&zset);
            zset.remove_ranks(ranks.clone());
            ranks.len()
        }
    };
    note_removed(ctx, key, removed, event);
    ctx.out.integer(removed as i64);
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`. O(log n), and the members removed.
pub(super) fn zremrangebyrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (start, stop) = (numbers::integer(args.get(2))?, numbers::integer(args.get(3))?);
    remove_ranks(ctx, args, "zremrangebyrank", |zset| ranks_between(start, stop, zset.len()))
}

/// `ZREMRANGEBYSCORE key min max`. O(log n), and the members removed.
pub(super) fn zremrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let range = score_range(args.get(2), args.get(3))?;
    remove_ranks(ctx, args, "zremrangebyscore", |zset| zset.ranks_by_score(&range))
}

/// `ZREMRANGEBYLEX key min max`. O(log n), and the members removed.
pub(super) fn zremrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let range = lex_range(args.get(2), args.get(3))?;
    remove_ranks(ctx, args, "zremrangebylex", |zset| zset.ranks_by_lex(&range, Direction::Forward))
}
