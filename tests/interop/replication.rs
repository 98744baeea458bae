//! Full and partial syncs between ours and a real redis-server, in every form of transfer.

use std::thread;
use std::time::Duration;

use super::support::data::{fill, write_all_forms};
use super::support::server::Kind;
use super::support::{Server, missing, until, until_equal};

/// Ours or theirs as master, and the other one as replica.
const BOTH_WAYS: [(Kind, Kind); 2] = [(Kind::Redis, Kind::Node), (Kind::Node, Kind::Redis)];

fn counters(master: &Server) -> (u64, u64) {
    (master.number("sync_full"), master.number("sync_partial_ok"))
}

/// Full sync with writes meanwhile, partial syncs after the link was killed on either end.
fn sync(master: Kind, replica: Kind, diskless_sync: &str, diskless_load: &str) {
    let what = format!("{master:?} to {replica:?}, diskless sync {diskless_sync}, load {diskless_load}");
    println!("{what}");
    let sync = format!("repl-diskless-sync {diskless_sync}");
    let master = Server::start(master, &[&sync]);
    fill(&master);
    let load = format!("repl-diskless-load {diskless_load}");
    let replica = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..10 {
                write_all_forms(&master, round);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let replica = Server::replica_of(replica, &master, &[&load]);
        writer.join().unwrap();
        replica
    });
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 0), "{what}\n{}{}", master.journal(), replica.journal());

    let mut partial = 0;
    for (server, kind) in [(&master, "replica"), (&replica, "master")] {
        write_all_forms(&master, 10);
        assert_eq!(server.ask(&format!("CLIENT KILL TYPE {kind}")), "1", "{what}");
        write_all_forms(&master, 11);
        partial += 1;
        until("the link was continued", &[&master, &replica], || counters(&master).1 == partial);
        until_equal(&master, &replica);
    }
    if replica.kind == Kind::Node {
        replica.handle().cut_link(true);
        until("the link is down", &[&replica], || replica.info("master_link_status") == "down");
        write_all_forms(&master, 12);
        replica.handle().cut_link(false);
        until_equal(&master, &replica);
        partial += 1;
    }
    assert_eq!(counters(&master), (1, partial), "{what}\n{}{}", master.journal(), replica.journal());
    assert_eq!(master.number("sync_partial_err"), 0, "{what}");
}

#[test]
fn full_and_partial_syncs_through_a_file() {
    if missing("redis-server") {
        return;
    }
    for (master, replica) in BOTH_WAYS {
        sync(master, replica, "no", "disabled");
    }
}

#[test]
fn full_and_partial_syncs_through_the_socket() {
    if missing("redis-server") {
        return;
    }
    sync(Kind::Redis, Kind::Node, "yes", "disabled");
    sync(Kind::Node, Kind::Redis, "yes", "disabled");
    sync(Kind::Node, Kind::Redis, "yes", "on-empty-db");
    sync(Kind::Node, Kind::Redis, "yes", "swapdb");
    sync(Kind::Node, Kind::Redis, "no", "on-empty-db");
}

#[test]
fn a_chain_of_both_kinds_continues_after_a_promotion_in_it() {
    if missing("redis-server") {
        return;
    }
    for kinds in [[Kind::Redis, Kind::Node, Kind::Redis], [Kind::Node, Kind::Redis, Kind::Node]] {
        let top = Server::start(kinds[0], &[]);
        fill(&top);
        let middle = Server::replica_of(kinds[1], &top, &[]);
        until_equal(&top, &middle);
        let bottom = Server::replica_of(kinds[2], &middle, &[]);
        write_all_forms(&top, 1);
        until_equal(&top, &middle);
        until_equal(&middle, &bottom);
        for server in [&middle, &bottom] {
            assert_eq!(server.info("master_replid"), top.info("master_replid"), "{kinds:?}");
        }
        let old = top.info("master_replid");

        assert_eq!(middle.ask("REPLICAOF NO ONE"), "OK");
        write_all_forms(&middle, 2);
        until("the bottom comes back", &[&middle, &bottom], || counters(&middle).1 == 1);
        until_equal(&middle, &bottom);
        assert_eq!(counters(&middle), (1, 1), "{kinds:?}\n{}{}", middle.journal(), bottom.journal());
        for server in [&middle, &bottom] {
            assert_eq!(server.info("master_replid2"), old, "{kinds:?}");
        }
        // The old top has nothing that the new one lacks, so it continues under the old name.
        top.follow(&middle);
        until("the old top follows", &[&middle, &top], || counters(&middle).1 == 2);
        write_all_forms(&middle, 3);
        until_equal(&middle, &top);
        until_equal(&middle, &bottom);
        assert_eq!(counters(&middle), (1, 2), "{kinds:?}\n{}{}", middle.journal(), top.journal());
    }
}

