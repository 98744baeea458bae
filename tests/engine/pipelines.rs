//! Clients that send everything before they read anything, as most pipelining libraries do: whatever the connection
//! waits for, it must go on reading, or both sides wait for ever.

use std::io::Write as _;
use std::net::Shutdown;
use std::time::Duration;

use super::support::client::encode;
use super::support::{Client, Kind, Server, until};

/// More than what all buffers of a connection's sockets hold.
const MUCH: usize = 40 << 20;
const VALUE: usize = 1000;

/// So many requests of [`VALUE`] bytes make [`MUCH`].
const REQUESTS: usize = MUCH / VALUE;

/// A client that fails instead of waiting for ever.
fn client(node: &Server) -> Client {
    let client = node.client();
    client.stream().set_write_timeout(Some(Duration::from_mins(1))).unwrap();
    client.stream().set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    client
}

/// The value of the request with this number: each is different, so that a lost or exchanged one is seen.
fn value(number: usize) -> Vec<u8> {
    let mut value = format!("{number}:").into_bytes();
    value.resize(VALUE, b'x');
    value
}

/// [`MUCH`] of `ECHO`, and the replies to it.
fn much() -> (Vec<u8>, Vec<u8>) {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    for number in 0..REQUESTS {
        let value = value(number);
        requests.extend(encode(&[b"ECHO", &value]));
        replies.extend_from_slice(format!("${VALUE}\r\n").as_bytes());
        replies.extend_from_slice(&value);
        replies.extend_from_slice(b"\r\n");
    }
    (requests, replies)
}

/// Sends `bytes` in pieces of these sizes, over and over.
fn send_in_pieces(client: &Client, bytes: &[u8], sizes: &[usize]) {
    let (mut rest, mut stream) = (bytes, client.stream());
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        stream.write_all(piece).unwrap();
        rest = behind;
        if rest.is_empty() {
            return;
        }
    }
}

#[track_caller]
fn assert_replies(client: &mut Client, wanted: &[u8]) {
    let got = client.exactly(wanted.len()).unwrap();
    let differs = got.iter().zip(wanted).position(|(got, wanted)| got != wanted);
    assert_eq!(differs, None, "a reply is another one");
}

#[test]
fn all_requests_may_be_sent_before_the_first_reply_is_read() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    // Pieces that end in the middle of a length, of a line end and of a value; and all at once.
    for sizes in [&[MUCH * 2][..], &[1_000_003], &[16_384], &[5, 1, 1037, 70_000]] {
        let mut client = client(&node);
        send_in_pieces(&client, &requests, sizes);
        assert_replies(&mut client, &replies);
        assert_eq!(client.ask(&["PING"]).text(), "PONG");
    }
}

#[test]
fn a_blocked_client_may_send_on() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    let mut waiting = client(&node);
    waiting.send(&encode(&[b"BLPOP", b"list", b"0"]));
    until("it is blocked", &[&node], || node.number("blocked_clients") == 1);
    send_in_pieces(&waiting, &requests, &[1_000_003]);
    node.ask("RPUSH list first");
    assert_replies(&mut waiting, b"*2\r\n$4\r\nlist\r\n$5\r\nfirst\r\n");
    assert_replies(&mut waiting, &replies);
    // WAIT is another kind of waiting.
    waiting.send(&encode(&[b"WAIT", b"1", b"500"]));
    send_in_pieces(&waiting, &requests, &[1_000_003]);
    assert_replies(&mut waiting, b":0\r\n");
    assert_replies(&mut waiting, &replies);
}

#[test]
fn a_blocked_client_that_leaves_is_seen_however_much_it_has_sent() {
    let node = Server::node(&[]);
    let waiting = client(&node);
    waiting.stream().write_all(&encode(&[b"BLPOP", b"list", b"0"])).unwrap();
    until("it is blocked", &[&node], || node.number("blocked_clients") == 1);
    send_in_pieces(&waiting, &much().0, &[1_000_003]);
    drop(waiting);
    until("it is forgotten", &[&node], || node.number("blocked_clients") == 0);
    assert_eq!(node.ask("RPUSH list first"), "1", "nobody takes it");
}

