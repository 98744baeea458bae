//! INFO as monitors read it: every name of Redis 7.0.15, in its order, with a value that holds.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use repliscope::node::{Fault, FaultKind};

use super::support::fake::FakeMaster;
use super::support::server::free_port;
use super::support::{Client, Program, Server, until};

/// Names in each section that a server without replicas, append-only file and scripts shows.
const NAMES: [(&str, &str); 8] = [
    (
        "Server",
        "redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits monotonic_clock \
         multiplexing_api atomicvar_api gcc_version process_id process_supervised run_id tcp_port \
         server_time_usec uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file \
         io_threads_active",
    ),
    (
        "Clients",
        "connected_clients cluster_connections maxclients client_recent_max_input_buffer \
         client_recent_max_output_buffer blocked_clients tracking_clients clients_in_timeout_table",
    ),
    (
        "Memory",
        "used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak \
         used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup \
         used_memory_dataset used_memory_dataset_perc allocator_allocated allocator_active allocator_resident \
         total_system_memory total_system_memory_human used_memory_lua used_memory_vm_eval \
         used_memory_lua_human used_memory_scripts_eval number_of_cached_scripts number_of_functions \
         number_of_libraries used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human \
         used_memory_functions used_memory_scripts used_memory_scripts_human maxmemory maxmemory_human \
         maxmemory_policy allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes \
         rss_overhead_ratio rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes \
         mem_not_counted_for_evict mem_replication_backlog mem_total_replication_buffers mem_clients_slaves \
         mem_clients_normal mem_cluster_links mem_aof_buffer mem_allocator active_defrag_running \
         lazyfree_pending_objects lazyfreed_objects",
    ),
    (
        "Persistence",
        "loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc \
         current_save_keys_processed current_save_keys_total rdb_changes_since_last_save \
         rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec \
         rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size rdb_last_load_keys_expired \
         rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled \
         aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_rewrites \
         aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size module_fork_in_progress \
         module_fork_last_cow_size",
    ),
    (
        "Stats",
        "total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes \
         total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes \
         instantaneous_input_kbps instantaneous_output_kbps instantaneous_input_repl_kbps \
         instantaneous_output_repl_kbps rejected_connections sync_full sync_partial_ok sync_partial_err \
         expired_keys expired_stale_perc expired_time_cap_reached_count expire_cycle_cpu_milliseconds \
         evicted_keys evicted_clients total_eviction_exceeded_time current_eviction_exceeded_time \
         keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec \
         total_forks migrate_cached_sockets slave_expires_tracked_keys active_defrag_hits \
         active_defrag_misses active_defrag_key_hits active_defrag_key_misses total_active_defrag_time \
         current_active_defrag_time tracking_total_keys tracking_total_items tracking_total_prefixes \
         unexpected_error_replies total_error_replies dump_payload_sanitizations total_reads_processed \
         total_writes_processed io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks \
         reply_buffer_expands",
    ),
    (
        "Replication",
        "role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset \
         second_repl_offset repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset \
         repl_backlog_histlen",
    ),
    (
        "CPU",
        "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread \
         used_cpu_user_main_thread",
    ),
    ("Cluster", "cluster_enabled"),
];

/// Names of our own, which Redis does not have.
const OWN: [&str; 5] =
    ["repliscope_version", "loop_lag_max_usec", "loop_lag_p99_usec", "loop_lag_p50_usec", "loop_steps"];

fn names(text: &str) -> Vec<&str> {
    let fields = text.lines().filter_map(|line| Some(line.split_once(':')?.0));
    fields.filter(|name| !OWN.contains(name)).collect()
}

#[test]
fn every_section_has_the_names_of_redis_in_its_order() {
    let node = Server::node(&[]);
    for (section, wanted) in NAMES {
        let text = node.ask(&format!("INFO {section}"));
        assert_eq!(text.lines().next(), Some(format!("# {section}").as_str()));
        assert_eq!(names(&text), wanted.split(' ').collect::<Vec<_>>(), "{section}");
    }
}

