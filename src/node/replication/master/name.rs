//! How the log names a replica.

use crate::node::clients::client::Client;
use crate::replication::ReplicaOptions;

/// A replica in a line of the log: the address and the port that others reach it by.
pub(in crate::node) fn replica_name(client: &Client, options: &ReplicaOptions) -> String {
    let ip = options.ip_address.clone().unwrap_or_else(|| client.addr.ip().to_string());
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip };
    match options.listening_port {
        Some(port) if port != 0 => format!("{ip}:{port}"),
        _ => format!("{ip}:<unknown-replica-port>"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    #[test]
    fn the_log_names_a_replica_by_its_own_address() {
        let name = |peer: &str, ip_address: Option<&str>, listening_port| {
            let peer = peer.parse().unwrap();
            let client = Client::new(1, peer, peer, Duration::ZERO);
            let ip_address = ip_address.map(str::to_owned);
            replica_name(&client, &ReplicaOptions { listening_port, ip_address, ..ReplicaOptions::default() })
        };
        assert_eq!(name("192.0.2.7:50000", None, Some(6380)), "192.0.2.7:6380");
        assert_eq!(name("192.0.2.7:50000", Some("cache-2"), Some(6380)), "cache-2:6380");
        assert_eq!(name("[2001:db8::7]:50000", None, Some(6380)), "[2001:db8::7]:6380");
        assert_eq!(name("192.0.2.7:50000", None, None), "192.0.2.7:<unknown-replica-port>");
    }
}
