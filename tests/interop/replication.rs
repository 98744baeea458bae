//! Full and partial syncs between ours and a real redis-server, in every form of transfer.

use std::thread;
use std::time::Duration;

use repliscope::node::{Fault, FaultKind};

use super::support::client::Reply;
use super::support::data::{fill, write_all_forms};
use super::support::server::Kind;
use super::support::{Client, Server, missing, until, until_equal};

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
        replica.handle().begin_fault(Fault::Cut);
        until("the link is down", &[&replica], || replica.info("master_link_status") == "down");
        write_all_forms(&master, 12);
        replica.handle().end_fault(FaultKind::Cut);
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

/// What MONITOR shows behind the time, up to a last line and without PINGs.
fn shown(watcher: &mut Client, last: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = watcher.line().unwrap();
        let shown = line.split_once(' ').unwrap().1.to_owned();
        if !shown.to_ascii_lowercase().ends_with("] \"ping\"") {
            lines.push(shown);
        }
        if line.ends_with(last) {
            return lines;
        }
    }
}

/// Messages of every channel, up to a last one.
fn heard(subscriber: &mut Client, last: &str) -> Vec<String> {
    let mut messages = Vec::new();
    loop {
        let message = subscriber.reply().unwrap().text();
        let is_last = message.ends_with(last);
        messages.push(message);
        if is_last {
            return messages;
        }
    }
}

/// Commands in the slow log that came from `addr`, without what a master sends by the clock.
fn logged(server: &Server, addr: &str) -> Vec<String> {
    let Reply::Array(entries) = server.client().ask(&["SLOWLOG", "GET", "1000"]) else { panic!("no log") };
    let commands = entries.iter().filter_map(|entry| match entry {
        Reply::Array(fields) if fields[4].text() == addr => Some(fields[3].text()),
        _ => None,
    });
    let by_clock = |command: &String| {
        command.eq_ignore_ascii_case("ping") || command.to_ascii_lowercase().starts_with("replconf")
    };
    commands.filter(|command| !by_clock(command)).collect()
}

#[test]
fn either_kind_of_replica_shows_and_counts_the_same_of_its_masters_stream() {
    if missing("redis-server") {
        return;
    }
    for master in [Kind::Redis, Kind::Node] {
        let master = Server::start(master, &[]);
        let settings = ["slowlog-log-slower-than 0", "slowlog-max-len 1000", "notify-keyspace-events KEA"];
        let replicas = [Kind::Node, Kind::Redis].map(|kind| Server::replica_of(kind, &master, &settings));
        for replica in &replicas {
            until_equal(&master, replica);
        }
        let subscribers = replicas.each_ref().map(|replica| {
            let mut subscriber = replica.client();
            subscriber.ask(&["PSUBSCRIBE", "*"]);
            subscriber
        });
        let watchers = replicas.each_ref().map(|replica| {
            assert_eq!(replica.ask("CONFIG RESETSTAT"), "OK");
            assert_eq!(replica.ask("SLOWLOG RESET"), "OK");
            let mut watcher = replica.client();
            assert_eq!(watcher.ask(&["MONITOR"]).text(), "OK");
            watcher
        });
        for round in 0..3 {
            write_all_forms(&master, round);
        }
        let mut client = master.client();
        for request in
            ["SELECT 5", "MULTI", "SET a 1", "PUBLISH ch x", "EXEC", "FUNCTION FLUSH", "SPUBLISH sh x"]
        {
            client.send(format!("{request}\r\n").as_bytes());
            client.reply().unwrap();
        }
        client.ask(&["SET", "last", "line"]);
        let lines = watchers.map(|mut watcher| shown(&mut watcher, "\"last\" \"line\""));
        assert!(lines[0].len() > 20, "{lines:?}");
        assert_eq!(lines[0], lines[1], "{:?}", master.kind);
        for replica in &replicas {
            until_equal(&master, replica);
        }
        let messages = subscribers.map(|mut subscriber| heard(&mut subscriber, "__keyevent@5__:set last"));
        assert!(messages[0].len() > 20, "{messages:?}");
        assert_eq!(messages[0], messages[1], "{:?}", master.kind);
        let slow = replicas.each_ref().map(|replica| logged(replica, &format!("127.0.0.1:{}", master.port)));
        assert!(slow[0].len() > 20, "{slow:?}");
        assert_eq!(slow[0], slow[1], "{:?}", master.kind);
        // Only what came from the master: what the tests ask differs in number.
        let calls = replicas.each_ref().map(|replica| {
            let text = replica.ask("INFO commandstats");
            let mut calls: Vec<String> = text
                .lines()
                .filter(|line| line.starts_with("cmdstat_"))
                .map(|line| line.split(",usec").next().unwrap().to_owned())
                .filter(|line| {
                    let own = [
                        "info:",
                        "debug:",
                        "ping:",
                        "monitor:",
                        "config|",
                        "slowlog|",
                        "replconf:",
                        "client|",
                    ];
                    !own.iter().any(|name| line.starts_with(&format!("cmdstat_{name}")))
                })
                .collect();
            calls.sort();
            calls
        });
        assert_eq!(calls[0], calls[1], "{:?}", master.kind);
    }
}