#[test]
fn a_paused_client_may_send_on_and_leave() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    let mut control = node.client();
    assert_eq!(control.ask(&["CLIENT", "PAUSE", "60000", "WRITE"]).text(), "OK");
    let mut paused = client(&node);
    paused.send(&encode(&[b"SET", b"key", b"value"]));
    send_in_pieces(&paused, &requests, &[1_000_003]);
    let leaver = client(&node);
    leaver.stream().write_all(&encode(&[b"SET", b"key", b"of a client that leaves"])).unwrap();
    until("both wait", &[&node], || node.ask("CLIENT LIST").matches("flags=b").count() == 2);
    drop(leaver);
    until("it is gone", &[&node], || node.ask("CLIENT LIST").matches("flags=b").count() == 1);
    assert_eq!(control.ask(&["CLIENT", "UNPAUSE"]).text(), "OK");
    assert_replies(&mut paused, b"+OK\r\n");
    assert_replies(&mut paused, &replies);
    assert_eq!(node.ask("GET key"), "value");
}

#[test]
fn a_transaction_may_be_sent_whole() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    let mut client = client(&node);
    client.send(&encode(&[b"MULTI"]));
    send_in_pieces(&client, &requests, &[1_000_003]);
    client.send(&encode(&[b"EXEC"]));
    let queued = b"+QUEUED\r\n".repeat(REQUESTS);
    let wanted = [&b"+OK\r\n"[..], &queued, format!("*{REQUESTS}\r\n").as_bytes(), &replies].concat();
    assert_replies(&mut client, &wanted);
}

#[test]
fn a_subscriber_that_reads_nothing_may_send_on() {
    let node = Server::node(&["client-output-buffer-limit pubsub 0 0 0"]);
    let mut listener = client(&node);
    assert_eq!(listener.ask(&["SUBSCRIBE", "news"]).text(), "subscribe news 1");
    let mut speaker = node.client();
    let message = "m".repeat(100_000);
    for _ in 0..MUCH / message.len() {
        assert_eq!(speaker.ask(&["PUBLISH", "news", &message]).text(), "1");
    }
    let pings = encode(&[b"PING", &[b'p'; VALUE]]);
    send_in_pieces(&listener, &pings.repeat(REQUESTS), &[1_000_003]);
    let frame = encode(&[b"message", b"news", message.as_bytes()]);
    assert_replies(&mut listener, &frame.repeat(MUCH / message.len()));
    let pong = encode(&[b"pong", &[b'p'; VALUE]]);
    assert_replies(&mut listener, &pong.repeat(REQUESTS));
}

#[test]
fn who_closes_his_half_after_the_last_request_gets_all_replies() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    let mut client = client(&node);
    send_in_pieces(&client, &requests, &[1_000_003]);
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_replies(&mut client, &replies);
    assert_eq!(client.until_closed(), b"");
}

#[test]
fn the_replies_before_quit_arrive_and_none_after_it() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    let mut client = client(&node);
    send_in_pieces(&client, &requests, &[1_000_003]);
    client.send(&[encode(&[b"QUIT"]), encode(&[b"PING"])].concat());
    assert_replies(&mut client, &replies);
    assert_eq!(client.until_closed(), b"+OK\r\n");
}

#[test]
fn what_a_waiting_client_sends_is_bounded_by_its_limit() {
    let node = Server::node(&["client-query-buffer-limit 3mb"]);
    let waiting = client(&node);
    waiting.stream().write_all(&encode(&[b"BLPOP", b"list", b"0"])).unwrap();
    until("it is blocked", &[&node], || node.number("blocked_clients") == 1);
    let (requests, _) = much();
    let sent = (&mut waiting.stream()).write_all(&requests);
    assert!(sent.is_err(), "{MUCH} bytes were taken with a limit of 3 MiB");
    until("it is closed", &[&node], || node.number("blocked_clients") == 0);
    assert!(
        node.journal().contains("Closing client that reached max query buffer length"),
        "{}",
        node.journal()
    );
}

