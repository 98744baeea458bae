//! Places on earth, kept in sorted sets.

use super::Command;

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[];
