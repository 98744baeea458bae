//! The console's help: the engine's own command table, by the names that one types.

use std::sync::LazyLock;

use crate::commands::{Command, table};

/// One command, as the console's help shows it.
#[derive(Debug)]
pub(crate) struct CommandHelp {
    /// Its name in capitals, after that of its container if it has one: `CONFIG GET`.
    pub(crate) name: String,
    /// What the table says of it.
    pub(crate) command: &'static Command,
}

impl CommandHelp {
    fn of(command: &'static Command) -> Self {
        Self { name: command.full_name.replace('|', " ").to_uppercase(), command }
    }
}

/// Every command that can be typed; a container only if it does something alone.
static COMMANDS: LazyLock<Vec<CommandHelp>> = LazyLock::new(|| {
    let mut all: Vec<CommandHelp> = Vec::new();
    for command in table() {
        let subcommands = command.subcommands();
        if subcommands.is_empty() {
            all.push(CommandHelp::of(command));
        } else {
            all.extend(command.alone.map(CommandHelp::of));
            all.extend(subcommands.iter().map(CommandHelp::of));
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
});

/// The command that a line begins with: the longest name that fits.
pub(crate) fn of_line(line: &str) -> Option<&'static CommandHelp> {
    let words: Vec<String> = line.split_whitespace().take(3).map(str::to_uppercase).collect();
    COMMANDS
        .iter()
        .filter(|help| {
            let name: Vec<&str> = help.name.split(' ').collect();
            name.len() <= words.len() && name.iter().zip(&words).all(|(a, b)| *a == b)
        })
        .max_by_key(|help| help.name.len())
}

/// Commands whose name goes on from what is typed; none once a name is complete and arguments follow.
pub(crate) fn completions(line: &str, max: usize) -> Vec<&'static CommandHelp> {
    let typed = line.trim_start().to_uppercase();
    if typed.is_empty() {
        return Vec::new();
    }
    COMMANDS.iter().filter(|help| help.name.starts_with(&typed) && help.name != typed).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_is_helped_with() {
        let name = |line| of_line(line).map(|help| help.name.as_str());
        assert_eq!(name("config get maxmemory"), Some("CONFIG GET"));
        assert_eq!(name("set a b"), Some("SET"));
        assert_eq!(name("command"), Some("COMMAND"));
        assert_eq!(name("command docs set"), Some("COMMAND DOCS"));
        assert_eq!(name("se"), None);
        assert_eq!(name("config"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn names_are_completed_and_arguments_are_not() {
        let names =
            |line| -> Vec<&str> { completions(line, 9).iter().map(|help| help.name.as_str()).collect() };
        assert_eq!(names("sel"), ["SELECT"]);
        assert_eq!(names("config r"), ["CONFIG RESETSTAT", "CONFIG REWRITE"]);
        assert_eq!(names("config g"), ["CONFIG GET"]);
        assert!(names("set k").is_empty());
        assert!(names(" ").is_empty());
    }

    #[test]
    fn every_command_has_its_help_once() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for help in COMMANDS.iter() {
            assert!(!help.command.summary.is_empty(), "{} has no summary", help.name);
        }
    }
}
