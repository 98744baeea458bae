//! From a read buffer to replies.
//!
//! | file | owns |
//! |---|---|
//! | `parse` | from bytes to requests |
//! | `admit` | whether a command may run now |
//! | `dispatch` | requests are parsed, checked and executed |
//! | `flow` | how the node runs a command of its own, and how the connection goes on after it |
//! | `handlers` | which function executes which command of the node |
//! | `accounting` | when commands are timed, and what counts and logs their calls |
//! | `transaction` | MULTI, EXEC and WATCH |
//! | `effects` | what follows from a change: watchers, messages, the stream for replicas, the append-only file |

pub(in crate::node) mod accounting;
pub(in crate::node) mod admit;
pub(in crate::node) mod dispatch;
pub(in crate::node) mod effects;
pub(in crate::node) mod flow;
pub(in crate::node) mod handlers;
pub(in crate::node) mod parse;
pub(in crate::node) mod transaction;
