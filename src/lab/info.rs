//! INFO as figures: reads the text into a [`NodeSample`], and tells whether two samples differ in what matters.
//!
//! Owns the names of INFO's fields. It must not know connections.

use std::time::Duration;

use super::{NodeSample, ReplicaSample};
use crate::replication::ReplId;

/// The sections that the figures come from.
pub(super) const SECTIONS: [&str; 8] =
    ["INFO", "replication", "stats", "memory", "clients", "keyspace", "persistence", "server"];

/// Most `slaveN` lines that are read.
const REPLICAS_MAX: usize = 1024;

/// Reads an INFO answer; fields that it lacks stay at their default.
pub(super) fn parse(info: &str, round_trip: Duration) -> NodeSample {
    let mut sample = NodeSample { round_trip, ..NodeSample::default() };
    let (mut host, mut port) = (None, None);
    for line in info.lines() {
        let Some((field, value)) = line.split_once(':') else { continue };
        let number = || value.parse::<u64>().unwrap_or(0);
        let replid = || ReplId::parse(value.as_bytes());
        match field {
            "role" => sample.is_master = value == "master",
            "master_host" => host = Some(value),
            "master_port" => port = Some(value),
            "master_link_status" => sample.master_link_up = value == "up",
            "master_replid" => sample.replid = replid(),
            "master_replid2" => sample.replid2 = replid().filter(|id| *id != ReplId::from_bytes([0; 20])),
            "master_repl_offset" => sample.offset = number(),
            "slave_read_repl_offset" => sample.read_offset = number(),
            "second_repl_offset" => sample.second_offset = value.parse().ok(), // -1: there is none
            "repl_backlog_active" => sample.backlog_active = value == "1",
            "repl_backlog_size" => sample.backlog_size = number(),
            "repl_backlog_first_byte_offset" => sample.backlog_first = number(),
            "repl_backlog_histlen" => sample.backlog_len = number(),
            "used_memory" => sample.used_memory = number(),
            "connected_clients" => sample.clients = number(),
            "total_commands_processed" => sample.commands = number(),
            "instantaneous_ops_per_sec" => sample.ops_per_second = number(),
            "total_net_repl_input_bytes" => sample.repl_bytes_in = number(),
            "total_net_repl_output_bytes" => sample.repl_bytes_out = number(),
            "sync_full" => sample.sync_full = number(),
            "sync_partial_ok" => sample.sync_partial_ok = number(),
            "sync_partial_err" => sample.sync_partial_err = number(),
            "loop_lag_max_usec" => sample.loop_lag_max_us = number(),
            "loop_lag_p99_usec" => sample.loop_lag_p99_us = number(),
            "rdb_bgsave_in_progress" => sample.files.saving = value == "1",
            "current_fork_perc" => sample.files.percent = value.parse::<f64>().unwrap_or(0.0) as u64,
            "rdb_changes_since_last_save" => sample.files.unsaved = number(),
            "rdb_last_save_time" => sample.files.saved_at = number(),
            "rdb_last_bgsave_status" => sample.files.save_failed = value != "ok",
            "aof_enabled" => sample.files.aof = value == "1",
            "aof_current_size" => sample.files.aof_size = number(),
            "aof_base_size" => sample.files.aof_base_size = number(),
            "aof_rewrite_in_progress" => sample.files.rewriting = value == "1",
            "aof_last_write_status" | "aof_last_bgrewrite_status" => sample.files.aof_failed |= value != "ok",
            _ if numbered(field, "slave") && sample.replicas.len() < REPLICAS_MAX => {
                sample.replicas.push(replica(value));
            }
            _ if numbered(field, "db") => sample.keys = sample.keys.saturating_add(keys(value)),
            _ => {}
        }
    }
    sample.master = host.zip(port).map(|(host, port)| format!("{host}:{port}"));
    sample
}