#[test]
fn unread_replies_are_bounded_by_their_limits() {
    let hard = ["client-output-buffer-limit normal 5mb 0 0"];
    let soft = ["client-output-buffer-limit normal 0 1mb 1"];
    let together = ["maxmemory-clients 5mb"];
    for (limit, tells, is_at_once) in [
        (hard, "for overcoming of output buffer limits", true),
        (soft, "for overcoming of output buffer limits", false),
        (together, "Evicting client", true),
    ] {
        let server = Server::start(Kind::Process, &limit);
        let before = server.resident_bytes();
        let (requests, _) = much();
        let mut client = client(&server);
        let mut stream = client.stream();
        let _ = stream.write_all(&requests);
        until("it is closed", &[&server], || server.number("connected_clients") == 1);
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < MUCH as u64 || !is_at_once, "{limit:?}: the server grew by {grown} bytes");
        assert!(server.journal().contains(tells), "{limit:?}: {}", server.journal());
        client = server.client();
        assert_eq!(client.ask(&["PING"]).text(), "PONG");
    }
}

#[test]
fn unread_replies_are_shown_as_what_they_take() {
    let node = Server::node(&[]);
    let mut client = client(&node);
    assert_eq!(client.ask(&["CLIENT", "SETNAME", "silent"]).text(), "OK");
    client.stream().write_all(&much().0).unwrap();
    let field = |name: &str| {
        let list = node.ask("CLIENT LIST");
        let line = list.lines().find(|line| line.contains("name=silent")).unwrap_or_default().to_owned();
        let value =
            line.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
        value.unwrap_or_default()
    };
    until("much waits", &[&node], || field("omem").parse::<usize>().is_ok_and(|omem| omem > MUCH / 2));
    assert_eq!((field("obl"), field("oll"), field("events")), ("16384".into(), "1".into(), "rw".into()));
    assert!(node.number("mem_clients_normal") > MUCH as u64 / 2);
    assert!(node.number("used_memory") > MUCH as u64 / 2);
}

#[test]
fn who_takes_replies_is_not_silent_in_the_middle_of_a_request() {
    let node = Server::node(&["request-timeout 1"]);
    let (requests, replies) = much();
    let mut client = client(&node);
    send_in_pieces(&client, &requests, &[1_000_003]);
    client.send(b"*1\r\n$4\r\nPI");
    // Three seconds for all replies: each piece comes before a second of silence is over.
    for piece in replies.chunks(replies.len() / 10) {
        assert_replies(&mut client, piece);
        std::thread::sleep(Duration::from_millis(300));
    }
    // It has begun to be silent only now.
    client.send(b"NG\r\n");
    assert_replies(&mut client, b"+PONG\r\n");
}

#[test]
fn nothing_is_served_to_a_blocked_client_that_has_closed_its_half() {
    let node = Server::node(&[]);
    let (requests, replies) = much();
    let mut leaving = client(&node);
    send_in_pieces(&leaving, &requests, &[1_000_003]);
    leaving.send(&encode(&[b"BLPOP", b"list", b"0"]));
    until("it is blocked", &[&node], || node.number("blocked_clients") == 1);
    leaving.stream().shutdown(Shutdown::Write).unwrap();
    until("it waits no more", &[&node], || node.number("blocked_clients") == 0);
    assert_eq!(node.ask("RPUSH list kept"), "1");
    assert_replies(&mut leaving, &replies);
    assert_eq!(leaving.until_closed(), b"");
    assert_eq!(node.ask("LRANGE list 0 -1"), "kept");
}

#[test]
fn a_stranger_that_waits_gets_no_memory_for_what_it_sends() {
    let server = Server::start(Kind::Process, &["requirepass secret"]);
    let mut known = server.client();
    assert_eq!(known.ask(&["AUTH", "secret"]).text(), "OK");
    let before = server.resident_bytes();
    // Wrong so often that each further answer takes its time.
    let stranger = client(&server);
    stranger.stream().set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let wrong = encode(&[b"AUTH", b"wrong"]).repeat(MUCH / 30);
    let _ = (&mut stranger.stream()).write_all(&wrong);
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < MUCH as u64 / 4, "the server grew by {grown} bytes");
    assert_eq!(known.ask(&["PING"]).text(), "PONG");
}
