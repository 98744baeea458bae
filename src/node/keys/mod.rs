//! The data set, and keys that go by themselves.
//!
//! | file | owns |
//! |---|---|
//! | `dataset` | the data set, and what a command that changes it leaves behind |
//! | `expiry` | keys whose time has come |
//! | `eviction` | `maxmemory`, and who has to go |
//! | `own_expires` | keys with an expiry that were made on a writable replica |

pub(in crate::node) mod dataset;
pub(in crate::node) mod eviction;
pub(in crate::node) mod expiry;
pub(in crate::node) mod own_expires;
