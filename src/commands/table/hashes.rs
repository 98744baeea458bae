//! Hashes: HSET, HGETALL and their kin.

use super::key_specs::{RO, RO_ACCESS, RW_ACCESS_UPDATE, RW_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::{hash_counters, hashes, random_elements};

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const GROW_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const RW_INSERT: &[&str] = &["RW", "insert"];
const RW_DELETE: &[&str] = &["RW", "delete"];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const ANY_OUTPUT: &[&str] = &["nondeterministic_output"];

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("hset", -4, Run::Data(hashes::hset))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .cost("O(N) for N fields given")
        .takes("key field value [field value ...]")
        .does("Sets fields of a hash and returns how many of them are new."),
    Command::new("hmset", -4, Run::Data(hashes::hmset))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .deprecated("4.0.0", "HSET with several fields")
        .cost("O(N) for N fields given")
        .takes("key field value [field value ...]")
        .does("The old form of HSET: it does not say how many fields are new."),
    Command::new("hsetnx", 4, Run::Data(hashes::hsetnx))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .takes("key field value")
        .does("Sets a field of a hash only if there is none of this name."),
    Command::new("hget", 3, Run::Data(hashes::hget))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .takes("key field")
        .does("Returns the value of a field, or null."),
    Command::new("hmget", -3, Run::Data(hashes::hmget))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .cost("O(N) for N fields given")
        .takes("key field [field ...]")
        .does("Returns the values of several fields, null where there is none."),
    Command::new("hgetall", 2, Run::Data(hashes::hgetall))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .cost("O(N) for a hash of N fields")
        .tips(ANY_ORDER)
        .takes("key")
        .does("Returns all fields of a hash with their values."),
    Command::new("hkeys", 2, Run::Data(hashes::hkeys))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .cost("O(N) for a hash of N fields")
        .tips(ANY_ORDER)
        .takes("key")
        .does("Returns the names of all fields of a hash."),
    Command::new("hvals", 2, Run::Data(hashes::hvals))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .cost("O(N) for a hash of N fields")
        .tips(ANY_ORDER)
        .takes("key")
        .does("Returns the values of all fields of a hash."),
    Command::new("hlen", 2, Run::Data(hashes::hlen))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .takes("key")
        .does("Returns the number of fields of a hash."),
    Command::new("hstrlen", 3, Run::Data(hashes::hstrlen))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::Hash, &["@hash"])
        .since("3.2.0")
        .takes("key field")
        .does("Returns the length of a field's value in bytes."),
    Command::new("hexists", 3, Run::Data(hashes::hexists))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .takes("key field")
        .does("Says whether a hash has a field."),
    Command::new("hdel", -3, Run::Data(hashes::hdel))
        .flags(Flags::WRITE.or(Flags::FAST))
        .keys(&[KeySpec::first(RW_DELETE)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .cost("O(N) for N fields given")
        .takes("key field [field ...]")
        .does("Removes fields of a hash and returns how many there were."),
    Command::new("hincrby", 4, Run::Data(hash_counters::hincrby))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::Hash, &["@hash"])
        .since("2.0.0")
        .takes("key field increment")
        .does("Adds an integer to the one in a field."),
    Command::new("hincrbyfloat", 4, Run::Data(hash_counters::hincrbyfloat))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::Hash, &["@hash"])
        .since("2.6.0")
        .takes("key field increment")
        .does("Adds a decimal number to the one in a field."),
    Command::new("hscan", -3, Run::Data(hashes::hscan))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("2.8.0")
        .cost("O(1) for each call, O(N) for a whole walk over N fields")
        .tips(ANY_OUTPUT)
        .takes("key cursor [MATCH pattern] [COUNT count]")
        .does("Walks over the fields of a hash, some of them with each call."),
    Command::new("hrandfield", -2, Run::Data(random_elements::hrandfield))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Hash, &["@hash"])
        .since("6.2.0")
        .cost("O(N) for N fields returned")
        .tips(ANY_OUTPUT)
        .takes("key [count [WITHVALUES]]")
        .does("Returns random fields of a hash; a negative count allows repetitions."),
];
