//! Bad input before AUTH: no. 73-78 of the catalogue.

use std::time::{Duration, Instant};

use super::bad_input::{Then, check, same};
use super::support::client::{command, encode};
use super::support::{Server, until};

const PASSWORD: &[&str] = &["requirepass secret"];

#[test]
fn a_stranger_gets_no_memory_and_no_data() {
    let protocol = |text: &str| format!("-ERR Protocol error: {text}\r\n");
    let rows = [
        same("73", "*11\r\n", protocol("unauthenticated multibulk length"), Then::Closed),
        same("74", "*1\r\n$16385\r\n", protocol("unauthenticated bulk length"), Then::Closed),
        same("76", command("GET k"), "-NOAUTH Authentication required.\r\n", Then::NoAuth),
        same(
            "77",
            command("AUTH wrong"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            Then::NoAuth,
        ),
        same(
            "77",
            command("AUTH default wrong"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            Then::NoAuth,
        ),
        same(
            "78",
            command("HELLO 3"),
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same \
             time\r\n",
            Then::NoAuth,
        ),
        same("76-78", [command("AUTH secret"), command("GET k")].concat(), "+OK\r\n$-1\r\n", Then::Serves),
    ];
    check(&rows, PASSWORD);
}

#[test]
fn a_pipeline_may_log_in_and_go_on_without_the_limits_of_a_stranger() {
    let node = Server::node(PASSWORD);
    let mut client = node.client();
    let value = vec![b'v'; 20_000];
    let keys: Vec<&[u8]> =
        std::iter::once(&b"EXISTS"[..]).chain(std::iter::repeat_n(&b"k"[..], 20)).collect();
    client.send(&[command("AUTH secret"), encode(&[b"SET", b"k", &value]), encode(&keys)].concat());
    let replies: Vec<String> = (0..3).map(|_| client.reply().unwrap().text()).collect();
    assert_eq!(replies, ["OK", "OK", "20"]);
}

#[test]
fn a_stranger_that_does_not_read_is_cut() {
    // No. 75.
    let node = Server::node(PASSWORD);
    let mut client = node.client();
    let begun = Instant::now();
    let some = command("GET k").repeat(1000);
    let mut sent = 0usize;
    while begun.elapsed() < Duration::from_secs(20) {
        use std::io::Write as _;
        if client.stream().write_all(&some).is_err() {
            break;
        }
        sent += some.len();
    }
    until("the stranger is gone", &[&node], || {
        let mut other = node.client();
        other.ask(&["AUTH", "secret"]);
        other.ask(&["CLIENT", "LIST"]).text().lines().count() == 1
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "sent {sent} bytes unhindered");
    drop(client.drain(Duration::from_millis(1)));
}

#[test]
fn guessing_a_password_becomes_slow() {
    let node = Server::node(PASSWORD);
    let mut client = node.client();
    let begun = Instant::now();
    for _ in 0..8 {
        assert!(client.ask(&["AUTH", "guess"]).text().starts_with("-WRONGPASS"));
    }
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    assert_eq!(client.ask(&["AUTH", "secret"]).text(), "OK");
}
