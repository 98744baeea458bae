//! The node itself: its settings, replication, snapshots and what it can do. The node executes most of these.

use super::key_specs::RO;
use super::{Command, Describe, Flags, Group, KeySpec, NodeCommand, Run};
use crate::commands::{memory, modules};

const ADMINISTRATION: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const ANYTIME: Flags = Flags::LOADING.or(Flags::STALE);
const FOLLOW: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE).or(Flags::NO_ASYNC_LOADING);
const SNAPSHOT: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING).or(Flags::NO_MULTI);
const ANYTIME_FAST: Flags = Flags::LOADING.or(Flags::STALE).or(Flags::FAST);

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("config", -2, Run::Container(CONFIG))
        .group(Group::Server, &[])
        .since("2.0.0")
        .cost("As its subcommands")
        .does("Reads and changes the settings of the node."),
    Command::new("info", -1, Run::Node(NodeCommand::Info))
        .flags(ANYTIME)
        .group(Group::Server, &["@dangerous"])
        .since("1.0.0")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .takes("[section [section ...]]")
        .does("Reports the state of the node, section by section."),
    Command::new("role", 1, Run::Node(NodeCommand::Role))
        .flags(Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST))
        .group(Group::Server, &["@admin", "@dangerous"])
        .since("2.8.12")
        .does("Tells whether this is a master or a replica, with offsets."),
    Command::new("replicaof", 3, Run::Node(NodeCommand::Replicaof))
        .flags(FOLLOW)
        .group(Group::Server, &[])
        .since("5.0.0")
        .takes("<host port | NO ONE>")
        .does("Makes this node follow a master, or makes it a master."),
    Command::new("slaveof", 3, Run::Node(NodeCommand::Replicaof))
        .flags(FOLLOW)
        .group(Group::Server, &[])
        .since("1.0.0")
        .deprecated("5.0.0", "REPLICAOF")
        .takes("<host port | NO ONE>")
        .does("The old name of REPLICAOF."),
    Command::new("failover", -1, Run::Node(NodeCommand::Failover))
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE))
        .group(Group::Server, &[])
        .since("6.2.0")
        .takes("[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]")
        .does("Hands the role of the master to a replica that has everything."),
    Command::new("replconf", -1, Run::Node(NodeCommand::Replconf))
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE).or(Flags::ALLOW_BUSY))
        .group(Group::Server, &[])
        .since("3.0.0")
        .does("What a replica tells its master about itself."),
    Command::new("psync", -3, Run::Node(NodeCommand::Psync))
        .flags(SNAPSHOT)
        .group(Group::Server, &[])
        .since("2.8.0")
        .cost("O(1), and a snapshot if the backlog does not reach back")
        .takes("replicationid offset")
        .does("Asks for the replication stream from an offset on."),
    Command::new("sync", 1, Run::Node(NodeCommand::Sync))
        .flags(SNAPSHOT)
        .group(Group::Server, &[])
        .since("1.0.0")
        .cost("O(N) for N keys")
        .does("Asks for a snapshot and the replication stream after it."),
    Command::new("wait", 3, Run::Node(NodeCommand::Wait))
        .flags(Flags::NOSCRIPT)
        .group(Group::Generic, &["@connection"])
        .since("3.0.0")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .takes("numreplicas timeout")
        .does("Waits until replicas have acknowledged what this connection wrote."),
    Command::new("lolwut", -1, Run::Node(NodeCommand::Lolwut))
        .flags(Flags::READONLY.or(Flags::FAST))
        .group(Group::Server, &[])
        .since("5.0.0")
        .takes("[VERSION version]")
        .does("Draws a picture and tells the version."),
    Command::new("memory", -2, Run::Container(MEMORY))
        .group(Group::Server, &[])
        .since("4.0.0")
        .cost("As its subcommands")
        .does("Tells where the memory of the node goes."),
    Command::new("save", 1, Run::Node(NodeCommand::Save))
        .flags(SNAPSHOT)
        .group(Group::Server, &[])
        .since("1.0.0")
        .cost("O(N) for N keys")
        .does("Writes a snapshot to disk and answers when it is there."),
    Command::new("bgrewriteaof", 1, Run::Node(NodeCommand::Bgrewriteaof))
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING))
        .group(Group::Server, &[])
        .since("1.0.0")
        .does("Writes a new base of the append-only file in the background."),
    Command::new("bgsave", -1, Run::Node(NodeCommand::Bgsave))
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING))
        .group(Group::Server, &[])
        .since("1.0.0")
        .takes("[SCHEDULE]")
        .does("Writes a snapshot to disk in the background."),
    Command::new("lastsave", 1, Run::Node(NodeCommand::Lastsave))
        .flags(ANYTIME_FAST)
        .group(Group::Server, &["@admin", "@dangerous"])
        .since("1.0.0")
        .tips(&["nondeterministic_output"])
        .does("Returns the Unix time of the last good snapshot on disk."),
    Command::new("shutdown", -1, Run::Node(NodeCommand::Shutdown))
        .flags(
            Flags::ADMIN
                .or(Flags::NOSCRIPT)
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::NO_MULTI)
                .or(Flags::ALLOW_BUSY),
        )
        .group(Group::Server, &[])
        .since("1.0.0")
        .cost("O(N) for N keys if it saves")
        .takes("[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]")
        .does("Stops the node, after a snapshot if one is due."),
    Command::new("time", 1, Run::Node(NodeCommand::Time))
        .flags(ANYTIME_FAST)
        .group(Group::Server, &[])
        .since("2.6.0")
        .tips(&["nondeterministic_output"])
        .does("Returns the seconds and microseconds of the Unix time."),
    Command::new("debug", -2, Run::Node(NodeCommand::Debug))
        .flags(ADMINISTRATION.or(Flags::PROTECTED))
        .group(Group::Server, &[])
        .since("1.0.0")
        .cost("As its subcommands")
        .does("Looks into the node and tries it out."),
    Command::new("module", -2, Run::Container(MODULE))
        .group(Group::Server, &[])
        .since("4.0.0")
        .cost("As its subcommands")
        .does("Tells of modules, of which there are none."),
    Command::new("monitor", 1, Run::Node(NodeCommand::Monitor))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("1.0.0")
        .does("Shows every command of all clients as it is executed."),
    Command::new("slowlog", -2, Run::Container(SLOWLOG))
        .group(Group::Server, &[])
        .since("2.2.12")
        .cost("As its subcommands")
        .does("Tells which commands were slow."),
    Command::new("latency", -2, Run::Container(LATENCY))
        .group(Group::Server, &[])
        .since("2.8.13")
        .cost("As its subcommands")
        .does("Tells which events were slow, and how long commands take."),
    Command::new("command", -1, Run::Container(COMMAND))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("2.8.13")
        .cost("O(N) for N commands")
        .tips(&["nondeterministic_output_order"])
        .does("Describes every command of this node.")
        .alone(&ALL),
];

