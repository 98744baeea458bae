//! The client's connection and transactions; the node executes these.

use super::key_specs::RO;
use super::{Command, Describe, Flags, Group, KeySpec, NodeCommand, Run};

const ANYTIME_FAST: Flags = Flags::LOADING.or(Flags::STALE).or(Flags::FAST);
const BEFORE_AUTH: Flags = Flags::NOSCRIPT
    .or(Flags::LOADING)
    .or(Flags::STALE)
    .or(Flags::FAST)
    .or(Flags::NO_AUTH)
    .or(Flags::ALLOW_BUSY);
const SELF_SERVICE: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE);
const ADMINISTRATION: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const TRANSACTION: Flags =
    Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST).or(Flags::ALLOW_BUSY);

const TRACKING_ARGUMENTS: &str = "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] \
    [OPTIN] [OPTOUT] [NOLOOP]";
const KILL_ARGUMENTS: &str = "<ip:port | <ID client-id | TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB> \
    | USER username | ADDR ip:port | LADDR ip:port | SKIPME yes/no> ...>";

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("ping", -1, Run::Node(NodeCommand::Ping))
        .flags(Flags::FAST)
        .group(Group::Connection, &["@connection"])
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .takes("[message]")
        .does("Answers PONG, or the message."),
    Command::new("echo", 2, Run::Node(NodeCommand::Echo))
        .flags(ANYTIME_FAST)
        .group(Group::Connection, &["@connection"])
        .since("1.0.0")
        .takes("message")
        .does("Returns the message."),
    Command::new("select", 2, Run::Node(NodeCommand::Select))
        .flags(ANYTIME_FAST)
        .group(Group::Connection, &["@connection"])
        .since("1.0.0")
        .takes("index")
        .does("Chooses the database for this connection."),
    Command::new("auth", -2, Run::Node(NodeCommand::Auth))
        .flags(BEFORE_AUTH)
        .group(Group::Connection, &["@connection"])
        .since("1.0.0")
        .takes("[username] password")
        .does("Proves who the client is."),
    Command::new("hello", -1, Run::Node(NodeCommand::Hello))
        .flags(BEFORE_AUTH)
        .group(Group::Connection, &["@connection"])
        .since("6.0.0")
        .takes("[protover [AUTH username password] [SETNAME clientname]]")
        .does("Chooses RESP2 or RESP3 and describes the node."),
    Command::new("quit", -1, Run::Node(NodeCommand::Quit))
        .flags(BEFORE_AUTH)
        .group(Group::Connection, &["@connection"])
        .since("1.0.0")
        .does("Closes the connection after the reply."),
    Command::new("reset", 1, Run::Node(NodeCommand::Reset))
        .flags(BEFORE_AUTH)
        .group(Group::Connection, &["@connection"])
        .since("6.2.0")
        .does("Puts the connection back to how it began."),
    Command::new("client", -2, Run::Container(CLIENT))
        .group(Group::Connection, &[])
        .since("2.4.0")
        .cost("As its subcommands")
        .does("Questions and orders about connections."),
    Command::new("multi", 1, Run::Node(NodeCommand::Multi))
        .flags(TRANSACTION)
        .group(Group::Transactions, &["@transaction"])
        .since("1.2.0")
        .does("Begins a transaction: what follows is queued."),
    Command::new("exec", 1, Run::Node(NodeCommand::Exec))
        .flags(Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::SKIP_SLOWLOG))
        .group(Group::Transactions, &["@transaction"])
        .since("1.2.0")
        .cost("As the queued commands")
        .does("Executes all that was queued since MULTI."),
    Command::new("discard", 1, Run::Node(NodeCommand::Discard))
        .flags(TRANSACTION)
        .group(Group::Transactions, &["@transaction"])
        .since("2.0.0")
        .cost("O(N) for N queued commands")
        .does("Forgets all that was queued since MULTI."),
    Command::new("watch", -2, Run::Node(NodeCommand::Watch))
        .flags(TRANSACTION)
        .keys(&[KeySpec::new(1, -1, 1, RO)])
        .group(Group::Transactions, &["@transaction"])
        .since("2.2.0")
        .cost("O(1) for each key")
        .takes("key [key ...]")
        .does("Lets the next EXEC fail if any of these keys changes before."),
    Command::new("unwatch", 1, Run::Node(NodeCommand::Unwatch))
        .flags(TRANSACTION)
        .group(Group::Transactions, &["@transaction"])
        .since("2.2.0")
        .does("Watches no keys any more."),
];

