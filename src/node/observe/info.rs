//! INFO: every section that Redis 7.0 has, in its order, plus the node's own loop lag.

use std::fmt::Write as _;

use super::memory::{Allocator, Overhead};
use crate::node::clients::subscriptions::Topic;
use crate::node::node::Node;
use crate::replication::MasterFeed;

use crate::node::config::REDIS_VERSION;

/// When a section is shown without being asked for by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// By default, and with `all`.
    Default,
    /// Only with `all`.
    All,
}

/// Sections, in the order of INFO.
const SECTIONS: [(&str, Shown); 13] = [
    ("server", Shown::Default),
    ("clients", Shown::Default),
    ("memory", Shown::Default),
    ("persistence", Shown::Default),
    ("stats", Shown::Default),
    ("replication", Shown::Default),
    ("cpu", Shown::Default),
    ("modules", Shown::Default),
    ("commandstats", Shown::All),
    ("errorstats", Shown::Default),
    ("latencystats", Shown::All),
    ("cluster", Shown::Default),
    ("keyspace", Shown::Default),
];

/// A section under construction. Writing to a String cannot fail.
struct Section<'a>(&'a mut String);

impl Section<'_> {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    fn flag(&mut self, name: &str, yes: bool) {
        self.add(name, u8::from(yes));
    }
}

impl Node {
    /// The text of INFO for these sections; none means the default ones. Unknown names are passed over.
    pub(in crate::node) fn info(&self, sections: &[&[u8]]) -> String {
        let asked: Vec<String> =
            sections.iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
        let has = |name: &str| asked.iter().any(|asked| asked == name);
        let all = has("all") || has("everything");
        let default = asked.is_empty() || has("default");
        let mut text = String::with_capacity(4096);
        for (name, shown) in SECTIONS {
            let unasked = match shown {
                Shown::Default => default || all,
                Shown::All => all,
            };
            if has(name) || unasked {
                if !text.is_empty() {
                    text.push_str("\r\n");
                }
                self.info_section(name, &mut text);
            }
        }
        text
    }

    fn info_section(&self, name: &str, text: &mut String) {
        let title = match name {
            "cpu" => "CPU".to_owned(),
            other => other[..1].to_ascii_uppercase() + &other[1..],
        };
        let _ = write!(text, "# {title}\r\n");
        let mut section = Section(text);
        match name {
            "server" => self.info_server(&mut section),
            "clients" => self.info_clients(&mut section),
            "memory" => self.info_memory(&mut section),
            "persistence" => self.info_persistence(&mut section),
            "stats" => self.info_stats(&mut section),
            "replication" => self.info_replication(&mut section),
            "cpu" => info_cpu(&mut section),
            "commandstats" => self.info_commandstats(&mut section),
            "errorstats" => {
                for (code, count) in &self.figures.stats.errors {
                    section.add(&format!("errorstat_{code}"), format_args!("count={count}"));
                }
            }
            "latencystats" => self.info_latencystats(&mut section),
            "cluster" => section.add("cluster_enabled", 0),
            "keyspace" => self.info_keyspace(&mut section),
            _ => {}
        }
    }

    fn info_server(&self, info: &mut Section<'_>) {
        let uptime = self.clock.uptime().as_secs();
        info.add("redis_version", REDIS_VERSION);
        info.add("redis_git_sha1", "00000000");
        info.add("redis_git_dirty", 0);
        info.add("redis_build_id", "0");
        info.add("redis_mode", "standalone");
        info.add("os", repliscope_platform::system_name());
        info.add("arch_bits", usize::BITS);
        info.add("monotonic_clock", "POSIX clock_gettime");
        info.add("multiplexing_api", "tokio");
        info.add("atomicvar_api", "rust-atomic");
        // What Redis shows if another compiler made it.
        info.add("gcc_version", "0.0.0");
        info.add("process_id", std::process::id());
        info.add("process_supervised", self.process.supervisor.word());
        info.add("run_id", &self.run_id);
        info.add("tcp_port", self.config.port);
        info.add("server_time_usec", self.clock.unix().as_micros());
        info.add("uptime_in_seconds", uptime);
        info.add("uptime_in_days", uptime / 86_400);
        info.add("hz", self.config.hz);
        info.add("configured_hz", self.config.hz);
        info.add("lru_clock", (self.clock.unix().as_secs()) & 0xFF_FFFF);
        info.add("executable", std::env::current_exe().unwrap_or_default().display());
        let file = self.config_file.as_ref().map(|path| path.display().to_string());
        info.add("config_file", file.unwrap_or_default());
        info.add("io_threads_active", 0);
        if let Some(shutdown) = &self.replication.shutdown {
            info.add("shutdown_in_milliseconds", shutdown.left(self.clock.since_start()).as_millis());
        }
        info.add("repliscope_version", env!("CARGO_PKG_VERSION"));
    }

