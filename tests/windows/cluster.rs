//! `up` on Windows, and single nodes beside real ones, to clients outside.

use super::support::server::Kind;
use super::support::{self, Server, data, until_equal};
use super::{Program, ask, assert_equal_data, free_block, info, until, until_streaming, windows};

#[test]
fn up_serves_a_cluster_that_survives_its_master() {
    if windows::missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let master = free_block();
    let (second, third) = (master + 1, master + 2);
    let mut up = windows::command("repliscope.com");
    up.args(["up", "--json", "--port", &master.to_string(), "--dir", &windows::path(folder.path())]);
    let mut up = Program::start(up.stdout(std::fs::File::create(&told).unwrap()));

    until_streaming(master, &[second, third]);
    assert_eq!(ask(master, "DEBUG POPULATE 5000 key 100").unwrap(), "OK");
    assert_eq!(ask(master, "SET greeting hello").unwrap(), "OK");
    for replica in [second, third] {
        until("the write arrives", || ask(replica, "GET greeting").as_deref() == Some("hello"));
        assert!(ask(replica, "SET greeting bye").unwrap().starts_with("-READONLY"));
    }

    // DEBUG POPULATE is not replicated, as in Redis: this is the full sync of a data set that is worth one.
    let full = info(master, "sync_full");
    assert_eq!(ask(third, "REPLICAOF NO ONE").unwrap(), "OK");
    assert_eq!(ask(third, "FLUSHALL").unwrap(), "OK");
    assert_eq!(ask(third, &format!("REPLICAOF 127.0.0.1 {master}")).unwrap(), "OK");
    until("the replica has the whole data set", || ask(third, "DBSIZE").as_deref() == Some("5001"));
    until_streaming(master, &[second, third]);
    assert_ne!(info(master, "sync_full"), full, "a history of its own needs a full sync");
    assert_equal_data(master, third);

    assert_eq!(ask(master, "SHUTDOWN NOSAVE NOW"), None, "the connection ends with the node");
    until("the replicas notice", || info(third, "master_link_status") == "down");
    assert_eq!(ask(third, "REPLICAOF NO ONE").unwrap(), "OK");
    assert_eq!(ask(second, &format!("REPLICAOF 127.0.0.1 {third}")).unwrap(), "OK");
    until_streaming(third, &[second]);
    let counters = ["sync_full", "sync_partial_ok"].map(|field| info(third, field));
    assert_eq!(counters, ["0", "1"], "the new master continues the old history");
    assert_eq!(ask(third, "SET greeting again").unwrap(), "OK");
    until("the write arrives", || ask(second, "GET greeting").as_deref() == Some("again"));

    assert!(!up.has_ended(), "the cluster outlives one node");
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.lines().count() > 10 && told.lines().all(|line| line.starts_with('{')), "{told}");
}

/// Full and partial resync between a Windows node and the real server.
#[track_caller]
fn follows(master: Kind, replica: Kind) {
    let mut master = Server::start(master, &["save 3600 1"]);
    data::fill(&master);
    let replica = Server::replica_of(replica, &master, &[]);
    until_equal(&master, &replica);
    data::write_all_forms(&master, 1);
    until_equal(&master, &replica);
    let full = master.number("sync_full");
    // Its file carries the history over: what was missed meanwhile comes as a partial resync.
    master.shut_down("SAVE");
    master.restart(&[]);
    support::until("the link is up again", &[&master, &replica], || {
        replica.info("master_link_status") == "up"
    });
    assert_eq!((full, master.number("sync_full"), master.number("sync_partial_ok")), (1, 0, 1));
    data::write_all_forms(&master, 2);
    until_equal(&master, &replica);
}

#[test]
fn a_real_replica_follows_a_windows_master() {
    if !windows::missing() && !support::missing("redis-server") {
        follows(Kind::Windows, Kind::Redis);
    }
}

#[test]
fn a_windows_replica_follows_a_real_master() {
    if !windows::missing() && !support::missing("redis-server") {
        follows(Kind::Redis, Kind::Windows);
    }
}
