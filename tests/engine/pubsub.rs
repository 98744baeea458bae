//! What one connection hears of others: messages, events of keys, invalidations, MONITOR.

use std::time::Duration;

use super::support::server::Kind;
use super::support::{Client, Server, until};

/// The next frame, as text.
#[track_caller]
fn next(client: &mut Client) -> String {
    client.reply().unwrap().text()
}

fn resp3(server: &Server) -> Client {
    let mut client = server.client();
    client.send_command(&[b"HELLO", b"3"]);
    let _ = client.reply().unwrap();
    client
}

/// The next bytes, as many as expected.
#[track_caller]
fn expect(client: &mut Client, bytes: &str) {
    let got = client.exactly(bytes.len()).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), bytes);
}

#[test]
fn a_message_reaches_listeners_of_the_channel_and_of_matching_patterns() {
    let server = Server::node(&[]);
    let (mut one, mut two) = (server.client(), server.client());
    one.send_command(&[b"SUBSCRIBE", b"news"]);
    expect(&mut one, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    two.send_command(&[b"PSUBSCRIBE", b"n*"]);
    expect(&mut two, "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n");
    assert_eq!(server.ask("PUBLISH news hello"), "2");
    expect(&mut one, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    expect(&mut two, "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    one.send_command(&[b"GET", b"k"]);
    expect(
        &mut one,
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context\r\n",
    );
    one.send_command(&[b"PING"]);
    expect(&mut one, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    one.send_command(&[b"UNSUBSCRIBE"]);
    expect(&mut one, "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n");
    drop(two);
    until("the other one is gone", &[&server], || server.ask("PUBSUB NUMPAT") == "0");
    assert_eq!(server.ask("PUBLISH news hello"), "0");
}

#[test]
fn who_publishes_to_itself_gets_the_message_before_the_reply() {
    let server = Server::node(&[]);
    let mut client = resp3(&server);
    client.send_command(&[b"SUBSCRIBE", b"c"]);
    expect(&mut client, ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    client.send(b"PUBLISH c m\r\nPING\r\n");
    expect(&mut client, ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n:1\r\n+PONG\r\n");
}

#[test]
fn messages_and_expired_keys_reach_listeners_of_a_replica() {
    let master = Server::node(&["notify-keyspace-events KEx"]);
    let replica = Server::replica_of(Kind::Node, &master, &[]);
    until("the link is up", &[&master, &replica], || replica.info("master_link_status") == "up");
    let (mut far, mut shard, mut near) = (replica.client(), replica.client(), master.client());
    far.send_command(&[b"SUBSCRIBE", b"c"]);
    expect(&mut far, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    shard.send_command(&[b"SSUBSCRIBE", b"c"]);
    expect(&mut shard, "*3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n");
    near.send_command(&[b"PSUBSCRIBE", b"__key*"]);
    expect(&mut near, "*3\r\n$10\r\npsubscribe\r\n$6\r\n__key*\r\n:1\r\n");
    assert_eq!(master.ask("PUBLISH c m"), "0");
    expect(&mut far, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
    assert_eq!(master.ask("SPUBLISH c m"), "0");
    expect(&mut shard, "*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
    master.ask("SET k v PX 20");
    let events = [next(&mut near), next(&mut near)];
    assert!(events[0].contains("__keyspace@0__:k") && events[0].contains("expired"), "{events:?}");
    assert!(events[1].contains("__keyevent@0__:expired") && events[1].contains('k'), "{events:?}");
}

#[test]
fn a_listener_who_does_not_read_is_cut() {
    let server = Server::node(&["client-output-buffer-limit pubsub 100000 0 0"]);
    let mut client = server.client();
    client.send_command(&[b"SUBSCRIBE", b"c"]);
    expect(&mut client, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    let message = vec![b'x'; 50_000];
    let mut publisher = server.client();
    until("the listener is cut", &[&server], || {
        publisher.ask_bytes(&[b"PUBLISH", b"c", &message]).text() == "0"
    });
    assert!(server.journal().contains("closed ASAP for overcoming of output buffer limits"));
}

#[test]
fn a_cached_key_is_invalidated_once_and_after_the_reply_of_who_changes_it() {
    let server = Server::node(&[]);
    let mut client = resp3(&server);
    client.send(b"CLIENT TRACKING ON\r\nGET k\r\n");
    expect(&mut client, "+OK\r\n_\r\n");
    assert_eq!(server.info("tracking_total_keys"), "1");
    server.ask("SET k 1");
    expect(&mut client, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    server.ask("SET k 2");
    client.send(b"GET k\r\nSET k 3\r\nPING\r\n");
    expect(&mut client, "$1\r\n2\r\n+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+PONG\r\n");
    server.ask("FLUSHALL");
    expect(&mut client, ">2\r\n$10\r\ninvalidate\r\n_\r\n");
}

#[test]
fn invalidations_go_to_another_connection_if_one_is_named() {
    let server = Server::node(&[]);
    let (mut client, mut other) = (server.client(), server.client());
    let id = other.ask(&["CLIENT", "ID"]).text();
    other.send_command(&[b"SUBSCRIBE", b"__redis__:invalidate"]);
    next(&mut other);
    assert_eq!(
        client.ask(&["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "REDIRECT", &id]).text(),
        "OK"
    );
    server.ask("SET b 1");
    server.ask("SET a1 1");
    expect(&mut other, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$2\r\na1\r\n");
}

#[test]
fn monitor_shows_what_is_executed_without_secrets() {
    let server = Server::node(&["requirepass secret"]);
    let mut watcher = server.client();
    watcher.ask(&["AUTH", "secret"]);
    assert_eq!(watcher.ask(&["MONITOR"]).text(), "OK");
    let mut client = server.client();
    client.ask(&["AUTH", "secret"]);
    client.ask(&["SET", "k", "a\n"]);
    client.ask(&["CONFIG", "GET", "port"]);
    client.ask(&["GET", "k"]);
    let lines = [next(&mut watcher), next(&mut watcher), next(&mut watcher)];
    assert!(lines[0].ends_with("] \"AUTH\" \"(redacted)\""), "{lines:?}");
    assert!(lines[1].ends_with("] \"SET\" \"k\" \"a\\n\""), "{lines:?}");
    assert!(lines[2].ends_with("] \"GET\" \"k\""), "{lines:?}");
}

#[test]
fn a_slow_command_is_logged_with_its_arguments_alone() {
    let server = Server::node(&["slowlog-log-slower-than 20000", "latency-monitor-threshold 20"]);
    let mut client = server.client();
    client.send(b"SET a 1\r\nDEBUG SLEEP 0.03\r\nSET b 2\r\n");
    for _ in 0..3 {
        next(&mut client);
    }
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(server.ask("SLOWLOG LEN"), "1");
    let entry = server.ask("SLOWLOG GET");
    assert!(entry.contains("DEBUG") && entry.contains("SLEEP"), "{entry}");
    assert!(server.ask("LATENCY LATEST").contains("command"));
    let figures = server.info("cmdstat_debug");
    let micros = figures.strip_prefix("calls=1,usec=").and_then(|rest| rest.split(',').next()?.parse().ok());
    assert!(micros.is_some_and(|micros: u64| micros >= 30_000), "{figures}");
}

#[test]
fn who_is_served_hears_of_its_own_change_after_the_reply() {
    let server = Server::node(&[]);
    server.ask("RPUSH to a");
    let mut client = resp3(&server);
    client.send(b"CLIENT TRACKING ON\r\nLLEN to\r\nBLMOVE from to LEFT LEFT 0\r\n");
    expect(&mut client, "+OK\r\n:1\r\n");
    until("it waits", &[&server], || server.info("blocked_clients") == "1");
    server.ask("RPUSH from x");
    expect(&mut client, "$1\r\nx\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$2\r\nto\r\n");
}

#[test]
fn a_key_that_the_node_forgets_is_no_change_of_its_own_client() {
    let server = Server::node(&["tracking-table-max-keys 1"]);
    let mut client = resp3(&server);
    client.send(b"CLIENT TRACKING ON NOLOOP\r\nMGET a b\r\n");
    expect(&mut client, "+OK\r\n*2\r\n_\r\n_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n");
    assert_eq!(server.info("tracking_total_keys"), "1");
}

#[test]
fn however_many_keys_are_tracked_too_much_all_of_them_are_forgotten() {
    let server = Server::node(&[]);
    let mut client = resp3(&server);
    client.send(b"CLIENT TRACKING ON\r\n");
    expect(&mut client, "+OK\r\n");
    for nth in 0..350 {
        client.send(format!("GET {nth}\r\n").as_bytes());
        expect(&mut client, "_\r\n");
    }
    server.ask("CONFIG SET tracking-table-max-keys 1");
    for _ in 0..349 {
        assert!(next(&mut client).starts_with("invalidate"));
    }
    assert_eq!(server.info("tracking_total_items"), "1");
    client.send(b"CLIENT TRACKING OFF\r\n");
    expect(&mut client, "+OK\r\n");
    assert_eq!(server.info("tracking_total_items"), "0", "nobody holds any of them");
}