    fn info_clients(&self, info: &mut Section<'_>) {
        use crate::node::clients::client::ClientKind;
        let normal = self.clients.by_id.values().filter(|client| client.kind.get() == ClientKind::Normal);
        let blocked = self.clients.by_id.values().filter(|client| client.blocked.get()).count();
        let largest = |of: fn(&crate::node::clients::client::Client) -> usize| {
            self.clients.by_id.values().map(|client| of(client)).max().unwrap_or(0)
        };
        info.add("connected_clients", normal.count());
        info.add("cluster_connections", 0);
        info.add("maxclients", self.config.maxclients);
        info.add("client_recent_max_input_buffer", largest(|client| client.query_bytes.get()));
        info.add("client_recent_max_output_buffer", largest(|client| client.output_bytes.get()));
        info.add("blocked_clients", blocked);
        info.add("tracking_clients", self.clients.tracking.clients);
        info.add("clients_in_timeout_table", blocked);
    }

    fn info_memory(&self, info: &mut Section<'_>) {
        let used = self.used_memory();
        let data = self.data.store.memory();
        let backlog = self.replication.backlog.as_ref().map_or(0, |backlog| backlog.memory() as u64);
        let backlog_own = backlog.min(self.config.repl_backlog_size);
        let peak = self.figures.stats.peak_memory.max(used);
        let rss = repliscope_platform::resident_bytes();
        info.add("used_memory", used);
        info.add("used_memory_human", human(used));
        info.add("used_memory_rss", rss);
        info.add("used_memory_rss_human", human(rss));
        info.add("used_memory_peak", peak);
        info.add("used_memory_peak_human", human(peak));
        info.add("used_memory_peak_perc", format_args!("{:.2}%", used as f64 * 100.0 / peak.max(1) as f64));
        info.add("used_memory_overhead", used - data);
        info.add("used_memory_startup", super::stats::BASE_MEMORY);
        info.add("used_memory_dataset", data);
        let share = data as f64 * 100.0 / used.saturating_sub(super::stats::BASE_MEMORY).max(1) as f64;
        info.add("used_memory_dataset_perc", format_args!("{:.2}%", share.min(100.0)));
        let allocator = Allocator { allocated: used, resident: rss };
        info.add("allocator_allocated", allocator.allocated);
        info.add("allocator_active", allocator.active());
        info.add("allocator_resident", allocator.resident);
        let system = repliscope_platform::system_memory();
        info.add("total_system_memory", system);
        info.add("total_system_memory_human", human(system));
        self.info_scripts(info);
        info.add("maxmemory", self.config.maxmemory);
        info.add("maxmemory_human", human(self.config.maxmemory));
        info.add("maxmemory_policy", self.config.value_of("maxmemory-policy").unwrap_or_default());
        let overheads = [
            ("allocator_frag", allocator.fragmentation()),
            ("allocator_rss", allocator.unreturned()),
            ("rss_overhead", allocator.beside(rss)),
            ("mem_fragmentation", Overhead::of(rss, used)),
        ];
        for (name, overhead) in overheads {
            info.add(&format!("{name}_ratio"), format_args!("{:.2}", overhead.ratio));
            info.add(&format!("{name}_bytes"), overhead.bytes);
        }
        info.add("mem_not_counted_for_evict", backlog - backlog_own);
        info.add("mem_replication_backlog", backlog_own);
        info.add("mem_total_replication_buffers", backlog);
        let is_read =
            self.replication.feeds.values().any(crate::node::replication::master::feed::Feed::is_open);
        info.add("mem_clients_slaves", if is_read { backlog - backlog_own } else { 0 });
        info.add("mem_clients_normal", self.client_bytes());
        info.add("mem_cluster_links", 0);
        info.add(
            "mem_aof_buffer",
            self.disk.aof.log.as_ref().map_or(0, crate::node::disk::aof::append::Log::buffered),
        );
        info.add("mem_allocator", "mimalloc");
        info.add("active_defrag_running", 0);
        let lazyfree = &self.figures.stats.lazyfree;
        info.add("lazyfree_pending_objects", lazyfree.pending());
        info.add("lazyfreed_objects", lazyfree.freed());
    }

