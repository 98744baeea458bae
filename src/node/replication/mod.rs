//! Both sides of replication, and the role of the node.
//!
//! | file | owns |
//! |---|---|
//! | `commands` | REPLICAOF, PSYNC, REPLCONF, WAIT, ROLE |
//! | `state` | everything about replication that a node keeps |
//! | `role` | the role of the node, and what a change of it leads to |
//! | `failover` | the role is handed over |
//! | `shutdown` | the node ends when its replicas have everything |
//! | `master` | the stream and snapshots on their way to replicas |
//! | `replica` | the link to the master |

pub(in crate::node) mod commands;
pub(in crate::node) mod failover;
pub(in crate::node) mod master;
pub(in crate::node) mod replica;
pub(in crate::node) mod role;
pub(in crate::node) mod shutdown;
pub(in crate::node) mod state;
