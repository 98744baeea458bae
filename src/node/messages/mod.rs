//! What clients are told without having asked for it at that moment.
//!
//! | file | owns |
//! |---|---|
//! | `pubsub` | channels, patterns and keyspace events |
//! | `tracking` | invalidations for clients' caches |
//! | `monitor` | MONITOR |

pub(in crate::node) mod monitor;
pub(in crate::node) mod pubsub;
pub(in crate::node) mod tracking;
