//! The one table of parameters: name, kind, bounds, default, where the value lives, who may change it, and what it does
//! here. What is not said to be `moot`, `idle` or `refused` acts: `tests/tidy` looks for its reader.

use super::param::{Effect, Home, Kind, Param, Special};
use super::special;
use super::value::Stored;
use super::words::{
    AppendFsync, DisklessLoad, LOG_LEVELS, MaxmemoryPolicy, PropagationErrorBehavior, ProtectedAction,
};

/// The value lives in this field of `Config`.
macro_rules! field {
    ($($field:ident).+) => {
        Home::Field {
            read: |config| config.$($field).+.value(),
            write: |config, value| config.$($field).+.store(value),
        }
    };
}

const KEPT: Home = Home::Kept;
const INT_MAX: i128 = i32::MAX as i128;
const INT_MIN: i128 = i32::MIN as i128;
const UINT_MAX: i128 = u32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const ULONG_MAX: i128 = u64::MAX as i128;
const MIB: i128 = 1 << 20;
const PORT_MAX: i128 = 65535;

const fn flag(name: &'static str, default: &'static str, home: Home) -> Param {
    Param::new(name, Kind::Flag, default, home)
}

const fn int(name: &'static str, min: i128, max: i128, default: &'static str, home: Home) -> Param {
    Param::new(name, Kind::Integer { min, max }, default, home)
}

const fn memory(name: &'static str, min: i128, max: i128, default: &'static str, home: Home) -> Param {
    Param::new(name, Kind::Memory { min, max }, default, home)
}

const fn word(
    name: &'static str,
    words: &'static [&'static str],
    default: &'static str,
    home: Home,
) -> Param {
    Param::new(name, Kind::Word { words, synonym: None }, default, home)
}

/// Text that may be empty.
const fn text(name: &'static str, default: &'static str, home: Home) -> Param {
    checked(name, default, home, |_| Ok(()))
}

/// Text where empty means not set.
const fn optional(name: &'static str, home: Home) -> Param {
    Param::new(name, Kind::Text { unset_if_empty: true, check: |_| Ok(()) }, "", home)
}

const fn checked(
    name: &'static str,
    default: &'static str,
    home: Home,
    check: fn(&str) -> Result<(), &'static str>,
) -> Param {
    Param::new(name, Kind::Text { unset_if_empty: false, check }, default, home)
}

const fn special(name: &'static str, special: Special, default: &'static str) -> Param {
    Param::new(name, Kind::Special(special), default, Home::Special)
}

const fn shutdown_flags(name: &'static str) -> Param {
    let words = &["default", "save", "nosave", "now", "force"];
    let conflict = ("save", "nosave", "shutdown options SAVE and NOSAVE can't be used simultaneously");
    Param::new(name, Kind::Words { words, conflict }, "default", KEPT)
}

const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
const PERCENT: Kind = Kind::MemoryOrPercent;
const OOM_WORDS: Kind =
    Kind::Word { words: &["no", "yes", "relative", "absolute"], synonym: Some(("relative", "yes")) };
const HOST: Kind = Kind::Text { unset_if_empty: true, check: special::check_hostname };
const TEMPLATE: &str = "{title} {listen-addr} {server-mode}";

const NO_CLUSTER: &str = "cluster mode is not supported";
const NO_CLUSTER_MODE: &str =
    "Cluster mode is not supported: this server would hold every slot and tell nobody";
const NO_TLS: &str = "TLS is not supported";
const CLEAR_TEXT: &str =
    "TLS is not supported: what should be encrypted would be sent as clear text, or not at all";
const TLS_FAILED: &str = "Unable to update TLS configuration. Check server logs."; // Redis' text
const NO_USERS: &str = "there is only the default user";
const NO_ACL_FILE: &str = "Files of users are not supported: there is only the default user, who may do everything. Ask \
    for a password with requirepass instead";
