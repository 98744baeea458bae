//! ZRANDMEMBER and ZSCAN.

use std::collections::BTreeSet;

use super::write_score;
use crate::commands::collection_scan::{self, Found};
use crate::commands::{CmdError, CmdResult, Ctx, numbers};
use crate::protocol::{Args, Replies};
use crate::store::{Direction, Item, Random, ScoreText, Zset};

/// Most picks that may repeat: an answer may be as large as the data, but not as large as somebody asks.
const PICKS_MAX: u64 = 1 << 20;

/// `ZRANDMEMBER key [count [WITHSCORES]]`: a negative count may pick a member more than once. O(count · log n).
pub(in crate::commands) fn zrandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    if args.len() > 2 {
        return several(ctx, args);
    }
    let random = ctx.random();
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    match zset.and_then(|zset| zset.at(below(random, zset.len()))) {
        Some((member, _)) => member.with(|member| out.bulk(member)),
        None => out.null(),
    }
    Ok(())
}

/// A number below `len`, from 64 random bits.
fn below(random: u64, len: usize) -> usize {
    ((u128::from(random) * len as u128) >> 64) as usize
}

fn several(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let count = numbers::integer(args.get(2))?;
    if count == i64::MIN {
        return Err(CmdError::text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_scores = args.len() == 4 && args.is(3, "WITHSCORES");
    if args.len() > 4 || (args.len() == 4 && !with_scores) {
        return Err(CmdError::Syntax);
    }
    if with_scores && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(CmdError::text("ERR value is out of range"));
    }
    let mut chance = Random::new(ctx.random());
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    let Some(zset) = zset else {
        out.array(0);
        return Ok(());
    };
    // A client that is cut off when too much waits for it may ask for any number.
    if count < 0 && count.unsigned_abs() > PICKS_MAX && !out.has_limit() {
        return Err(CmdError::text("ERR value is out of range"));
    }
    let mut random = |len| below(chance.bits(), len);
    let (len, count) = (zset.len(), count.unsigned_abs());
    let mut answer = Answer { out, with_scores };
    if count == 0 {
        answer.out.array(0);
    } else if args.get(2).starts_with(b"-") || count == 1 {
        answer.begin(count as usize);
        let _ = (0..count).filter_map(|_| zset.at(random(len))).all(|picked| {
            answer.put(picked);
            !answer.out.cut_short()
        });
    } else if count >= len as u64 {
        answer.begin(len);
        zset.range(0..len, Direction::Backward).for_each(|member| answer.put(member));
    } else {
        // Floyd's: the n-th of `count` ranks is picked among the first `len - count + n`, or is the last of those.
        let mut ranks = BTreeSet::new();
        for last in len - count as usize..len {
            let rank = random(last + 1);
            if !ranks.insert(rank) {
                ranks.insert(last);
            }
        }
        answer.begin(ranks.len());
        ranks.into_iter().filter_map(|rank| zset.at(rank)).for_each(|picked| answer.put(picked));
    }
    Ok(())
}

/// Members, with their scores if asked for: pairs in RESP3.
struct Answer<'a> {
    out: &'a mut Replies,
    with_scores: bool,
}

impl Answer<'_> {
    fn begin(&mut self, members: usize) {
        let flat = self.with_scores && !self.out.is_resp3();
        self.out.array(if flat { members * 2 } else { members });
    }

    fn put(&mut self, (member, score): (Item<'_>, f64)) {
        if self.with_scores && self.out.is_resp3() {
            self.out.array(2);
        }
        member.with(|member| self.out.bulk(member));
        if self.with_scores {
            write_score(self.out, score);
        }
    }
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count]`. O(count), or O(n) of a compact one.
pub(in crate::commands) fn zscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let cursor = collection_scan::cursor(args)?;
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    let Some(zset) = zset else {
        collection_scan::nothing(out);
        return Ok(());
    };
    let mut found = Found::by_options(args)?;
    let next = if let Some(pack) = zset.as_listpack() {
        // Scores as they are stored: an integer of 18 digits is not rounded here.
        let mut items = pack.iter();
        while let (Some(member), Some(score)) = (items.next(), items.next()) {
            member.with(|member| score.with(|score| found.pair(member, score)));
        }
        0
    } else {
        let count = found.count();
        zset.scan(cursor, count, |member, score| {
            member.with(|member| found.pair(member, ScoreText::new(score).as_bytes()));
        })
    };
    found.answer(next, out);
    Ok(())
}