#[test]
fn a_replica_restarts_with_its_file_and_continues() {
    if missing("redis-server") {
        return;
    }
    for (master, replica) in BOTH_WAYS {
        let master = Server::start(master, &[]);
        fill(&master);
        let mut replica = Server::replica_of(replica, &master, &[]);
        until_equal(&master, &replica);
        write_all_forms(&master, 1);
        until_equal(&master, &replica);
        replica.shut_down("SAVE");
        write_all_forms(&master, 2);
        replica.restart(&[]);
        until_equal(&master, &replica);
        assert_eq!(counters(&master), (1, 1), "{}{}", master.journal(), replica.journal());
    }
}

#[test]
fn a_master_restarts_with_its_file_and_its_replica_continues() {
    if missing("redis-server") {
        return;
    }
    for (master, replica) in BOTH_WAYS {
        let mut master = Server::start(master, &[]);
        fill(&master);
        let replica = Server::replica_of(replica, &master, &[]);
        until_equal(&master, &replica);
        master.shut_down("SAVE");
        master.restart(&[]);
        write_all_forms(&master, 1);
        until_equal(&master, &replica);
        assert_eq!(counters(&master), (0, 1), "{}{}", master.journal(), replica.journal());
    }
}

#[test]
fn our_process_serves_redis_replicas_too() {
    if missing("redis-server") {
        return;
    }
    let master = Server::start(Kind::Process, &[]);
    fill(&master);
    let theirs = Server::replica_of(Kind::Redis, &master, &[]);
    let ours = Server::replica_of(Kind::Process, &theirs, &[]);
    until_equal(&master, &theirs);
    until_equal(&theirs, &ours);
    assert_eq!(theirs.client().ask(&["WAIT", "1", "0"]).text().get(..4), Some("-ERR"));
    let mut client = master.client();
    client.ask(&["SET", "k", "v"]);
    assert_eq!(client.ask(&["WAIT", "1", "5000"]).text(), "1");
}

#[test]
fn a_password_guards_the_link() {
    if missing("redis-server") {
        return;
    }
    for (master, replica) in BOTH_WAYS {
        let master = Server::start(master, &["requirepass secret"]);
        let replica = Server::replica_of(replica, &master, &["masterauth wrong"]);
        thread::sleep(Duration::from_millis(300));
        assert_eq!(replica.info("master_link_status"), "down");
        assert_eq!(replica.ask("CONFIG SET masterauth secret"), "OK");
        until("the link is up", &[&master, &replica], || replica.info("master_link_status") == "up");
    }
}

#[test]
fn messages_in_a_real_masters_stream_do_no_harm() {
    if missing("redis-server") {
        return;
    }
    let master = Server::redis(&[]);
    let middle = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &middle);
    let bottom = Server::replica_of(Kind::Redis, &middle, &[]);
    until_equal(&middle, &bottom);
    assert_eq!(master.ask("PUBLISH channel message"), "0");
    assert_eq!(master.ask("SPUBLISH channel message"), "0");
    write_all_forms(&master, 1);
    until_equal(&master, &middle);
    until_equal(&middle, &bottom);
    assert_eq!((counters(&master), counters(&middle)), ((1, 0), (1, 0)), "{}", middle.journal());
}

#[test]
fn random_faults_in_a_tree_of_both_kinds_end_in_equal_data() {
    if missing("redis-server") {
        return;
    }
    super::support::storm::weather(&[Kind::Redis, Kind::Node, Kind::Node, Kind::Redis], 40);
    super::support::storm::weather(&[Kind::Node, Kind::Redis, Kind::Node, Kind::Redis], 40);
}
