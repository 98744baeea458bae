//! The whole path: a cluster under load loses its master, goes on, and takes the old one back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::support::data::fill;
use super::support::server::Kind;
use super::support::{Client, Server, until, until_equal};

/// Clients that write to whoever is master, as an application would.
struct Load {
    master: AtomicU16,
    running: AtomicBool,
    acknowledged: AtomicU64,
    /// Keys whose write was acknowledged, with the port that did.
    log: Mutex<Vec<(u16, String)>>,
}

impl Load {
    fn write(&self, name: &str) {
        let mut n = 0;
        while self.running.load(Ordering::Relaxed) {
            let port = self.master.load(Ordering::Relaxed);
            let Ok(mut client) = Client::try_connect(port) else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            while self.running.load(Ordering::Relaxed) && self.master.load(Ordering::Relaxed) == port {
                n += 1;
                let key = format!("{name}:{n}");
                let set = client.try_ask(&[b"SET", key.as_bytes(), b"some value of the workload"]);
                let incr = client.try_ask(&[b"INCR", name.as_bytes()]);
                match (set, incr) {
                    (Ok(set), Ok(_)) if set.text() == "OK" => {
                        self.acknowledged.fetch_add(2, Ordering::Relaxed);
                        self.log.lock().unwrap().push((port, key));
                    }
                    _ => break,
                }
            }
        }
    }

    /// Ends the writers when it goes, also by a failed assertion: the scope waits for them.
    fn guard(&self) -> impl Drop {
        struct Guard<'l>(&'l Load);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.running.store(false, Ordering::Relaxed);
            }
        }
        Guard(self)
    }

    /// Waits until `count` further writes were acknowledged.
    fn further(&self, count: u64, servers: &[&Server]) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + count;
        until("writes go on", servers, || self.acknowledged.load(Ordering::Relaxed) >= goal);
    }
}

#[test]
fn a_killed_master_is_replaced_under_load_with_partial_resyncs_alone() {
    let mut first = Server::node(&[]);
    fill(&first);
    let second = Server::replica_of(Kind::Node, &first, &[]);
    let third = Server::replica_of(Kind::Node, &first, &[]);
    until_equal(&first, &second);
    until_equal(&first, &third);
    let load = Load {
        master: AtomicU16::new(first.port),
        running: AtomicBool::new(true),
        acknowledged: AtomicU64::new(0),
        log: Mutex::default(),
    };
    thread::scope(|scope| {
        for n in 0..4 {
            let load = &load;
            scope.spawn(move || load.write(&format!("writer{n}")));
        }
        let _guard = load.guard();
        let begun = Instant::now();
        load.further(2000, &[&first]);
        // Wine passes each byte between threads through a process of its own.
        let patience = Duration::from_secs(if cfg!(windows) { 20 } else { 2 });
        assert!(begun.elapsed() < patience, "too few writes/s: 2,000 took {:?}", begun.elapsed());

        first.kill();
        // The replica that is ahead is promoted, as nothing else could be continued by the other one.
        let (promoted, other) =
            if second.offset() >= third.offset() { (&second, &third) } else { (&third, &second) };
        assert_eq!(promoted.ask("REPLICAOF NO ONE"), "OK");
        load.master.store(promoted.port, Ordering::Relaxed);
        other.follow(promoted);
        until("the other replica follows", &[promoted, other], || other.info("master_link_status") == "up");
        load.further(1000, &[promoted, other]);
        assert_eq!(promoted.number("sync_full"), 0, "{}", promoted.journal());
        assert_eq!(promoted.number("sync_partial_ok"), 1);
        assert_eq!(other.info("master_replid2"), promoted.info("master_replid2"));

        let replicaof = format!("127.0.0.1 {}", promoted.port);
        first.restart(&[("replicaof", &replicaof)]);
        until("the old master is a replica", &[promoted, &first], || {
            first.info("master_link_status") == "up"
        });
        load.further(1000, &[promoted, other, &first]);
        load.running.store(false, Ordering::Relaxed);
    });
    let servers = [&first, &second, &third];
    let master = servers.into_iter().find(|server| server.info("role") == "master").unwrap();
    for server in servers.into_iter().filter(|server| server.port != master.port) {
        until_equal(master, server);
    }
    // Everything that the new master acknowledged is there.
    let mut client = master.client();
    for (port, key) in load.log.lock().unwrap().iter() {
        if *port == master.port {
            assert_eq!(client.ask(&["EXISTS", key]).text(), "1", "{key} was acknowledged");
        }
    }
    assert_eq!(master.number("sync_partial_ok"), 1, "{}", master.journal());
}

#[test]
fn a_write_that_wait_confirmed_survives_the_masters_death() {
    // I7, for several rounds of failover between two nodes.
    let mut master = Server::node(&[]);
    let mut replica = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &replica);
    for round in 0..3 {
        let mut client = master.client();
        let mut confirmed = 0;
        for n in 0..200 {
            client.ask(&["SET", &format!("r{round}:{n}"), "v"]);
            if n % 20 == 19 {
                assert_eq!(client.ask(&["WAIT", "1", "5000"]).text(), "1");
                confirmed = n;
            }
        }
        master.kill();
        assert_eq!(replica.ask("REPLICAOF NO ONE"), "OK");
        for n in 0..=confirmed {
            assert_eq!(replica.ask(&format!("EXISTS r{round}:{n}")), "1");
        }
        master.restart(&[("replicaof", &format!("127.0.0.1 {}", replica.port))]);
        until_equal(&replica, &master);
        master.forget("replicaof");
        std::mem::swap(&mut master, &mut replica);
    }
}

#[test]
fn an_orderly_switch_costs_no_full_sync() {
    let first = Server::node(&[]);
    fill(&first);
    let second = Server::replica_of(Kind::Node, &first, &[]);
    let third = Server::replica_of(Kind::Node, &first, &[]);
    until_equal(&first, &second);
    until_equal(&first, &third);
    // Writes stop, the candidate has everything, then the roles change.
    assert_eq!(first.ask("CLIENT PAUSE 20000 WRITE"), "OK");
    until("the candidate has everything", &[&first, &second], || first.offset() == second.offset());
    assert_eq!(second.ask("REPLICAOF NO ONE"), "OK");
    for old in [&first, &third] {
        old.follow(&second);
    }
    until_equal(&second, &first);
    until_equal(&second, &third);
    assert_eq!(
        (second.number("sync_full"), second.number("sync_partial_ok")),
        (0, 2),
        "{}",
        second.journal()
    );
    assert_eq!(second.ask("SET k v"), "OK");
    until_equal(&second, &first);
}

#[test]
fn an_old_master_that_went_on_alone_gives_its_suffix_up() {
    // The fork: both sides wrote after the promotion. Only a full sync makes them one again.
    let first = Server::node(&[]);
    let second = Server::replica_of(Kind::Node, &first, &[]);
    fill(&first);
    until_equal(&first, &second);
    assert_eq!(second.ask("REPLICAOF NO ONE"), "OK");
    assert_eq!(first.ask("SET lost 1"), "OK");
    assert_eq!(second.ask("SET kept 1"), "OK");
    first.follow(&second);
    until_equal(&second, &first);
    assert_eq!(first.ask("EXISTS lost"), "0");
    assert_eq!(first.ask("GET kept"), "1");
    assert_eq!((second.number("sync_full"), second.number("sync_partial_err")), (1, 1));
}

#[test]
fn random_faults_in_random_trees_end_in_equal_data() {
    super::support::storm::weather(&[Kind::Node; 5], 150);
}
