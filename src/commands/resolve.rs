//! From a request to the command that it means, with Redis' exact words for those that mean none.

use super::c_string::until_nul;
use super::{CmdError, CmdResult, Command, Run};
use crate::protocol::Args;

/// The command that a request means, whose first word names `found`.
#[inline]
pub(super) fn resolve(found: Option<&'static Command>, args: &Args<'_>) -> CmdResult<&'static Command> {
    let command = found.ok_or_else(|| unknown_command(args))?;
    let command = match command.run {
        Run::Container(_) if args.len() == 1 => command.alone.unwrap_or(command),
        Run::Container(subcommands) => {
            let wanted = args.get(1);
            let found = subcommands.iter().find(|sub| wanted.eq_ignore_ascii_case(sub.name.as_bytes()));
            found.ok_or_else(|| unknown_subcommand(args))?
        }
        Run::Data(_) | Run::Describe(_) | Run::Node(_) => command,
    };
    if command.accepts(args.len()) { Ok(command) } else { Err(CmdError::Arity(command.full_name.into())) }
}

/// How much of a request an error repeats.
const QUOTED_MAX: usize = 128;

fn quoted(text: &[u8], most: usize) -> &[u8] {
    let text = until_nul(text);
    &text[..text.len().min(most)]
}

fn unknown_command(args: &Args<'_>) -> CmdError {
    let mut line = b"ERR unknown command '".to_vec();
    line.extend_from_slice(quoted(args.name(), QUOTED_MAX));
    line.extend_from_slice(b"', with args beginning with: ");
    let start = line.len();
    for arg in args.from(1) {
        let room = QUOTED_MAX.saturating_sub(line.len() - start);
        if room == 0 {
            break;
        }
        line.push(b'\'');
        line.extend_from_slice(quoted(arg, room));
        line.extend_from_slice(b"' ");
    }
    CmdError::Raw(line)
}

fn unknown_subcommand(args: &Args<'_>) -> CmdError {
    let mut line = b"ERR unknown subcommand '".to_vec();
    line.extend_from_slice(quoted(args.get(1), QUOTED_MAX));
    line.extend_from_slice(b"'. Try ");
    line.extend_from_slice(&args.name().to_ascii_uppercase());
    line.extend_from_slice(b" HELP.");
    CmdError::Raw(line)
}
