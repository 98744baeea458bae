//! Clients that wait for lists: who is served, when, with what, and what the replicas hear of it.

use std::time::{Duration, Instant};

use super::support::client::{Reply, command};
use super::support::server::Kind;
use super::support::{Client, Server, until, until_equal};

/// A client that has sent a command and waits for its reply.
fn waiting(server: &Server, request: &str) -> Client {
    let blocked: u64 = server.info("blocked_clients").parse().unwrap();
    let mut client = Client::connect(server.port);
    client.send(&command(request));
    until("the client is blocked", &[server], || {
        server.info("blocked_clients").parse::<u64>().unwrap() == blocked + 1
    });
    client
}

fn ask(server: &Server, request: &str) -> String {
    let words: Vec<&str> = request.split(' ').collect();
    Client::connect(server.port).ask(&words).text()
}

fn answer(client: &mut Client) -> String {
    client.reply().unwrap().text()
}

#[test]
fn the_client_that_waits_longest_is_served_first() {
    let server = Server::node(&[]);
    let mut first = waiting(&server, "BLPOP a b 0");
    let mut second = waiting(&server, "BRPOP b a 0");
    let mut third = waiting(&server, "BLMPOP 0 1 a LEFT COUNT 2");
    assert_eq!(ask(&server, "RPUSH a 1 2 3 4 5"), "5");
    assert_eq!(answer(&mut first), "a 1");
    assert_eq!(answer(&mut second), "a 5");
    assert_eq!(answer(&mut third), "a 2 3");
    assert_eq!(ask(&server, "LRANGE a 0 -1"), "4");
    assert_eq!(server.info("blocked_clients"), "0");
}

#[test]
fn a_transaction_is_over_before_anybody_is_served() {
    let server = Server::node(&[]);
    let mut waiter = waiting(&server, "BLPOP a b c 0");
    let mut writer = Client::connect(server.port);
    for request in ["MULTI", "RPUSH a 1", "DEL a", "RPUSH c 3", "RPUSH b 2", "BLPOP none 0"] {
        writer.send(&command(request));
        writer.reply().unwrap();
    }
    // Inside a transaction nothing waits.
    assert_eq!(writer.ask(&["EXEC"]).text(), "1 1 1 1 (nil)");
    // The key that was ready first serves, not the one that was named first.
    assert_eq!(answer(&mut waiter), "c 3");
    assert_eq!(ask(&server, "LLEN b"), "1");
}

#[test]
fn moves_wake_each_other_along_a_chain() {
    let server = Server::node(&[]);
    let mut last = waiting(&server, "BRPOPLPUSH b c 0");
    let mut first = waiting(&server, "BLMOVE a b LEFT RIGHT 0");
    ask(&server, "RPUSH a x");
    assert_eq!(answer(&mut first), "x");
    assert_eq!(answer(&mut last), "x");
    assert_eq!(ask(&server, "LRANGE c 0 -1"), "x");
    assert_eq!(ask(&server, "EXISTS a b"), "0");
}

#[test]
fn a_key_of_another_type_leaves_the_client_waiting_and_a_wrong_destination_does_not() {
    let server = Server::node(&[]);
    let mut waiter = waiting(&server, "BLPOP a b 0");
    ask(&server, "SET a string");
    ask(&server, "RPUSH b 1");
    assert_eq!(answer(&mut waiter), "b 1");
    let mut mover = waiting(&server, "BLMOVE b a LEFT LEFT 0");
    ask(&server, "RPUSH b 2");
    assert!(answer(&mut mover).starts_with("-WRONGTYPE"));
    assert_eq!(ask(&server, "LRANGE b 0 -1"), "2");
}

#[test]
fn every_way_in_which_a_list_comes_to_be_serves() {
    let server = Server::node(&[]);
    for request in ["RENAME list key", "COPY list key", "RENAMENX list key"] {
        ask(&server, "DEL key");
        let mut waiter = waiting(&server, "BLPOP key 0");
        ask(&server, "RPUSH list 1");
        ask(&server, request);
        assert_eq!(answer(&mut waiter), "key 1", "{request}");
        ask(&server, "DEL list");
    }
    let mut waiter = waiting(&server, "BLPOP key 0");
    let mut other = Client::connect(server.port);
    for request in ["SELECT 1", "RPUSH key moved", "MOVE key 0"] {
        other.send(&command(request));
        other.reply().unwrap();
    }
    assert_eq!(answer(&mut waiter), "key moved");
    let mut waiter = waiting(&server, "BLPOP key 0");
    for request in ["RPUSH key swapped", "SWAPDB 0 1"] {
        other.send(&command(request));
        other.reply().unwrap();
    }
    assert_eq!(answer(&mut waiter), "key swapped");
}

