//! Strings: GET, SET and their kin.

use super::key_specs::{OW_INSERT, OW_UPDATE, RO, RO_ACCESS, RW_ACCESS_DELETE, RW_ACCESS_UPDATE, RW_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::{counters, lcs, ranges, set, strings};

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);
const GROW_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);

const SET_ARGUMENTS: &str = "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT \
    unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]";
const GETEX_ARGUMENTS: &str = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT \
    unix-time-milliseconds | PERSIST]";

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("get", 2, Run::Data(strings::get))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes("key")
        .does("Returns the string that a key holds, or null."),
    Command::new("set", -3, Run::Data(set::set))
        .flags(GROW)
        .keys(&[KeySpec::first(&["RW", "access", "update", "variable_flags"])
            .note("only the GET option reads the key")])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes(SET_ARGUMENTS)
        .does("Stores a string, whatever the key held; options set a condition or an expiry."),
    Command::new("setnx", 3, Run::Data(set::setnx))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(OW_INSERT)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes("key value")
        .does("Stores a string only if the key is free."),
    Command::new("setex", 4, Run::Data(set::setex))
        .flags(GROW)
        .keys(&[KeySpec::first(OW_UPDATE)])
        .group(Group::String, &["@string"])
        .since("2.0.0")
        .takes("key seconds value")
        .does("Stores a string that expires after some seconds."),
    Command::new("psetex", 4, Run::Data(set::psetex))
        .flags(GROW)
        .keys(&[KeySpec::first(OW_UPDATE)])
        .group(Group::String, &["@string"])
        .since("2.6.0")
        .takes("key milliseconds value")
        .does("Stores a string that expires after some milliseconds."),
    Command::new("getset", 3, Run::Data(set::getset))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .deprecated("6.2.0", "SET with GET")
        .takes("key value")
        .does("Stores a string and returns the one that it replaces."),
    Command::new("getdel", 2, Run::Data(strings::getdel))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE)])
        .group(Group::String, &["@string"])
        .since("6.2.0")
        .takes("key")
        .does("Returns a string and deletes its key."),
    Command::new("getex", -2, Run::Data(set::getex))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE).note("it changes the expiry alone")])
        .group(Group::String, &["@string"])
        .since("6.2.0")
        .takes(GETEX_ARGUMENTS)
        .does("Returns a string and sets or removes the expiry of its key."),
    Command::new("mget", -2, Run::Data(strings::mget))
        .flags(READ_FAST)
        .keys(&[KeySpec::new(1, -1, 1, RO_ACCESS)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .cost("O(N) for N keys")
        .tips(&["request_policy:multi_shard"])
        .takes("key [key ...]")
        .does("Returns the strings of several keys, null where there is none."),
    Command::new("mset", -3, Run::Data(strings::mset))
        .flags(GROW)
        .keys(&[KeySpec::new(1, -1, 2, OW_UPDATE)])
        .group(Group::String, &["@string"])
        .since("1.0.1")
        .cost("O(N) for N keys")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .takes("key value [key value ...]")
        .does("Stores several strings at once."),
    Command::new("msetnx", -3, Run::Data(strings::msetnx))
        .flags(GROW)
        .keys(&[KeySpec::new(1, -1, 2, OW_INSERT)])
        .group(Group::String, &["@string"])
        .since("1.0.1")
        .cost("O(N) for N keys")
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
        .takes("key value [key value ...]")
        .does("Stores several strings, or none of them if any of the keys is taken."),
    Command::new("append", 3, Run::Data(ranges::append))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(&["RW", "insert"])])
        .group(Group::String, &["@string"])
        .since("2.0.0")
        .cost("O(1) amortised, and the length of the value")
        .takes("key value")
        .does("Adds bytes to the end of a string and returns its new length."),
    Command::new("strlen", 2, Run::Data(strings::strlen))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::String, &["@string"])
        .since("2.2.0")
        .takes("key")
        .does("Returns the length of a string in bytes."),
    Command::new("getrange", 4, Run::Data(ranges::getrange))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::String, &["@string"])
        .since("2.4.0")
        .cost("O(N) for N bytes returned")
        .takes("key start end")
        .does("Returns a part of a string; negative positions count from its end."),
    Command::new("substr", 4, Run::Data(ranges::getrange))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .deprecated("2.0.0", "GETRANGE")
        .cost("O(N) for N bytes returned")
        .takes("key start end")
        .does("The old name of GETRANGE."),
    Command::new("setrange", 4, Run::Data(ranges::setrange))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::String, &["@string"])
        .since("2.2.0")
        .cost("O(1), and the length of the value")
        .takes("key offset value")
        .does("Overwrites a part of a string, padding it with zero bytes if it is too short."),
    Command::new("incr", 2, Run::Data(counters::incr))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes("key")
        .does("Adds one to the integer in a key."),
    Command::new("decr", 2, Run::Data(counters::decr))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes("key")
        .does("Subtracts one from the integer in a key."),
    Command::new("incrby", 3, Run::Data(counters::incrby))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes("key increment")
        .does("Adds an integer to the one in a key."),
    Command::new("decrby", 3, Run::Data(counters::decrby))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::String, &["@string"])
        .since("1.0.0")
        .takes("key decrement")
        .does("Subtracts an integer from the one in a key."),
    Command::new("incrbyfloat", 3, Run::Data(counters::incrbyfloat))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::String, &["@string"])
        .since("2.6.0")
        .takes("key increment")
        .does("Adds a decimal number to the one in a key."),
    Command::new("lcs", -3, Run::Data(lcs::lcs))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(1, 2, 1, RO_ACCESS)])
        .group(Group::String, &["@string"])
        .since("7.0.0")
        .cost("O(N*M) for strings of N and M bytes")
        .takes("key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]")
        .does("Finds the longest common subsequence of two strings."),
];