#[test]
fn figures_of_memory_fit_each_other_and_what_memory_stats_says() {
    let node = Server::node(&[]);
    node.ask("DEBUG POPULATE 1000 key 1000");
    let text = node.ask("INFO memory");
    let field = |name: &str| -> f64 {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}: {text}"))
    };
    let is =
        |name: &str, wanted: f64| assert!((field(name) - wanted).abs() < 0.006, "{name} {wanted}: {text}");
    let (used, rss) = (field("used_memory"), field("used_memory_rss"));
    assert!(used > 1e6, "{text}");
    if cfg!(any(windows, target_os = "linux")) {
        assert!(field("total_system_memory") > rss && rss > 1e6, "{text}");
    }
    is("allocator_allocated", used);
    for (ratio, whole, part) in [
        ("allocator_frag", "allocator_active", "allocator_allocated"),
        ("allocator_rss", "allocator_resident", "allocator_active"),
        ("rss_overhead", "used_memory_rss", "allocator_resident"),
        ("mem_fragmentation", "used_memory_rss", "used_memory"),
    ] {
        is(&format!("{ratio}_ratio"), field(whole) / field(part).max(1.0));
        is(&format!("{ratio}_bytes"), field(whole) - field(part));
    }
    for none in
        ["number_of_cached_scripts", "number_of_functions", "number_of_libraries", "used_memory_scripts"]
    {
        is(none, 0.0);
    }
    let stats = node.ask("MEMORY STATS");
    let figure = |name: &str| -> f64 {
        let mut words = stats.split(' ').skip_while(|word| *word != name);
        words.nth(1).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name}: {stats}"))
    };
    let (allocated, active) = (figure("allocator.allocated"), figure("allocator.active"));
    for (name, wanted) in [
        ("allocator-fragmentation.bytes", active - allocated),
        ("allocator-fragmentation.ratio", active / allocated),
        ("allocator-rss.bytes", figure("allocator.resident") - active),
        ("fragmentation.bytes", active - allocated),
    ] {
        assert!((figure(name) - wanted).abs() < 0.001, "{name} {wanted}: {stats}");
    }
}

#[test]
fn libraries_that_a_master_sends_are_counted() {
    let master = FakeMaster::start();
    let replica = Server::node(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
    let mut link = master.full_sync(1);
    link.send_command(&[b"FUNCTION", b"LOAD", b"#!lua name=mine\nlocal x"]);
    until("the library is there", &[&replica], || replica.number("number_of_libraries") == 1);
    let bytes = replica.number("used_memory_functions");
    assert!(bytes > 20, "{bytes}");
    assert_eq!(replica.number("used_memory_scripts"), bytes);
}

#[test]
fn resetstat_sets_counters_back_and_leaves_states_alone() {
    let node = Server::node(&["appendonly yes"]);
    node.ask("DEBUG POPULATE 1000 key 1000");
    node.handle().begin_fault(Fault::FullDisk);
    node.ask("BGREWRITEAOF");
    until("the rewrite fails", &[&node], || node.number("aof_rewrites_consecutive_failures") > 0);
    node.handle().end_fault(FaultKind::FullDisk);
    node.ask("BGREWRITEAOF");
    until("one succeeds", &[&node], || node.number("aof_rewrites") > 0);
    assert_eq!(node.info("aof_rewrites_consecutive_failures"), "0");
    assert_eq!(node.ask("SAVE"), "OK");
    assert_eq!(node.ask("FLUSHALL"), "OK");
    let peak = node.number("used_memory_peak");
    assert_eq!(node.ask("CONFIG RESETSTAT"), "OK");
    for name in ["rdb_saves", "aof_rewrites", "aof_rewrites_consecutive_failures", "aof_delayed_fsync"] {
        assert_eq!(node.number(name), 0, "{name}");
    }
    assert!(node.number("used_memory_peak") >= peak, "the most ever in use");
}

/// A server as a program, in a folder of its own, with a configuration file named relative to it.
#[test]
fn the_configuration_file_is_shown_with_its_whole_path() {
    let root = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(root.path().join("my.conf"), format!("port {port}\nbind 127.0.0.1\nsave \"\"\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_repliscope"));
    command.args(["server", "my.conf"]).current_dir(root.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let _program = Program::start(&mut command);
    let mut client = None;
    until("it serves", &[], || {
        client = Client::try_connect(port).ok();
        client.is_some()
    });
    let text = client.unwrap().ask(&["INFO", "server"]).text();
    let shown = text.lines().find_map(|line| line.strip_prefix("config_file:")).unwrap();
    assert!(Path::new(shown).is_absolute() && shown.ends_with("my.conf"), "{shown}");
    assert!(fs::read_to_string(shown).unwrap().contains("bind"), "{shown}");
}
