//! Messages: PUBLISH, SUBSCRIBE and their kin. The node executes them.

use super::{Command, Describe, Flags, Group, KeySpec, NodeCommand, Run};

const LISTEN: Flags = Flags::PUBSUB.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const SPEAK: Flags =
    Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST).or(Flags::MAY_REPLICATE);
const LOOK: Flags = Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE);
/// Shard channels belong to slots as keys do.
const NOT_KEY: &[&str] = &["not_key"];

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("publish", 3, Run::Node(NodeCommand::Publish))
        .flags(SPEAK)
        .group(Group::Pubsub, &[])
        .since("2.0.0")
        .cost("O(N+M) for N clients that listen and M patterns in all")
        .takes("channel message")
        .does("Sends a message to all who listen to a channel."),
    Command::new("subscribe", -2, Run::Node(NodeCommand::Subscribe))
        .flags(LISTEN)
        .group(Group::Pubsub, &[])
        .since("2.0.0")
        .cost("O(N) for N channels")
        .takes("channel [channel ...]")
        .does("Listens to channels."),
    Command::new("unsubscribe", -1, Run::Node(NodeCommand::Unsubscribe))
        .flags(LISTEN)
        .group(Group::Pubsub, &[])
        .since("2.0.0")
        .cost("O(N) for N channels")
        .takes("[channel [channel ...]]")
        .does("Stops listening to channels, without names to all."),
    Command::new("psubscribe", -2, Run::Node(NodeCommand::Psubscribe))
        .flags(LISTEN)
        .group(Group::Pubsub, &[])
        .since("2.0.0")
        .cost("O(N) for N patterns")
        .takes("pattern [pattern ...]")
        .does("Listens to all channels that match patterns."),
    Command::new("punsubscribe", -1, Run::Node(NodeCommand::Punsubscribe))
        .flags(LISTEN)
        .group(Group::Pubsub, &[])
        .since("2.0.0")
        .cost("O(N) for N patterns")
        .takes("[pattern [pattern ...]]")
        .does("Stops listening to patterns, without names to all."),
    Command::new("spublish", 3, Run::Node(NodeCommand::Spublish))
        .flags(SPEAK)
        .keys(&[KeySpec::new(1, 1, 1, NOT_KEY)])
        .group(Group::Pubsub, &[])
        .since("7.0.0")
        .cost("O(N) for N clients that listen")
        .takes("shardchannel message")
        .does("Sends a message to all who listen to a shard channel."),
    Command::new("ssubscribe", -2, Run::Node(NodeCommand::Ssubscribe))
        .flags(LISTEN)
        .keys(&[KeySpec::new(1, -1, 1, NOT_KEY)])
        .group(Group::Pubsub, &[])
        .since("7.0.0")
        .cost("O(N) for N shard channels")
        .takes("shardchannel [shardchannel ...]")
        .does("Listens to shard channels."),
    Command::new("sunsubscribe", -1, Run::Node(NodeCommand::Sunsubscribe))
        .flags(LISTEN)
        .keys(&[KeySpec::new(1, -1, 1, NOT_KEY)])
        .group(Group::Pubsub, &[])
        .since("7.0.0")
        .cost("O(N) for N shard channels")
        .takes("[shardchannel [shardchannel ...]]")
        .does("Stops listening to shard channels, without names to all."),
    Command::new("pubsub", -2, Run::Container(PUBSUB))
        .group(Group::Pubsub, &[])
        .since("2.8.0")
        .cost("As its subcommands")
        .does("Tells who listens to what."),
];

const PUBSUB: &[Command] = &[
    Command::new("pubsub|channels", -2, Run::Node(NodeCommand::PubsubChannels))
        .flags(LOOK)
        .group(Group::Pubsub, &[])
        .since("2.8.0")
        .cost("O(N) for N channels")
        .takes("[pattern]")
        .does("Lists channels that somebody listens to."),
    Command::new("pubsub|help", 2, Run::Describe(Describe::Help))
        .flags(Flags::LOADING.or(Flags::STALE))
        .group(Group::Pubsub, &[])
        .since("6.2.0")
        .does("Lists the subcommands."),
    Command::new("pubsub|numpat", 2, Run::Node(NodeCommand::PubsubNumpat))
        .flags(LOOK)
        .group(Group::Pubsub, &[])
        .since("2.8.0")
        .does("Counts the patterns that somebody listens to."),
    Command::new("pubsub|numsub", -2, Run::Node(NodeCommand::PubsubNumsub))
        .flags(LOOK)
        .group(Group::Pubsub, &[])
        .since("2.8.0")
        .cost("O(N) for N channels")
        .takes("[channel [channel ...]]")
        .does("Counts who listens to each of these channels."),
    Command::new("pubsub|shardchannels", -2, Run::Node(NodeCommand::PubsubShardchannels))
        .flags(LOOK)
        .group(Group::Pubsub, &[])
        .since("7.0.0")
        .cost("O(N) for N shard channels")
        .takes("[pattern]")
        .does("Lists shard channels that somebody listens to."),
    Command::new("pubsub|shardnumsub", -2, Run::Node(NodeCommand::PubsubShardnumsub))
        .flags(LOOK)
        .group(Group::Pubsub, &[])
        .since("7.0.0")
        .cost("O(N) for N shard channels")
        .takes("[shardchannel [shardchannel ...]]")
        .does("Counts who listens to each of these shard channels."),
];
