//! A master and its replicas.
//!
//! | file | owns |
//! |---|---|
//! | `feed` | the stream on its way to one replica |
//! | `full_sync` | snapshots for replicas |

pub(in crate::node) mod feed;
pub(in crate::node) mod full_sync;
