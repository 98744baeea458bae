//! From a read buffer to replies.
//!
//! | file | owns |
//! |---|---|
//! | `dispatch` | requests are parsed, checked and executed |
//! | `transaction` | MULTI, EXEC and WATCH |
//! | `streams` | where a change goes: the stream for replicas, the append-only file |

pub(in crate::node) mod dispatch;
pub(in crate::node) mod streams;
pub(in crate::node) mod transaction;