const NO_SYSLOG: &str = "the log goes to 'logfile' or to standard output";
const FREED_ASIDE: &str = "what takes long to free is always freed by a helper thread";
/// Redis' text for builds with another allocator, such as Debian's.
const NO_DEFRAGMENTATION: &str = "Active defragmentation cannot be enabled: it requires a Redis server \
     compiled with a modified Jemalloc like the one shipped by default with the Redis source distribution";
const ON_UNIX: Effect =
    if cfg!(unix) { Effect::Acts } else { Effect::Idle("this system has nothing of the kind") };
const BACKGROUND: Effect = if cfg!(unix) {
    Effect::Acts
} else {
    Effect::Refused("A server cannot leave its terminal by itself on this system: start it as a service", "")
};

/// All parameters, by kind as in Redis' own list.
#[rustfmt::skip] // one line per parameter
pub(super) static TABLE: &[Param] = &[
    flag("rdbchecksum", "yes", field!(rdbchecksum)).immutable(),
    flag("daemonize", "no", field!(daemonize)).immutable().with(BACKGROUND),
    flag("io-threads-do-reads", "no", KEPT).immutable().idle("one thread serves all clients of a node"),
    flag("always-show-logo", "no", field!(always_show_logo)).immutable(),
    flag("protected-mode", "yes", field!(protected_mode)),
    flag("rdbcompression", "yes", field!(rdbcompression)),
    flag("rdb-del-sync-files", "no", field!(rdb_del_sync_files)),
    flag("activerehashing", "yes", KEPT).moot("tables grow in small steps, each with a write"),
    flag("stop-writes-on-bgsave-error", "yes", field!(stop_writes_on_bgsave_error)),
    flag("set-proc-title", "yes", KEPT).immutable().moot("the title of the process stays its command line"),
    flag("dynamic-hz", "yes", KEPT).moot("all clients are looked after ten times a second, however many they are"),
    flag("lazyfree-lazy-eviction", "no", field!(lazyfree_lazy_eviction)),
    flag("lazyfree-lazy-expire", "no", field!(lazyfree_lazy_expire)),
    flag("lazyfree-lazy-server-del", "no", KEPT).moot(FREED_ASIDE),
    flag("lazyfree-lazy-user-del", "no", KEPT).moot(FREED_ASIDE),
    flag("lazyfree-lazy-user-flush", "no", KEPT).moot(FREED_ASIDE),
    flag("repl-disable-tcp-nodelay", "no", field!(repl_disable_tcp_nodelay)),
    flag("repl-diskless-sync", "yes", field!(repl_diskless_sync)),
    flag("aof-rewrite-incremental-fsync", "yes", field!(aof_rewrite_incremental_fsync)),
    flag("no-appendfsync-on-rewrite", "no", field!(no_appendfsync_on_rewrite)),
    flag("cluster-require-full-coverage", "yes", KEPT).idle(NO_CLUSTER),
    flag("rdb-save-incremental-fsync", "yes", field!(rdb_save_incremental_fsync)),
    flag("aof-load-truncated", "yes", field!(aof_load_truncated)),
    flag("aof-use-rdb-preamble", "yes", field!(aof_use_rdb_preamble)),
    flag("aof-timestamp-enabled", "no", field!(aof_timestamp_enabled)),
    flag("cluster-replica-no-failover", "no", KEPT).alias("cluster-slave-no-failover").idle(NO_CLUSTER),
    flag("replica-lazy-flush", "no", KEPT).alias("slave-lazy-flush").moot(FREED_ASIDE),
    flag("replica-serve-stale-data", "yes", field!(replica_serve_stale_data)).alias("slave-serve-stale-data"),
    flag("replica-read-only", "yes", field!(replica_read_only)).alias("slave-read-only"),
    flag("replica-ignore-maxmemory", "yes", field!(replica_ignore_maxmemory)).alias("slave-ignore-maxmemory"),
    flag("jemalloc-bg-thread", "yes", KEPT).idle("the allocator is not jemalloc"),
    flag("activedefrag", "no", KEPT).refused(NO_DEFRAGMENTATION, NO_DEFRAGMENTATION),
    flag("syslog-enabled", "no", KEPT).immutable().idle(NO_SYSLOG),
    flag("cluster-enabled", "no", KEPT).immutable().refused(NO_CLUSTER_MODE, NO_CLUSTER),
    flag("appendonly", "no", field!(appendonly)).fixed_while_loading(),
    flag("cluster-allow-reads-when-down", "no", KEPT).idle(NO_CLUSTER),
    flag("cluster-allow-pubsubshard-when-down", "yes", KEPT).idle(NO_CLUSTER),
    flag("crash-log-enabled", "yes", KEPT),
    flag("crash-memcheck-enabled", "yes", KEPT).moot("a crash report is written without a test of the memory"),
    flag("use-exit-on-panic", "no", KEPT).hidden(),
    flag("disable-thp", "yes", KEPT).immutable().moot("no fork copies huge pages"),
    flag("cluster-allow-replica-migration", "yes", KEPT).idle(NO_CLUSTER),
    flag("replica-announced", "yes", field!(replica_announced)),
    flag("latency-tracking", "yes", field!(latency_tracking)),
    flag("aof-disable-auto-gc", "no", field!(aof_disable_auto_gc)),
    flag("replica-ignore-disk-write-errors", "no", KEPT).moot("a replica never ends itself because of its disk"),
    flag("tls-cluster", "no", KEPT).refused(CLEAR_TEXT, TLS_FAILED),
    flag("tls-replication", "no", KEPT).refused(CLEAR_TEXT, TLS_FAILED),
    flag("tls-prefer-server-ciphers", "no", KEPT).idle(NO_TLS),
    flag("tls-session-caching", "yes", KEPT).idle(NO_TLS),

    checked("aclfile", "", KEPT, special::check_path).immutable().refused(NO_ACL_FILE, NO_USERS),
    optional("unixsocket", KEPT).immutable().with(ON_UNIX),
    optional("pidfile", field!(pidfile)).immutable(),
    optional("replica-announce-ip", field!(replica_announce_ip)).alias("slave-announce-ip"),
    optional("masteruser", field!(masteruser)),
    optional("cluster-announce-ip", KEPT).idle(NO_CLUSTER),
    text("cluster-config-file", "nodes.conf", KEPT).immutable().idle(NO_CLUSTER),
    Param::new("cluster-announce-hostname", HOST, "", KEPT).idle(NO_CLUSTER),
    text("syslog-ident", "redis", KEPT).immutable().idle(NO_SYSLOG),
    checked("dbfilename", "dump.rdb", field!(dbfilename), special::check_dbfilename).protected(),
    checked("appendfilename", "appendonly.aof", field!(appendfilename), special::check_aof_name).immutable(),
    checked("appenddirname", "appendonlydir", field!(appenddirname), special::check_aof_dir).immutable(),
    optional("server_cpulist", KEPT).immutable().idle("threads are not bound to processors"),
    optional("bio_cpulist", KEPT).immutable().idle("threads are not bound to processors"),
    optional("aof_rewrite_cpulist", KEPT).immutable().idle("threads are not bound to processors"),
    optional("bgsave_cpulist", KEPT).immutable().idle("threads are not bound to processors"),
    text("ignore-warnings", "", KEPT).moot("the system is not checked at the start, so there is nothing to silence"),
    checked("proc-title-template", TEMPLATE, KEPT, special::check_title).idle("the title of the process stays its command line"),
    optional("bind-source-addr", field!(bind_source_addr)),
    checked("logfile", "", field!(logfile), special::check_path).immutable(),
    optional("masterauth", field!(masterauth)),
    optional("requirepass", field!(requirepass)),
    optional("tls-cert-file", KEPT).idle(NO_TLS),
    optional("tls-key-file", KEPT).idle(NO_TLS),
    optional("tls-key-file-pass", KEPT).idle(NO_TLS),
    optional("tls-client-cert-file", KEPT).idle(NO_TLS),
    optional("tls-client-key-file", KEPT).idle(NO_TLS),
    optional("tls-client-key-file-pass", KEPT).idle(NO_TLS),
    optional("tls-dh-params-file", KEPT).idle(NO_TLS),
    optional("tls-ca-cert-file", KEPT).idle(NO_TLS),
    optional("tls-ca-cert-dir", KEPT).idle(NO_TLS),
    optional("tls-protocols", KEPT).idle(NO_TLS),
    optional("tls-ciphers", KEPT).idle(NO_TLS),
    optional("tls-ciphersuites", KEPT).idle(NO_TLS),

    word("supervised", &["upstart", "systemd", "auto", "no"], "no", KEPT).immutable().with(ON_UNIX),
    word("syslog-facility", FACILITIES, "local0", KEPT).immutable().idle(NO_SYSLOG),
    word("repl-diskless-load", DisklessLoad::WORDS, "disabled", field!(repl_diskless_load)).fixed_while_loading(),
    word("loglevel", LOG_LEVELS, "notice", field!(loglevel)),
    word("maxmemory-policy", MaxmemoryPolicy::WORDS, "noeviction", field!(maxmemory_policy)),
    word("appendfsync", AppendFsync::WORDS, "everysec", field!(appendfsync)),
    Param::new("oom-score-adj", OOM_WORDS, "no", KEPT).idle("the score is left to who starts the process"),
    word("acl-pubsub-default", &["allchannels", "resetchannels"], "resetchannels", KEPT).idle(NO_USERS),
    word("sanitize-dump-payload", &["no", "yes", "clients"], "no", KEPT).moot("every payload is checked to its last byte"),
    word("enable-protected-configs", ProtectedAction::WORDS, "no", field!(enable_protected_configs)).immutable(),
    word("enable-debug-command", ProtectedAction::WORDS, "no", field!(enable_debug_command)).immutable(),
    word("enable-module-command", ProtectedAction::WORDS, "no", field!(enable_module_command)).immutable(),
    word("cluster-preferred-endpoint-type", &["ip", "hostname", "unknown-endpoint"], "ip", KEPT).idle(NO_CLUSTER),
    word("propagation-error-behavior", PropagationErrorBehavior::WORDS, "ignore", field!(propagation_error_behavior)),
    shutdown_flags("shutdown-on-sigint"),
    shutdown_flags("shutdown-on-sigterm"),
    word("tls-auth-clients", &["no", "yes", "optional"], "yes", KEPT).idle(NO_TLS),

    int("databases", 1, INT_MAX, "16", field!(databases)).immutable(),
    int("port", 0, PORT_MAX, "6379", field!(port)),
    int("io-threads", 1, 128, "1", KEPT).immutable().idle("one thread serves all clients of a node"),
    int("auto-aof-rewrite-percentage", 0, INT_MAX, "100", field!(auto_aof_rewrite_percentage)),
    int("cluster-replica-validity-factor", 0, INT_MAX, "10", KEPT).alias("cluster-slave-validity-factor").idle(NO_CLUSTER),
    int("list-max-listpack-size", INT_MIN, INT_MAX, "-2", field!(encodings.list_max_listpack_size)).alias("list-max-ziplist-size"),
    int("tcp-keepalive", 0, INT_MAX, "300", field!(tcp_keepalive)),
    int("cluster-migration-barrier", 0, INT_MAX, "1", KEPT).idle(NO_CLUSTER),
    int("active-defrag-cycle-min", 1, 99, "1", KEPT).idle("there is no active defragmentation"),
    int("active-defrag-cycle-max", 1, 99, "25", KEPT).idle("there is no active defragmentation"),
    int("active-defrag-threshold-lower", 0, 1000, "10", KEPT).idle("there is no active defragmentation"),
    int("active-defrag-threshold-upper", 0, 1000, "100", KEPT).idle("there is no active defragmentation"),
    int("lfu-log-factor", 0, INT_MAX, "10", field!(lfu_log_factor)),
    int("lfu-decay-time", 0, INT_MAX, "1", field!(lfu_decay_time_min)),
    int("replica-priority", 0, INT_MAX, "100", field!(replica_priority)).alias("slave-priority"),
    int("repl-diskless-sync-delay", 0, INT_MAX, "5", field!(repl_diskless_sync_delay)),
    int("maxmemory-samples", 1, INT_MAX, "5", field!(maxmemory_samples)),
    int("maxmemory-eviction-tenacity", 0, 100, "10", field!(maxmemory_eviction_tenacity)),
    int("timeout", 0, INT_MAX, "0", field!(timeout)),
    int("request-timeout", 1, INT_MAX, "30", field!(request_timeout)).hidden(),
    int("replica-announce-port", 0, PORT_MAX, "0", field!(replica_announce_port)).alias("slave-announce-port"),
    int("tcp-backlog", 0, INT_MAX, "511", field!(tcp_backlog)).immutable(),
    int("cluster-port", 0, PORT_MAX, "0", KEPT).immutable().idle(NO_CLUSTER),
    int("cluster-announce-bus-port", 0, PORT_MAX, "0", KEPT).idle(NO_CLUSTER),
    int("cluster-announce-port", 0, PORT_MAX, "0", KEPT).idle(NO_CLUSTER),
    int("cluster-announce-tls-port", 0, PORT_MAX, "0", KEPT).idle(NO_CLUSTER),
    int("repl-timeout", 1, INT_MAX, "60", field!(repl_timeout)),
    int("repl-ping-replica-period", 1, INT_MAX, "10", field!(repl_ping_replica_period)).alias("repl-ping-slave-period"),
    int("list-compress-depth", 0, INT_MAX, "0", field!(encodings.list_compress_depth)),
    int("rdb-key-save-delay", INT_MIN, INT_MAX, "0", field!(rdb_key_save_delay_us)).hidden(),
    int("key-load-delay", INT_MIN, INT_MAX, "0", field!(key_load_delay_us)).hidden(),
    int("active-expire-effort", 1, 10, "1", field!(active_expire_effort)),
    int("hz", 0, INT_MAX, "10", field!(hz)),
    int("min-replicas-to-write", 0, INT_MAX, "0", field!(min_replicas_to_write)).alias("min-slaves-to-write"),
    int("min-replicas-max-lag", 0, INT_MAX, "10", field!(min_replicas_max_lag)).alias("min-slaves-max-lag"),
    int("watchdog-period", 0, INT_MAX, "0", field!(watchdog_period_ms)).hidden(),
    int("shutdown-timeout", 0, INT_MAX, "10", field!(shutdown_timeout)),
    int("repl-diskless-sync-max-replicas", 0, INT_MAX, "0", field!(repl_diskless_sync_max_replicas)),
    int("maxclients", 1, UINT_MAX, "10000", field!(maxclients)),
    Param::new("unixsocketperm", Kind::Octal { max: 0o777 }, "0", KEPT).immutable().with(ON_UNIX),
    int("socket-mark-id", 0, UINT_MAX, "0", KEPT).immutable().idle("sockets are not marked"),
    int("active-defrag-max-scan-fields", 1, LONG_MAX, "1000", KEPT).idle("there is no active defragmentation"),
    int("slowlog-max-len", 0, LONG_MAX, "128", field!(slowlog_max_len)),
    int("acllog-max-len", 0, LONG_MAX, "128", KEPT).idle(NO_USERS),
    int("busy-reply-threshold", 0, LONG_MAX, "5000", KEPT).alias("lua-time-limit").idle("there are no scripts that could take so long"),
    int("cluster-node-timeout", 0, LONG_MAX, "15000", KEPT).idle(NO_CLUSTER),
    int("slowlog-log-slower-than", -1, LONG_MAX, "10000", field!(slowlog_log_slower_than_us)),
    int("latency-monitor-threshold", 0, LONG_MAX, "0", field!(latency_monitor_threshold_ms)),
    memory("proto-max-bulk-len", MIB, LONG_MAX, "512mb", field!(proto_max_bulk_len)),
    int("stream-node-max-entries", 0, LONG_MAX, "100", field!(encodings.stream_node_max_entries)),
    memory("repl-backlog-size", 1, LONG_MAX, "1mb", field!(repl_backlog_size)),
    memory("maxmemory", 0, ULONG_MAX, "0", field!(maxmemory)),
    memory("cluster-link-sendbuf-limit", 0, ULONG_MAX, "0", KEPT).idle(NO_CLUSTER),
    int("hash-max-listpack-entries", 0, LONG_MAX, "512", field!(encodings.hash_max_listpack_entries)).alias("hash-max-ziplist-entries"),
    int("set-max-intset-entries", 0, LONG_MAX, "512", field!(encodings.set_max_intset_entries)),
    int("zset-max-listpack-entries", 0, LONG_MAX, "128", field!(encodings.zset_max_listpack_entries)).alias("zset-max-ziplist-entries"),
    memory("active-defrag-ignore-bytes", 1, LONG_MAX, "100mb", KEPT).idle("there is no active defragmentation"),
    memory("hash-max-listpack-value", 0, LONG_MAX, "64", field!(encodings.hash_max_listpack_value)).alias("hash-max-ziplist-value"),
    memory("stream-node-max-bytes", 0, LONG_MAX, "4kb", field!(encodings.stream_node_max_bytes)),
    memory("zset-max-listpack-value", 0, LONG_MAX, "64", field!(encodings.zset_max_listpack_value)).alias("zset-max-ziplist-value"),
    memory("hll-sparse-max-bytes", 0, LONG_MAX, "3000", field!(encodings.hll_sparse_max_bytes)),
    int("tracking-table-max-keys", 0, LONG_MAX, "1000000", KEPT),
    memory("client-query-buffer-limit", MIB, LONG_MAX, "1gb", field!(client_query_buffer_limit)),
    Param::new("maxmemory-clients", PERCENT, "0", KEPT),
    int("repl-backlog-ttl", 0, LONG_MAX, "3600", field!(repl_backlog_ttl)),
    memory("auto-aof-rewrite-min-size", 0, LONG_MAX, "64mb", field!(auto_aof_rewrite_min_size)),
    int("loading-process-events-interval-bytes", 1024, INT_MAX, "2097152", KEPT).hidden().moot("clients are answered all the time while data load"),
    int("tls-port", 0, PORT_MAX, "0", KEPT).refused(CLEAR_TEXT, TLS_FAILED),
    int("tls-session-cache-size", 0, INT_MAX, "20480", KEPT).idle(NO_TLS),
    int("tls-session-cache-timeout", 0, INT_MAX, "300", KEPT).idle(NO_TLS),

    special("dir", special::DIR, ".").protected().fixed_while_loading(),
    special("save", special::SAVE, "3600 1 300 100 60 10000"),
    special("client-output-buffer-limit", special::OUTPUT_LIMITS, "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60"),
    special("oom-score-adj-values", special::OOM_VALUES, "0 200 800").idle("the score is left to who starts the process"),
    special("notify-keyspace-events", special::KEYSPACE_EVENTS, ""),
    special("bind", special::BIND, "* -::*"),
    special("replicaof", special::REPLICAOF, "no one").alias("slaveof").immutable(),
    special("latency-tracking-info-percentiles", special::PERCENTILES, "50 99 99.9"),
];

/// The parameter of this name or alias, whatever its case, and the name that was meant.
pub(super) fn find(name: &str) -> Option<(&'static Param, &'static str)> {
    TABLE.iter().find_map(|param| {
        let names = [Some(param.name), param.alias];
        let meant = names.into_iter().flatten().find(|known| known.eq_ignore_ascii_case(name))?;
        Some((param, meant))
    })
}
