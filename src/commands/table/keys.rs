//! Keys of any type, and whole databases.

use super::key_specs::{
    OW_INSERT, OW_UPDATE, RM_DELETE, RO, RO_ACCESS, RW_ACCESS_DELETE, RW_ACCESS_UPDATE, RW_UPDATE,
};
use super::{Command, Describe, Flags, Group, KeySpec, NodeCommand, Run};
use crate::commands::{databases, expire, keys, object, scan, sort};

const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);

const RESTORE_ARGUMENTS: &str =
    "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]";

const MIGRATE_ARGUMENTS: &str = "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] \
    [AUTH password | AUTH2 username password] [KEYS key [key ...]]";

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("del", -2, Run::Data(keys::del))
        .flags(Flags::WRITE)
        .keys(&[KeySpec::new(1, -1, 1, RM_DELETE)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .cost("O(N) for N keys")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .takes("key [key ...]")
        .does("Deletes keys and returns how many there were."),
    Command::new("unlink", -2, Run::Data(keys::del))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::new(1, -1, 1, RM_DELETE)])
        .group(Group::Generic, &["@keyspace"])
        .since("4.0.0")
        .cost("O(1) for each key")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .takes("key [key ...]")
        .does("Deletes keys; big values are freed in the background."),
    Command::new("exists", -2, Run::Data(keys::exists))
        .flags(READ_FAST)
        .keys(&[KeySpec::new(1, -1, 1, RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .cost("O(N) for N keys")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .takes("key [key ...]")
        .does("Counts how many of the keys exist."),
    Command::new("type", 2, Run::Data(keys::type_of))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .takes("key")
        .does("Names the type of the value that a key holds."),
    Command::new("expire", -3, Run::Data(expire::expire))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .takes("key seconds [NX | XX | GT | LT]")
        .does("Lets a key expire after some seconds."),
    Command::new("pexpire", -3, Run::Data(expire::pexpire))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.6.0")
        .takes("key milliseconds [NX | XX | GT | LT]")
        .does("Lets a key expire after some milliseconds."),
    Command::new("expireat", -3, Run::Data(expire::expireat))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.2.0")
        .takes("key unix-time-seconds [NX | XX | GT | LT]")
        .does("Lets a key expire at a Unix time in seconds."),
    Command::new("pexpireat", -3, Run::Data(expire::pexpireat))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.6.0")
        .takes("key unix-time-milliseconds [NX | XX | GT | LT]")
        .does("Lets a key expire at a Unix time in milliseconds."),
    Command::new("ttl", 2, Run::Data(expire::ttl))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Returns the seconds that a key has left: -1 without an expiry, -2 without the key."),
    Command::new("pttl", 2, Run::Data(expire::pttl))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.6.0")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Returns the milliseconds that a key has left: -1 without an expiry, -2 without the key."),
    Command::new("expiretime", 2, Run::Data(expire::expiretime))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Generic, &["@keyspace"])
        .since("7.0.0")
        .takes("key")
        .does("Returns the Unix time in seconds at which a key expires."),
    Command::new("pexpiretime", 2, Run::Data(expire::pexpiretime))
        .flags(READ_FAST)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Generic, &["@keyspace"])
        .since("7.0.0")
        .takes("key")
        .does("Returns the Unix time in milliseconds at which a key expires."),
    Command::new("persist", 2, Run::Data(expire::persist))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.2.0")
        .takes("key")
        .does("Removes the expiry of a key."),
    Command::new("rename", 3, Run::Data(keys::rename))
        .flags(Flags::WRITE)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, OW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .cost("O(1), and the length of a string")
        .takes("key newkey")
        .does("Gives a key another name, replacing what stood there."),
    Command::new("renamenx", 3, Run::Data(keys::renamenx))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_DELETE), KeySpec::new(2, 2, 1, OW_INSERT)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .cost("O(1), and the length of a string")
        .takes("key newkey")
        .does("Gives a key another name if that is free."),
    Command::new("copy", -3, Run::Data(keys::copy))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .keys(&[KeySpec::first(RO_ACCESS), KeySpec::new(2, 2, 1, OW_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("6.2.0")
        .cost("O(N) for a value of N bytes")
        .takes("source destination [DB destination-db] [REPLACE]")
        .does("Copies a key with its expiry."),
    Command::new("move", 3, Run::Data(keys::move_key))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::first(RW_ACCESS_UPDATE)])
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .cost("O(1), and the length of a string")
        .takes("key db")
        .does("Moves a key to another database."),
    Command::new("swapdb", 3, Run::Data(databases::swapdb))
        .flags(WRITE_FAST)
        .group(Group::Server, &["@keyspace", "@dangerous"])
        .since("4.0.0")
        .takes("index1 index2")
        .does("Exchanges two databases for all clients."),
    Command::new("randomkey", 1, Run::Data(scan::randomkey))
        .flags(Flags::READONLY)
        .group(Group::Generic, &["@keyspace"])
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "nondeterministic_output"])
        .does("Returns the name of some key, or null."),
    Command::new("keys", 2, Run::Data(scan::keys))
        .flags(Flags::READONLY)
        .group(Group::Generic, &["@keyspace", "@dangerous"])
        .since("1.0.0")
        .cost("O(N) for N keys in the database")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .takes("pattern")
        .does("Returns all names that match a pattern; blocks the node while it looks."),
    Command::new("scan", -2, Run::Data(scan::scan))
        .flags(Flags::READONLY)
        .group(Group::Generic, &["@keyspace"])
        .since("2.8.0")
        .cost("O(1) for each call, O(N) for the whole walk")
        .tips(&["nondeterministic_output", "request_policy:special"])
        .takes("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .does("Walks through all names, some at each call."),
    Command::new("object", -2, Run::Container(OBJECT))
        .group(Group::Generic, &[])
        .since("2.2.3")
        .cost("As its subcommands")
        .does("What a node knows about a value beside the value."),
    Command::new("touch", -2, Run::Data(keys::touch))
        .flags(READ_FAST)
        .keys(&[KeySpec::new(1, -1, 1, RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("3.2.1")
        .cost("O(N) for N keys")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .takes("key [key ...]")
        .does("Marks keys as just used and counts those that exist."),
    Command::new("dump", 2, Run::Node(NodeCommand::Dump))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::first(RO_ACCESS)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.6.0")
        .cost("O(N) for a value of N bytes")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Returns a value as bytes that RESTORE takes."),
    Command::new("restore", -4, Run::Node(NodeCommand::Restore))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .keys(&[KeySpec::first(OW_UPDATE)])
        .group(Group::Generic, &["@keyspace", "@dangerous"])
        .since("2.6.0")
        .cost("O(N) for a value of N bytes")
        .takes(RESTORE_ARGUMENTS)
        .does("Stores the value that DUMP gave, with a time to live."),
    Command::new("restore-asking", -4, Run::Node(NodeCommand::Restore))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::ASKING))
        .keys(&[KeySpec::first(OW_UPDATE)])
        .group(Group::Server, &["@keyspace", "@dangerous"])
        .since("3.0.0")
        .cost("O(N) for a value of N bytes")
        .takes(RESTORE_ARGUMENTS)
        .does("RESTORE between the nodes of a cluster."),
    Command::new("migrate", -6, Run::Node(NodeCommand::Migrate))
        .flags(Flags::WRITE.or(Flags::MOVABLEKEYS))
        .keys(&[
            KeySpec::new(3, 3, 1, RW_ACCESS_DELETE),
            KeySpec::rest("KEYS", -2, &["RW", "access", "delete", "incomplete"]),
        ])
        .group(Group::Generic, &["@keyspace", "@dangerous"])
        .since("2.6.0")
        .cost("O(N) for values of N bytes, and the way to the other node and back")
        .tips(&["nondeterministic_output"])
        .takes(MIGRATE_ARGUMENTS)
        .does("Moves keys to another node; both wait meanwhile."),
    Command::new("sort", -2, Run::Data(sort::sort))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::MOVABLEKEYS))
        .keys(&[
            KeySpec::first(RO_ACCESS),
            KeySpec::unknown(RO_ACCESS).note("the keys of BY and GET are named by the elements"),
            KeySpec::unknown(OW_UPDATE).note("the key of STORE may stand anywhere"),
        ])
        .group(Group::Generic, &["@set", "@sortedset", "@list", "@dangerous"])
        .since("1.0.0")
        .cost("O(N*log(N)) for N elements, and N look-ups for each pattern")
        .takes("key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]")
        .does("Returns or stores the elements of a list, a set or a sorted set in order."),
    Command::new("sort_ro", -2, Run::Data(sort::sort_ro))
        .flags(Flags::READONLY.or(Flags::MOVABLEKEYS))
        .keys(&[
            KeySpec::first(RO_ACCESS),
            KeySpec::unknown(RO_ACCESS).note("the keys of BY and GET are named by the elements"),
        ])
        .group(Group::Generic, &["@set", "@sortedset", "@list", "@dangerous"])
        .since("7.0.0")
        .cost("O(N*log(N)) for N elements, and N look-ups for each pattern")
        .takes("key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA]")
        .does("Returns the elements of a list, a set or a sorted set in order."),
    Command::new("dbsize", 1, Run::Data(databases::dbsize))
        .flags(READ_FAST)
        .group(Group::Server, &["@keyspace"])
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .does("Counts the keys of the selected database, expired ones not yet removed included."),
    Command::new("flushdb", -1, Run::Data(databases::flushdb))
        .flags(Flags::WRITE)
        .group(Group::Server, &["@keyspace", "@dangerous"])
        .since("1.0.0")
        .cost("O(1); freeing happens in the background")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .takes("[ASYNC | SYNC]")
        .does("Deletes every key of the selected database."),
    Command::new("flushall", -1, Run::Data(databases::flushall))
        .flags(Flags::WRITE)
        .group(Group::Server, &["@keyspace", "@dangerous"])
        .since("1.0.0")
        .cost("O(1); freeing happens in the background")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .takes("[ASYNC | SYNC]")
        .does("Deletes every key of every database."),
];

const OBJECT: &[Command] = &[
    Command::new("object|encoding", 3, Run::Data(object::encoding))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(2, 2, 1, RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Names how a value is stored."),
    Command::new("object|freq", 3, Run::Data(object::freq))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(2, 2, 1, RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("4.0.0")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Returns the logarithmic access counter of a key."),
    Command::new("object|help", 2, Run::Describe(Describe::Help))
        .flags(Flags::LOADING.or(Flags::STALE))
        .group(Group::Generic, &["@keyspace"])
        .since("6.2.0")
        .does("Lists the subcommands."),
    Command::new("object|idletime", 3, Run::Data(object::idletime))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(2, 2, 1, RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Returns the seconds since a key was last used."),
    Command::new("object|refcount", 3, Run::Data(object::refcount))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(2, 2, 1, RO)])
        .group(Group::Generic, &["@keyspace"])
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .takes("key")
        .does("Returns how many places refer to a value."),
];
