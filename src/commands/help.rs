//! `… HELP`: the subcommands of a container, from the command table.

use super::{Command, CommandNames};
use crate::protocol::{Args, Replies};

/// `OBJECT HELP` and its like. O(subcommands).
pub(super) fn help(names: &CommandNames, out: &mut Replies, args: &Args<'_>) {
    if let Some(container) = names.lookup(args.name()) {
        write(container, out);
    }
}

fn write(container: &Command, out: &mut Replies) {
    let subcommands = container.subcommands();
    let alone = container.alone.map(|alone| ("(no subcommand)".to_owned(), alone.summary));
    let rest = subcommands.iter().map(|sub| {
        let usage = format!("{} {}", sub.name.to_ascii_uppercase(), sub.arguments);
        (usage.trim_end().to_owned(), sub.summary)
    });
    out.array(1 + 2 * (subcommands.len() + usize::from(alone.is_some())));
    let name = container.name.to_ascii_uppercase();
    out.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (usage, summary) in alone.into_iter().chain(rest) {
        out.simple(&usage);
        out.simple(&format!("    {summary}"));
    }
}
