//! ZADD and ZINCRBY.

use super::{number, write_score};
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::Args;
use crate::store::{Stored, Zset};

/// What a new score does to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Only {
    #[default]
    Any,
    IfMissing,
    IfPresent,
}

/// The options of ZADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::commands) struct Adding {
    only: Only,
    greater: bool,
    less: bool,
    increment: bool,
    count_changed: bool,
}

impl Adding {
    /// The options from argument 2 on, and where the first score stands.
    fn parse(args: &Args<'_>, increment: bool) -> CmdResult<(Self, usize)> {
        let mut adding = Self { increment, ..Self::default() };
        let (mut missing, mut present) = (false, false);
        let mut words = ArgCursor::new(args, 2);
        loop {
            match () {
                () if words.flag("NX") => missing = true,
                () if words.flag("XX") => present = true,
                () if words.flag("CH") => adding.count_changed = true,
                () if words.flag("INCR") => adding.increment = true,
                () if words.flag("GT") => adding.greater = true,
                () if words.flag("LT") => adding.less = true,
                () => break,
            }
        }
        if !words.has_more() || !words.left().is_multiple_of(2) {
            return Err(CmdError::Syntax);
        }
        if missing && present {
            return Err(CmdError::text("ERR XX and NX options at the same time are not compatible"));
        }
        if (missing && (adding.greater || adding.less)) || (adding.greater && adding.less) {
            return Err(CmdError::text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if adding.increment && words.left() > 2 {
            return Err(CmdError::text("ERR INCR option supports a single increment-element pair"));
        }
        adding.only = match (missing, present) {
            (true, _) => Only::IfMissing,
            (_, true) => Only::IfPresent,
            _ => Only::Any,
        };
        Ok((adding, words.at()))
    }

    /// The options of GEOADD: `NX`, `XX` and `CH`.
    pub(in crate::commands) fn of_geoadd(missing: bool, present: bool, count_changed: bool) -> Self {
        let only = match (missing, present) {
            (true, _) => Only::IfMissing,
            (_, true) => Only::IfPresent,
            _ => Only::Any,
        };
        Self { only, count_changed, ..Self::default() }
    }

    /// The score that a member gets, `None` if it is left alone.
    fn outcome(self, old: Option<f64>, score: f64) -> CmdResult<Option<f64>> {
        let Some(old) = old else {
            return Ok((self.only != Only::IfPresent).then_some(score));
        };
        if self.only == Only::IfMissing {
            return Ok(None);
        }
        let score = if self.increment { old + score } else { score };
        if score.is_nan() {
            return Err(CmdError::text("ERR resulting score is not a number (NaN)"));
        }
        let refused = (self.less && score >= old) || (self.greater && score <= old);
        Ok((!refused).then_some(score))
    }

    /// Adds members, or gives them other scores, and answers.
    pub(in crate::commands) fn run<'m>(
        self,
        ctx: &mut Ctx<'_>,
        key: &[u8],
        pairs: impl Iterator<Item = (f64, &'m [u8])>,
    ) -> CmdResult {
        let encodings = ctx.encodings;
        let (mut added, mut updated, mut last) = (0u64, 0u64, None);
        {
            // A key that would hold nothing must not come to be.
            let edit = if self.only == Only::IfPresent {
                ctx.edit::<Zset>(key)?
            } else {
                Some(ctx.edit_or_new::<Zset>(key)?)
            };
            if let Some((mut zset, _)) = edit {
                let plain = self == Self { count_changed: self.count_changed, ..Self::default() };
                for (score, member) in pairs {
                    let score = if plain { Some(score) } else { self.outcome(zset.score(member), score)? };
                    last = score;
                    let Some(score) = score else { continue };
                    match zset.set(member, score, encodings) {
                        Stored::Added => added += 1,
                        Stored::Updated => updated += 1,
                        Stored::Same => {}
                    }
                }
            }
        }
        match (self.increment, last) {
            (true, Some(score)) => write_score(ctx.out, score),
            (true, None) => ctx.out.null(),
            (false, _) if self.count_changed => ctx.out.integer((added + updated) as i64),
            (false, _) => ctx.out.integer(added as i64),
        }
        if added + updated > 0 {
            ctx.changed(key);
            ctx.effects.dirty += added + updated - 1;
            let event = if self.increment { "zincr" } else { "zadd" };
            ctx.notify(KeyspaceEvents::ZSET, event, key);
        }
        Ok(())
    }
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]`. O(members · log n).
///
/// # Errors
/// [`CmdError::Syntax`], options that contradict each other, [`CmdError::NotAFloat`], [`CmdError::WrongType`], or a
/// sum that is no number. Nothing is changed then.
pub(in crate::commands) fn zadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    add(ctx, args, false)
}

/// `ZINCRBY key increment member`. O(log n).
///
/// # Errors
/// As [`zadd`].
pub(in crate::commands) fn zincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    add(ctx, args, true)
}

fn add(ctx: &mut Ctx<'_>, args: &Args<'_>, increment: bool) -> CmdResult {
    let (adding, first) = Adding::parse(args, increment)?;
    let key = args.get(1);
    if args.len() - first == 2 {
        let pair = (number(args.get(first))?, args.get(first + 1));
        return adding.run(ctx, key, std::iter::once(pair));
    }
    // All scores are read before the first member is added: all of it is done, or nothing.
    let scores: Vec<f64> = args.from(first).step_by(2).map(number).collect::<CmdResult<_>>()?;
    adding.run(ctx, key, scores.into_iter().zip(args.from(first + 1).step_by(2)))
}
