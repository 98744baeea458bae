//! FUNCTION, of a node that holds none: libraries cannot be loaded yet, so there is nothing to list and to delete.

use super::{CmdError, CmdResult, Ctx};
use crate::protocol::Args;

/// `FUNCTION FLUSH [ASYNC | SYNC]`. Replicas hear of it: theirs may be of another kind. O(1).
pub(super) fn flush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let known = args.len() == 2 || (args.len() == 3 && (args.is(2, "ASYNC") || args.is(2, "SYNC")));
    if !known {
        return Err(CmdError::text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    ctx.effects.dirty += 1;
    ctx.out.ok();
    Ok(())
}

/// `FUNCTION DELETE library-name`. O(1).
pub(super) fn delete(_: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::text("ERR Library not found"))
}

/// `FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]`. O(arguments).
pub(super) fn list(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (mut at, mut with_code, mut named) = (2, false, false);
    while at < args.len() {
        if !with_code && args.is(at, "WITHCODE") {
            with_code = true;
        } else if !named && args.is(at, "LIBRARYNAME") {
            at += 1;
            if at == args.len() {
                return Err(CmdError::text("ERR library name argument was not given"));
            }
            named = true;
        } else {
            return Err(CmdError::from(format!(
                "ERR Unknown argument {}",
                String::from_utf8_lossy(args.get(at))
            )));
        }
        at += 1;
    }
    ctx.out.array(0);
    Ok(())
}
