//! CONFIG GET and CONFIG SET: the same questions to us and to a real redis-server 7.0.

use std::collections::BTreeMap;

use super::super::table::TABLE;
use super::super::*;
use super::real::{Real, free_port, get, redis_is_missing, set};

#[test]
fn config_get_lists_the_names_and_defaults_of_a_real_server() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut real = Real::start(folder.path(), port, &["--port", &port.to_string()]);
    let (mut theirs, mut ours) = (real.config_get("*"), get(&Config::default(), "*"));
    // Where and on which port a server runs is no default.
    for name in ["port", "dir"] {
        assert!(theirs.remove(name).is_some() && ours.remove(name).is_some(), "{name}");
    }
    assert_eq!(ours, theirs);
    for hidden in TABLE.iter().filter(|param| param.hidden && param.name != "request-timeout") {
        assert_eq!(get(&Config::default(), hidden.name), real.config_get(hidden.name));
    }
}

/// Values that are good for some parameters and bad for others.
const VALUES: [&str; 36] = [
    "yes",
    "NO",
    "maybe",
    "",
    "0",
    "1",
    "-1",
    "-2",
    "5",
    "99",
    "101",
    "65535",
    "65536",
    "2147483648",
    "00",
    "+1",
    " 1",
    "1.5",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "1mb",
    "2GB",
    "3k",
    "b",
    "10x",
    "0x10",
    "5%",
    "101%",
    "777",
    "a/b",
    "a_b",
    "abc",
    "local",
    "allkeys-lru",
    "clients",
];

/// Setting these has an effect on the real server that ends or falsifies the test; they have tests of their own.
const LEFT_OUT: [&str; 9] = [
    "request-timeout",   // ours alone
    "port",              // moves the listener
    "bind",              // moves the listener
    "maxclients",        // bounded by the limits of the machine
    "appendonly",        // makes files in the background
    "tls-port",          // needs certificates
    "maxmemory-clients", // evicts the test's own connection; overflows to a percentage in Redis
    "oom-score-adj",     // depends on the rights of the process
    "watchdog-period",   // signals
];

