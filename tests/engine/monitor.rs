//! MONITOR: its end, and what it shows on a replica.

use super::support::server::Kind;
use super::support::{Client, Server, until, until_equal};

#[track_caller]
fn monitor(server: &Server) -> Client {
    let mut client = server.client();
    assert_eq!(client.ask(&["MONITOR"]).text(), "OK");
    client
}

#[test]
fn nothing_follows_the_reply_that_a_connection_is_closed_on() {
    let node = Server::node(&[]);
    let mut other = monitor(&node);
    let mut leaving = monitor(&node);
    leaving.send(b"QUIT\r\nPING\r\n");
    assert_eq!(leaving.until_closed(), b"+OK\r\n");
    let shown = other.line().unwrap();
    assert!(shown.ends_with("] \"QUIT\""), "{shown}");

    let mut wrong = monitor(&node);
    wrong.send(b"*1\r\nPING\r\n");
    let told = String::from_utf8(wrong.until_closed()).unwrap();
    assert_eq!(told, "-ERR Protocol error: expected '$', got 'P'\r\n");

    // What it would hear of its own last write comes too late.
    let mut tracking = node.client();
    tracking.ask(&["HELLO", "3"]);
    assert_eq!(tracking.ask(&["CLIENT", "TRACKING", "ON", "BCAST"]).text(), "OK");
    tracking.send(b"SET key value\r\nQUIT\r\n");
    assert_eq!(tracking.until_closed(), b"+OK\r\n+OK\r\n");
}

/// What a line of MONITOR shows behind the time, without what a master sends by the clock.
fn shown_until(client: &mut Client, end: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = client.line().unwrap();
        let shown = line.split_once(' ').unwrap().1.to_owned();
        if !shown.to_ascii_lowercase().ends_with("\"ping\"") {
            lines.push(shown);
        }
        if line.ends_with(end) {
            return lines;
        }
    }
}

#[test]
fn a_replica_shows_what_its_master_sends_and_counts_it() {
    let master = Server::node(&[]);
    let replica = Server::replica_of(Kind::Node, &master, &["slowlog-log-slower-than 0"]);
    until("the link is up", &[&master, &replica], || replica.info("master_link_status") == "up");
    let mut watcher = monitor(&replica);
    replica.ask("CONFIG RESETSTAT");
    let mut client = master.client();
    for request in [
        "SET a 1",
        "SELECT 3",
        "MULTI",
        "INCR n",
        "PUBLISH ch hello",
        "EXEC",
        "PUBLISH ch again",
        "LPUSH end x",
    ] {
        client.send(format!("{request}\r\n").as_bytes());
        client.reply().unwrap();
    }
    let lines = shown_until(&mut watcher, "\"LPUSH\" \"end\" \"x\"");
    let at = |db: u8, request: &str| format!("[{db} 127.0.0.1:{}] {request}", master.port);
    let wanted = [
        at(0, "\"SELECT\" \"0\""),
        at(0, "\"SET\" \"a\" \"1\""),
        at(3, "\"SELECT\" \"3\""),
        at(3, "\"MULTI\""),
        at(3, "\"INCR\" \"n\""),
        at(3, "\"PUBLISH\" \"ch\" \"hello\""),
        at(3, "\"EXEC\""),
        at(3, "\"PUBLISH\" \"ch\" \"again\""),
        at(3, "\"LPUSH\" \"end\" \"x\""),
    ];
    assert_eq!(lines, wanted);

    until_equal(&master, &replica);
    for (name, calls) in [("set", 1), ("select", 2), ("multi", 1), ("incr", 1), ("publish", 2), ("exec", 1)] {
        let told = replica.info(&format!("cmdstat_{name}"));
        assert!(told.starts_with(&format!("calls={calls},")), "{name}: {told}");
    }
    let slow = replica.ask("SLOWLOG GET 50");
    let from = format!(" INCR n 127.0.0.1:{} ", master.port);
    assert!(slow.contains(&from), "{from}: {slow}");
    let link = replica.ask("CLIENT LIST TYPE master");
    assert!(
        link.contains("cmd=lpush") || link.contains("cmd=ping") || link.contains("cmd=replconf"),
        "{link}"
    );
}
