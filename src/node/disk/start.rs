//! The data set at the start: from the append-only file, or from the RDB file.

use crate::node::node::Shared;

/// Data and history from the files, at the node's start. Returns the keys loaded.
///
/// # Errors
/// A file is there and cannot be served whole, which is in the log already; the node must not start, because it would
/// write over it.
pub(in crate::node) async fn load_at_start(shared: &Shared) -> Result<u64, String> {
    let appendonly = {
        let mut node = shared.borrow_mut();
        let total = node.bytes_to_load();
        node.begin_loading(total);
        node.config.appendonly
    };
    let loaded = if appendonly {
        crate::node::disk::aof::load::at_start(shared).await
    } else {
        super::rdb::from_rdb(shared).await
    };
    shared.borrow_mut().disk.loading = None;
    loaded
}
