//! A replica and its master.
//!
//! | file | owns |
//! |---|---|
//! | `upstream` | the link as the node sees it |
//! | `driver` | the link's connection: connect, handshake, stream |
//! | `link_faults` | what the faults of the link mean for the driver |
//! | `transfer` | the snapshot that comes over it |
//! | `apply` | its stream is executed |
//! | `wipe_guard` | an emptied master does not take the data of its replicas unasked |

pub(in crate::node) mod apply;
pub(in crate::node) mod driver;
pub(in crate::node) mod link_faults;
pub(in crate::node) mod transfer;
pub(in crate::node) mod upstream;
pub(in crate::node) mod wipe_guard;
