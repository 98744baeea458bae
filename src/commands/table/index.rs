//! All commands, and where each is found by its name.

use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::row::Command;

/// Longest name that is looked for.
const NAME_MAX: usize = 32;

/// All commands. It lives as long as the program.
pub(in crate::commands) struct CommandTable {
    all: &'static [Command],
    by_name: HashMap<&'static [u8], &'static Command, FixedState>,
}

impl CommandTable {
    pub(super) fn new(families: &[&[Command]]) -> Self {
        let mut all = families.concat();
        all.sort_by_key(|command| command.name);
        let all: &'static [Command] = all.leak();
        let by_name = all.iter().map(|command| (command.name.as_bytes(), command)).collect();
        Self { all, by_name }
    }

    /// All commands, by name; subcommands are in their containers.
    pub(in crate::commands) fn all(&self) -> &'static [Command] {
        self.all
    }

    /// The command of this name, whatever its case. O(1).
    #[inline]
    pub(in crate::commands) fn lookup(&self, name: &[u8]) -> Option<&'static Command> {
        let mut lower = [0; NAME_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).copied()
    }
}

impl fmt::Debug for CommandTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandTable").finish_non_exhaustive()
    }
}
