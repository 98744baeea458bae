//! A master and its replicas.
//!
//! | file | owns |
//! |---|---|
//! | `feed` | the stream on its way to one replica |
//! | `full_sync` | snapshots for replicas |
//! | `name` | how the log names a replica |

pub(in crate::node) mod feed;
pub(in crate::node) mod full_sync;
pub(in crate::node) mod name;