#[test]
fn config_set_judges_each_value_for_each_parameter_as_a_real_server_does() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut real = Real::start(folder.path(), port, &["--port", &port.to_string()]);
    let mut config = Config::default();
    let mut differences = Vec::new();
    let mut compared = 0;
    for param in TABLE.iter().filter(|param| !LEFT_OUT.contains(&param.name)) {
        for name in [Some(param.name), param.alias].into_iter().flatten() {
            let before = get(&config, name);
            for value in VALUES {
                if param.name == "latency-tracking-info-percentiles" && *value == *"0x10" {
                    continue; // C reads hexadecimal fractions, we do not
                }
                let reply = real.ask(&["CONFIG", "SET", name, value]).join(" ");
                let ours = set(&mut config, &[name, value]);
                compared += 1;
                let (now, real_now) = (get(&config, name), real.config_get(name));
                if ours != reply || (now != real_now && name != "dir") {
                    differences
                        .push(format!("{name} {value:?}: {ours} {now:?}\n  real: {reply} {real_now:?}"));
                }
            }
            // Back to the default, so that no effect adds up.
            if let Some(value) = before.get(name) {
                real.ask(&["CONFIG", "SET", name, value]);
                set(&mut config, &[name, value]);
            }
        }
    }
    assert!(compared > 6000, "only {compared} comparisons");
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn config_set_of_lists_and_pairs_answers_as_a_real_server_does() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut real = Real::start(folder.path(), port, &["--port", &port.to_string()]);
    let mut config = Config { port, ..Config::default() };
    let cases: &[&[&str]] = &[
        &["nosuch", "1"],
        &["maxmemory", "1mb", "nosuch", "1"],
        &["maxmemory", "1mb", "hz", "x"],
        &["maxmemory", "1mb", "MaxMemory", "2mb"],
        &["slave-priority", "1", "replica-priority", "2"],
        &["databases", "3", "nosuch", "1"],
        &["nosuch", "1", "databases", "3"],
        &["hz", "10", "DATABASES", "3"],
        &["replicaof", "127.0.0.1 1"],
        &["dir", "/"],
        &["dbfilename", "x.rdb"],
        &["HZ", "1000"],
        &["hz", "0"],
        &["hz", "10"],
        &["save", "900 1"],
        &["save", "900 1 300 10"],
        &["save", "900"],
        &["save", "900 1  300 10"],
        &["save", "900 "],
        &["save", "0 1"],
        &["save", "1 -1"],
        &["save", "a b"],
        &["save", ""],
        &["client-output-buffer-limit", "slave 1kb 2kb 3"],
        &["client-output-buffer-limit", "REPLICA 1g 2g 3 pubsub 1 2 3"],
        &["client-output-buffer-limit", "slave 1 2"],
        &["client-output-buffer-limit", "master 1 2 3"],
        &["client-output-buffer-limit", "slave 1 2 -1"],
        &["client-output-buffer-limit", "slave x 2 1"],
        &["client-output-buffer-limit", "slave 1 2 3 nosuch 1 2 3"],
        &["client-output-buffer-limit", ""],
        &["oom-score-adj-values", "1 2 3"],
        &["oom-score-adj-values", "1 2"],
        &["oom-score-adj-values", "1 2 2001"],
        &["oom-score-adj-values", ""],
        &["notify-keyspace-events", "KEA"],
        &["notify-keyspace-events", "Elg$"],
        &["notify-keyspace-events", "KEAmnd"],
        &["notify-keyspace-events", "KEg$lshzxetdn"],
        &["notify-keyspace-events", "q"],
        &["notify-keyspace-events", ""],
        &["latency-tracking-info-percentiles", "50 99.5000 0.001"],
        &["latency-tracking-info-percentiles", "50 abc"],
        &["latency-tracking-info-percentiles", "101"],
        &["latency-tracking-info-percentiles", "-1"],
        &["latency-tracking-info-percentiles", "nan"],
        &["latency-tracking-info-percentiles", ""],
        &["shutdown-on-sigint", "now save force"],
        &["shutdown-on-sigint", "save nosave"],
        &["shutdown-on-sigint", "default now"],
        &["shutdown-on-sigint", "nosuch"],
        &["shutdown-on-sigint", ""],
        &["maxmemory-clients", "101%"],
        &["maxmemory-clients", "-1"],
        &["maxmemory-clients", "-1%"],
        &["maxmemory-clients", "%"],
        &["maxmemory-clients", "5%"],
        &["maxmemory-clients", "0"],
        &["proc-title-template", "{x}"],
        &["proc-title-template", "{title"],
        &["proc-title-template", "{"],
        &["proc-title-template", "{{a}}"],
        &["proc-title-template", ""],
        &["proc-title-template", "  "],
        &["proc-title-template", "{title} {server-mode}"],
        &["proc-title-template", " {port}"],
        &["proc-title-template", "{title} {port} {config-file}x"],
        &["port", "65536"],
        &["port", "-1"],
        &["port", "x"],
        &["bind", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"],
        &["tls-port", "6380"],
        &["tls-port", "0"],
        &["oom-score-adj", "nosuch"],
        &["maxclients", "0"],
        &["cluster-announce-hostname", &"a".repeat(256)],
        &["cluster-announce-hostname", &"a".repeat(255)],
        &["requirepass", "a b"],
        &["requirepass", ""],
    ];
    for case in cases {
        let question = [&["CONFIG", "SET"], *case].concat();
        assert_eq!(set(&mut config, case), real.ask(&question).join(" "), "{case:?}");
        for name in case.iter().step_by(2).filter(|name| **name != "dir") {
            assert_eq!(get(&config, name), real.config_get(name), "{case:?}");
        }
    }
}

#[test]
fn config_get_of_names_and_patterns_answers_as_a_real_server_does() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut real = Real::start(folder.path(), port, &["--port", &port.to_string()]);
    let config = Config { port, dir: folder.path().canonicalize().unwrap(), ..Config::default() };
    let cases: &[&[&str]] = &[
        &["port"],
        &["PORT", "port", "po*"],
        &["*slave*"],
        &["*max-*-entries", "nosuch", "sav?"],
        &["*key*", "rdb-key-save-delay", "*"],
        &["dir"],
        &["MAX*Y", "m*m*y*"],
    ];
    for patterns in cases {
        let question = [&["CONFIG", "GET"], *patterns].concat();
        let reply = real.ask(&question);
        let theirs: BTreeMap<_, _> = reply.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let ours: BTreeMap<_, _> = config.get(&patterns).into_iter().collect();
        assert_eq!(ours, theirs, "{question:?}");
    }
}