    /// No interpreter of scripts is here: only the text of libraries takes memory.
    fn info_scripts(&self, info: &mut Section<'_>) {
        let libraries = self.data.store.libraries.memory();
        info.add("used_memory_lua", 0);
        info.add("used_memory_vm_eval", 0);
        info.add("used_memory_lua_human", human(0));
        info.add("used_memory_scripts_eval", 0);
        info.add("number_of_cached_scripts", 0);
        info.add("number_of_functions", 0);
        info.add("number_of_libraries", self.data.store.libraries.len());
        info.add("used_memory_vm_functions", 0);
        info.add("used_memory_vm_total", 0);
        info.add("used_memory_vm_total_human", human(0));
        info.add("used_memory_functions", libraries);
        info.add("used_memory_scripts", libraries);
        info.add("used_memory_scripts_human", human(libraries));
    }

    fn info_persistence(&self, info: &mut Section<'_>) {
        let now = self.clock.since_start();
        info.flag("loading", self.is_loading());
        info.flag("async_loading", self.is_loading_aside());
        info.add("current_cow_peak", 0);
        info.add("current_cow_size", 0);
        info.add("current_cow_size_age", 0);
        let rewrite = self.rewrite_figures();
        let saving = self.disk.save.running.as_ref().map(|saving| saving.progress.keys());
        let (done, total) = saving.or(rewrite.keys).unwrap_or((0, 0));
        info.add("current_fork_perc", format_args!("{:.2}", done as f64 * 100.0 / total.max(1) as f64));
        info.add("current_save_keys_processed", done);
        info.add("current_save_keys_total", total);
        info.add("rdb_changes_since_last_save", self.disk.save.dirty);
        info.flag(
            "rdb_bgsave_in_progress",
            self.disk.save.running.is_some() || self.replication.snapshot.is_running(),
        );
        info.add("rdb_last_save_time", self.disk.save.last_save);
        info.add("rdb_last_bgsave_status", if self.disk.save.last_ok { "ok" } else { "err" });
        info.add(
            "rdb_last_bgsave_time_sec",
            self.disk.save.last_took.map_or(-1, |took| took.as_secs() as i64),
        );
        let running = self
            .disk
            .save
            .running
            .as_ref()
            .map_or(-1, |saving| now.saturating_sub(saving.begun).as_secs() as i64);
        info.add("rdb_current_bgsave_time_sec", running);
        info.add("rdb_saves", self.disk.save.saves);
        info.add("rdb_last_cow_size", 0);
        info.add("rdb_last_load_keys_expired", self.figures.stats.load_keys_expired);
        info.add("rdb_last_load_keys_loaded", self.figures.stats.load_keys_loaded);
        info.flag("aof_enabled", self.disk.aof.log.is_some());
        info.flag("aof_rewrite_in_progress", rewrite.in_progress);
        info.flag("aof_rewrite_scheduled", rewrite.scheduled);
        info.add("aof_last_rewrite_time_sec", rewrite.last_seconds);
        info.add("aof_current_rewrite_time_sec", rewrite.current_seconds);
        info.add("aof_last_bgrewrite_status", if rewrite.last_ok { "ok" } else { "err" });
        info.add("aof_rewrites", rewrite.rewrites);
        info.add("aof_rewrites_consecutive_failures", rewrite.failures);
        info.add("aof_last_write_status", if self.disk.aof.failure.is_none() { "ok" } else { "err" });
        info.add("aof_last_cow_size", 0);
        info.add("module_fork_in_progress", 0);
        info.add("module_fork_last_cow_size", 0);
        if let Some(log) = &self.disk.aof.log {
            info.add("aof_current_size", log.size());
            info.add("aof_base_size", self.disk.aof.rewrite.base_size);
            info.flag("aof_pending_rewrite", self.disk.aof.rewrite.is_first && !rewrite.in_progress);
            info.add("aof_buffer_length", log.buffered());
            info.flag("aof_pending_bio_fsync", log.is_syncing());
            info.add("aof_delayed_fsync", self.disk.aof.delayed);
        }
        for (name, figure) in self.loading_figures() {
            info.add(name, figure);
        }
    }

