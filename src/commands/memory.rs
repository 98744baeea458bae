//! MEMORY USAGE: what one key takes. The other subcommands concern the node.

use super::{ArgCursor, CmdError, CmdResult, Ctx};
use crate::protocol::Args;
use crate::store::Millis;

/// What the table of its segment sets aside for a key: a pointer and a tag, two thirds full.
const SLOT: usize = 14;

/// `MEMORY USAGE key [SAMPLES count]`: nothing is sampled, the totals are at hand. O(1).
pub(super) fn usage(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let mut words = ArgCursor::new(args, 3);
    while words.has_more() {
        if words.integer("SAMPLES")?.is_none_or(|samples| samples < 0) {
            return Err(CmdError::Syntax);
        }
    }
    let key = args.get(2);
    let found = ctx.keyspace().get(ctx.hash(key), key);
    let bytes = found.map(|entry| {
        let expiry = if entry.expire().is_some() { size_of::<Millis>() } else { 0 };
        entry.memory() + SLOT + expiry
    });
    match bytes {
        Some(bytes) => ctx.out.integer(bytes as i64),
        None => ctx.out.null(),
    }
    Ok(())
}
