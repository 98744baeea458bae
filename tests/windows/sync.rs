//! A full sync of a gigabyte between two Windows nodes, which is where other ports of Redis to Windows fail.

use std::time::{Duration, Instant};

use super::support::Server;
use super::support::server::Kind;
use super::{assert_equal_data, info, until_within, windows};

const KEYS: u64 = 1_000_000;
const VALUE: u64 = 1_100;
const MINUTES: Duration = Duration::from_mins(10);

fn a_gigabyte(diskless: &str) {
    if windows::missing() {
        return;
    }
    let diskless = format!("repl-diskless-sync {diskless}");
    // Hashing a gigabyte takes seconds: no ping may move the offset between the two that are compared.
    let quiet = "repl-ping-replica-period 3600";
    let mut master = Server::start(Kind::Windows, &[&diskless, "repl-timeout 3600", quiet]);
    // The keys differ and the values do not compress away: a gigabyte must cross the socket.
    let mut client = master.client();
    client.stream().set_read_timeout(Some(MINUTES)).unwrap();
    assert_eq!(client.ask(&["DEBUG", "POPULATE", &KEYS.to_string(), "key", &VALUE.to_string()]).text(), "OK");
    assert_eq!(client.ask(&["CONFIG", "SET", "rdbcompression", "no"]).text(), "OK");

    let before: u64 = info(master.port, "total_net_output_bytes").parse().unwrap();
    let begun = Instant::now();
    let replica = Server::replica_of(Kind::Windows, &master, &["repl-timeout 3600"]);
    until_within(MINUTES, "the replica has it all", || info(replica.port, "master_link_status") == "up");
    let took = begun.elapsed();
    let sent = info(master.port, "total_net_output_bytes").parse::<u64>().unwrap() - before;
    println!("full sync ({diskless}): {sent} bytes in {took:.1?}");

    assert!(sent > 1_000_000_000, "only {sent} bytes were sent");
    assert_eq!(info(master.port, "sync_full"), "1", "it came in one piece, not in a loop");
    assert_eq!(replica.ask("DBSIZE"), KEYS.to_string());
    assert_equal_data(master.port, replica.port);
    // And the stream goes on behind it.
    assert_eq!(master.ask("SET after sync"), "OK");
    assert_equal_data(master.port, replica.port);
    drop(replica);
    master.shut_down("NOSAVE");
}

#[test]
#[ignore = "a gigabyte; `.ci/windows` runs it"]
fn a_gigabyte_through_the_socket() {
    a_gigabyte("yes");
}

#[test]
#[ignore = "a gigabyte; `.ci/windows` runs it"]
fn a_gigabyte_through_a_file() {
    a_gigabyte("no");
}
