//! The names under which a node's clients know its commands: their own, but for those of `rename-command`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::resolve::resolve;
use super::table::CommandTable;
use super::{CmdResult, Command};
use crate::protocol::Args;

/// Commands by the names that clients use.
#[derive(Debug, Clone)]
pub struct CommandNames {
    /// The commands by their own names.
    table: &'static LazyLock<CommandTable>,
    /// Own names of renamed commands by their new names, in lower case.
    renamed: BTreeMap<Vec<u8>, &'static str>,
    /// Own names of commands that have another name, or none.
    gone: BTreeSet<&'static str>,
}

impl PartialEq for CommandNames {
    fn eq(&self, other: &Self) -> bool {
        self.renamed == other.renamed && self.gone == other.gone
    }
}

impl CommandNames {
    /// Every command of `table` under its own name.
    pub(super) const fn new(table: &'static LazyLock<CommandTable>) -> Self {
        Self { table, renamed: BTreeMap::new(), gone: BTreeSet::new() }
    }

    /// `rename-command from to`; with an empty `to` nobody can call the command any more.
    ///
    /// # Errors
    /// In Redis' words: there is no such command, or another one is called `to`. Nothing is changed then.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), &'static str> {
        let command = self.lookup(from.as_bytes()).ok_or("No such command in rename-command")?;
        let before = self.clone();
        self.renamed.retain(|_, own| *own != command.name);
        self.gone.insert(command.name);
        if self.lookup(to.as_bytes()).is_some() {
            *self = before;
            return Err("Target command name already exists");
        }
        if !to.is_empty() {
            self.renamed.insert(to.to_ascii_lowercase().into_bytes(), command.name);
        }
        Ok(())
    }

    /// The command that clients know by this name, whatever its case. O(1) without renamed commands, else O(log of
    /// these).
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<&'static Command> {
        let own = self.table.lookup(name);
        if self.gone.is_empty() { own } else { self.lookup_renamed(name, own) }
    }

    #[cold]
    fn lookup_renamed(&self, name: &[u8], own: Option<&'static Command>) -> Option<&'static Command> {
        let own = own.filter(|command| !self.gone.contains(command.name));
        own.or_else(|| self.table.lookup(self.renamed.get(&name.to_ascii_lowercase())?.as_bytes()))
    }

    /// [`CommandNames::lookup`], and by own names too. What a master sends or a file holds was executed once under
    /// the names of another node, and leaving it out would let the data sets drift apart. Redis knows only the new names
    /// there.
    pub fn lookup_any(&self, name: &[u8]) -> Option<&'static Command> {
        self.lookup(name).or_else(|| self.table.lookup(name))
    }

    /// Whether `name` stands for the command whose own name is `own`, for clients or in a stream.
    #[inline]
    pub fn means(&self, name: &[u8], own: &str) -> bool {
        name.eq_ignore_ascii_case(own.as_bytes())
            || (!self.gone.is_empty() && self.lookup(name).is_some_and(|command| command.name == own))
    }

    /// The command that a client's request means, a container's subcommand included, if its number of arguments is
    /// right.
    ///
    /// # Errors
    /// In Redis' exact words: an unknown command or subcommand, or the wrong number of arguments.
    #[inline]
    pub fn check(&self, args: &Args<'_>) -> CmdResult<&'static Command> {
        resolve(self.lookup(args.name()), args)
    }

    /// [`CommandNames::check`] with the names of [`CommandNames::lookup_any`].
    ///
    /// # Errors
    /// As [`CommandNames::check`].
    pub fn check_any(&self, args: &Args<'_>) -> CmdResult<&'static Command> {
        resolve(self.lookup_any(args.name()), args)
    }

    /// All commands that clients can call. O(commands).
    pub fn all(&self) -> impl Iterator<Item = &'static Command> {
        let own = self.table.all().iter().filter(|command| !self.gone.contains(command.name));
        own.chain(self.renamed.values().filter_map(|own| self.table.lookup(own.as_bytes())))
    }

    /// [`CommandNames::all`], each with its subcommands. O(commands).
    pub fn everything(&self) -> impl Iterator<Item = &'static Command> {
        self.all().flat_map(with_subcommands)
    }

    /// Every command, whatever clients call it, each with its subcommands. O(commands).
    pub(super) fn everything_known(&self) -> impl Iterator<Item = &'static Command> {
        self.table.all().iter().flat_map(with_subcommands)
    }

    /// The command of this full name, as `config|get`.
    pub(super) fn by_full_name(&self, name: &[u8]) -> Option<&'static Command> {
        let bar = name.iter().position(|byte| *byte == b'|');
        let Some(bar) = bar else { return self.lookup(name) };
        let wanted = &name[bar + 1..];
        let subcommands = self.lookup(&name[..bar])?.subcommands();
        subcommands.iter().find(|sub| wanted.eq_ignore_ascii_case(sub.name.as_bytes()))
    }
}

fn with_subcommands(command: &'static Command) -> impl Iterator<Item = &'static Command> {
    std::iter::once(command).chain(command.subcommands())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{OWN_NAMES, table};

    fn names() -> CommandNames {
        let mut names = CommandNames::default();
        for (from, to) in [("flushall", ""), ("KEYS", "first"), ("First", "Hidden"), ("get", "keys")] {
            assert_eq!(names.rename(from, to), Ok(()), "{from}");
        }
        names
    }

    #[test]
    fn a_rename_that_cannot_be_is_told() {
        let mut names = names();
        for (from, to, wanted) in [
            ("flushall", "other", "No such command in rename-command"),
            ("first", "other", "No such command in rename-command"),
            ("nope", "", "No such command in rename-command"),
            ("config|get", "other", "No such command in rename-command"),
            ("set", "HIDDEN", "Target command name already exists"),
            ("set", "del", "Target command name already exists"),
        ] {
            assert_eq!(names.rename(from, to), Err(wanted), "{from} {to}");
        }
        assert_eq!(names, self::names());
    }

    #[test]
    fn a_renamed_command_has_its_new_name_alone() {
        let found = |name: &str| names().lookup(name.as_bytes()).map(|command| command.name);
        for (name, wanted) in [
            ("FLUSHALL", None),
            ("hidden", Some("keys")),
            ("HIDDEN", Some("keys")),
            ("Keys", Some("get")),
            ("get", None),
            ("", None),
            ("set", Some("set")),
        ] {
            assert_eq!(found(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_stream_may_use_own_names_where_nothing_else_has_them() {
        let found = |name: &str| names().lookup_any(name.as_bytes()).map(|command| command.name);
        for (name, wanted) in [("flushall", "flushall"), ("hidden", "keys"), ("keys", "get"), ("get", "get")]
        {
            assert_eq!(found(name), Some(wanted), "{name}");
        }
        assert!(names().means(b"HIDDEN", "keys") && !names().means(b"hidden", "get"));
    }

    #[test]
    fn removed_commands_are_not_listed() {
        assert_eq!(names().all().count(), table().len() - 1);
        assert_eq!(OWN_NAMES.all().count(), table().len());
    }
}