#[test]
fn a_wait_ends_with_its_time() {
    let server = Server::node(&[]);
    for (request, reply) in [
        ("BLPOP a 0.05", "*-1\r\n"),
        ("BLMOVE a b LEFT LEFT 0.05", "*-1\r\n"),
        ("BRPOPLPUSH a b 0.05", "*-1\r\n"),
        ("BLMPOP 0.05 1 a LEFT", "*-1\r\n"),
    ] {
        let begun = Instant::now();
        let mut client = Client::connect(server.port);
        client.send(&command(request));
        assert_eq!(client.exactly(reply.len()).unwrap(), reply.as_bytes(), "{request}");
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }
    // Nothing is left of them: the next element stays.
    ask(&server, "RPUSH a 1");
    assert_eq!(ask(&server, "LLEN a"), "1");
}

#[test]
fn what_comes_behind_a_waiting_command_waits_too() {
    let server = Server::node(&[]);
    let mut client = waiting(&server, "BLPOP a 0");
    client.send(&[command("PING"), command("BLPOP b 0.01"), command("ECHO end")].concat());
    ask(&server, "RPUSH a 1");
    let replies: Vec<String> = (0..4).map(|_| answer(&mut client)).collect();
    assert_eq!(replies, ["a 1", "PONG", "(nil)", "end"]);
}

#[test]
fn a_client_that_went_takes_no_element_with_it() {
    let server = Server::node(&[]);
    drop(waiting(&server, "BLPOP a 0"));
    until("it is forgotten", &[&server], || server.info("blocked_clients") == "0");
    let mut killed = waiting(&server, "BLPOP a 0");
    ask(&server, "CLIENT KILL TYPE normal");
    ask(&server, "RPUSH a 1");
    assert_eq!(ask(&server, "LLEN a"), "1");
    killed.until_closed();
}

