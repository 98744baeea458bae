//! The configuration of one node: Redis 7.0's parameters, their names, defaults, bounds and texts.
//!
//! Owns the values, `redis.conf`, the command line and CONFIG GET/SET/REWRITE. Must not know sockets or the
//! data set: the node applies what [`Config::set`] changed, and puts the old value back if it cannot.
//!
//! One table (`table.rs`) names every parameter, so that CONFIG GET lists exactly what a Redis 7.0.15 lists. It says
//! what each one does here: it acts, it is moot, it does nothing and the log says so, or it is refused. What acts has a
//! typed field here or is read by name; what does not is kept by name alone.

mod command_line;
mod errors;
mod file;
mod get_set;
mod limits;
mod names;
mod numbers;
mod param;
mod rewrite;
mod special;
mod table;
mod users;
mod value;
mod values;
mod words;

use crate::commands::{CommandNames, KeyspaceEvents};
use crate::store::Encodings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use command_line::{CommandLine, parse_command_line};
pub use errors::{ConfigError, ConfigErrors};
pub(super) use file::FILE_BYTES_MAX;
pub use get_set::Caller;
pub use limits::{OutputLimit, OutputLimits};
pub(super) use numbers::parse_memory;
pub(in crate::node) use special::system_text;
pub(in crate::node) use users::sha256;
pub use words::{AppendFsync, DisklessLoad, MaxmemoryPolicy, PropagationErrorBehavior, ProtectedAction};

use crate::node::LogLevel;
use value::Value;

/// The version of Redis whose configuration this is.
pub const REDIS_VERSION: &str = "7.0.15";

/// Declares a struct and an all-zero value of it: the defaults then come from the table alone.
macro_rules! with_blank {
    ($(#[$about:meta])* struct $name:ident { $($(#[$doc:meta])* $vis:vis $field:ident: $type:ty,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$doc])* $vis $field: $type,)+
        }

        impl $name {
            fn blank() -> Self {
                Self { $($field: <$type>::default(),)+ }
            }
        }
    };
}

