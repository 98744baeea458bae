//! The data set on the disk: snapshots, the append-only file, and how both are loaded.
//!
//! | file | owns |
//! |---|---|
//! | `commands` | SAVE, BGSAVE, DEBUG RELOAD |
//! | `rdb` | how the RDB file is read, and what becomes of what was in it |
//! | `files` | the files of a node, and what is known of them |
//! | `save` | the RDB file is written |
//! | `snapshot` | a snapshot begins and is encoded |
//! | `start` | the data at the start: from which file it comes |
//! | `loading` | a load under way: how far it is, and what is refused meanwhile |
//! | `aof` | the append-only file |

pub(in crate::node) mod aof;
pub(in crate::node) mod commands;
pub(in crate::node) mod files;
pub(in crate::node) mod loading;
pub(in crate::node) mod rdb;
pub(in crate::node) mod save;
pub(in crate::node) mod snapshot;
pub(in crate::node) mod start;
