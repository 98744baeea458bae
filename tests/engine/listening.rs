//! Where a node listens, and how CONFIG SET moves it.

use std::net::TcpListener;

use super::support::server::free_port;
use super::support::{Client, Server};

/// What is said of addresses that this machine does not have.
const FAILED: &str = "Failed to bind to specified addresses.";

#[test]
fn a_port_that_is_taken_leaves_everything_as_it_was() {
    let server = Server::node(&["maxmemory 0"]);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut client = server.client();
    let answer = client.ask(&["CONFIG", "SET", "maxmemory", "10000001", "port", &port]).text();
    assert_eq!(
        answer,
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server \
         logs."
    );
    assert_eq!(server.ask("CONFIG GET maxmemory"), "maxmemory 0");
    assert_eq!(server.ask("CONFIG GET port"), format!("port {}", server.port));
}

#[test]
fn a_node_moves_to_another_port_and_keeps_its_clients() {
    let server = Server::node(&[]);
    let (mut client, port) = (server.client(), free_port());
    assert_eq!(client.ask(&["CONFIG", "SET", "port", &port.to_string()]).text(), "OK");
    assert!(Client::try_connect(server.port).is_err());
    assert_eq!(Client::connect(port).ask(&["PING"]).text(), "PONG");
    assert_eq!(client.ask(&["CONFIG", "SET", "bind", "127.0.0.1"]).text(), "OK");
    assert_eq!(
        client.ask(&["CONFIG", "SET", "bind", "203.0.113.1"]).text().split(" - ").nth(1).unwrap(),
        FAILED
    );
    assert_eq!(client.ask(&["CONFIG", "GET", "bind"]).text(), "bind 127.0.0.1");
    assert_eq!(Client::connect(port).ask(&["PING"]).text(), "PONG");
    assert_eq!(client.ask(&["CONFIG", "SET", "port", "0"]).text(), "OK");
    assert!(Client::try_connect(port).is_err());
    assert_eq!(client.ask(&["CONFIG", "SET", "port", &server.port.to_string()]).text(), "OK");
    assert_eq!(server.ask("PING"), "PONG");
}