with_blank! {
/// Every parameter of one node, as loaded and as changed by CONFIG SET since. [`Config::default`] is Redis' own.
struct Config {
    // Network.
    /// `port`: TCP port, 0 for none.
    pub port: u16,
    /// `bind`: addresses to listen on; `*` and `::*` are all of a family, a leading `-` makes one optional.
    pub bind: Vec<String>,
    /// `bind-source-addr`: local address of outgoing connections.
    pub bind_source_addr: Option<String>,
    /// `tcp-backlog`: length of the accept queue.
    pub tcp_backlog: u32,
    /// `timeout`: idle time after which a client is closed, zero for never.
    pub timeout: Duration,
    /// `request-timeout` (hidden, ours alone): silence after which an unfinished request is given up.
    pub request_timeout: Duration,
    /// `tcp-keepalive`: interval of keep-alive probes, zero for none.
    pub tcp_keepalive: Duration,
    /// `maxclients`: most clients at once.
    pub maxclients: u32,
    /// `protected-mode`: without a password, only loopback clients are served.
    pub protected_mode: bool,

    // Process.
    /// `daemonize`: a server of its own goes on in the background.
    pub daemonize: bool,
    /// `pidfile`: where to write the process id.
    pub pidfile: Option<String>,
    /// `loglevel`: quietest level that is logged.
    pub loglevel: LogLevel,
    /// `logfile`: empty for standard output; relative to `dir`.
    pub logfile: String,
    /// `always-show-logo`: print the start banner even when not on a terminal.
    pub always_show_logo: bool,
    /// `databases`: number of databases, at least 1.
    pub databases: u32,
    /// `hz`: rounds of active expiry and eviction per second, 1 to 500.
    pub hz: u32,
    /// `shutdown-timeout`: how long SHUTDOWN waits for lagging replicas.
    pub shutdown_timeout: Duration,

    // Access.
    /// `requirepass`: password of the default user.
    pub requirepass: Option<String>,
    /// `enable-protected-configs`: who may change `dir` and `dbfilename` at run time.
    pub enable_protected_configs: ProtectedAction,
    /// `enable-debug-command`: who may use DEBUG.
    pub enable_debug_command: ProtectedAction,
    /// `enable-module-command`: who may use MODULE.
    pub enable_module_command: ProtectedAction,

    // Snapshots.
    /// `dir`: the working folder. A node never changes the process' own: several share one process.
    pub dir: PathBuf,
    /// `dbfilename`: name of the snapshot in `dir`.
    pub dbfilename: String,
    /// `save`: points as (seconds, changes); a snapshot starts once both have passed.
    pub save: Vec<(u64, u64)>,
    /// `rdbcompression`: compress strings of snapshots.
    pub rdbcompression: bool,
    /// `rdbchecksum`: end snapshots with a checksum and verify it.
    pub rdbchecksum: bool,
    /// `stop-writes-on-bgsave-error`: refuse writes after a failed background save.
    pub stop_writes_on_bgsave_error: bool,
    /// `rdb-del-sync-files`: delete snapshots that served a sync only.
    pub rdb_del_sync_files: bool,
    /// `rdb-save-incremental-fsync`: flush a snapshot to disk piecewise.
    pub rdb_save_incremental_fsync: bool,
    /// `rdb-key-save-delay` (hidden): µs to wait per saved key; none for a negative number.
    pub rdb_key_save_delay_us: i64,
    /// `key-load-delay` (hidden): µs to wait per loaded key; negative: 1 µs every so many keys.
    pub key_load_delay_us: i64,

    // Append-only file.
    /// `appendonly`: whether an append-only file was asked for.
    pub appendonly: bool,
    /// `appendfsync`: when the append-only file is flushed.
    pub appendfsync: AppendFsync,
    /// `appendfilename`: base name of the append-only files.
    pub appendfilename: String,
    /// `appenddirname`: folder of the append-only files, in `dir`.
    pub appenddirname: String,
    /// `aof-timestamp-enabled`: note in the append-only file when commands were written.
    pub aof_timestamp_enabled: bool,
    /// `aof-disable-auto-gc`: keep the files that a rewrite has replaced.
    pub aof_disable_auto_gc: bool,
    /// `no-appendfsync-on-rewrite`: do not wait for the disk while a snapshot is written.
    pub no_appendfsync_on_rewrite: bool,
    /// `auto-aof-rewrite-percentage`: growth that starts a rewrite, 0 for never.
    pub auto_aof_rewrite_percentage: u32,
    /// `auto-aof-rewrite-min-size`: bytes below which no rewrite starts.
    pub auto_aof_rewrite_min_size: u64,
    /// `aof-rewrite-incremental-fsync`: flush a rewritten file to disk piecewise.
    pub aof_rewrite_incremental_fsync: bool,
    /// `aof-load-truncated`: accept a file whose last command is cut.
    pub aof_load_truncated: bool,
    /// `aof-use-rdb-preamble`: a rewritten file starts with a snapshot.
    pub aof_use_rdb_preamble: bool,

    // Replication.
    /// `replicaof`: host and port of the master, `None` on a master. REPLICAOF changes it.
    pub replicaof: Option<(String, u16)>,
    /// `masterauth`: password for the master.
    pub masterauth: Option<String>,
    /// `masteruser`: user name for the master.
    pub masteruser: Option<String>,
    /// `replica-read-only`: a replica refuses writes of clients.
    pub replica_read_only: bool,
    /// `replica-serve-stale-data`: a replica answers while its link is down.
    pub replica_serve_stale_data: bool,
    /// `replica-ignore-maxmemory`: replicas do not evict.
    pub replica_ignore_maxmemory: bool,
    /// `repl-diskless-sync`: send snapshots straight to the sockets.
    pub repl_diskless_sync: bool,
    /// `repl-diskless-sync-delay`: wait for more replicas before such a snapshot.
    pub repl_diskless_sync_delay: Duration,
    /// `repl-diskless-sync-max-replicas`: start early when so many wait, 0 for never.
    pub repl_diskless_sync_max_replicas: u32,
    /// `repl-diskless-load`: whether a replica parses a snapshot from the socket.
    pub repl_diskless_load: DisklessLoad,
    /// `repl-ping-replica-period`: interval of PINGs in the stream.
    pub repl_ping_replica_period: Duration,
    /// `repl-timeout`: silence after which a link is given up.
    pub repl_timeout: Duration,
    /// `repl-backlog-size`: bytes of the stream kept for partial syncs.
    pub repl_backlog_size: u64,
    /// `repl-backlog-ttl`: how long a master without replicas keeps the backlog, zero for ever.
    pub repl_backlog_ttl: Duration,
    /// `repl-disable-tcp-nodelay`: let the system gather small packets to replicas.
    pub repl_disable_tcp_nodelay: bool,
    /// `min-replicas-to-write`: good replicas that a write needs, 0 for none.
    pub min_replicas_to_write: u32,
    /// `min-replicas-max-lag`: age of the last ACK up to which a replica is good, zero switches the check off.
    pub min_replicas_max_lag: Duration,
    /// `replica-priority`: lower is promoted first, 0 is never.
    pub replica_priority: u32,
    /// `replica-announce-ip`: address that the master shows for this replica.
    pub replica_announce_ip: Option<String>,
    /// `replica-announce-port`: port that the master shows for this replica, 0 for `port`.
    pub replica_announce_port: u16,
    /// `replica-announced`: whether Sentinel sees this replica.
    pub replica_announced: bool,
    /// `propagation-error-behavior`: what a failing command of the stream does, if that was chosen. Only a chosen
    /// `ignore` lets the data drift apart; all else drops the link for a full sync.
    pub propagation_error_behavior: Option<PropagationErrorBehavior>,

    // Memory and limits.
    /// `client-output-buffer-limit`: bounds of unsent replies by class of client.
    pub client_output_buffer_limit: OutputLimits,
    /// `proto-max-bulk-len`: longest argument in bytes.
    pub proto_max_bulk_len: u64,
    /// `client-query-buffer-limit`: most unparsed bytes of a client.
    pub client_query_buffer_limit: u64,
    /// `maxmemory`: bytes, 0 for no limit.
    pub maxmemory: u64,
    /// `maxmemory-policy`: what is evicted at the limit.
    pub maxmemory_policy: MaxmemoryPolicy,
    /// `maxmemory-samples`: keys looked at per eviction.
    pub maxmemory_samples: u32,
    /// `maxmemory-eviction-tenacity`: effort of eviction, 0 to 100.
    pub maxmemory_eviction_tenacity: u32,
    /// `lfu-log-factor`: how slowly the access counter grows.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`: minutes after which the access counter decays.
    pub lfu_decay_time_min: u32,
    /// `active-expire-effort`: effort of active expiry, 1 to 10.
    pub active_expire_effort: u32,
    /// `lazyfree-lazy-eviction`: free evicted values in the background.
    pub lazyfree_lazy_eviction: bool,
    /// `lazyfree-lazy-expire`: free expired values in the background (they propagate as UNLINK).
    pub lazyfree_lazy_expire: bool,

    // What the encodings of values (OBJECT ENCODING) depend on.
    /// Thresholds of the compact encodings.
    pub encodings: Encodings,

    // Observation.
    /// `slowlog-log-slower-than`: µs; 0 logs all, negative nothing.
    pub slowlog_log_slower_than_us: i64,
    /// `slowlog-max-len`: entries kept.
    pub slowlog_max_len: u64,
    /// `latency-monitor-threshold`: ms from which an event is recorded, 0 for off.
    pub latency_monitor_threshold_ms: u64,
    /// `watchdog-period` (hidden): ms that clients may have to wait before the log tells, 0 for off.
    pub watchdog_period_ms: u64,
    /// `latency-tracking`: keep a histogram per command.
    pub latency_tracking: bool,
    /// `latency-tracking-info-percentiles`: percentiles that INFO shows.
    pub latency_tracking_info_percentiles: Vec<f64>,
    /// `notify-keyspace-events`: classes of keyspace events that are published.
    pub notify_keyspace_events: KeyspaceEvents,

    // A directive of a file that is no parameter.
    /// `rename-command` lines: the names by which clients know the commands.
    pub command_names: CommandNames,

    /// Parameters without a field, by canonical name: those of one reader, and those that do nothing here.
    kept: BTreeMap<&'static str, Value>,
}
}

impl Config {
    /// The value of a yes/no parameter that has no field; `false` for any other name.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.kept.get(name), Some(Value::Flag(true)))
    }

    /// The value of a numeric parameter that has no field; 0 for any other name, negative is a percentage.
    pub fn integer(&self, name: &str) -> i128 {
        if let Some(Value::Number(number)) = self.kept.get(name) { *number } else { 0 }
    }

    /// The value of a text or enum parameter that has no field; empty if unset and for any other name.
    pub fn text(&self, name: &str) -> &str {
        match self.kept.get(name) {
            Some(Value::Text(Some(text))) => text,
            Some(Value::Word(word)) => word,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests;