const SLOWLOG: &[Command] = &[
    Command::new("slowlog|get", -2, Run::Node(NodeCommand::SlowlogGet))
        .flags(Flags::ADMIN.or(ANYTIME))
        .group(Group::Server, &[])
        .since("2.2.12")
        .cost("O(N) for N entries")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .takes("[count]")
        .does("Returns the newest slow commands, ten unless told otherwise."),
    Command::new("slowlog|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &[])
        .since("6.2.0")
        .does("Lists the subcommands."),
    Command::new("slowlog|len", 2, Run::Node(NodeCommand::SlowlogLen))
        .flags(Flags::ADMIN.or(ANYTIME))
        .group(Group::Server, &[])
        .since("2.2.12")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .does("Counts the slow commands that are kept."),
    Command::new("slowlog|reset", 2, Run::Node(NodeCommand::SlowlogReset))
        .flags(Flags::ADMIN.or(ANYTIME))
        .group(Group::Server, &[])
        .since("2.2.12")
        .cost("O(N) for N entries")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .does("Forgets the slow commands."),
];

const CHANGE_MODULES: Flags =
    Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING).or(Flags::PROTECTED);

const MODULE: &[Command] = &[
    Command::new("module|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &[])
        .since("5.0.0")
        .does("Lists the subcommands."),
    Command::new("module|list", 2, Run::Data(modules::list))
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT))
        .group(Group::Server, &[])
        .since("4.0.0")
        .tips(&["nondeterministic_output_order"])
        .does("Lists the modules."),
    Command::new("module|load", -3, Run::Node(NodeCommand::ModuleLoad))
        .flags(CHANGE_MODULES)
        .group(Group::Server, &[])
        .since("4.0.0")
        .takes("path [arg [arg ...]]")
        .does("Fails: no module can be loaded."),
    Command::new("module|loadex", -3, Run::Node(NodeCommand::ModuleLoad))
        .flags(CHANGE_MODULES)
        .group(Group::Server, &[])
        .since("7.0.0")
        .takes("path [CONFIG name value [CONFIG name value ...]] [ARGS arg [ARGS arg ...]]")
        .does("Fails: no module can be loaded."),
    Command::new("module|unload", 3, Run::Node(NodeCommand::ModuleUnload))
        .flags(CHANGE_MODULES)
        .group(Group::Server, &[])
        .since("4.0.0")
        .takes("name")
        .does("Fails: no module is there."),
];

const LATENCY_TIPS: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

