//! Streams: XADD, XREADGROUP and their kin.

use super::key_specs::{RO, RO_ACCESS, RW_UPDATE};
use super::{Command, Describe, Flags, Group, KeySpec, Run};
use crate::commands::streams::{
    add, claim, group, info, pending, read, xdel, xlen, xrange, xrevrange, xsetid,
};

const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.or(Flags::FAST);
const ANYTIME: Flags = Flags::LOADING.or(Flags::STALE);
const RW_DELETE: &[&str] = &["RW", "delete"];
const RW_INSERT: &[&str] = &["RW", "insert"];

const STREAM: &[&str] = &["@stream"];
const UNPREDICTABLE: &[&str] = &["nondeterministic_output"];

/// The key behind the name of a subcommand.
const fn second(flags: &'static [&'static str]) -> KeySpec {
    KeySpec::new(2, 2, 1, flags)
}

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("xadd", -5, Run::Data(add::xadd))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_UPDATE).note("update rather than insert, because it may trim")])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(1), and O(N) for N entries that are trimmed")
        .tips(UNPREDICTABLE)
        .takes(
            "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value \
             [field value ...]",
        )
        .does("Adds an entry to a stream, creating the stream unless told not to."),
    Command::new("xlen", 2, Run::Data(xlen))
        .flags(Flags::READONLY.or(Flags::FAST))
        .keys(&[KeySpec::first(RO)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .takes("key")
        .does("Returns how many entries a stream has."),
    Command::new("xrange", -4, Run::Data(xrange))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N entries returned")
        .takes("key start end [COUNT count]")
        .does("Returns the entries of a stream between two ids."),
    Command::new("xrevrange", -4, Run::Data(xrevrange))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N entries returned")
        .takes("key end start [COUNT count]")
        .does("Returns the entries of a stream between two ids, last to first."),
    Command::new("xdel", -3, Run::Data(xdel))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_DELETE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N ids")
        .takes("key id [id ...]")
        .does("Deletes entries and returns how many there were."),
    Command::new("xtrim", -4, Run::Data(add::xtrim))
        .flags(Flags::WRITE)
        .keys(&[KeySpec::first(RW_DELETE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N entries that are trimmed")
        .tips(UNPREDICTABLE)
        .takes("key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]")
        .does("Drops the oldest entries, down to a length or an id."),
    Command::new("xsetid", -3, Run::Data(xsetid))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .takes("key last-id [ENTRIESADDED entries_added] [MAXDELETEDID max_deleted_entry_id]")
        .does("Sets the id that new entries must exceed."),
    Command::new("xread", -4, Run::Data(read::xread))
        .flags(Flags::READONLY.or(Flags::BLOCKING).or(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::behind("STREAMS", 1, RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N entries returned")
        .takes("[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]")
        .does("Returns the entries behind an id of each stream, waiting for one if asked to."),
    Command::new("xreadgroup", -7, Run::Data(read::xreadgroup))
        .flags(Flags::WRITE.or(Flags::BLOCKING).or(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::behind("STREAMS", 4, RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N entries returned")
        .takes(
            "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]",
        )
        .does("Delivers new entries to a member of a group, or repeats what it has not acknowledged."),
    Command::new("xack", -4, Run::Data(pending::xack))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N ids")
        .takes("key group id [id ...]")
        .does("Acknowledges entries and returns how many of them were pending."),
    Command::new("xpending", -3, Run::Data(pending::xpending))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N entries looked at, O(M) for M consumers in the short form")
        .tips(UNPREDICTABLE)
        .takes("key group [[IDLE min-idle-time] start end count [consumer]]")
        .does("Tells what was delivered to a group and not acknowledged."),
    Command::new("xclaim", -6, Run::Data(claim::xclaim))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(log N) for N pending entries")
        .tips(UNPREDICTABLE)
        .takes(
            "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]",
        )
        .does("Gives pending entries to another consumer of the group."),
    Command::new("xautoclaim", -6, Run::Data(claim::xautoclaim))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_DELETE)])
        .group(Group::Stream, STREAM)
        .since("6.2.0")
        .cost("O(N) for a count of N")
        .tips(UNPREDICTABLE)
        .takes("key group consumer min-idle-time start [COUNT count] [JUSTID]")
        .does("Gives a consumer whatever has been pending for long enough, from an id on."),
    Command::new("xgroup", -2, Run::Container(XGROUP))
        .group(Group::Stream, &[])
        .since("5.0.0")
        .cost("As its subcommands")
        .does("Changes the consumer groups of a stream."),
    Command::new("xinfo", -2, Run::Container(XINFO))
        .group(Group::Stream, &[])
        .since("5.0.0")
        .cost("As its subcommands")
        .does("Tells what is known about a stream and its groups."),
];

const XGROUP: &[Command] = &[
    Command::new("xgroup|create", -5, Run::Data(group::create))
        .flags(GROW)
        .keys(&[second(RW_INSERT)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .takes("key groupname <id | $> [MKSTREAM] [ENTRIESREAD entries_read]")
        .does("Creates a group that reads from an id on."),
    Command::new("xgroup|createconsumer", 5, Run::Data(group::createconsumer))
        .flags(GROW)
        .keys(&[second(RW_INSERT)])
        .group(Group::Stream, STREAM)
        .since("6.2.0")
        .takes("key groupname consumername")
        .does("Adds a consumer to a group."),
    Command::new("xgroup|delconsumer", 5, Run::Data(group::delconsumer))
        .flags(Flags::WRITE)
        .keys(&[second(RW_DELETE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .takes("key groupname consumername")
        .does("Removes a consumer and returns how many entries were pending for it."),
    Command::new("xgroup|destroy", 4, Run::Data(group::destroy))
        .flags(Flags::WRITE)
        .keys(&[second(RW_DELETE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N pending entries")
        .takes("key groupname")
        .does("Removes a group."),
    Command::new("xgroup|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .does("Lists these subcommands."),
    Command::new("xgroup|setid", -5, Run::Data(group::setid))
        .flags(Flags::WRITE)
        .keys(&[second(RW_UPDATE)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .takes("key groupname <id | $> [ENTRIESREAD entries_read]")
        .does("Moves a group to an id."),
];

const XINFO: &[Command] = &[
    Command::new("xinfo|consumers", 4, Run::Data(info::consumers))
        .flags(Flags::READONLY)
        .keys(&[second(RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N consumers")
        .tips(UNPREDICTABLE)
        .takes("key groupname")
        .does("Lists the consumers of a group."),
    Command::new("xinfo|groups", 3, Run::Data(info::groups))
        .flags(Flags::READONLY)
        .keys(&[second(RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N groups")
        .takes("key")
        .does("Lists the groups of a stream."),
    Command::new("xinfo|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .does("Lists these subcommands."),
    Command::new("xinfo|stream", -3, Run::Data(info::stream))
        .flags(Flags::READONLY)
        .keys(&[second(RO_ACCESS)])
        .group(Group::Stream, STREAM)
        .since("5.0.0")
        .cost("O(N) for N nodes of the stream")
        .takes("key [FULL [COUNT count]]")
        .does("Tells the length, the ids and the counters of a stream."),
];
