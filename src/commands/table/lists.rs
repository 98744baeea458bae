//! Lists: LPUSH, LRANGE, BLPOP and their kin.

use super::key_specs::{RO, RO_ACCESS, RW_ACCESS_DELETE, RW_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::{list_moves, lists};

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);
const GROW_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const BLOCK: Flags = Flags::WRITE.or(Flags::NOSCRIPT).or(Flags::BLOCKING);

const RW_INSERT: &[&str] = &["RW", "insert"];

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("lpush", -3, Run::Data(lists::lpush))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements added")
        .takes("key element [element ...]")
        .does("Adds elements at the head of a list, one after the other, and returns its length."),
    Command::new("rpush", -3, Run::Data(lists::rpush))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements added")
        .takes("key element [element ...]")
        .does("Adds elements at the tail of a list, one after the other, and returns its length."),
    Command::new("lpushx", -3, Run::Data(lists::lpushx))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("2.2.0")
        .cost("O(N) for N elements added")
        .takes("key element [element ...]")
        .does("Adds elements at the head of a list only if it is there."),
    Command::new("rpushx", -3, Run::Data(lists::rpushx))
        .flags(GROW_FAST)
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("2.2.0")
        .cost("O(N) for N elements added")
        .takes("key element [element ...]")
        .does("Adds elements at the tail of a list only if it is there."),
    Command::new("lpop", -2, Run::Data(lists::lpop))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements returned")
        .takes("key [count]")
        .does("Removes elements from the head of a list and returns them."),
    Command::new("rpop", -2, Run::Data(lists::rpop))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements returned")
        .takes("key [count]")
        .does("Removes elements from the tail of a list and returns them."),
    Command::new("llen", 2, Run::Data(lists::llen))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .takes("key")
        .does("Returns the length of a list."),
    Command::new("lrange", 4, Run::Data(lists::lrange))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(S+N) for N elements that begin S elements from the nearer end")
        .takes("key start stop")
        .does("Returns a range of a list; negative indexes count from its tail."),
    Command::new("lindex", 3, Run::Data(lists::lindex))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements to the nearer end")
        .takes("key index")
        .does("Returns one element of a list; negative indexes count from its tail."),
    Command::new("lset", 4, Run::Data(lists::lset))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements to the nearer end")
        .takes("key index element")
        .does("Replaces one element of a list."),
    Command::new("linsert", 5, Run::Data(lists::linsert))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("2.2.0")
        .cost("O(N) for N elements before the pivot")
        .takes("key <BEFORE | AFTER> pivot element")
        .does("Adds an element before or after the first one equal to the pivot."),
    Command::new("lrem", 4, Run::Data(lists::lrem))
        .flags(Flags::WRITE)
        .keys(&[KeySpec::first(&["RW", "delete"])])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N+M) for N elements of which M are removed")
        .takes("key count element")
        .does("Removes elements equal to the one given, counted from either end."),
    Command::new("ltrim", 4, Run::Data(lists::ltrim))
        .flags(Flags::WRITE)
        .keys(&[KeySpec::first(&["RW", "delete"])])
        .group(Group::List, &["@list"])
        .since("1.0.0")
        .cost("O(N) for N elements removed")
        .takes("key start stop")
        .does("Removes all elements outside of a range."),
    Command::new("lpos", -3, Run::Data(lists::lpos))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::List, &["@list"])
        .since("6.0.6")
        .cost("O(N) for N elements compared")
        .takes("key element [RANK rank] [COUNT num-matches] [MAXLEN len]")
        .does("Returns the indexes of elements equal to the one given."),
    Command::new("lmove", 5, Run::Data(list_moves::lmove))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("6.2.0")
        .takes("source destination <LEFT | RIGHT> <LEFT | RIGHT>")
        .does("Moves an element from one end of a list to one end of another, and returns it."),
    Command::new("rpoplpush", 3, Run::Data(list_moves::rpoplpush))
        .flags(GROW)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("1.2.0")
        .deprecated("6.2.0", "LMOVE with RIGHT and LEFT")
        .takes("source destination")
        .does("Moves the last element of a list to the head of another, and returns it."),
    Command::new("lmpop", -4, Run::Data(list_moves::lmpop))
        .flags(Flags::WRITE.or(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(1, RW_ACCESS_DELETE)])
        .group(Group::List, &["@list"])
        .since("7.0.0")
        .cost("O(N+M) for N keys and M elements returned")
        .takes("numkeys key [key ...] <LEFT | RIGHT> [COUNT count]")
        .does("Removes elements from the first of several lists that is there, and returns them."),
    Command::new("blpop", -3, Run::Data(list_moves::blpop))
        .flags(BLOCK)
        .keys(&[KeySpec::new(1, -2, 1, RW_ACCESS_DELETE)])
        .group(Group::List, &["@list"])
        .since("2.0.0")
        .cost("O(N) for N keys")
        .takes("key [key ...] timeout")
        .does("Removes and returns the head of the first of several lists that is there, or waits for one."),
    Command::new("brpop", -3, Run::Data(list_moves::brpop))
        .flags(BLOCK)
        .keys(&[KeySpec::new(1, -2, 1, RW_ACCESS_DELETE)])
        .group(Group::List, &["@list"])
        .since("2.0.0")
        .cost("O(N) for N keys")
        .takes("key [key ...] timeout")
        .does("Removes and returns the tail of the first of several lists that is there, or waits for one."),
    Command::new("blmove", 6, Run::Data(list_moves::blmove))
        .flags(BLOCK.or(Flags::DENYOOM))
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("6.2.0")
        .takes("source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout")
        .does("LMOVE that waits for an element."),
    Command::new("brpoplpush", 4, Run::Data(list_moves::brpoplpush))
        .flags(BLOCK.or(Flags::DENYOOM))
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, RW_INSERT)])
        .group(Group::List, &["@list"])
        .since("2.2.0")
        .deprecated("6.2.0", "BLMOVE with RIGHT and LEFT")
        .takes("source destination timeout")
        .does("RPOPLPUSH that waits for an element."),
    Command::new("blmpop", -5, Run::Data(list_moves::blmpop))
        .flags(Flags::WRITE.or(Flags::BLOCKING).or(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(2, RW_ACCESS_DELETE)])
        .group(Group::List, &["@list"])
        .since("7.0.0")
        .cost("O(N+M) for N keys and M elements returned")
        .takes("timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]")
        .does("LMPOP that waits for an element."),
];
