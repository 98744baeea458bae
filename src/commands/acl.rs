//! ACL: one user, who may do everything, as in a Redis where nobody has made another one.
//!
//! Programs ask for it when they connect. What would change users is refused, so that nobody takes a server for
//! protected that is not.

use super::command_info::categories;
use super::numbers::integer;
use super::{CmdError, CmdResult, CommandNames, Ctx};
use crate::protocol::{Args, Replies};

/// The one user.
pub(crate) const DEFAULT_USER: &str = "default";

/// What a change of users is answered.
pub(crate) const ONLY_DEFAULT: CmdError = CmdError::text(
    "ERR This server has only the default user: users cannot be made, changed, deleted, loaded or saved",
);

/// Too many words for a subcommand.
pub(crate) fn wrong_words(args: &Args<'_>) -> CmdError {
    let word = String::from_utf8_lossy(args.get(1)).into_owned();
    CmdError::from(format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try ACL HELP."))
}

/// `ACL CAT [category]`. O(commands).
pub(super) fn cat(names: &CommandNames, out: &mut Replies, args: &Args<'_>) -> CmdResult {
    let found: Vec<&[u8]> = match args.len() {
        2 => categories().map(str::as_bytes).collect(),
        3 => {
            let wanted = args.get(2);
            if !categories().any(|name| wanted.eq_ignore_ascii_case(name.as_bytes())) {
                return Err(CmdError::quoting("ERR Unknown category '", wanted, "'"));
            }
            names
                .everything_known()
                .filter(|command| command.is_in(wanted))
                .map(|command| command.full_name.as_bytes())
                .collect()
        }
        _ => return Err(wrong_words(args)),
    };
    out.bulks(found.into_iter());
    Ok(())
}

/// `ACL DELUSER username [username ...]`. O(names).
pub(super) fn deluser(_: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    if args.from(2).any(|name| name == DEFAULT_USER.as_bytes()) {
        return Err(CmdError::text("ERR The 'default' user cannot be removed"));
    }
    Err(ONLY_DEFAULT)
}

/// `ACL DRYRUN username command [arg ...]`: the default user may run all that is a command. O(1).
pub(super) fn dryrun(names: &CommandNames, out: &mut Replies, args: &Args<'_>) -> CmdResult {
    if args.get(2) != DEFAULT_USER.as_bytes() {
        return Err(CmdError::quoting("ERR User '", args.get(2), "' not found"));
    }
    let request = args.tail(3).ok_or(CmdError::Syntax)?;
    match names.check(&request) {
        Ok(_) => out.ok(),
        Err(arity @ CmdError::Arity(_)) => return Err(arity),
        Err(_) => return Err(CmdError::quoting("ERR Command '", request.name(), "' not found")),
    }
    Ok(())
}

/// `ACL LOG [count | RESET]`: nothing is ever refused. O(1).
pub(super) fn log(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    match args.len() {
        2 => ctx.out.array(0),
        3 if args.is(2, "RESET") => ctx.out.ok(),
        3 => {
            integer(args.get(2))?;
            ctx.out.array(0);
        }
        _ => return Err(wrong_words(args)),
    }
    Ok(())
}

/// `ACL LOAD`, `ACL SAVE`.
pub(super) fn refuse(_: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    Err(ONLY_DEFAULT)
}

/// `ACL USERS`. O(1).
pub(super) fn users(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    ctx.out.bulks(std::iter::once(DEFAULT_USER.as_bytes()));
    Ok(())
}

/// `ACL WHOAMI`. O(1).
pub(super) fn whoami(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    ctx.out.bulk(DEFAULT_USER.as_bytes());
    Ok(())
}
