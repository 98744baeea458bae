//! Sets: SADD, SINTER and their kin.

use super::key_specs::{OW_UPDATE, RO, RO_ACCESS, RW_ACCESS_DELETE, RW_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::{random_elements, set_algebra, set_pop, sets};

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);
const RW_INSERT: &[&str] = &["RW", "insert"];
const RW_DELETE: &[&str] = &["RW", "delete"];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const ANY_OUTPUT: &[&str] = &["nondeterministic_output"];
const SMALLEST: &str = "O(N*M) for M sets, the smallest of which has N members";
const ALL: &str = "O(N) for N members in all sets together";

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("sadd", -3, Run::Data(sets::sadd))
        .flags(GROW.or(Flags::FAST))
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::Set, &["@set"])
        .cost("O(N) for N members given")
        .takes("key member [member ...]")
        .does("Adds members to a set and returns how many of them are new."),
    Command::new("srem", -3, Run::Data(sets::srem))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_DELETE)])
        .group(Group::Set, &["@set"])
        .cost("O(N) for N members given")
        .takes("key member [member ...]")
        .does("Removes members of a set and returns how many there were."),
    Command::new("sismember", 3, Run::Data(sets::sismember))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::Set, &["@set"])
        .takes("key member")
        .does("Says whether a set has a member."),
    Command::new("smismember", -3, Run::Data(sets::smismember))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .since("6.2.0")
        .cost("O(N) for N members given")
        .takes("key member [member ...]")
        .does("Says of several members whether a set has them."),
    Command::new("scard", 2, Run::Data(sets::scard))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::Set, &["@set"])
        .takes("key")
        .does("Returns the number of members of a set."),
    Command::new("smembers", 2, Run::Data(sets::smembers))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost("O(N) for a set of N members")
        .tips(ANY_ORDER)
        .takes("key")
        .does("Returns all members of a set."),
    Command::new("smove", 4, Run::Data(sets::smove))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, RW_INSERT)])
        .group(Group::Set, &["@set"])
        .takes("source destination member")
        .does("Moves a member from one set to another."),
    Command::new("spop", -2, Run::Data(set_pop::spop))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE)])
        .group(Group::Set, &["@set"])
        .cost("O(N) for N members returned")
        .tips(ANY_OUTPUT)
        .takes("key [count]")
        .does("Removes random members of a set and returns them."),
    Command::new("srandmember", -2, Run::Data(random_elements::srandmember))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost("O(N) for N members returned")
        .tips(ANY_OUTPUT)
        .takes("key [count]")
        .does("Returns random members of a set; a negative count allows repetitions."),
    Command::new("sinter", -2, Run::Data(set_algebra::sinter))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(1, -1, 1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost(SMALLEST)
        .tips(ANY_ORDER)
        .takes("key [key ...]")
        .does("Returns the members that all of the sets have."),
    Command::new("sinterstore", -3, Run::Data(set_algebra::sinterstore))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_UPDATE), KeySpec::new(2, -1, 1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost(SMALLEST)
        .takes("destination key [key ...]")
        .does("Stores the members that all of the sets have."),
    Command::new("sintercard", -3, Run::Data(set_algebra::sintercard))
        .flags(Flags::READONLY.or(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .since("7.0.0")
        .cost(SMALLEST)
        .takes("numkeys key [key ...] [LIMIT limit]")
        .does("Returns the number of members that all of the sets have."),
    Command::new("sunion", -2, Run::Data(set_algebra::sunion))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(1, -1, 1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost(ALL)
        .tips(ANY_ORDER)
        .takes("key [key ...]")
        .does("Returns the members that any of the sets has."),
    Command::new("sunionstore", -3, Run::Data(set_algebra::sunionstore))
        .flags(GROW)
        .keys(&[KeySpec::first(OW_UPDATE), KeySpec::new(2, -1, 1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost(ALL)
        .takes("destination key [key ...]")
        .does("Stores the members that any of the sets has."),
    Command::new("sdiff", -2, Run::Data(set_algebra::sdiff))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(1, -1, 1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost(ALL)
        .tips(ANY_ORDER)
        .takes("key [key ...]")
        .does("Returns the members of the first set that none of the others has."),
    Command::new("sdiffstore", -3, Run::Data(set_algebra::sdiffstore))
        .flags(GROW)
        .keys(&[KeySpec::first(OW_UPDATE), KeySpec::new(2, -1, 1, RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .cost(ALL)
        .takes("destination key [key ...]")
        .does("Stores the members of the first set that none of the others has."),
    Command::new("sscan", -3, Run::Data(sets::sscan))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Set, &["@set"])
        .since("2.8.0")
        .cost("O(1) for each call, O(N) for a whole walk over N members")
        .tips(ANY_OUTPUT)
        .takes("key cursor [MATCH pattern] [COUNT count]")
        .does("Walks over the members of a set, some of them with each call."),
];
