//! CLUSTER and its kin on a node that is no part of a cluster: known, and refused with Redis' words. Clients ask this
//! way which of both they talk to.

use super::{CmdError, CmdResult, Ctx};
use crate::protocol::Args;

/// Every command of a cluster. O(1).
pub(super) fn refuse(_: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::text("ERR This instance has cluster support disabled"))
}
