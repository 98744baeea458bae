//! What a node says of itself.
//!
//! | file | owns |
//! |---|---|
//! | `info` | INFO |
//! | `stats` | its figures |
//! | `slowlog` | SLOWLOG |
//! | `latency` | LATENCY |
//! | `memory` | MEMORY and LOLWUT |
//! | `log` | its log |

pub(in crate::node) mod info;
pub(in crate::node) mod latency;
pub(in crate::node) mod log;
pub(in crate::node) mod memory;
pub(in crate::node) mod slowlog;
pub(in crate::node) mod stats;