#[test]
fn client_unblock_ends_a_wait_as_if_its_time_were_over_or_with_an_error() {
    let server = Server::node(&[]);
    let mut client = Client::connect(server.port);
    let id = client.ask(&["CLIENT", "ID"]).text();
    let blocked = || server.info("blocked_clients") == "1";
    assert_eq!(ask(&server, &format!("CLIENT UNBLOCK {id}")), "0");
    client.send(&command("BLPOP a 0"));
    until("it waits", &[&server], blocked);
    let list = ask(&server, "CLIENT LIST");
    assert!(list.lines().any(|line| line.starts_with(&format!("id={id} ")) && line.contains(" flags=b ")));
    assert_eq!(ask(&server, &format!("CLIENT UNBLOCK {id} TIMEOUT")), "1");
    assert_eq!(client.reply().unwrap(), Reply::Null);
    client.send(&command("BLPOP a 0"));
    until("it waits", &[&server], blocked);
    assert_eq!(ask(&server, &format!("CLIENT UNBLOCK {id} ERROR")), "1");
    assert_eq!(answer(&mut client), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    client.send(&command("WAIT 1 0"));
    until("it waits", &[&server], blocked);
    assert_eq!(ask(&server, &format!("CLIENT UNBLOCK {id}")), "1");
    assert_eq!(answer(&mut client), "0");
    assert!(ask(&server, "CLIENT UNBLOCK 1 OTHER").starts_with("-ERR CLIENT UNBLOCK reason"));
    assert_eq!(client.ask(&["PING"]).text(), "PONG");
}

#[test]
fn a_node_that_becomes_a_replica_sends_its_waiting_clients_away() {
    let (master, server) = (Server::node(&[]), Server::node(&[]));
    let mut client = waiting(&server, "BLPOP a 0");
    ask(&server, &format!("REPLICAOF 127.0.0.1 {}", master.port));
    let expected =
        "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    assert_eq!(answer(&mut client), expected);
    client.until_closed();
}

#[test]
fn replicas_follow_what_waiting_clients_took() {
    for kind in [Kind::Node, Kind::Redis] {
        if kind == Kind::Redis && super::support::missing("redis-server") {
            continue;
        }
        let master = Server::node(&[]);
        let replica = Server::replica_of(kind, &master, &[]);
        until_equal(&master, &replica);
        let mut clients = [
            waiting(&master, "BLPOP a 0"),
            waiting(&master, "BLMOVE a b LEFT RIGHT 0"),
            waiting(&master, "BLMPOP 0 2 c a RIGHT COUNT 2"),
            waiting(&master, "BRPOPLPUSH a d 0"),
        ];
        ask(&master, "RPUSH a 1 2 3 4 5 6 7");
        let replies: Vec<String> = clients.iter_mut().map(answer).collect();
        assert_eq!(replies, ["a 1", "2", "a 7 6", "5"]);
        until_equal(&master, &replica);
        assert_eq!(ask(&replica, "LRANGE a 0 -1"), "3 4");
    }
}

#[test]
fn a_member_of_a_group_hears_what_became_of_its_stream() {
    let server = Server::node(&[]);
    let gone = "UNBLOCKED the stream key no longer exists";
    for (change, heard) in [
        (&["DEL s"][..], gone),
        (&["SET s value"], gone),
        (&["MULTI", "DEL s", "SADD s member", "EXEC"], gone),
        (&["FLUSHALL"], gone),
        (&["SWAPDB 0 4"], gone),
        (&["RENAME s t"], gone),
        (
            &["XGROUP DESTROY s group"],
            "NOGROUP the consumer group this client was blocked on no longer exists",
        ),
    ] {
        ask(&server, "FLUSHALL");
        ask(&server, "XGROUP CREATE s group $ MKSTREAM");
        let mut member = waiting(&server, "XREADGROUP GROUP group me BLOCK 0 STREAMS s >");
        let mut reader = waiting(&server, "XREAD BLOCK 0 STREAMS s $");
        let mut writer = Client::connect(server.port);
        for request in change {
            writer.send(&command(request));
            writer.reply().unwrap();
        }
        assert!(answer(&mut member).contains(heard), "{change:?}");
        // Who reads for itself waits on for what may come.
        for request in ["DEL s", "XADD s 9-1 field value"] {
            ask(&server, request);
        }
        assert!(answer(&mut reader).contains("9-1"), "{change:?}");
    }
}

#[test]
fn who_is_served_is_shown_to_monitors_once_and_logged_as_typed_when_served() {
    let server = Server::node(&["slowlog-log-slower-than 0"]);
    let mut monitor = Client::connect(server.port);
    assert_eq!(monitor.ask(&["MONITOR"]).text(), "OK");
    let mut waiter = waiting(&server, "XREAD BLOCK 0 STREAMS s $");
    assert_eq!(ask(&server, "SLOWLOG RESET"), "OK");
    ask(&server, "XADD s 1-1 a b");
    answer(&mut waiter);
    let log = ask(&server, "SLOWLOG GET 10");
    assert_eq!(log.matches("XREAD BLOCK 0 STREAMS s $").count(), 1, "{log}");
    let stats = ask(&server, "INFO commandstats");
    assert!(stats.contains("cmdstat_xread:calls=1,"), "{stats}");
    ask(&server, "ECHO end");
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|line: &String| line.contains("ECHO")) {
        seen.push(monitor.line().unwrap());
    }
    assert_eq!(seen.iter().filter(|line| line.contains("XREAD")).count(), 1, "{seen:?}");
}

#[test]
fn a_client_that_loses_its_wait_and_its_connection_hears_nothing_after_that() {
    let node = Server::node(&[]);
    let mut waiting = node.client();
    waiting.ask(&["HELLO", "3"]);
    assert_eq!(waiting.ask(&["CLIENT", "TRACKING", "ON"]).text(), "OK");
    for key in ["before", "after"] {
        waiting.ask(&["GET", key]);
    }
    waiting.send(&command("BLPOP list 0"));
    until("it waits", &[&node], || node.info("blocked_clients") == "1");
    let requests = ["SET before x", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "SET after x"];
    let mut other = node.client();
    other.send(&requests.map(command).concat());
    let told = String::from_utf8(waiting.until_closed()).unwrap();
    let unblocked =
        "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    assert_eq!(told, format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n$6\r\nbefore\r\n{unblocked}\r\n"));
}
