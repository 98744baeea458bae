//! Functions that are kept with the data.

use super::{Command, Describe, Flags, Group, NodeCommand, Run};
use crate::commands::functions;

const CHANGE: Flags = Flags::WRITE.or(Flags::NOSCRIPT);
const CHANGE_TIPS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[Command::new("function", -2, Run::Container(FUNCTION))
    .group(Group::Scripting, &[])
    .since("7.0.0")
    .cost("As its subcommands")
    .does("Manages libraries of functions.")];

const FUNCTION: &[Command] = &[
    Command::new("function|delete", 3, Run::Data(functions::delete))
        .flags(CHANGE)
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .tips(CHANGE_TIPS)
        .takes("library-name")
        .does("Deletes a library with its functions."),
    Command::new("function|dump", 2, Run::Node(NodeCommand::FunctionDump))
        .flags(Flags::NOSCRIPT)
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .cost("O(N) for N functions")
        .does("Returns all libraries as bytes that FUNCTION RESTORE takes."),
    Command::new("function|flush", -2, Run::Data(functions::flush))
        .flags(CHANGE)
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .cost("O(N) for N functions")
        .tips(CHANGE_TIPS)
        .takes("[ASYNC | SYNC]")
        .does("Deletes all libraries."),
    Command::new("function|help", 2, Run::Describe(Describe::Help))
        .flags(Flags::LOADING.or(Flags::STALE))
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .does("Lists the subcommands."),
    Command::new("function|kill", 2, Run::Data(functions::kill))
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .does("Stops the function that runs: none does."),
    Command::new("function|list", -2, Run::Data(functions::list))
        .flags(Flags::NOSCRIPT)
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .cost("O(N) for N functions")
        .tips(&["nondeterministic_output_order"])
        .takes("[LIBRARYNAME library-name-pattern] [WITHCODE]")
        .does("Lists libraries and their functions."),
    Command::new("function|load", -3, Run::Data(functions::load))
        .flags(CHANGE.or(Flags::DENYOOM))
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .tips(CHANGE_TIPS)
        .takes("[REPLACE] function-code")
        .does("Creates a library."),
    Command::new("function|restore", -3, Run::Node(NodeCommand::FunctionRestore))
        .flags(CHANGE.or(Flags::DENYOOM))
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .cost("O(N) for N functions")
        .tips(CHANGE_TIPS)
        .takes("serialized-value [FLUSH | APPEND | REPLACE]")
        .does("Creates the libraries that FUNCTION DUMP gave."),
    Command::new("function|stats", 2, Run::Data(functions::stats))
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .group(Group::Scripting, &["@scripting"])
        .since("7.0.0")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .does("Tells which function runs and how many there are."),
];
