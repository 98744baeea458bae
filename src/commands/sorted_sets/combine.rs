//! ZUNION, ZINTER and ZDIFF with all their forms. Plain sets may take part: their members score 1.

use foldhash::quality::FixedState;
use hashbrown::HashMap;

use super::{number, store_result, write_score};
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, numbers};
use crate::protocol::Args;
use crate::store::{Item, Set, ValueRef, Zset};

const HASHER: FixedState = FixedState::with_seed(0x2B2E_AE3A_91C5_40D7);

/// What becomes of several inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// Where the result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Answer,
    Store,
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn combine(self, a: f64, b: f64) -> f64 {
        match self {
            // Of opposite infinities comes zero.
            Self::Sum if (a + b).is_nan() => 0.0,
            Self::Sum => a + b,
            Self::Min if b < a => b,
            Self::Max if b > a => b,
            Self::Min | Self::Max => a,
        }
    }
}

/// What a key holds that takes part.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Missing,
    Zset(&'a Zset),
    Set(&'a Set),
}

impl<'a> Source<'a> {
    fn of(value: ValueRef<'a>) -> CmdResult<Self> {
        match value {
            ValueRef::Zset(zset) => Ok(Self::Zset(zset)),
            ValueRef::Set(set) => Ok(Self::Set(set)),
            _ => Err(CmdError::WrongType),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Zset(zset) => zset.len(),
            Self::Set(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Zset(zset) => zset.score(member),
            Self::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    fn members(self) -> Box<dyn Iterator<Item = (Item<'a>, f64)> + 'a> {
        match self {
            Self::Missing => Box::new(std::iter::empty()),
            Self::Zset(zset) => Box::new(zset.iter()),
            Self::Set(set) => Box::new(set.iter().map(|member| (member, 1.0))),
        }
    }
}

/// An input with its weight.
#[derive(Debug, Clone, Copy)]
struct Input<'a> {
    source: Source<'a>,
    weight: f64,
}

/// Zero times infinity is zero here.
fn weighed(weight: f64, score: f64) -> f64 {
    let product = weight * score;
    if product.is_nan() { 0.0 } else { product }
}

#[derive(Debug)]
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0 for none.
    limit: usize,
}

impl Options {
    fn parse(mut words: ArgCursor<'_>, keys: usize, operation: Operation, goal: Goal) -> CmdResult<Self> {
        let mut options =
            Self { weights: vec![1.0; keys], aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        let combines = operation != Operation::Diff && goal != Goal::Count;
        while words.has_more() {
            if combines && words.option_before("WEIGHTS", keys) {
                for (weight, text) in options.weights.iter_mut().zip(&mut words) {
                    *weight = number(text).map_err(|_| CmdError::text("ERR weight value is not a float"))?;
                }
            } else if combines && let Some([word]) = words.option("AGGREGATE") {
                options.aggregate = match word {
                    word if word.eq_ignore_ascii_case(b"SUM") => Aggregate::Sum,
                    word if word.eq_ignore_ascii_case(b"MIN") => Aggregate::Min,
                    word if word.eq_ignore_ascii_case(b"MAX") => Aggregate::Max,
                    _ => return Err(CmdError::Syntax),
                };
            } else if goal == Goal::Answer && words.flag("WITHSCORES") {
                options.with_scores = true;
            } else if goal == Goal::Count
                && let Some([limit]) = words.option("LIMIT")
            {
                let limit = numbers::integer(limit).ok();
                options.limit = limit
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or(CmdError::text("ERR LIMIT can't be negative"))?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }
}

type Members = Vec<(f64, Vec<u8>)>;

fn union(inputs: &[Input<'_>], aggregate: Aggregate) -> Members {
    let mut scores: HashMap<Vec<u8>, f64, FixedState> = HashMap::with_hasher(HASHER);
    for input in inputs {
        for (member, score) in input.source.members() {
            let score = weighed(input.weight, score);
            member.with(|member| match scores.get_mut(member) {
                Some(sum) => *sum = aggregate.combine(*sum, score),
                None => drop(scores.insert(member.to_vec(), score)),
            });
        }
    }
    scores.into_iter().map(|(member, score)| (score, member)).collect()
}

/// Hands each common member with its score to `found`, until that returns `false`.
fn inter(inputs: &[Input<'_>], aggregate: Aggregate, mut found: impl FnMut(&[u8], f64) -> bool) {
    let Some((smallest, others)) = inputs.split_first() else { return };
    for (member, score) in smallest.source.members() {
        let more = member.with(|member| {
            let mut sum = weighed(smallest.weight, score);
            for other in others {
                let Some(score) = other.source.score(member) else { return true };
                sum = aggregate.combine(sum, score * other.weight);
            }
            found(member, sum)
        });
        if !more {
            return;
        }
    }
}

fn diff(inputs: &[Input<'_>]) -> Members {
    let Some((first, others)) = inputs.split_first() else { return Vec::new() };
    let is_left = |member: &[u8]| others.iter().all(|other| other.source.score(member).is_none());
    let left = first.source.members().filter(|(member, _)| member.with(is_left));
    left.map(|(member, score)| (score, member.bytes().into_owned())).collect()
}

fn combine(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    operation: Operation,
    goal: Goal,
    name: &'static str,
) -> CmdResult {
    let keys_at = if goal == Goal::Store { 3 } else { 2 };
    let keys = numbers::integer(args.get(keys_at - 1))?;
    if keys < 1 {
        return Err(format!("ERR at least 1 input key is needed for '{name}' command").into());
    }
    let keys = usize::try_from(keys).unwrap_or(usize::MAX);
    if keys > args.len() - keys_at {
        return Err(CmdError::Syntax);
    }
    // Twice: noting accesses and expiry changes the context, and then all of them are looked at together.
    let mut is_there = Vec::with_capacity(keys);
    for key in args.from(keys_at).take(keys) {
        let found = ctx.read(key);
        found.map(|entry| Source::of(entry.value())).transpose()?;
        is_there.push(found.is_some());
    }
    let options = Options::parse(ArgCursor::new(args, keys_at + keys), keys, operation, goal)?;
    let keyspace = ctx.store.db(ctx.db);
    let mut inputs = Vec::with_capacity(keys);
    for ((key, is_there), weight) in args.from(keys_at).zip(is_there).zip(options.weights) {
        let found = keyspace.get(keyspace.hash(key), key).filter(|_| is_there);
        let source = found.map_or(Ok(Source::Missing), |entry| Source::of(entry.value()))?;
        inputs.push(Input { source, weight });
    }
    if operation != Operation::Diff {
        // Sums are rounded, so the order in which they are made up shows.
        inputs.sort_by_key(|input| input.source.len());
    }
    if goal == Goal::Count {
        let mut count = 0;
        inter(&inputs, options.aggregate, |_, _| {
            count += 1;
            count != options.limit
        });
        ctx.out.integer(count as i64);
        return Ok(());
    }
    let mut members = Vec::new();
    match operation {
        Operation::Union => members = union(&inputs, options.aggregate),
        Operation::Diff => members = diff(&inputs),
        Operation::Inter => inter(&inputs, options.aggregate, |member, score| {
            members.push((score, member.to_vec()));
            true
        }),
    }
    if goal == Goal::Store {
        store_result(ctx, args.get(1), members, name);
    } else {
        answer(ctx, members, options.with_scores);
    }
    Ok(())
}

fn answer(ctx: &mut Ctx<'_>, mut members: Members, with_scores: bool) {
    members.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal).then(a.1.cmp(&b.1)));
    let pairs = with_scores && ctx.out.is_resp3();
    ctx.out.array(if with_scores && !pairs { members.len() * 2 } else { members.len() });
    for (score, member) in members {
        if pairs {
            ctx.out.array(2);
        }
        ctx.out.bulk(&member);
        if with_scores {
            write_score(ctx.out, score);
        }
    }
}

/// `ZUNION numkeys key [key ...] [WEIGHTS …] [AGGREGATE …] [WITHSCORES]`. O(n · log n) of all members.
pub(in crate::commands) fn zunion(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Union, Goal::Answer, "zunion")
}

/// `ZINTER numkeys key [key ...] [WEIGHTS …] [AGGREGATE …] [WITHSCORES]`. O(keys) for each member of the smallest.
pub(in crate::commands) fn zinter(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Inter, Goal::Answer, "zinter")
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`. O(keys) for each member of the first.
pub(in crate::commands) fn zdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Diff, Goal::Answer, "zdiff")
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`. O(keys) for each member of the smallest.
pub(in crate::commands) fn zintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Inter, Goal::Count, "zintercard")
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS …] [AGGREGATE …]`. As ZUNION.
pub(in crate::commands) fn zunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Union, Goal::Store, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS …] [AGGREGATE …]`. As ZINTER.
pub(in crate::commands) fn zinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Inter, Goal::Store, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key ...]`. As ZDIFF.
pub(in crate::commands) fn zdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    combine(ctx, args, Operation::Diff, Goal::Store, "zdiffstore")
}
