//! Sorted sets: ZADD, ZRANGE and their kin.

use super::key_specs::{OW_UPDATE, RO, RO_ACCESS, RW_ACCESS_DELETE, RW_ACCESS_UPDATE, RW_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::sorted_sets as zsets;

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);
const GROW_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const WAIT_FAST: Flags = Flags::WRITE.or(Flags::NOSCRIPT).or(Flags::BLOCKING).or(Flags::FAST);
const RW_DELETE: &[&str] = &["RW", "delete"];

const SCORE_RANGE: &str = "key min max [WITHSCORES] [LIMIT offset count]";
const SCORE_RANGE_BACK: &str = "key max min [WITHSCORES] [LIMIT offset count]";
const COMBINED: &str = "numkeys key [key ...] [WEIGHTS weight [weight ...]] \
    [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]";
const COMBINED_STORE: &str = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] \
    [AGGREGATE <SUM | MIN | MAX>]";
const LOG: &str = "O(log(N)) for N members";
const LOG_EACH: &str = "O(log(N)) for each member, N of them in the set";
const LOG_AND_ANSWER: &str = "O(log(N)+M) for N members, M of them returned";
const LOG_AND_REMOVED: &str = "O(log(N)+M) for N members, M of them removed";

/// A command of this family, with one key.
const fn one(name: &'static str, arity: i16, run: Run, flags: Flags, specs: &'static [KeySpec]) -> Command {
    Command::new(name, arity, run).flags(flags).keys(specs).group(Group::SortedSet, &["@sortedset"])
}

/// A command of this family whose keys are counted by an argument.
const fn counted(
    name: &'static str,
    arity: i16,
    run: Run,
    flags: Flags,
    specs: &'static [KeySpec],
) -> Command {
    one(name, arity, run, flags.or(Flags::MOVABLEKEYS), specs)
}

