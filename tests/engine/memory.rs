//! Memory that a node holds for its clients, and what it frees beside its work.

use super::support::{Server, until};

#[test]
fn large_values_are_freed_in_the_background_and_counted() {
    let server = Server::node(&[]);
    let elements: Vec<String> = (0..40_000).map(|number| format!("element:{number}")).collect();
    let mut client = server.client();
    let mut fill = || {
        let mut words = vec!["SADD", "set"];
        words.extend(elements.iter().map(String::as_str));
        assert_eq!(client.ask(&words).text(), "40000");
    };
    fill();
    server.ask("SET small value");
    server.ask("UNLINK set small");
    until("the set is freed", &[&server], || server.info("lazyfreed_objects") == "1");
    assert_eq!(server.info("lazyfree_pending_objects"), "0");
    fill();
    server.ask("FLUSHALL ASYNC");
    until("the database is freed", &[&server], || server.info("lazyfreed_objects") == "2");
    server.ask("CONFIG RESETSTAT");
    assert_eq!(server.info("lazyfreed_objects"), "0");
}

/// A field of the line that CLIENT LIST shows for the client of this name.
fn client_field(server: &Server, name: &str, field: &str) -> usize {
    let list = server.ask("CLIENT LIST");
    let line = list.lines().find(|line| line.contains(&format!(" name={name} "))).unwrap();
    let value = line.split(' ').find_map(|pair| pair.strip_prefix(&format!("{field}="))).unwrap();
    value.parse().unwrap()
}

#[test]
fn idle_clients_hold_no_buffers_and_are_served_all_the_same() {
    let server = Server::node(&["enable-debug-command yes"]);
    let mut client = server.client();
    let big = "x".repeat(400_000);
    client.ask(&["CLIENT", "SETNAME", "one"]);
    assert!(client_field(&server, "one", "qbuf-free") > 0);
    client.ask(&["SET", "k", &big]);
    assert!(client_field(&server, "one", "qbuf-free") > 400_000);
    until("the buffer follows the need", &[&server], || {
        client.ask(&["PING"]);
        client_field(&server, "one", "qbuf-free") < 100_000
    });
    assert_eq!(client_field(&server, "one", "rbs"), 16 * 1024);
    server.ask("DEBUG REPLYBUFFER PEAK-RESET-TIME 100");
    until("an idle client needs little", &[&server], || {
        client_field(&server, "one", "rbs") == 1024 && client_field(&server, "one", "qbuf-free") == 0
    });
    server.ask("DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER");
    assert_eq!(client.ask(&["GET", "k"]).text(), big);
    assert_eq!(client_field(&server, "one", "rbs"), 16 * 1024);
    assert!(server.number("reply_buffer_shrinks") > 0 && server.number("reply_buffer_expands") > 0);
    let mut waiter = server.client();
    waiter.ask(&["CLIENT", "SETNAME", "waiter"]);
    waiter.ask(&["SET", "k", &big[..20_000]]);
    waiter.send_command(&[b"BLPOP", b"list", b"0"]);
    until("who waits gives its buffer back", &[&server], || {
        client_field(&server, "waiter", "qbuf-free") == 0
    });
    server.ask("RPUSH list a");
    assert_eq!(waiter.reply().unwrap().text(), "list a");
    assert_eq!(waiter.ask(&["PING"]).text(), "PONG");
}
