//! Where a node's changes are written down, as [`Streams`](crate::replication::Streams).

/// Borrows no more of the node than what is written to.
macro_rules! streams {
    ($node:expr) => {
        crate::replication::Streams {
            // The stream of a replica is its master's.
            backlog: if $node.upstream.is_none() { $node.backlog.as_mut() } else { None },
            history: &mut $node.history,
            writer: &mut $node.writer,
            log: $node.aof.log.as_mut().map(|log| &mut log.writer),
        }
    };
}
pub(in crate::node) use streams;
