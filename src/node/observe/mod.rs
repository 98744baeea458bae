//! What a node says of itself.
//!
//! | file | owns |
//! |---|---|
//! | `info` | INFO |
//! | `figures` | everything that a node counts, times and logs |
//! | `stats` | its counters |
//! | `slowlog` | SLOWLOG |
//! | `latency` | LATENCY |
//! | `memory` | MEMORY and LOLWUT |
//! | `log` | its log |

pub(in crate::node) mod figures;
pub(in crate::node) mod info;
pub(in crate::node) mod latency;
pub(in crate::node) mod log;
pub(in crate::node) mod memory;
pub(in crate::node) mod slowlog;
pub(in crate::node) mod stats;

use crate::commands::NodeCommand as N;
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;

pub(in crate::node) const HANDLERS: Handlers = &[
    (N::Info, |node, session, args| {
        let sections: Vec<&[u8]> = args.from(1).collect();
        let text = node.info(&sections);
        session.out.verbatim("txt", text.as_bytes());
        Ok(Flow::Next)
    }),
    (N::LatencyDoctor, Node::latency_doctor),
    (N::LatencyGraph, Node::latency_graph),
    (N::LatencyHistogram, Node::latency_histogram),
    (N::LatencyHistory, Node::latency_history),
    (N::LatencyLatest, Node::latency_latest),
    (N::LatencyReset, Node::latency_reset),
    (N::Lolwut, memory::lolwut),
    (N::MemoryDoctor, |node, session, _| {
        let text = node.memory_doctor();
        session.out.verbatim("txt", text.as_bytes());
        Ok(Flow::Next)
    }),
    (N::MemoryMallocStats, memory::malloc_stats),
    (N::MemoryPurge, |_, session, _| {
        repliscope_platform::give_memory_back(true);
        session.out.ok();
        Ok(Flow::Next)
    }),
    (N::MemoryStats, Node::memory_stats),
    (N::SlowlogGet, Node::slowlog_get),
    (N::SlowlogLen, Node::slowlog_len),
    (N::SlowlogReset, Node::slowlog_reset),
];
