//! FAILOVER: a master hands its role over, under load and against all that can stand in the way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::support::server::Kind;
use super::support::{Client, Server, until, until_equal};

fn cluster() -> (Server, Server, Server) {
    let master = Server::node(&[]);
    let first = Server::replica_of(Kind::Node, &master, &[]);
    let second = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &first);
    until_equal(&master, &second);
    (master, first, second)
}

fn state(server: &Server) -> String {
    server.info("master_failover_state")
}

#[test]
fn the_role_is_handed_over_under_load_and_no_write_is_lost() {
    let (old, new, other) = cluster();
    let (running, acknowledged) = (AtomicBool::new(true), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = Client::connect(old.port);
                while running.load(Ordering::Relaxed) {
                    let reply = client.ask(&["INCR", "counter"]).text();
                    if reply.starts_with("-READONLY") {
                        return;
                    }
                    assert!(!reply.starts_with('-'), "{reply}");
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("writes", &[&old], || acknowledged.load(Ordering::Relaxed) > 100);
        assert_eq!(old.ask(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 20000", new.port)), "OK");
        assert_eq!(state(&old), "waiting-for-sync");
        assert_eq!(old.ask("REPLICAOF NO ONE"), "-ERR REPLICAOF not allowed while failing over.");
        assert_eq!(old.ask("FAILOVER"), "-ERR FAILOVER already in progress.");
        until("the old master follows", &[&old, &new], || old.info("master_link_status") == "up");
        running.store(false, Ordering::Relaxed);
    });
    assert_eq!((new.info("role"), old.info("role")), ("master".into(), "slave".into()));
    assert_eq!(state(&old), "no-failover");
    assert_eq!(new.ask("GET counter"), acknowledged.load(Ordering::Relaxed).to_string());
    assert_eq!((new.number("sync_full"), new.number("sync_partial_ok")), (0, 1));
    until_equal(&new, &old);
    // The other replica follows the old master, which passes the new one's stream on.
    new.ask("SET after it");
    until("the chain passes it on", &[&other], || other.ask("GET after") == "it");
    assert_eq!(old.number("sync_full"), 2, "only the two syncs of the beginning");
}

#[test]
fn what_stands_in_the_way_is_said() {
    let (master, replica, _) = cluster();
    let alone = Server::node(&[]);
    let to = format!("FAILOVER TO 127.0.0.1 {}", replica.port);
    let cases = [
        (&alone, "FAILOVER", "-ERR FAILOVER requires connected replicas."),
        (&replica, "FAILOVER", "-ERR FAILOVER is not valid when server is a replica."),
        (&master, "FAILOVER ABORT", "-ERR No failover in progress."),
        (&master, "FAILOVER TO 127.0.0.1", "-ERR syntax error"),
        (&master, "FAILOVER TO 127.0.0.1 x", "-ERR value is not an integer or out of range"),
        (&master, "FAILOVER TIMEOUT 0", "-ERR FAILOVER timeout must be greater than 0"),
        (&master, "FAILOVER TIMEOUT -5", "-ERR FAILOVER timeout must be greater than 0"),
        (&master, "FAILOVER TO 127.0.0.1 1", "-ERR FAILOVER target HOST and PORT is not a replica."),
        (&master, "FAILOVER TO 127.0.0.1 99999", "-ERR FAILOVER target HOST and PORT is not a replica."),
        (
            &master,
            "FAILOVER FORCE TIMEOUT 100",
            "-ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
        ),
        (
            &master,
            &format!("{to} FORCE"),
            "-ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
        ),
    ];
    for (server, line, reply) in cases {
        assert_eq!(server.ask(line), reply, "{line}");
        assert_eq!(state(server), "no-failover", "{line}");
    }
    let replid = master.info("master_replid");
    let mut client = master.client();
    let refused = client.ask(&["PSYNC", &replid, "1", "FAILOVER"]).text();
    assert_eq!(refused, "-ERR PSYNC FAILOVER can't be sent to a master.");
    let refused = replica.client().ask(&["PSYNC", &"0".repeat(40), "1", "FAILOVER"]).text();
    assert_eq!(refused, "-ERR PSYNC FAILOVER replid must match my replid.");
    assert_eq!(replica.info("role"), "slave");
}

#[test]
fn a_target_that_cannot_catch_up_is_waited_for_until_the_time_is_over_or_the_user_gives_up() {
    let (master, frozen, _) = cluster();
    frozen.handle().freeze();
    master.ask("SET a 1");
    let to = format!("FAILOVER TO 127.0.0.1 {}", frozen.port);
    assert_eq!(master.ask(&format!("{to} TIMEOUT 300")), "OK");
    // A write waits, and is executed when it is clear who is master.
    let mut waiting = master.client();
    waiting.send(b"SET held back\r\n");
    until("it is given up", &[&master], || state(&master) == "no-failover");
    assert_eq!(waiting.reply().unwrap().text(), "OK");
    assert_eq!(master.ask(&to), "OK");
    assert_eq!(master.ask("GET held"), "back", "reads go on");
    assert_eq!(master.ask("FAILOVER ABORT"), "OK");
    assert_eq!((master.ask("SET b 2"), master.info("role")), ("OK".into(), "master".into()));
    frozen.handle().thaw();
    until_equal(&master, &frozen);
}

#[test]
fn a_forced_target_takes_over_as_it_is() {
    let (master, target, _) = cluster();
    target.handle().freeze();
    master.ask("SET lost 1");
    let line = format!("FAILOVER TO 127.0.0.1 {} FORCE TIMEOUT 200", target.port);
    assert_eq!(master.ask(&line), "OK");
    until("it is forced", &[&master], || state(&master) == "failover-in-progress");
    // Frozen still: the old master asks it until it answers, or until the user gives up.
    assert_eq!(master.ask("FAILOVER ABORT"), "OK");
    assert_eq!((master.info("role"), master.ask("EXISTS lost")), ("master".into(), "1".into()));
    target.handle().thaw();
    until_equal(&master, &target);
    target.handle().freeze();
    master.ask("SET more 1");
    assert_eq!(master.ask(&line), "OK");
    until("it is forced", &[&master], || state(&master) == "failover-in-progress");
    target.handle().thaw();
    until("it takes over", &[&master, &target], || target.info("role") == "master");
    until_equal(&target, &master);
}
