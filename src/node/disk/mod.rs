//! The data set on the disk: snapshots, the append-only file, and how both are loaded.
//!
//! | file | owns |
//! |---|---|
//! | `commands` | SAVE, BGSAVE, DEBUG RELOAD, and the RDB file at the start |
//! | `save` | the RDB file is written |
//! | `snapshot` | a snapshot begins and is encoded |
//! | `loading` | the data at the start, while the node answers already |
//! | `aof` | the append-only file |

pub(in crate::node) mod aof;
pub(in crate::node) mod commands;
pub(in crate::node) mod loading;
pub(in crate::node) mod save;
pub(in crate::node) mod snapshot;
