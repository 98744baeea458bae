//! A process that is stopped as a whole, as by sleep on Windows: no link pays for it.
#![cfg(unix)]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::server::{Kind, free_block};
use super::support::{Client, Program, Server, until};

/// Longer than `repl-timeout`, which the tests set to this.
const REPL_TIMEOUT: &str = "2";
const STOPPED: Duration = Duration::from_secs(5);

/// Nothing of the program runs for a while.
fn stand_still(program: &Program) {
    let signal = |name: &str| {
        let status = Command::new("kill").args([name, &program.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    };
    signal("-STOP");
    std::thread::sleep(STOPPED);
    signal("-CONT");
}

fn info(port: u16, field: &str) -> Option<String> {
    let text = Client::try_connect(port).ok()?.try_ask(&[b"INFO", b"everything"]).ok()?.text();
    Some(text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?.to_owned())
}

#[test]
fn a_cluster_that_stood_still_for_longer_than_repl_timeout_keeps_its_links() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let port = free_block();
    let program = Program(
        Command::new(env!("CARGO_BIN_EXE_repliscope"))
            .args(["up", "--json", "--port", &port.to_string(), "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(fs::File::create(&told).unwrap())
            .spawn()
            .unwrap(),
    );
    let replicas = [port + 1, port + 2];
    let all_up = || replicas.iter().all(|port| info(*port, "master_link_status").as_deref() == Some("up"));
    until("two replicas are online", &[], || {
        info(port, "connected_slaves").as_deref() == Some("2") && all_up()
    });
    for port in [port, port + 1, port + 2] {
        // Pings come more often than the time-out, or a link without writes would end by itself.
        let words = ["CONFIG", "SET", "repl-ping-replica-period", "1", "repl-timeout", REPL_TIMEOUT];
        let reply = Client::connect(port).ask(&words);
        assert_eq!(reply.text(), "OK");
    }
    let syncs = || (info(port, "sync_full").unwrap(), info(port, "sync_partial_ok").unwrap());
    let before = syncs();
    let mut writer = Client::connect(port);
    let seen = fs::read_to_string(&told).unwrap().len();

    stand_still(&program);

    assert_eq!(writer.ask(&["SET", "k", "v"]).text(), "OK", "the client's connection is still there");
    for replica in replicas {
        until("the write arrives", &[], || Client::connect(replica).ask(&["GET", "k"]).text() == "v");
    }
    // Whoever were timed out would be by now: each looks once a second.
    std::thread::sleep(Duration::from_millis(1500));
    assert!(all_up());
    assert_eq!(syncs(), before, "no link was made anew");
    // A replica may have tried its master too early at the start.
    let journal = fs::read_to_string(&told).unwrap().split_off(seen);
    let count = |word: &str| journal.lines().filter(|line| line.contains(word)).count();
    assert_eq!(count(r#""event":{"TimeGap":{"Stopped""#), 1, "one gap is one entry:\n{journal}");
    assert_eq!(count("Time gap: nothing ran for"), 3, "and a line in each node's log:\n{journal}");
    for word in ["LinkLost", "ReplicaGone", r#""Silent""#] {
        assert_eq!(count(word), 0, "{word}:\n{journal}");
    }
}

#[test]
fn a_node_that_blocks_itself_gets_no_time_as_a_present() {
    let master = Server::node(&[&format!("repl-timeout {REPL_TIMEOUT}"), "repl-ping-replica-period 1"]);
    let replica = Server::replica_of(Kind::Node, &master, &[&format!("repl-timeout {REPL_TIMEOUT}")]);
    until("the link is up", &[&master, &replica], || replica.info("master_link_status") == "up");
    assert_eq!(master.ask("DEBUG SLEEP 4"), "OK");
    until("the replica has noticed and come back", &[&master, &replica], || {
        replica.journal().contains("repl-timeout") && replica.info("master_link_status") == "up"
    });
    assert!(!master.journal().contains("Time gap"), "{}", master.journal());
}
