//! What can be made wrong with a node and its links, and how.
//!
//! | file | owns |
//! |---|---|
//! | `fault` | the faults, by kind |
//! | `link` | the faults of the links of one node |
//! | `lane` | one direction of a faulty link: delay, bandwidth, loss |
//! | `wire` | a socket with its lanes |

pub(in crate::node) mod fault;
pub(in crate::node) mod lane;
pub(in crate::node) mod link;
pub(in crate::node) mod wire;