    fn info_stats(&self, info: &mut Section<'_>) {
        let stats = &self.figures.stats;
        info.add("total_connections_received", stats.connections);
        info.add("total_commands_processed", stats.commands);
        info.add("instantaneous_ops_per_sec", stats.ops.per_second().round() as u64);
        info.add("total_net_input_bytes", stats.net_input);
        info.add("total_net_output_bytes", stats.net_output);
        info.add("total_net_repl_input_bytes", stats.repl_input);
        info.add("total_net_repl_output_bytes", stats.repl_output);
        info.add("instantaneous_input_kbps", format_args!("{:.2}", stats.input_rate.per_second() / 1024.0));
        info.add("instantaneous_output_kbps", format_args!("{:.2}", stats.output_rate.per_second() / 1024.0));
        info.add(
            "instantaneous_input_repl_kbps",
            format_args!("{:.2}", stats.repl_input_rate.per_second() / 1024.0),
        );
        info.add(
            "instantaneous_output_repl_kbps",
            format_args!("{:.2}", stats.repl_output_rate.per_second() / 1024.0),
        );
        info.add("rejected_connections", stats.rejected_connections);
        info.add("sync_full", stats.sync_full);
        info.add("sync_partial_ok", stats.sync_partial_ok);
        info.add("sync_partial_err", stats.sync_partial_err);
        info.add("expired_keys", self.data.data_stats.expired);
        info.add("expired_stale_perc", "0.00");
        info.add("expired_time_cap_reached_count", 0);
        info.add("expire_cycle_cpu_milliseconds", 0);
        info.add("evicted_keys", self.data.eviction.evicted);
        info.add("evicted_clients", stats.evicted_clients);
        info.add("total_eviction_exceeded_time", 0);
        info.add("current_eviction_exceeded_time", 0);
        info.add("keyspace_hits", self.data.data_stats.hits);
        info.add("keyspace_misses", self.data.data_stats.misses);
        info.add("pubsub_channels", self.clients.pubsub.count(Topic::Channel));
        info.add("pubsub_patterns", self.clients.pubsub.count(Topic::Pattern));
        info.add("pubsubshard_channels", self.clients.pubsub.count(Topic::Shard));
        // What stands in a fork's place here is the begin of a snapshot.
        info.add("latest_fork_usec", stats.snapshot_begin.as_micros());
        info.add("total_forks", stats.snapshots);
        info.add("migrate_cached_sockets", self.clients.migrate_targets.len());
        info.add("slave_expires_tracked_keys", self.data.own_expires.len());
        info.add("active_defrag_hits", 0);
        info.add("active_defrag_misses", 0);
        info.add("active_defrag_key_hits", 0);
        info.add("active_defrag_key_misses", 0);
        info.add("total_active_defrag_time", 0);
        info.add("current_active_defrag_time", 0);
        info.add("tracking_total_keys", self.clients.tracking.keys());
        info.add("tracking_total_items", self.clients.tracking.items());
        info.add("tracking_total_prefixes", self.clients.tracking.prefixes());
        info.add("unexpected_error_replies", stats.unexpected_errors);
        info.add("total_error_replies", stats.error_replies);
        info.add("dump_payload_sanitizations", 0);
        info.add("total_reads_processed", stats.reads);
        info.add("total_writes_processed", stats.writes);
        info.add("io_threaded_reads_processed", 0);
        info.add("io_threaded_writes_processed", 0);
        info.add("reply_buffer_shrinks", stats.reply_shrinks);
        info.add("reply_buffer_expands", stats.reply_expands);
        info.add("loop_lag_max_usec", self.figures.lag.max().as_micros());
        info.add("loop_lag_p99_usec", self.figures.lag.p99_us());
        info.add("loop_lag_p50_usec", self.figures.lag.p50_us());
        info.add("loop_steps", self.figures.lag.count());
    }