const READS: &[KeySpec] = &[KeySpec::first(RO_ACCESS)];
const COUNTS: &[KeySpec] = &[KeySpec::counted(1, RO_ACCESS)];
const STORES: &[KeySpec] = &[KeySpec::first(OW_UPDATE), KeySpec::counted(2, RO_ACCESS)];

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    one("zadd", -4, Run::Data(zsets::zadd), GROW_FAST, &[KeySpec::first(RW_UPDATE)])
        .since("1.2.0")
        .cost(LOG_EACH)
        .takes("key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]")
        .does("Adds members with their scores, or changes the scores of those that are there."),
    one("zincrby", 4, Run::Data(zsets::zincrby), GROW_FAST, &[KeySpec::first(RW_ACCESS_UPDATE)])
        .since("1.2.0")
        .cost(LOG)
        .takes("key increment member")
        .does("Adds to the score of a member and returns the sum."),
    one("zrem", -3, Run::Data(zsets::zrem), WRITE_FAST, &[KeySpec::first(RW_DELETE)])
        .since("1.2.0")
        .cost(LOG_EACH)
        .takes("key member [member ...]")
        .does("Removes members and returns how many there were."),
    one("zcard", 2, Run::Data(zsets::zcard), READ_FAST, &[KeySpec::first(RO)])
        .since("1.2.0")
        .takes("key")
        .does("Returns the number of members."),
    one("zscore", 3, Run::Data(zsets::zscore), READ_FAST, READS)
        .since("1.2.0")
        .takes("key member")
        .does("Returns the score of a member, or null."),
    one("zmscore", -3, Run::Data(zsets::zmscore), READ_FAST, READS)
        .since("6.2.0")
        .cost("O(N) for N members asked for")
        .takes("key member [member ...]")
        .does("Returns the scores of several members, null where there is none."),
    one("zcount", 4, Run::Data(zsets::zcount), READ_FAST, READS)
        .since("2.0.0")
        .cost(LOG)
        .takes("key min max")
        .does("Counts the members whose scores lie in a range."),
    one("zlexcount", 4, Run::Data(zsets::zlexcount), READ_FAST, READS)
        .since("2.8.9")
        .cost(LOG)
        .takes("key min max")
        .does("Counts the members that lie in a range of texts, if all scores are equal."),
    one("zrank", 3, Run::Data(zsets::zrank), READ_FAST, READS)
        .since("2.0.0")
        .cost(LOG)
        .takes("key member")
        .does("Returns how many members have a lower score than this one."),
    one("zrevrank", 3, Run::Data(zsets::zrevrank), READ_FAST, READS)
        .since("2.0.0")
        .cost(LOG)
        .takes("key member")
        .does("Returns how many members have a higher score than this one."),
    one("zrange", -4, Run::Data(zsets::zrange), READ, READS)
        .since("1.2.0")
        .cost(LOG_AND_ANSWER)
        .takes("key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]")
        .does("Returns the members in a range of ranks, scores or texts."),
    one("zrevrange", -4, Run::Data(zsets::zrevrange), READ, READS)
        .since("1.2.0")
        .deprecated("6.2.0", "ZRANGE with REV")
        .cost(LOG_AND_ANSWER)
        .takes("key start stop [WITHSCORES]")
        .does("Returns the members in a range of ranks, the highest score first."),
    one("zrangebyscore", -4, Run::Data(zsets::zrangebyscore), READ, READS)
        .since("1.0.5")
        .deprecated("6.2.0", "ZRANGE with BYSCORE")
        .cost(LOG_AND_ANSWER)
        .takes(SCORE_RANGE)
        .does("Returns the members whose scores lie in a range."),
    one("zrevrangebyscore", -4, Run::Data(zsets::zrevrangebyscore), READ, READS)
        .since("2.2.0")
        .deprecated("6.2.0", "ZRANGE with REV and BYSCORE")
        .cost(LOG_AND_ANSWER)
        .takes(SCORE_RANGE_BACK)
        .does("Returns the members whose scores lie in a range, the highest first."),
    one("zrangebylex", -4, Run::Data(zsets::zrangebylex), READ, READS)
        .since("2.8.9")
        .deprecated("6.2.0", "ZRANGE with BYLEX")
        .cost(LOG_AND_ANSWER)
        .takes("key min max [LIMIT offset count]")
        .does("Returns the members that lie in a range of texts, if all scores are equal."),
    one("zrevrangebylex", -4, Run::Data(zsets::zrevrangebylex), READ, READS)
        .since("2.8.9")
        .deprecated("6.2.0", "ZRANGE with REV and BYLEX")
        .cost(LOG_AND_ANSWER)
        .takes("key max min [LIMIT offset count]")
        .does("Returns the members that lie in a range of texts, the last one first."),
    one(
        "zrangestore",
        -5,
        Run::Data(zsets::zrangestore),
        GROW,
        &[KeySpec::first(OW_UPDATE), KeySpec::new(2, 2, 1, RO_ACCESS)],
    )
    .since("6.2.0")
    .cost("O(log(N)+M) for N members, M of them stored")
    .takes("dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]")
    .does("Stores the members in a range at another key."),
    one("zremrangebyrank", 4, Run::Data(zsets::zremrangebyrank), Flags::WRITE, &[KeySpec::first(RW_DELETE)])
        .since("2.0.0")
        .cost(LOG_AND_REMOVED)
        .takes("key start stop")
        .does("Removes the members in a range of ranks."),
    one(
        "zremrangebyscore",
        4,
        Run::Data(zsets::zremrangebyscore),
        Flags::WRITE,
        &[KeySpec::first(RW_DELETE)],
    )
    .since("1.2.0")
    .cost(LOG_AND_REMOVED)
    .takes("key min max")
    .does("Removes the members whose scores lie in a range."),
    one("zremrangebylex", 4, Run::Data(zsets::zremrangebylex), Flags::WRITE, &[KeySpec::first(RW_DELETE)])
        .since("2.8.9")
        .cost(LOG_AND_REMOVED)
        .takes("key min max")
        .does("Removes the members that lie in a range of texts, if all scores are equal."),
    one("zpopmin", -2, Run::Data(zsets::zpopmin), WRITE_FAST, &[KeySpec::first(RW_ACCESS_DELETE)])
        .since("5.0.0")
        .cost(LOG_EACH)
        .takes("key [count]")
        .does("Removes the members with the lowest scores and returns them."),
    one("zpopmax", -2, Run::Data(zsets::zpopmax), WRITE_FAST, &[KeySpec::first(RW_ACCESS_DELETE)])
        .since("5.0.0")
        .cost(LOG_EACH)
        .takes("key [count]")
        .does("Removes the members with the highest scores and returns them."),
    one("bzpopmin", -3, Run::Data(zsets::bzpopmin), WAIT_FAST, &[KeySpec::new(1, -2, 1, RW_ACCESS_DELETE)])
        .since("5.0.0")
        .cost(LOG)
        .takes("key [key ...] timeout")
        .does("Removes the member with the lowest score, and waits for one if there is none."),
    one("bzpopmax", -3, Run::Data(zsets::bzpopmax), WAIT_FAST, &[KeySpec::new(1, -2, 1, RW_ACCESS_DELETE)])
        .since("5.0.0")
        .cost(LOG)
        .takes("key [key ...] timeout")
        .does("Removes the member with the highest score, and waits for one if there is none."),
    counted("zmpop", -4, Run::Data(zsets::zmpop), Flags::WRITE, &[KeySpec::counted(1, RW_ACCESS_DELETE)])
        .since("7.0.0")
        .cost("O(K)+O(M*log(N)) for K keys and M members removed of N")
        .takes("numkeys key [key ...] <MIN | MAX> [COUNT count]")
        .does("Removes members from the first sorted set that is not empty."),
    counted(
        "bzmpop",
        -5,
        Run::Data(zsets::bzmpop),
        Flags::WRITE.or(Flags::BLOCKING),
        &[KeySpec::counted(2, RW_ACCESS_DELETE)],
    )
    .since("7.0.0")
    .cost("O(K)+O(M*log(N)) for K keys and M members removed of N")
    .takes("timeout numkeys key [key ...] <MIN | MAX> [COUNT count]")
    .does("Removes members from the first sorted set that is not empty, and waits for one."),
    counted("zunion", -3, Run::Data(zsets::zunion), READ, COUNTS)
        .since("6.2.0")
        .cost("O(N)+O(M*log(M)) for N members in all, M in the result")
        .takes(COMBINED)
        .does("Returns the members of any of several sorted sets, their scores combined."),
    counted("zinter", -3, Run::Data(zsets::zinter), READ, COUNTS)
        .since("6.2.0")
        .cost("O(N*K)+O(M*log(M)) for N members of the smallest of K inputs, M in the result")
        .takes(COMBINED)
        .does("Returns the members that several sorted sets share, their scores combined."),
    counted("zdiff", -3, Run::Data(zsets::zdiff), READ, COUNTS)
        .since("6.2.0")
        .cost("O(N*K) for N members of the first of K inputs")
        .takes("numkeys key [key ...] [WITHSCORES]")
        .does("Returns the members of the first sorted set that are in none of the others."),
    counted("zintercard", -3, Run::Data(zsets::zintercard), READ, COUNTS)
        .since("7.0.0")
        .cost("O(N*K) for N members of the smallest of K inputs")
        .takes("numkeys key [key ...] [LIMIT limit]")
        .does("Counts the members that several sorted sets share, up to a limit."),
    counted("zunionstore", -4, Run::Data(zsets::zunionstore), GROW, STORES)
        .since("2.0.0")
        .cost("O(N)+O(M*log(M)) for N members in all, M in the result")
        .takes(COMBINED_STORE)
        .does("Stores the members of any of several sorted sets, their scores combined."),
    counted("zinterstore", -4, Run::Data(zsets::zinterstore), GROW, STORES)
        .since("2.0.0")
        .cost("O(N*K)+O(M*log(M)) for N members of the smallest of K inputs, M in the result")
        .takes(COMBINED_STORE)
        .does("Stores the members that several sorted sets share, their scores combined."),
    counted("zdiffstore", -4, Run::Data(zsets::zdiffstore), GROW, STORES)
        .since("6.2.0")
        .cost("O(N*K) for N members of the first of K inputs")
        .takes("destination numkeys key [key ...]")
        .does("Stores the members of the first sorted set that are in none of the others."),
    one("zrandmember", -2, Run::Data(zsets::zrandmember), READ, READS)
        .since("6.2.0")
        .cost("O(N*log(M)) for N members returned of M")
        .tips(&["nondeterministic_output"])
        .takes("key [count [WITHSCORES]]")
        .does("Returns members picked at random."),
    one("zscan", -3, Run::Data(zsets::zscan), READ, READS)
        .since("2.8.0")
        .cost("O(1) for each call, O(N) for a walk over N members")
        .tips(&["nondeterministic_output"])
        .takes("key cursor [MATCH pattern] [COUNT count]")
        .does("Walks over the members in steps."),
];
