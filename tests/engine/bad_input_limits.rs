//! Bad input that costs time or memory: no. 30, 38-40, 82-84 of the catalogue. (83, subscribers, does not apply
//! yet: there is no pub/sub.)

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::support::client::command;
use super::support::{Client, Kind, Server, until};

/// Wine needs seconds for some dozens of connections, and ever more for each further one.
const fn connections(wanted: usize) -> usize {
    if cfg!(windows) { 40 } else { wanted }
}

#[test]
fn memory_follows_what_was_received_and_not_what_was_promised() {
    // No. 30: 1,000 promises of 512 MB each.
    let server = Server::start(Kind::Process, &[]);
    let before = server.resident_bytes();
    let mut clients: Vec<Client> = (0..connections(1000)).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(b"*1\r\n$536870912\r\n0123456789");
    }
    assert_eq!(server.ask("PING"), "PONG");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "1,000 promises and 10 KB made the process grow by {grown} bytes");
}

#[test]
fn an_unfinished_request_is_given_up_after_a_while() {
    let node = Server::node(&["request-timeout 1"]);
    let mut idle = node.client();
    assert_eq!(idle.ask(&["PING"]).text(), "PONG");
    for unfinished in [&b"*2\r\n$4\r\nECHO\r\n$3\r\nab"[..], b"*1", b"\0", b"*\0", b"*1\r\n$\0", b"PING"] {
        let mut client = node.client();
        let begun = Instant::now();
        client.send(unfinished);
        assert_eq!(client.until_closed(), b"", "{}", unfinished.escape_ascii());
        assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    }
    assert_eq!(idle.ask(&["PING"]).text(), "PONG", "a client between requests may be idle for ever");
}

#[test]
fn a_slow_request_that_goes_on_is_no_unfinished_one() {
    let node = Server::node(&["request-timeout 1"]);
    let mut client = node.client();
    for part in [&b"*2\r\n$4\r\nEC"[..], b"HO\r\n$1", b"\r\n", b"x", b"\r\n"] {
        client.send(part);
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(client.reply().unwrap().text(), "x");
}

#[test]
fn one_client_too_many_is_told_so() {
    // No. 82.
    let node = Server::node(&["maxclients 3"]);
    let mut served: Vec<Client> = (0..3).map(|_| node.client()).collect();
    for client in &mut served {
        assert_eq!(client.ask(&["PING"]).text(), "PONG");
    }
    let mut refused = node.client();
    assert_eq!(refused.until_closed(), b"-ERR max number of clients reached\r\n");
    drop(served.pop());
    until("there is room again", &[&node], || {
        Client::connect(node.port).try_ask(&[b"PING"]).is_ok_and(|reply| reply.text() == "PONG")
    });
}

#[test]
fn thousands_of_idle_clients_are_held() {
    // No. 82.
    const CLIENTS: usize = connections(2000);
    let server = Server::start(Kind::Process, &[]);
    let before = server.resident_bytes();
    let begun = Instant::now();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(b"PING\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.reply().unwrap().text(), "PONG");
    }
    let took = begun.elapsed();
    assert_eq!(server.info("connected_clients").parse::<usize>().unwrap(), CLIENTS + 1);
    assert!(took < Duration::from_secs(10), "{took:?}");
    let each = || server.resident_bytes().saturating_sub(before) / CLIENTS as u64;
    println!("{} bytes for a client that has just been served", each());
    until("an idle client costs little", &[&server], || each() <= 12 * 1024);
    println!("{} bytes for an idle one", each());
}

/// Sends without reading, until the server stops taking it or `rounds` are through.
fn send_without_reading(client: &Client, bytes: &[u8], rounds: usize) {
    client.stream().set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    for _ in 0..rounds {
        if client.stream().write_all(bytes).is_err() {
            return;
        }
    }
}

fn is_listed(node: &Server, name: &str) -> bool {
    node.ask("CLIENT LIST").contains(&format!("name={name} "))
}

#[test]
fn a_client_that_does_not_read_is_cut_at_its_limit() {
    // No. 84: at the hard limit at once, at the soft one after its time.
    for limit in ["normal 1mb 0 0", "normal 0 256kb 1"] {
        let node = Server::node(&[&format!("client-output-buffer-limit {limit}")]);
        assert_eq!(node.client().ask_bytes(&[b"SET", b"big", &vec![b'v'; 300 << 10]]).text(), "OK");
        let mut client = node.client();
        assert_eq!(client.ask(&["CLIENT", "SETNAME", "deaf"]).text(), "OK");
        send_without_reading(&client, &command("GET big"), 100);
        until("the client that does not read is cut", &[&node], || !is_listed(&node, "deaf"));
        let log = node.journal();
        assert!(log.contains("closed for overcoming of output buffer limits"), "{limit}: {log}");
        let mut reader = node.client();
        for _ in 0..20 {
            assert_eq!(reader.ask(&["GET", "big"]).text().len(), 300 << 10, "a client that reads is not cut");
        }
    }
}

#[test]
fn a_client_that_does_not_read_costs_no_more_memory_than_a_turn_of_replies() {
    let server = Server::start(Kind::Process, &[]);
    assert_eq!(server.client().ask_bytes(&[b"SET", b"big", &vec![b'v'; 500_000]]).text(), "OK");
    let before = server.resident_bytes();
    let clients: Vec<Client> = (0..10).map(|_| server.client()).collect();
    for client in &clients {
        send_without_reading(client, &command("GET big").repeat(50), 20);
    }
    assert_eq!(server.ask("PING"), "PONG");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "5 GB of replies that nobody reads made the process grow by {grown} bytes");
}

#[test]
fn a_transaction_with_more_replies_than_the_limit_is_executed_and_its_client_cut() {
    let node = Server::node(&["client-output-buffer-limit normal 4mb 0 0"]);
    assert_eq!(node.client().ask_bytes(&[b"SET", b"big", &vec![b'v'; 1 << 20]]).text(), "OK");
    let mut client = node.client();
    client.send(
        &[command("MULTI"), command("GET big").repeat(20), command("SET done 1"), command("EXEC")].concat(),
    );
    let told = client.until_closed();
    assert!(told.len() < 6 << 20, "{}", told.len());
    assert_eq!(node.ask("GET done"), "1", "a transaction is executed whole");
}

#[test]
fn a_silent_client_is_closed_after_timeout_and_a_busy_or_blocked_one_is_not() {
    let node = Server::node(&["timeout 1"]);
    let (mut busy, mut blocked, mut silent) = (node.client(), node.client(), node.client());
    blocked.send(&command("WAIT 1 3000"));
    let begun = Instant::now();
    assert_eq!(silent.ask(&["PING"]).text(), "PONG");
    while begun.elapsed() < Duration::from_millis(2500) {
        assert_eq!(busy.ask(&["PING"]).text(), "PONG");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(silent.drain(Duration::from_millis(1)).1, super::support::client::State::Closed);
    assert_eq!(blocked.reply().unwrap().text(), "0");
}
