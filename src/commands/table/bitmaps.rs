//! Bitmaps: SETBIT, BITCOUNT and their kin, on strings.

use super::Command;

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[];
