//! Disks that are slow, full or broken: what clients are told, that nothing is lost, and that it ends by itself.

use std::time::{Duration, Instant};

use repliscope::node::{Fault, FaultKind, NodeEvent, StopReason};

use super::support::data::fill;
use super::support::server::Kind;
use super::support::{Server, until, until_equal};

const AOF: [&str; 2] = ["appendonly yes", "appendfsync everysec"];

#[track_caller]
fn until_ok(server: &Server, command: &str) {
    until(command, &[server], || server.ask(command) == "OK");
}

#[test]
fn a_full_disk_stops_writes_after_a_failed_save_and_a_later_one_lets_them_go_on() {
    // Saves after each second with a change; after a failure they are tried again every five.
    let server = Server::node(&["save 1 1"]);
    server.handle().begin_fault(Fault::FullDisk);
    assert_eq!(server.ask("SET k v"), "OK");
    until("the save fails", &[&server], || server.info("rdb_last_bgsave_status") == "err");
    let refused = server.ask("SET k w");
    assert!(refused.starts_with("-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."), "{refused}");
    assert_eq!(server.ask("PING"), refused, "who only pings learns of it");
    let mut client = server.client();
    assert_eq!(client.ask(&["MULTI"]).text(), "OK");
    assert_eq!(client.ask(&["SET", "k", "w"]).text(), refused);
    assert!(client.ask(&["EXEC"]).text().starts_with("-EXECABORT"));
    assert_eq!(server.ask("ECHO still"), "still");
    assert_eq!(server.ask("GET k"), "v", "reads go on");
    assert!(!server.dir().join("dump.rdb").exists());
    assert!(server.journal().contains("No space left on device"), "{}", server.journal());
    server.handle().end_fault(FaultKind::FullDisk);
    until_ok(&server, "SET k w");
    assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
}

#[test]
fn a_bgsave_by_hand_fails_on_a_full_disk_keeps_the_old_file_and_works_again() {
    let server = Server::node(&["save 3600 1000000"]);
    assert_eq!(server.ask("SET k v"), "OK");
    assert_eq!(server.ask("SAVE"), "OK");
    let old = std::fs::read(server.dir().join("dump.rdb")).unwrap();
    server.handle().begin_fault(Fault::FullDisk);
    server.ask("SET k w");
    assert!(server.ask("SAVE").starts_with("-ERR"), "{}", server.journal());
    assert!(server.ask("SET k x").starts_with("-MISCONF"));
    assert_eq!(std::fs::read(server.dir().join("dump.rdb")).unwrap(), old);
    assert_eq!(std::fs::read_dir(server.dir()).unwrap().count(), 1, "nothing is left behind");
    server.handle().end_fault(FaultKind::FullDisk);
    server.ask("BGSAVE");
    until_ok(&server, "SET k x");
}

#[test]
fn a_full_disk_refuses_writes_to_the_append_only_file_until_there_is_space() {
    let mut server = Server::node(&AOF);
    assert_eq!(server.ask("SET k v"), "OK");
    server.handle().begin_fault(Fault::FullDisk);
    // This one is in memory, and goes to the file when that can be written.
    server.ask("SET held 1");
    let refused = "-MISCONF Errors writing to the AOF file: No space left on device";
    until("writes are refused", &[&server], || server.ask("SET k w") == refused);
    assert_eq!(server.info("aof_last_write_status"), "err");
    assert_eq!((server.ask("GET k"), server.ask("PING")), ("v".into(), refused.into()));
    server.handle().end_fault(FaultKind::FullDisk);
    until_ok(&server, "SET k w");
    assert_eq!(server.info("aof_last_write_status"), "ok");
    let digest = server.digest();
    server.kill();
    server.restart(&[]);
    assert_eq!(server.digest(), digest);
    assert_eq!(server.ask("GET held"), "1");
}

#[test]
fn a_node_that_promised_always_ends_when_the_disk_is_full() {
    let mut server = Server::node(&["appendonly yes", "appendfsync always"]);
    assert_eq!(server.ask("SET k v"), "OK");
    server.handle().begin_fault(Fault::FullDisk);
    let _ = server.client().try_ask(&[b"SET", b"k", b"w"]);
    until("it ends", &[&server], || {
        server.events().iter().any(|event| matches!(event, NodeEvent::Stopped(StopReason::Crashed(_))))
    });
    assert!(
        server.journal().contains("Can't recover from AOF write error when the AOF fsync policy is 'always'")
    );
    server.kill();
    server.restart(&[]);
    assert_eq!(server.ask("GET k"), "v");
}

