//! Bitmaps: SETBIT, BITCOUNT and their kin, on strings.

use super::key_specs::{OW_UPDATE, RO_ACCESS, RW_ACCESS_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::{bitfield, bitmaps};

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);

const BITFIELD_ARGUMENTS: &str = "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding \
    offset value | INCRBY encoding offset increment> ...]";

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("setbit", 4, Run::Data(bitmaps::setbit))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::Bitmap, &["@bitmap"])
        .since("2.2.0")
        .takes("key offset value")
        .does("Sets or clears one bit of a string and returns what it was."),
    Command::new("getbit", 3, Run::Data(bitmaps::getbit))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Bitmap, &["@bitmap"])
        .since("2.2.0")
        .takes("key offset")
        .does("Returns one bit of a string."),
    Command::new("bitcount", -2, Run::Data(bitmaps::bitcount))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Bitmap, &["@bitmap"])
        .since("2.6.0")
        .cost("O(N) for N bytes in the range")
        .takes("key [start end [BYTE | BIT]]")
        .does("Counts the bits that are set in a string or a part of it."),
    Command::new("bitpos", -3, Run::Data(bitmaps::bitpos))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Bitmap, &["@bitmap"])
        .since("2.8.7")
        .cost("O(N) for N bytes in the range")
        .takes("key bit [start [end [BYTE | BIT]]]")
        .does("Returns the place of the first bit that is set, or clear."),
    Command::new("bitop", -4, Run::Data(bitmaps::bitop))
        .flags(GROW)
        .keys(&[KeySpec::new(2, 2, 1, OW_UPDATE), KeySpec::new(3, -1, 1, RO_ACCESS)])
        .group(Group::Bitmap, &["@bitmap"])
        .since("2.6.0")
        .cost("O(N) for N bytes of all sources")
        .takes("operation destkey key [key ...]")
        .does("Combines strings bit by bit (AND, OR, XOR, NOT) and stores the result."),
    Command::new("bitfield", -2, Run::Data(bitfield::bitfield))
        .flags(GROW)
        .keys(&[KeySpec::first(&["RW", "access", "update", "variable_flags"])
            .note("the key is only read if every operation is a GET")])
        .group(Group::Bitmap, &["@bitmap"])
        .since("3.2.0")
        .cost("O(1) for each operation")
        .takes(BITFIELD_ARGUMENTS)
        .does("Reads, sets and adds to integers of any width inside a string."),
    Command::new("bitfield_ro", -2, Run::Data(bitfield::bitfield_ro))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Bitmap, &["@bitmap"])
        .since("6.0.0")
        .cost("O(1) for each operation")
        .takes("key [GET encoding offset [GET encoding offset ...]]")
        .does("Reads integers of any width inside a string."),
];
