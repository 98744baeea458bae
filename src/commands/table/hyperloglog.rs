//! HyperLogLog: PFADD, PFCOUNT, PFMERGE.

use super::Command;

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[];
