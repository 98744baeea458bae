//! The command table: COMMAND, the dispatch, the checks before a command and the console's help read it.

use std::sync::LazyLock;

use super::{CmdResult, CommandNames};
use crate::protocol::Args;

mod acl;
mod bitmaps;
mod cluster;
mod connection;
mod flags;
mod functions;
mod geo;
mod group;
mod hashes;
mod hyperloglog;
mod index;
mod key_specs;
mod keys;
mod lists;
mod node_command;
mod pubsub;
mod row;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

pub use flags::Flags;
pub use group::Group;
pub(super) use index::CommandTable;
pub use key_specs::{KeySpec, Keys, Place};
pub use node_command::NodeCommand;
pub use row::{Command, Describe, Run};

static TABLE: LazyLock<CommandTable> = LazyLock::new(|| {
    let families = [
        strings::COMMANDS,
        bitmaps::COMMANDS,
        hyperloglog::COMMANDS,
        lists::COMMANDS,
        sets::COMMANDS,
        hashes::COMMANDS,
        sorted_sets::COMMANDS,
        geo::COMMANDS,
        streams::COMMANDS,
        keys::COMMANDS,
        pubsub::COMMANDS,
        connection::COMMANDS,
        acl::COMMANDS,
        functions::COMMANDS,
        cluster::COMMANDS,
        server::COMMANDS,
    ];
    CommandTable::new(&families)
});

/// Every command under its own name.
pub static OWN_NAMES: CommandNames = CommandNames::new(&TABLE);

impl Default for CommandNames {
    fn default() -> Self {
        Self::new(&TABLE)
    }
}

/// All commands, by name; subcommands are in their containers.
pub fn table() -> &'static [Command] {
    TABLE.all()
}

/// The command of this name, whatever its case. O(1).
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    TABLE.lookup(name)
}

/// The command that a request means where every command has its own name: see
/// [`CommandNames::check`].
///
/// # Errors
/// As there.
pub fn check(args: &Args<'_>) -> CmdResult<&'static Command> {
    OWN_NAMES.check(args)
}
