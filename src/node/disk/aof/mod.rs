//! The append-only file.
//!
//! | file | owns |
//! |---|---|
//! | `append` | commands go into it and are synced |
//! | `rewrite` | a new base replaces what was appended |
//! | `start` | it is found or made when the node starts |
//! | `load` | it is loaded |

pub(in crate::node) mod append;
pub(in crate::node) mod load;
pub(in crate::node) mod rewrite;
pub(in crate::node) mod start;
