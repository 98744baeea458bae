#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn every_default_is_a_valid_value() {
    let config = Config::default();
    assert_eq!(config.port, 6379);
    assert_eq!(config.repl_backlog_size, 1 << 20);
    assert_eq!(config.save, [(3600, 1), (300, 100), (60, 10_000)]);
    assert_eq!(config.replicaof, None);
}