fn numbered(field: &str, name: &str) -> bool {
    field.strip_prefix(name).is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `ip=127.0.0.1,port=7002,state=online,offset=14,lag=0`
fn replica(value: &str) -> ReplicaSample {
    let mut replica = ReplicaSample::default();
    for (name, value) in value.split(',').filter_map(|pair| pair.split_once('=')) {
        match name {
            "port" => replica.port = value.parse().unwrap_or(0),
            "state" => value.clone_into(&mut replica.state),
            "offset" => replica.offset = value.parse().unwrap_or(0),
            "lag" => replica.ack_age = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    replica
}

/// `keys=1,expires=0,avg_ttl=0`
fn keys(value: &str) -> u64 {
    let keys = value.split(',').find_map(|pair| pair.strip_prefix("keys="));
    keys.and_then(|keys| keys.parse().ok()).unwrap_or(0)
}

/// An ACK comes once a second, so an age up to this is a healthy one and no news.
const ACK_AGE_USUAL: u64 = 2;

/// A longest step below this is the noise of a busy machine.
const LAG_NOISE_US: u64 = 1000;

/// Memory that comes and goes with the buffers of a few clients.
const MEMORY_NOISE: u64 = 64 << 10;

/// Whether `now` says anything worth an event after `last`, where `polled` is the time between them.
///
/// A cluster at rest must be silent, yet each poll changes figures by itself, and so do the replicas' ACKs, one a
/// second each. Left out are therefore: the time of the answer; commands and commands per second within what polls
/// and ACKs explain; the bytes of the ACKs themselves (all that a master receives, and all that a replica without
/// replicas of its own sends); memory within the noise of buffers; an ACK age that is a usual one on both sides; the
/// p99 of the loop lag, and its maximum below a millisecond. Everything else counts with any change.
pub(super) fn matters(last: &NodeSample, now: &NodeSample, polled: Duration) -> bool {
    let acks = now.replicas.len() as u64 * (1 + polled.as_secs());
    let own_commands = 2 + acks;
    // Ten polls a second are ten operations a second.
    let own_rate = 12 + now.replicas.len() as u64;
    let memory_noise = MEMORY_NOISE.max(last.used_memory / 64);
    if now.commands.saturating_sub(last.commands) > own_commands
        || now.ops_per_second.abs_diff(last.ops_per_second) > own_rate
        || now.used_memory.abs_diff(last.used_memory) > memory_noise
    {
        return true;
    }
    let still = |sample: &NodeSample| {
        let mut sample = sample.clone();
        sample.commands = 0;
        sample.ops_per_second = 0;
        sample.used_memory = 0;
        sample.loop_lag_p99_us = 0;
        sample.loop_lag_max_us /= LAG_NOISE_US;
        if sample.is_master {
            sample.repl_bytes_in = 0;
        } else if sample.replicas.is_empty() {
            sample.repl_bytes_out = 0;
        }
        sample.round_trip = Duration::ZERO;
        for replica in &mut sample.replicas {
            replica.ack_age = if replica.ack_age <= ACK_AGE_USUAL { 0 } else { replica.ack_age };
        }
        sample
    };
    still(last) != still(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::FilesSample;

    const MASTER: &str = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
        slave0:ip=127.0.0.1,port=7002,state=online,offset=140,lag=0\r\n\
        slave1:ip=127.0.0.1,port=7003,state=wait_bgsave,offset=0,lag=9\r\n\
        master_failover_state:no-failover\r\n\
        master_replid:5a9b7ee7d6a4d1b3a3a1b7f4a3c2d1e0f9a8b7c6\r\n\
        master_replid2:0000000000000000000000000000000000000000\r\n\
        master_repl_offset:140\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:1\r\n\
        repl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:1\r\nrepl_backlog_histlen:140\r\n\
        # Stats\r\ntotal_commands_processed:12\r\ninstantaneous_ops_per_sec:3\r\nsync_full:2\r\n\
        # Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\ndb9:keys=4,expires=1,avg_ttl=5\r\n";

    fn master() -> NodeSample {
        parse(MASTER, Duration::from_micros(50))
    }

    #[test]
    fn a_masters_figures_are_read() {
        let sample = master();
        assert!(sample.is_master && sample.backlog_active && sample.master.is_none());
        assert_eq!((sample.offset, sample.backlog_first, sample.backlog_len), (140, 1, 140));
        assert_eq!((sample.keys, sample.commands, sample.sync_full), (7, 12, 2));
        assert_eq!((sample.replid2, sample.second_offset), (None, None));
        let replicas: Vec<_> =
            sample.replicas.iter().map(|r| (r.port, r.state.as_str(), r.ack_age)).collect();
        assert_eq!(replicas, [(7002, "online", 0), (7003, "wait_bgsave", 9)]);
    }

    #[test]
    fn what_a_node_has_on_its_disk_is_read() {
        let info = "rdb_bgsave_in_progress:1\r\ncurrent_fork_perc:12.50\r\nrdb_changes_since_last_save:7\r\n\
            rdb_last_save_time:1700000000\r\nrdb_last_bgsave_status:err\r\naof_enabled:1\r\naof_current_size:300\r\n\
            aof_base_size:100\r\naof_rewrite_in_progress:1\r\naof_last_bgrewrite_status:ok\r\n\
            aof_last_write_status:err\r\n";
        let files = FilesSample {
            saving: true,
            percent: 12,
            unsaved: 7,
            saved_at: 1_700_000_000,
            save_failed: true,
            aof: true,
            aof_size: 300,
            aof_base_size: 100,
            rewriting: true,
            aof_failed: true,
        };
        assert_eq!(parse(info, Duration::ZERO).files, files);
    }

    #[test]
    fn a_replicas_figures_are_read() {
        let sample = parse(
            "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:7001\r\nmaster_link_status:up\r\n\
             slave_read_repl_offset:150\r\nmaster_repl_offset:140\r\nsecond_repl_offset:99\r\n",
            Duration::ZERO,
        );
        assert!(!sample.is_master && sample.master_link_up);
        assert_eq!(sample.master.as_deref(), Some("127.0.0.1:7001"));
        assert_eq!((sample.read_offset, sample.offset, sample.second_offset), (150, 140, Some(99)));
    }

    #[test]
    fn nonsense_is_read_as_nothing() {
        let sample = parse(
            "slavery:1\r\ndb:keys=3\r\ndb1:keys=x\r\nused_memory:-5\r\nslave0\r\n::\r\n",
            Duration::ZERO,
        );
        assert_eq!(sample, NodeSample::default());
    }

    #[test]
    fn what_a_cluster_at_rest_does_by_itself_does_not_matter() {
        let last = master();
        let mut now = last.clone();
        now.commands += 1 + 2; // our INFO, and an ACK of each replica
        now.ops_per_second = 12;
        now.used_memory += 20_000;
        now.repl_bytes_in += 34;
        now.loop_lag_max_us += 700;
        now.round_trip = Duration::from_millis(3);
        now.replicas[0].ack_age = 1;
        assert!(!matters(&last, &now, Duration::from_millis(100)));
        assert!(!matters(&now, &last, Duration::from_millis(100)));
    }

    #[test]
    fn what_a_user_or_a_fault_does_matters() {
        let last = master();
        let changes: [fn(&mut NodeSample); 8] = [
            |now| now.offset += 1,
            |now| now.keys += 1,
            |now| now.commands += 50,
            |now| now.ops_per_second += 100,
            |now| now.used_memory += 1 << 20,
            |now| now.replicas[0].ack_age = 3,
            |now| now.replicas[1].state = "online".into(),
            |now| now.clients += 1,
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut now = last.clone();
            change(&mut now);
            assert!(matters(&last, &now, Duration::from_millis(100)), "change {n}");
        }
    }
}
