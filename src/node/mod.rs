//! One running server: its thread, listener, connections, replication drivers, config and INFO.
//!
//! Must not know other nodes, the lab or egui. A node is owned by one thread; its tasks share it as
//! `Rc<RefCell<Node>>`, never borrowed across an `.await`. The files and folders, each of which names its own:
//!
//! | file | owns |
//! |---|---|
//! | `handle` | the handle: start, stop, kill, freeze, faults |
//! | `message` | how a node is to start, and what its handle sends it |
//! | `event` | what a node tells its observer |
//! | `node` | everything a node owns |
//! | `runtime` | the thread: start, messages, how it ends |
//! | `tasks` | helper threads |
//! | `cron` | what is done by the clock |
//! | `config` | redis.conf and CONFIG |
//! | `time` | time and its gaps, waits that are too long |
//! | `faults` | what can be wrong, and what that does to a link |
//! | `clients` | clients, from accept to close |
//! | `keys` | keys that go by themselves |
//! | `disk` | snapshots, the append-only file, loading |
//! | `messages` | pub/sub, tracking, MONITOR |
//! | `observe` | INFO, figures, slow commands, memory, log |
//! | `replication` | both sides of replication, and the role of the node |
//! | `exec` | from a read buffer to replies |
//! | `admin` | commands about the server and across servers |
//! | `program` | one node as a program of its own |

mod admin;
mod clients;
pub mod config;
mod cron;
mod disk;
mod event;
mod exec;
mod faults;
mod handle;
mod keys;
mod message;
mod messages;
#[allow(clippy::module_inception)]
mod node;
mod observe;
mod program;
mod replication;
mod runtime;
mod tasks;
mod time;

pub use config::Config;
pub use event::{
    FailoverPhase, FeedPhase, LinkPhase, LogLevel, NodeEvent, NodeRole, SnapshotTarget, StopReason,
    SyncOutcome, TimeGap,
};
pub use faults::fault::{Fault, FaultKind, Way};
pub use handle::NodeHandle;
pub use message::{NodeOptions, Signal};
#[cfg(feature = "app")]
pub(crate) use program::crash::panic_text;
pub use program::standalone::{asked_to_end, serve};
pub(crate) use time::pulse;
