//! Nodes that share the keys among them: commands that clients may ask for, none of which this node executes.

use super::{Command, Flags, Group, Run};
use crate::commands::cluster::refuse;

const ASK: Flags = Flags::STALE;
const INSPECT: Flags = Flags::ADMIN.or(Flags::STALE);
const CHANGE: Flags = Flags::ADMIN.or(Flags::STALE).or(Flags::NO_ASYNC_LOADING);
const CHANGES_OFTEN: &[&str] = &["nondeterministic_output"];
const SLOT_RANGES: &str = "start-slot end-slot [start-slot end-slot ...]";

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster", -2, Run::Container(CLUSTER))
        .group(Group::Cluster, &[])
        .since("3.0.0")
        .cost("As its subcommands")
        .does("Questions and orders about a cluster; this node is in none."),
    of_connection("asking", Flags::FAST, "Follows an ASK redirection with the next command."),
    of_connection("readonly", READ_ANYWHERE, "Allows reads from a replica in a cluster."),
    of_connection("readwrite", READ_ANYWHERE, "Takes READONLY back."),
];

const READ_ANYWHERE: Flags = Flags::LOADING.or(Flags::STALE).or(Flags::FAST);

const fn of_connection(name: &'static str, flags: Flags, summary: &'static str) -> Command {
    Command::new(name, 1, Run::Data(refuse))
        .flags(flags)
        .group(Group::Cluster, &["@connection"])
        .since("3.0.0")
        .does(summary)
}

const fn one(full_name: &'static str, arity: i16, flags: Flags, summary: &'static str) -> Command {
    Command::new(full_name, arity, Run::Data(refuse))
        .flags(flags)
        .group(Group::Cluster, &[])
        .since("3.0.0")
        .does(summary)
}

const CLUSTER: &[Command] = &[
    one("cluster|addslots", -3, CHANGE, "Gives hash slots to a node.").takes("slot [slot ...]"),
    one("cluster|addslotsrange", -4, CHANGE, "Gives ranges of hash slots to a node.")
        .since("7.0.0")
        .takes(SLOT_RANGES),
    one("cluster|bumpepoch", 2, CHANGE, "Raises the configuration epoch.").tips(CHANGES_OFTEN),
    one("cluster|count-failure-reports", 3, INSPECT, "Counts who says that a node has failed.")
        .tips(CHANGES_OFTEN)
        .takes("node-id"),
    one("cluster|countkeysinslot", 3, ASK, "Counts the keys in a hash slot.").takes("slot"),
    one("cluster|delslots", -3, CHANGE, "Takes hash slots from a node.").takes("slot [slot ...]"),
    one("cluster|delslotsrange", -4, CHANGE, "Takes ranges of hash slots from a node.")
        .since("7.0.0")
        .takes(SLOT_RANGES),
    one("cluster|failover", -2, CHANGE, "Lets a replica take its master's place.")
        .takes("[FORCE | TAKEOVER]"),
    one("cluster|flushslots", 2, CHANGE, "Takes all hash slots from a node."),
    one("cluster|forget", 3, CHANGE, "Removes a node from the cluster.").takes("node-id"),
    one("cluster|getkeysinslot", 4, ASK, "Names keys in a hash slot.")
        .tips(CHANGES_OFTEN)
        .takes("slot count"),
    one("cluster|help", 2, Flags::LOADING.or(Flags::STALE), "Lists the subcommands.").since("5.0.0"),
    one("cluster|info", 2, ASK, "Tells how the cluster is.").tips(CHANGES_OFTEN),
    one("cluster|keyslot", 3, ASK, "Returns the hash slot of a key.").takes("key"),
    one("cluster|links", 2, ASK, "Lists the connections between the nodes.")
        .since("7.0.0")
        .tips(CHANGES_OFTEN),
    one("cluster|meet", -4, CHANGE, "Brings a node into the cluster.").takes("ip port [cluster_bus_port]"),
    one("cluster|myid", 2, ASK, "Returns the node's id."),
    one("cluster|nodes", 2, ASK, "Lists the nodes.").tips(CHANGES_OFTEN),
    one("cluster|replicas", 3, INSPECT, "Lists the replicas of a master.")
        .since("5.0.0")
        .tips(CHANGES_OFTEN)
        .takes("node-id"),
    one("cluster|replicate", 3, CHANGE, "Makes a node a replica of a master.").takes("node-id"),
    one("cluster|reset", -2, INSPECT.or(Flags::NOSCRIPT), "Takes a node out of its cluster.")
        .takes("[HARD | SOFT]"),
    one("cluster|saveconfig", 2, CHANGE, "Saves the configuration of the cluster."),
    one("cluster|set-config-epoch", 3, CHANGE, "Sets the configuration epoch of a new node.")
        .takes("config-epoch"),
    one("cluster|setslot", -4, CHANGE, "Gives a hash slot to a node, or moves it there.")
        .takes("slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>"),
    one("cluster|shards", 2, ASK, "Lists hash slots with their nodes.").since("7.0.0").tips(CHANGES_OFTEN),
    one("cluster|slaves", 3, INSPECT, "Lists the replicas of a master.")
        .deprecated("5.0.0", "CLUSTER REPLICAS")
        .tips(CHANGES_OFTEN)
        .takes("node-id"),
    one("cluster|slots", 2, ASK, "Lists hash slots with their nodes.")
        .deprecated("7.0.0", "CLUSTER SHARDS")
        .tips(CHANGES_OFTEN),
];