#[test]
fn a_node_that_promised_always_says_whether_a_write_or_a_sync_has_failed() {
    let written = "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...";
    let synced = "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error. Exiting...";
    for (nth, line) in [(1, written), (2, synced)] {
        let server = Server::node(&["appendonly yes", "appendfsync always"]);
        server.handle().begin_fault(Fault::DiskErrors { nth });
        let _ = server.client().try_ask(&[b"SET", b"k", b"w"]);
        until("it ends", &[&server], || {
            server.events().iter().any(|event| matches!(event, NodeEvent::Stopped(StopReason::Crashed(_))))
        });
        assert!(server.journal().contains(line), "{nth}\n{}", server.journal());
    }
}

#[test]
fn whichever_call_to_the_disk_fails_the_node_recovers_with_all_of_its_data() {
    let mut server = Server::node(&AOF);
    for nth in 1..=4 {
        server.handle().begin_fault(Fault::DiskErrors { nth });
        let key = format!("nth:{nth}");
        let failures = || server.journal().matches("Input/output error").count();
        let before = failures();
        until("the disk fails", &[&server], || {
            server.ask(&format!("INCR {key}"));
            failures() > before
        });
        // With others the next call may have worked already.
        if nth == 1 {
            let refused = "-MISCONF Errors writing to the AOF file: Input/output error";
            assert_eq!(server.ask("SET k v"), refused);
        }
        server.handle().end_fault(FaultKind::DiskErrors);
        // After a sync that failed only a rewrite helps: it comes by itself.
        until_ok(&server, "SET k v");
    }
    let digest = server.digest();
    server.kill();
    server.restart(&[]);
    assert_eq!(server.digest(), digest);
}

#[test]
fn a_slow_disk_makes_a_save_long_and_holds_up_nobody() {
    let server = Server::node(&["save 3600 1000000"]);
    fill(&server);
    server.handle().begin_fault(Fault::SlowDisk { delay: Duration::from_millis(400) });
    assert_eq!(server.ask("BGSAVE"), "Background saving started");
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(server.ask("SET k v"), "OK");
    }
    assert_eq!(server.info("rdb_bgsave_in_progress"), "1");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    until("it ends", &[&server], || server.info("rdb_bgsave_in_progress") == "0");
    assert!(begun.elapsed() > Duration::from_millis(1200), "{:?}", begun.elapsed());
    assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
}

#[test]
fn a_slow_disk_under_the_append_only_file_holds_up_its_clients_and_is_healed_at_once() {
    let server = Server::node(&["appendonly yes", "appendfsync no"]);
    server.handle().begin_fault(Fault::SlowDisk { delay: Duration::from_millis(300) });
    let begun = Instant::now();
    assert_eq!(server.ask("SET k v"), "OK");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    server.handle().begin_fault(Fault::SlowDisk { delay: Duration::from_secs(10) });
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            server.handle().end_fault(FaultKind::SlowDisk);
        });
        assert_eq!(server.ask("SET k w"), "OK");
    });
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn no_reply_waits_for_the_disk_while_a_snapshot_is_written_if_that_was_asked_for() {
    let delay = Duration::from_secs(1);
    let server = Server::node(&["appendonly yes", "appendfsync always", "no-appendfsync-on-rewrite yes"]);
    server.ask("SET k v");
    let set = || {
        server.handle().begin_fault(Fault::SlowDisk { delay });
        let begun = Instant::now();
        assert_eq!(server.ask("SET k w"), "OK");
        let took = begun.elapsed();
        server.handle().end_fault(FaultKind::SlowDisk);
        took
    };
    let took = set();
    assert!(took >= delay * 2, "a write and a sync: {took:?}");
    server.ask("CONFIG SET rdb-key-save-delay 60000000");
    assert_eq!(server.ask("BGSAVE"), "Background saving started");
    let took = set();
    assert!(took < delay * 2, "a write: {took:?}");
    assert_eq!(server.info("rdb_bgsave_in_progress"), "1");
    assert_eq!(server.ask("CONFIG SET no-appendfsync-on-rewrite no"), "OK");
    let took = set();
    assert!(took >= delay * 2, "a write and a sync: {took:?}");
}

#[test]
fn a_node_that_waits_for_a_slow_disk_can_be_killed() {
    let mut server = Server::node(&["appendonly yes", "appendfsync no"]);
    server.handle().begin_fault(Fault::SlowDisk { delay: Duration::from_secs(10) });
    let mut client = server.client();
    client.send_command(&[b"SET", b"k", b"v"]);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    server.kill();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_master_with_a_full_disk_cannot_sync_from_it_until_there_is_space() {
    let master = Server::node(&["repl-diskless-sync no"]);
    fill(&master);
    master.handle().begin_fault(Fault::FullDisk);
    let replica = Server::replica_of(Kind::Node, &master, &[]);
    until("the snapshot fails", &[&master], || master.journal().contains("The snapshot for replicas failed"));
    assert_eq!(replica.info("master_link_status"), "down");
    assert_eq!(master.ask("SET k v"), "OK", "its clients are served");
    master.handle().end_fault(FaultKind::FullDisk);
    until_equal(&master, &replica);
}
