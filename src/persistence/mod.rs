//! How a data set leaves memory and comes back: the RDB format, and files that are replaced as a whole.
//!
//! Must not know who asked for it.

mod files;

pub use files::{Disk, FileError, OsDisk, PendingFile, Step, remove_stale};
