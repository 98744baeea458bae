//! Commands that tell of commands: the table is described by what is in it, so the table only names them.

use super::{CmdResult, CommandNames, Describe, acl, command_docs, command_info, help};
use crate::protocol::{Args, Replies};

impl Describe {
    /// Answers to clients that know the commands by `names`.
    ///
    /// # Errors
    /// In Redis' exact words: what was asked for is not there, or is asked for in the wrong way.
    pub fn run(self, names: &CommandNames, out: &mut Replies, args: &Args<'_>) -> CmdResult {
        match self {
            Self::AclCat => return acl::cat(names, out, args),
            Self::AclDryrun => return acl::dryrun(names, out, args),
            Self::CommandGetkeys => return command_info::getkeys(names, out, args),
            Self::CommandGetkeysandflags => return command_info::getkeysandflags(names, out, args),
            Self::CommandList => return command_info::list(names, out, args),
            Self::Command => command_info::all(names, out),
            Self::CommandCount => command_info::count(names, out),
            Self::CommandDocs => command_docs::docs(names, out, args),
            Self::CommandInfo => command_info::info(names, out, args),
            Self::Help => help::help(names, out, args),
        }
        Ok(())
    }
}
