//! MIGRATE: keys on their way from one node to another.

use super::support::server::Kind;
use super::support::{Server, until};

#[test]
fn keys_move_with_their_time_to_live_and_replicas_hear_that_they_are_gone() {
    let (from, to) = (Server::node(&[]), Server::node(&[]));
    let replica = Server::replica_of(Kind::Node, &from, &[]);
    until("the link is up", &[&from, &replica], || replica.info("master_link_status") == "up");
    from.ask("RPUSH list a b c");
    from.ask("SET string value EX 1000");
    let ask = |rest: &str| from.ask(&format!("MIGRATE 127.0.0.1 {} {rest}", to.port));
    let mut client = from.client();
    let port = to.port.to_string();
    let words = ["MIGRATE", "127.0.0.1", &port, "", "3", "5000", "KEYS", "list", "none", "string"];
    assert_eq!(client.ask(&words).text(), "OK");
    assert_eq!(from.ask("DBSIZE"), "0");
    until("the replica follows", &[&from, &replica], || replica.ask("DBSIZE") == "0");
    let mut other = to.client();
    other.ask(&["SELECT", "3"]);
    assert_eq!(other.ask(&["LRANGE", "list", "0", "-1"]).text(), "a b c");
    let ttl: u64 = other.ask(&["TTL", "string"]).text().parse().unwrap();
    assert!((900..=1000).contains(&ttl));

    from.ask("SET string other");
    assert_eq!(ask("none 3 5000"), "NOKEY");
    let busy = "-ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    assert_eq!(ask("string 3 5000"), busy);
    assert_eq!(ask("string 3 5000 COPY REPLACE"), "OK");
    assert_eq!(from.ask("GET string"), "other");
    assert_eq!(other.ask(&["GET", "string"]).text(), "other");
    assert_eq!(
        ask("string 99 5000"),
        "-ERR Target instance replied with error: ERR DB index is out of range"
    );
    assert_eq!(from.ask("EXISTS string"), "1");
    let both = "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";
    assert_eq!(ask("string 3 5000 KEYS a"), both);
    assert_eq!(ask("string 3 5000 AUTH2 a"), "-ERR syntax error");
}

#[test]
fn a_key_stays_when_the_other_node_is_a_stranger_or_gone() {
    let from = Server::node(&[]);
    let mut to = Server::node(&["requirepass secret"]);
    let ask = |to: &Server, rest: &str| from.ask(&format!("MIGRATE 127.0.0.1 {} key 0 500 {rest}", to.port));
    from.ask("SET key value");
    let refused = ask(&to, "AUTH wrong");
    assert!(refused.starts_with("-ERR Target instance replied with error: WRONGPASS"), "{refused}");
    assert_eq!(from.ask("GET key"), "value");
    assert_eq!(ask(&to, "AUTH2 default secret"), "OK");
    assert_eq!(from.ask("EXISTS key"), "0");
    from.ask("SET key value");
    to.kill();
    // The refusal of a connection is heard of when it is written to, as in Redis.
    for place in [&*format!("127.0.0.1 {}", to.port), "127.0.0.1 0", "127.0.0.1 x"] {
        let told = from.ask(&format!("MIGRATE {place} key 0 5000"));
        assert_eq!(told, "-IOERR error or timeout writing to target instance", "{place}");
    }
    let told = from.ask("MIGRATE no-such-host.invalid 1 key 0 500");
    assert_eq!(told, "-IOERR error or timeout connecting to the client");
    assert_eq!(from.ask("GET key"), "value");
    // It cannot answer itself while it waits for itself.
    assert_eq!(ask(&from, "COPY"), "-IOERR error or timeout reading to target instance");
}

#[test]
fn a_connection_serves_the_next_keys_and_its_end_is_no_failure() {
    let (from, mut to) = (Server::node(&[]), Server::node(&[]));
    assert_eq!(from.number("migrate_cached_sockets"), 0);
    let before = to.number("total_connections_received");
    // Each number() is a connection of its own.
    let connections = |to: &Server, asked: u64| to.number("total_connections_received") - before - asked;
    let ask = |to: &Server, rest: &str| {
        for key in ["a", "b"] {
            from.ask(&format!("SET {key} value"));
        }
        from.ask(&format!("MIGRATE 127.0.0.1 {} {rest}", to.port))
    };
    for rest in ["a 3 5000", "b 3 5000", "a 4 5000", "b 3 5000 REPLACE"] {
        assert_eq!(ask(&to, rest), "OK", "{rest}");
    }
    assert_eq!(connections(&to, 1), 1, "one connection for four requests");
    assert_eq!(from.number("migrate_cached_sockets"), 1);
    let mut other = to.client();
    for (db, keys) in [("0", "0"), ("3", "2"), ("4", "1")] {
        other.ask(&["SELECT", db]);
        assert_eq!(other.ask(&["DBSIZE"]).text(), keys, "database {db}");
    }
    // An error leaves the connection, but not what is known of its database.
    let busy = "-ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    assert_eq!(ask(&to, "a 4 5000"), busy);
    assert_eq!(ask(&to, "a 4 5000 REPLACE"), "OK");
    assert_eq!(
        ask(&to, "a 99 5000"),
        "-ERR Target instance replied with error: ERR DB index is out of range"
    );
    assert_eq!(ask(&to, "b 4 5000"), "OK");
    // The other node starts anew: the connection that was kept is closed, and another one is made.
    to.kill();
    to.restart(&[]);
    assert_eq!(ask(&to, "a 3 5000"), "OK");
    assert_eq!(from.ask("EXISTS a"), "0");
    until("idle connections are closed", &[&from], || from.number("migrate_cached_sockets") == 0);
}
