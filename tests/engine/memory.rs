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

#[test]
fn whoever_takes_too_much_is_closed_whatever_for_and_others_stay() {
    let server = Server::node(&["maxmemory-clients 600kb"]);
    let mut small = server.client();
    small.ask(&["CLIENT", "SETNAME", "small"]);
    let value = "v".repeat(40_000);
    let ways = [
        &format!("SET k {value}"),
        "WATCH #",
        "PSUBSCRIBE #",
        "SSUBSCRIBE #",
        "CLIENT TRACKING on BCAST PREFIX #",
    ];
    for (at, way) in ways.iter().enumerate() {
        let mut client = server.client();
        if at == 0 {
            client.ask(&["MULTI"]);
        }
        let closed = (0..10_000).any(|nth| {
            let line = way.replace('#', &format!("{nth:0100}"));
            let parts: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            client.try_ask(&parts).is_err()
        });
        assert!(closed, "way {at}");
        assert_eq!(server.number("evicted_clients"), at as u64 + 1);
    }
    // Replies that nobody reads.
    server.ask("SETRANGE k 300000 x");
    let mut reader = server.client();
    for _ in 0..100 {
        reader.send_command(&[b"GET", b"k"]);
    }
    until("the reader is closed", &[&server], || server.number("evicted_clients") == ways.len() as u64 + 1);
    assert_eq!(small.ask(&["PING"]).text(), "PONG");
    assert_eq!(server.journal().matches("Evicting client: id=").count(), ways.len() + 1);
}

#[test]
fn the_largest_clients_go_first_and_none_that_must_stay() {
    let server = Server::node(&[]);
    let queue = |name: &str, bytes: usize| {
        let mut client = server.client();
        client.ask(&["CLIENT", "SETNAME", name]);
        client.ask(&["MULTI"]);
        client.ask(&["SET", "k", &"v".repeat(bytes)]);
        client
    };
    let mut clients = [("one", 1), ("two", 2), ("four", 4)].map(|(name, part)| queue(name, part * 1_000_000));
    assert!(client_field(&server, "two", "multi-mem") >= 2_000_000);
    let mut kept = server.client();
    kept.ask(&["CLIENT", "NO-EVICT", "on"]);
    kept.ask(&["MULTI"]);
    kept.ask(&["SET", "k", &"v".repeat(8_000_000)]);
    assert_eq!(server.ask("CONFIG SET maxmemory-clients 15000000"), "OK");
    assert_eq!(server.number("evicted_clients"), 1, "{}", server.ask("CLIENT LIST"));
    assert!(!server.ask("CLIENT LIST").contains("name=four"));
    let [one, two, four] = &mut clients;
    assert!(four.try_ask(&[b"EXEC"]).is_err());
    for client in [one, two] {
        client.ask(&["EXEC"]);
    }
    assert_eq!(server.ask("CONFIG SET maxmemory-clients 5%"), "OK");
    assert_eq!(server.number("evicted_clients"), 1, "a part of no limit is none");
    // Less than the one that must stay takes: all others go.
    let mut admin = server.client();
    admin.ask(&["CLIENT", "NO-EVICT", "on"]);
    assert_eq!(admin.ask(&["CONFIG", "SET", "maxmemory", "100mb"]).text(), "OK");
    assert!(
        admin
            .ask(&["CLIENT", "LIST"])
            .text()
            .lines()
            .all(|line| line.contains("flags=e") || line.contains("xe"))
    );
    assert!(server.client().try_ask(&[b"PING"]).is_err());
    assert_eq!(admin.ask(&["CONFIG", "SET", "maxmemory-clients", "0"]).text(), "OK");
    assert_eq!(
        server.journal().matches("Over client maxmemory after evicting all evictable clients").count(),
        1
    );
    kept.ask(&["EXEC"]);
    assert_eq!(server.ask("STRLEN k"), "8000000");
}
