//! HyperLogLog: PFADD and its kin, on strings.

use super::key_specs::RO_ACCESS;
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::hyperloglog;

const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("pfadd", -2, Run::Data(hyperloglog::pfadd))
        .flags(GROW.or(Flags::FAST))
        .keys(&[KeySpec::first(&["RW", "insert"])])
        .group(Group::Hyperloglog, &["@hyperloglog"])
        .since("2.8.9")
        .cost("O(N) for N elements")
        .takes("key [element [element ...]]")
        .does("Adds elements to a HyperLogLog; 1 if its estimate may have changed."),
    Command::new("pfcount", -2, Run::Data(hyperloglog::pfcount))
        .flags(Flags::READONLY.or(Flags::MAY_REPLICATE))
        .keys(&[KeySpec::new(1, -1, 1, &["RW", "access"])
            .note("a single key may get its estimate written into it, which replicas hear of")])
        .group(Group::Hyperloglog, &["@hyperloglog"])
        .since("2.8.9")
        .cost("O(1) for one key whose estimate is known, else O(N) for N keys")
        .takes("key [key ...]")
        .does("Estimates how many different elements were added to one HyperLogLog or to several."),
    Command::new("pfmerge", -2, Run::Data(hyperloglog::pfmerge))
        .flags(GROW)
        .keys(&[KeySpec::first(&["RW", "access", "insert"]), KeySpec::new(2, -1, 1, RO_ACCESS)])
        .group(Group::Hyperloglog, &["@hyperloglog"])
        .since("2.8.9")
        .cost("O(N) for N keys")
        .takes("destkey sourcekey [sourcekey ...]")
        .does("Merges HyperLogLogs into one."),
    Command::new("pfdebug", 3, Run::Data(hyperloglog::pfdebug))
        .flags(GROW.or(Flags::ADMIN))
        .keys(&[KeySpec::new(2, 2, 1, &["RW", "access"])])
        .group(Group::Hyperloglog, &["@hyperloglog"])
        .since("2.8.9")
        .cost("O(1)")
        .takes("subcommand key")
        .does("Shows how a HyperLogLog is stored (GETREG, DECODE, ENCODING, TODENSE)."),
    Command::new("pfselftest", 1, Run::Data(hyperloglog::pfselftest))
        .flags(Flags::ADMIN)
        .group(Group::Hyperloglog, &["@hyperloglog"])
        .since("2.8.9")
        .cost("O(1), some milliseconds")
        .does("Tests the HyperLogLog of this node."),
];
