//! ZRANGE in all its forms.

use std::ops::Range;

use super::{lex_range, ranks_between, score_range, store_zset, write_score};
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, numbers};
use crate::protocol::Args;
use crate::store::{Direction, LexRange, ScoreRange, Zset};

/// What the two ends of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name fixes already.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Where the source stands; the ends of the range follow.
    source: usize,
    by: Option<By>,
    direction: Option<Direction>,
    stores: bool,
}

#[derive(Debug, Clone, Copy)]
enum Ends<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

/// A range that was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    ends: Ends<'a>,
    direction: Direction,
    with_scores: bool,
    offset: i64,
    /// Negative for all.
    limit: i64,
}

impl<'a> Asked<'a> {
    fn parse(args: &Args<'a>, form: Form) -> CmdResult<Self> {
        let Form { source, mut by, mut direction, stores } = form;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut words = ArgCursor::new(args, source + 3);
        while words.has_more() {
            if !stores && words.flag("WITHSCORES") {
                with_scores = true;
            } else if let Some([skipped, most]) = words.option("LIMIT") {
                (offset, limit) = (numbers::integer(skipped)?, numbers::integer(most)?);
            } else if direction.is_none() && words.flag("REV") {
                direction = Some(Direction::Backward);
            } else if by.is_none() && words.flag("BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && words.flag("BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        let (by, direction) = (by.unwrap_or(By::Rank), direction.unwrap_or(Direction::Forward));
        if limit != -1 && by == By::Rank {
            return Err(CmdError::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(CmdError::text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (mut min, mut max) = (args.get(source + 1), args.get(source + 2));
        if direction == Direction::Backward && by != By::Rank {
            (min, max) = (max, min);
        }
        let ends = match by {
            By::Rank => Ends::Rank(numbers::integer(min)?, numbers::integer(max)?),
            By::Score => Ends::Score(score_range(min, max)?),
            By::Lex => Ends::Lex(lex_range(min, max)?),
        };
        Ok(Self { ends, direction, with_scores, offset, limit })
    }

    /// The ranks that it comes to.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let ranks = match self.ends {
            Ends::Rank(start, stop) => {
                let ranks = ranks_between(start, stop, zset.len());
                return match self.direction {
                    Direction::Forward => ranks,
                    Direction::Backward => zset.len() - ranks.end..zset.len() - ranks.start,
                };
            }
            Ends::Score(range) => zset.ranks_by_score(&range),
            Ends::Lex(range) => zset.ranks_by_lex(&range, self.direction),
        };
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let offset = offset.min(ranks.len());
        let count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - offset);
        match self.direction {
            Direction::Forward => ranks.start + offset..ranks.start + offset + count,
            Direction::Backward => ranks.end - offset - count..ranks.end - offset,
        }
    }
}

fn answer(ctx: &mut Ctx<'_>, args: &Args<'_>, by: Option<By>, direction: Option<Direction>) -> CmdResult {
    let asked = Asked::parse(args, Form { source: 1, by, direction, stores: false })?;
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    let Some(zset) = zset else {
        out.array(0);
        return Ok(());
    };
    let ranks = asked.ranks(zset);
    let pairs = asked.with_scores && out.is_resp3();
    out.array(if asked.with_scores && !pairs { ranks.len() * 2 } else { ranks.len() });
    for (member, score) in zset.range(ranks, asked.direction) {
        if pairs {
            out.array(2);
        }
        member.with(|member| out.bulk(member));
        if asked.with_scores {
            write_score(out, score);
        }
    }
    Ok(())
}

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`. O(log n), and the answer.
pub(in crate::commands) fn zrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]`. O(log n), and the answer.
pub(in crate::commands) fn zrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, Some(By::Rank), Some(Direction::Backward))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`. O(log n), and the answer.
pub(in crate::commands) fn zrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, Some(By::Score), Some(Direction::Forward))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`. O(log n), and the answer.
pub(in crate::commands) fn zrevrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, Some(By::Score), Some(Direction::Backward))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`. O(log n), and the answer.
pub(in crate::commands) fn zrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, Some(By::Lex), Some(Direction::Forward))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`. O(log n), and the answer.
pub(in crate::commands) fn zrevrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer(ctx, args, Some(By::Lex), Some(Direction::Backward))
}

/// `ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]`. O(log n), and the members stored.
pub(in crate::commands) fn zrangestore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let asked = Asked::parse(args, Form { source: 2, by: None, direction: None, stores: true })?;
    let encodings = ctx.encodings;
    let (zset, _) = ctx.read_as::<Zset>(args.get(2))?;
    // One by one, as Redis does: a negative zero loses its sign in a compact one, even if that becomes large later.
    let mut stored = Zset::default();
    if let Some(zset) = zset {
        let ranks = asked.ranks(zset);
        if matches!(asked.ends, Ends::Rank(..)) && ranks.len() as u64 > encodings.zset_max_listpack_entries {
            stored.expand();
        }
        for (member, score) in zset.range(ranks, asked.direction) {
            member.with(|member| stored.set(member, score, encodings));
        }
    }
    store_zset(ctx, args.get(1), stored, "zrangestore");
    Ok(())
}