    fn info_replication(&self, info: &mut Section<'_>) {
        let now = self.clock.since_start();
        info.add("role", if self.replication.upstream.is_some() { "slave" } else { "master" });
        if let Some(upstream) = &self.replication.upstream {
            let up = upstream.is_up();
            info.add("master_host", &upstream.host);
            info.add("master_port", upstream.port);
            info.add("master_link_status", if up { "up" } else { "down" });
            let last_io = if up { now.saturating_sub(upstream.heard()).as_secs() as i64 } else { -1 };
            info.add("master_last_io_seconds_ago", last_io);
            info.flag("master_sync_in_progress", upstream.is_syncing());
            let applied = upstream.applied_offset();
            info.add(
                "slave_read_repl_offset",
                if up { upstream.read_offset() } else { applied.unwrap_or(0) },
            );
            info.add("slave_repl_offset", applied.unwrap_or(0));
            if let Some(transfer) = &upstream.transfer {
                let total = transfer.total.unwrap_or(0);
                let perc = if total == 0 { 0.0 } else { transfer.received as f64 * 100.0 / total as f64 };
                info.add("master_sync_total_bytes", total);
                info.add("master_sync_read_bytes", transfer.received);
                info.add("master_sync_left_bytes", total.saturating_sub(transfer.received));
                info.add("master_sync_perc", format_args!("{perc:.2}"));
                info.add("master_sync_last_io_seconds_ago", now.saturating_sub(transfer.last_io).as_secs());
            }
            if !up {
                let since =
                    upstream.down_since.map_or(-1, |since| now.saturating_sub(since).as_secs() as i64);
                info.add("master_link_down_since_seconds", since);
            }
            info.add("slave_priority", self.config.replica_priority);
            info.flag("slave_read_only", self.config.replica_read_only);
            info.flag("replica_announced", self.config.replica_announced);
        }
        info.add("connected_slaves", self.replication.feeds.len());
        if self.min_replicas().is_active() {
            info.add("min_slaves_good_slaves", self.good_replicas());
        }
        for (index, feed) in self.replication.feeds.values().enumerate() {
            let core: &MasterFeed = &feed.core;
            info.add(
                &format!("slave{index}"),
                format_args!(
                    "ip={},port={},state={},offset={},lag={}",
                    feed.ip(),
                    feed.port(),
                    core.state().word(),
                    core.acked(),
                    core.lag_seconds(now)
                ),
            );
        }
        let none = "0".repeat(40);
        let failover = self
            .replication
            .failover
            .as_ref()
            .map_or("no-failover", crate::replication::Failover::state_word);
        info.add("master_failover_state", failover);
        info.add("master_replid", self.replication.history.replid());
        info.add("master_replid2", self.replication.history.replid2().map_or(none, |id| id.to_string()));
        info.add("master_repl_offset", self.replication.history.offset());
        let second = self.replication.history.second_offset().map_or(-1, |offset| offset as i64);
        info.add("second_repl_offset", second);
        info.flag("repl_backlog_active", self.replication.backlog.is_some());
        info.add("repl_backlog_size", self.config.repl_backlog_size);
        let (first, len) =
            self.replication.backlog.as_ref().map_or((0, 0), |backlog| (backlog.first(), backlog.histlen()));
        info.add("repl_backlog_first_byte_offset", first);
        info.add("repl_backlog_histlen", len);
    }

    fn info_commandstats(&self, info: &mut Section<'_>) {
        for (name, stats) in &self.figures.stats.by_command {
            let usec = stats.nanos / 1000;
            let per_call = stats.nanos as f64 / 1000.0 / stats.calls.max(1) as f64;
            info.add(
                &format!("cmdstat_{name}"),
                format_args!(
                    "calls={},usec={usec},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                    stats.calls, stats.rejected, stats.failed
                ),
            );
        }
    }

    fn info_latencystats(&self, info: &mut Section<'_>) {
        if !self.config.latency_tracking {
            return;
        }
        for (name, stats) in &self.figures.stats.by_command {
            let Some(histogram) = &stats.histogram else { continue };
            let shown = self.config.latency_tracking_info_percentiles.iter().map(|percentile| {
                let micros = histogram.value_at_percentile(*percentile) as f64 / 1000.0;
                format!("p{percentile}={micros:.3}")
            });
            let shown: Vec<String> = shown.collect();
            info.add(&format!("latency_percentiles_usec_{name}"), shown.join(","));
        }
    }

    fn info_keyspace(&self, info: &mut Section<'_>) {
        for db in 0..self.data.store.databases() {
            let keyspace = self.data.store.db(db);
            if !keyspace.is_empty() {
                let (keys, expires) = (keyspace.len(), keyspace.expires());
                let ttl = keyspace.average_ttl(self.clock.millis());
                info.add(&format!("db{db}"), format_args!("keys={keys},expires={expires},avg_ttl={ttl}"));
            }
        }
    }
}

fn info_cpu(info: &mut Section<'_>) {
    // Of a process that several nodes may share, what this one uses is the time of its thread.
    let (system, user) = repliscope_platform::thread_cpu_times();
    let none = std::time::Duration::ZERO;
    for (of, system, user) in [("", system, user), ("_children", none, none), ("_main_thread", system, user)]
    {
        info.add(&format!("used_cpu_sys{of}"), format_args!("{:.6}", system.as_secs_f64()));
        info.add(&format!("used_cpu_user{of}"), format_args!("{:.6}", user.as_secs_f64()));
    }
}

/// Bytes as INFO's `_human` fields print them.
fn human(bytes: u64) -> String {
    let units = [(1u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    units.iter().find(|(unit, _)| bytes >= *unit).map_or_else(
        || format!("{bytes}B"),
        |(unit, name)| format!("{:.2}{name}", bytes as f64 / *unit as f64),
    )
}
