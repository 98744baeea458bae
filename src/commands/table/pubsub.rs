//! Messages: PUBLISH, SUBSCRIBE and their kin.

use super::Command;

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[];
