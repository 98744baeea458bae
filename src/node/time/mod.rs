//! Time as the node sees it, and what is said about gaps in it.
//!
//! | file | owns |
//! |---|---|
//! | `clock` | what time it is, for data and for deadlines |
//! | `pulse` | whether this computer was asleep |
//! | `lag` | how long the node's thread makes clients wait |
//! | `watchdog` | what the log says of a step that takes too long |

pub(in crate::node) mod clock;
pub(in crate::node) mod lag;
pub(crate) mod pulse;
pub(in crate::node) mod watchdog;
