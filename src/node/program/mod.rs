//! One node as a program of its own.
//!
//! | file | owns |
//! |---|---|
//! | `standalone` | `repliscope server`: command line, log and signals |
//! | `usage` | what it says of itself without starting |
//! | `process` | pid file, supervisor, the background, a new begin |
//! | `crash` | its last words |

pub(in crate::node) mod crash;
pub(in crate::node) mod process;
pub(in crate::node) mod standalone;
pub(in crate::node) mod usage;
