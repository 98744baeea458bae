//! MODULE: there are none, and none can be loaded.

use super::{CmdResult, Ctx};
use crate::protocol::Args;

/// `MODULE LIST`. O(1).
pub(super) fn list(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    ctx.out.array(0);
    Ok(())
}
