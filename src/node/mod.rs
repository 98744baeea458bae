//! One running server: its thread, listener, connections, replication drivers, config and INFO.
//!
//! Must not know other nodes, the lab or egui. A node is owned by one thread; its tasks share it as
//! `Rc<RefCell<Node>>`, never borrowed across an `.await`. The files:
//!
//! | file | owns |
//! |---|---|
//! | `control` | the handle: start, stop, kill, freeze, faults |
//! | `runtime`, `crash` | the thread: start, messages, how it ends, and its last words if it cannot go on |
//! | `state` | everything a node owns |
//! | `listener`, `unix_socket`, `connection`, `session`, `client` | clients, from accept to close |
//! | `descriptors` | how many clients the open files of the process allow |
//! | `buffers`, `client_eviction` | how much room a client's buffers keep, and whose connection is closed for all of them |
//! | `unsent`, `output` | replies that a socket has not taken yet, and how much may wait for a client |
//! | `blocking` | clients that wait for keys |
//! | `dispatch`, `transaction`, `streams` | from a read buffer to replies: checks, MULTI, what goes into the stream and the append-only file |
//! | `pubsub`, `outbox` | messages and keyspace events, and their way into other clients' connections |
//! | `acl`, `server_commands`, `client_commands`, `replication_commands`, `persistence_commands`, `memory_commands`, `dump_commands`, `debug`, `info` | commands that need the node |
//! | `migrate` | keys on their way to another node |
//! | `tracking` | invalidations for clients' caches |
//! | `monitor`, `slowlog`, `latency` | commands as others see them, and how long they took |
//! | `feed`, `full_sync` | master side: the stream and snapshots on their way to replicas |
//! | `snapshot`, `save` | a snapshot begins and is encoded; the RDB file |
//! | `aof`, `aof_rewrite`, `aof_start`, `aof_load` | the append-only file: appended to and synced, rewritten, found or made, loaded |
//! | `upstream`, `link_driver`, `link_transfer`, `apply` | replica side: the link, its snapshot, its stream executed |
//! | `loading` | the data at the start, while the node answers already |
//! | `wipe_guard` | an emptied master does not take the data of its replicas unasked |
//! | `own_expires` | keys with an expiry that were made on a writable replica |
//! | `fault`, `link_faults`, `wire`, `lane` | what can be wrong, and what that does to a link |
//! | `failover`, `shutdown` | the role is handed over; the node ends when its replicas have everything |
//! | `eviction` | `maxmemory` and who has to go |
//! | `helper` | helper threads |
//! | `cron`, `clock`, `pulse`, `lag`, `watchdog`, `stats`, `log` | timers, time and its gaps, waits that are too long, figures, log |
//! | `standalone`, `usage`, `process` | one node as a program of its own; what it says of itself; pid file and supervisor |
//! | `config` | redis.conf and CONFIG |
//! | `event` | what a node tells its observer |

mod acl;
mod aof;
mod aof_load;
mod aof_rewrite;
mod aof_start;
mod apply;
mod blocking;
mod buffers;
mod client;
mod client_commands;
mod client_eviction;
mod clock;
pub mod config;
mod connection;
mod control;
mod crash;
mod cron;
mod debug;
mod descriptors;
mod dispatch;
mod dump_commands;
mod event;
mod eviction;
mod failover;
mod fault;
mod feed;
mod full_sync;
mod helper;
mod info;
mod lag;
mod lane;
mod latency;
mod link_driver;
mod link_faults;
mod link_transfer;
mod listener;
mod loading;
mod log;
mod memory_commands;
mod migrate;
mod monitor;
mod outbox;
mod output;
mod own_expires;
mod persistence_commands;
mod process;
mod pubsub;
pub(crate) mod pulse;
mod replication_commands;
mod runtime;
mod save;
mod server_commands;
mod session;
mod shutdown;
mod slowlog;
mod snapshot;
mod standalone;
mod state;
mod stats;
mod streams;
mod tracking;
mod transaction;
#[cfg(unix)]
mod unix_socket;
mod unsent;
mod upstream;
mod usage;
mod watchdog;
mod wipe_guard;
mod wire;

pub use config::Config;
pub use control::{NodeHandle, NodeOptions, Signal};
#[cfg(feature = "app")]
pub(crate) use crash::panic_text;
pub use event::{
    FailoverPhase, FeedPhase, LinkPhase, LogLevel, NodeEvent, NodeRole, SnapshotTarget, StopReason,
    SyncOutcome, TimeGap,
};
pub use fault::{Fault, FaultKind, Way};
pub use standalone::{asked_to_end, serve};