const LATENCY: &[Command] = &[
    Command::new("latency|doctor", 2, Run::Node(NodeCommand::LatencyDoctor))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.8.13")
        .tips(LATENCY_TIPS)
        .does("Sums up slow events in words."),
    Command::new("latency|graph", 3, Run::Node(NodeCommand::LatencyGraph))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.8.13")
        .tips(LATENCY_TIPS)
        .takes("event")
        .does("Draws the history of an event."),
    Command::new("latency|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &[])
        .since("2.8.13")
        .does("Lists the subcommands."),
    Command::new("latency|histogram", -2, Run::Node(NodeCommand::LatencyHistogram))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("7.0.0")
        .cost("O(N) for N commands")
        .tips(LATENCY_TIPS)
        .takes("[command [command ...]]")
        .does("Returns how long calls of commands took."),
    Command::new("latency|history", 3, Run::Node(NodeCommand::LatencyHistory))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.8.13")
        .tips(LATENCY_TIPS)
        .takes("event")
        .does("Returns the samples of an event."),
    Command::new("latency|latest", 2, Run::Node(NodeCommand::LatencyLatest))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.8.13")
        .tips(LATENCY_TIPS)
        .does("Returns the latest sample of every event."),
    Command::new("latency|reset", -2, Run::Node(NodeCommand::LatencyReset))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.8.13")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .takes("[event [event ...]]")
        .does("Forgets the samples of events, of all unless some are named."),
];

const CONFIG: &[Command] = &[
    Command::new("config|get", -3, Run::Node(NodeCommand::ConfigGet))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.0.0")
        .cost("O(N) for N parameters")
        .takes("parameter [parameter ...]")
        .does("Returns the settings whose names match."),
    Command::new("config|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &[])
        .since("5.0.0")
        .does("Lists the subcommands."),
    Command::new("config|resetstat", 2, Run::Node(NodeCommand::ConfigResetstat))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.0.0")
        .does("Sets the counters of INFO back to zero."),
    Command::new("config|rewrite", 2, Run::Node(NodeCommand::ConfigRewrite))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.8.0")
        .does("Writes the settings in force into the configuration file."),
    Command::new("config|set", -4, Run::Node(NodeCommand::ConfigSet))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("2.0.0")
        .cost("O(N) for N parameters")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .takes("parameter value [parameter value ...]")
        .does("Changes settings, all of them or none."),
];

const COMMAND: &[Command] = &[
    Command::new("command|count", 2, Run::Describe(Describe::CommandCount))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("2.8.13")
        .does("Counts the commands."),
    Command::new("command|docs", -2, Run::Describe(Describe::CommandDocs))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("7.0.0")
        .cost("O(N) for N commands")
        .tips(&["nondeterministic_output_order"])
        .takes("[command-name [command-name ...]]")
        .does("Explains commands: summary, arguments, complexity."),
    Command::new("command|getkeys", -4, Run::Describe(Describe::CommandGetkeys))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("2.8.13")
        .cost("O(N) for N arguments")
        .takes("command [arg ...]")
        .does("Finds the keys in a whole request."),
    Command::new("command|getkeysandflags", -4, Run::Describe(Describe::CommandGetkeysandflags))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("7.0.0")
        .cost("O(N) for N arguments")
        .takes("command [arg ...]")
        .does("Finds the keys in a whole request and what becomes of them."),
    Command::new("command|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("5.0.0")
        .does("Lists the subcommands."),
    Command::new("command|info", -2, Run::Describe(Describe::CommandInfo))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("2.8.13")
        .cost("O(N) for N commands")
        .tips(&["nondeterministic_output_order"])
        .takes("[command-name [command-name ...]]")
        .does("Describes commands: arity, flags, keys."),
    Command::new("command|list", -2, Run::Describe(Describe::CommandList))
        .flags(ANYTIME)
        .group(Group::Server, &["@connection"])
        .since("7.0.0")
        .cost("O(N) for N commands")
        .tips(&["nondeterministic_output_order"])
        .takes("[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]")
        .does("Returns the names of commands."),
];

/// COMMAND without a subcommand.
static ALL: Command = Command::new("command", 1, Run::Describe(Describe::Command))
    .flags(ANYTIME)
    .group(Group::Server, &["@connection"])
    .since("2.8.13")
    .cost("O(N) for N commands")
    .tips(&["nondeterministic_output_order"])
    .does("Describes every command of this node.");

const MEMORY_TIPS: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

const MEMORY: &[Command] = &[
    Command::new("memory|doctor", 2, Run::Node(NodeCommand::MemoryDoctor))
        .group(Group::Server, &[])
        .since("4.0.0")
        .tips(MEMORY_TIPS)
        .does("Says what is unusual in the node's memory."),
    Command::new("memory|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &[])
        .since("4.0.0")
        .does("Lists the subcommands."),
    Command::new("memory|malloc-stats", 2, Run::Node(NodeCommand::MemoryMallocStats))
        .group(Group::Server, &[])
        .since("4.0.0")
        .tips(MEMORY_TIPS)
        .does("Returns what the allocator knows."),
    Command::new("memory|purge", 2, Run::Node(NodeCommand::MemoryPurge))
        .group(Group::Server, &[])
        .since("4.0.0")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .does("Asks the allocator to give memory back, which it does by itself here."),
    Command::new("memory|stats", 2, Run::Node(NodeCommand::MemoryStats))
        .group(Group::Server, &[])
        .since("4.0.0")
        .tips(MEMORY_TIPS)
        .does("Lists the figures of the node's memory."),
    Command::new("memory|usage", -3, Run::Data(memory::usage))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::new(2, 2, 1, RO)])
        .group(Group::Server, &[])
        .since("4.0.0")
        .takes("key [SAMPLES count]")
        .does("Estimates the bytes that a key takes."),
];