const CLIENT: &[Command] = &[
    Command::new("client|caching", 3, Run::Node(NodeCommand::ClientCaching))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("6.0.0")
        .takes("<YES | NO>")
        .does("Chooses whether the keys of the next command are tracked."),
    Command::new("client|getredir", 2, Run::Node(NodeCommand::ClientGetredir))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("6.0.0")
        .does("Returns which connection hears of this one's invalidations."),
    Command::new("client|no-evict", 3, Run::Node(NodeCommand::ClientNoEvict))
        .flags(ADMINISTRATION)
        .group(Group::Connection, &["@connection"])
        .since("7.0.0")
        .takes("<ON | OFF>")
        .does("Chooses whether this connection may be closed to save memory."),
    Command::new("client|tracking", -3, Run::Node(NodeCommand::ClientTracking))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("6.0.0")
        .takes(TRACKING_ARGUMENTS)
        .does("Chooses whether this connection hears of changes to keys that it has read."),
    Command::new("client|trackinginfo", 2, Run::Node(NodeCommand::ClientTrackinginfo))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("6.2.0")
        .does("Tells how this connection's keys are tracked."),
    Command::new("client|getname", 2, Run::Node(NodeCommand::ClientGetname))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("2.6.9")
        .does("Returns the name of this connection."),
    Command::new("client|help", 2, Run::Describe(Describe::Help))
        .flags(Flags::LOADING.or(Flags::STALE))
        .group(Group::Connection, &["@connection"])
        .since("5.0.0")
        .does("Lists the subcommands."),
    Command::new("client|id", 2, Run::Node(NodeCommand::ClientId))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("5.0.0")
        .does("Returns the number of this connection."),
    Command::new("client|info", 2, Run::Node(NodeCommand::ClientInfo))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("6.2.0")
        .tips(&["nondeterministic_output"])
        .does("Describes this connection."),
    Command::new("client|kill", -3, Run::Node(NodeCommand::ClientKill))
        .flags(ADMINISTRATION)
        .group(Group::Connection, &["@connection"])
        .since("2.4.0")
        .cost("O(N) for N connections")
        .takes(KILL_ARGUMENTS)
        .does("Closes connections."),
    Command::new("client|list", -2, Run::Node(NodeCommand::ClientList))
        .flags(ADMINISTRATION)
        .group(Group::Connection, &["@connection"])
        .since("2.4.0")
        .cost("O(N) for N connections")
        .tips(&["nondeterministic_output"])
        .takes("[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]")
        .does("Describes all connections."),
    Command::new("client|pause", -3, Run::Node(NodeCommand::ClientPause))
        .flags(ADMINISTRATION)
        .group(Group::Connection, &["@connection"])
        .since("2.9.50")
        .takes("timeout [WRITE | ALL]")
        .does("Holds back the commands of clients for some milliseconds."),
    Command::new("client|reply", 3, Run::Node(NodeCommand::ClientReply))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("3.2.0")
        .takes("<ON | OFF | SKIP>")
        .does("Chooses whether commands of this connection are answered."),
    Command::new("client|setname", 3, Run::Node(NodeCommand::ClientSetname))
        .flags(SELF_SERVICE)
        .group(Group::Connection, &["@connection"])
        .since("2.6.9")
        .takes("connection-name")
        .does("Names this connection."),
    Command::new("client|unblock", -3, Run::Node(NodeCommand::ClientUnblock))
        .flags(ADMINISTRATION)
        .group(Group::Connection, &["@connection"])
        .since("5.0.0")
        .cost("O(log N) for N clients")
        .takes("client-id [TIMEOUT | ERROR]")
        .does("Ends the wait of a blocked client."),
    Command::new("client|unpause", 2, Run::Node(NodeCommand::ClientUnpause))
        .flags(ADMINISTRATION)
        .group(Group::Connection, &["@connection"])
        .since("6.2.0")
        .cost("O(N) for N paused clients")
        .does("Lets paused clients go on."),
];
