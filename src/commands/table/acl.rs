//! Users and what they may do. This server has one, the default user.

use super::{Command, Describe, Flags, Group, NodeCommand, Run};
use crate::commands::acl;

const ANYTIME: Flags = Flags::LOADING.or(Flags::STALE);
const FOR_ALL: Flags = Flags::NOSCRIPT.or(ANYTIME);
const ADMINISTRATION: Flags = Flags::ADMIN.or(FOR_ALL);

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[Command::new("acl", -2, Run::Container(ACL))
    .group(Group::Server, &[])
    .since("6.0.0")
    .cost("As its subcommands")
    .does("Tells who may do what.")];

const ACL: &[Command] = &[
    Command::new("acl|cat", -2, Run::Describe(Describe::AclCat))
        .flags(FOR_ALL)
        .group(Group::Server, &[])
        .since("6.0.0")
        .cost("O(N) for N commands")
        .takes("[categoryname]")
        .does("Lists the categories of commands, or the commands of one."),
    Command::new("acl|deluser", -3, Run::Data(acl::deluser))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .cost("O(N) for N names")
        .takes("username [username ...]")
        .does("Refused: the default user is the only one, and stays."),
    Command::new("acl|dryrun", -4, Run::Describe(Describe::AclDryrun))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("7.0.0")
        .takes("username command [arg [arg ...]]")
        .does("Tells whether a user may run a command."),
    Command::new("acl|genpass", -2, Run::Node(NodeCommand::AclGenpass))
        .flags(FOR_ALL)
        .group(Group::Server, &[])
        .since("6.0.0")
        .takes("[bits]")
        .does("Makes up a password, of 256 bits unless told otherwise."),
    Command::new("acl|getuser", 3, Run::Node(NodeCommand::AclGetuser))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .takes("username")
        .does("Returns what is known of a user."),
    Command::new("acl|help", 2, Run::Describe(Describe::Help))
        .flags(ANYTIME)
        .group(Group::Server, &[])
        .since("6.0.0")
        .does("Lists the subcommands."),
    Command::new("acl|list", 2, Run::Node(NodeCommand::AclList))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .does("Returns the users as redis.conf would have them."),
    Command::new("acl|load", 2, Run::Data(acl::refuse))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .does("Refused: the default user is the only one."),
    Command::new("acl|log", -2, Run::Data(acl::log))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .takes("[<count | RESET>]")
        .does("Lists what users were refused, which the default user never is."),
    Command::new("acl|save", 2, Run::Data(acl::refuse))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .does("Refused: the default user is the only one."),
    Command::new("acl|setuser", -3, Run::Node(NodeCommand::AclSetuser))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .takes("username [rule [rule ...]]")
        .does("Refused: the default user is the only one."),
    Command::new("acl|users", 2, Run::Data(acl::users))
        .flags(ADMINISTRATION)
        .group(Group::Server, &[])
        .since("6.0.0")
        .does("Returns the names of the users."),
    Command::new("acl|whoami", 2, Run::Data(acl::whoami))
        .flags(FOR_ALL)
        .group(Group::Server, &[])
        .since("6.0.0")
        .does("Returns the name of the user of this connection."),
];
