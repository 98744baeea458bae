//! redis-benchmark and redis-cli against ours.

use std::io::{Seek as _, Write as _};
use std::process::Command;

use super::support::client::encode;
use super::support::server::{Kind, free_port};
use super::support::{Server, finished, missing, until_equal};

/// Runs a program against `server`; what it printed on stdout and stderr.
fn run(program: &str, server: &Server, args: &[&str], input: &[u8]) -> (bool, String) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input).unwrap();
    file.rewind().unwrap();
    let port = server.port.to_string();
    finished(Command::new(program).args(["-h", "127.0.0.1", "-p", &port]).args(args).stdin(file))
}

#[test]
fn redis_benchmark_runs_every_test_that_we_have_without_a_complaint() {
    if missing("redis-benchmark") {
        return;
    }
    let node = Server::node(&[]);
    for pipeline in ["1", "16"] {
        let tests = "ping_inline,ping_mbulk,set,get,incr,mset";
        let args = ["-t", tests, "-n", "5000", "-c", "20", "-r", "1000", "-q", "-P", pipeline];
        let (ok, text) = run("redis-benchmark", &node, &args, b"");
        assert!(ok, "{text}");
        for word in ["Error", "WARNING", "ERR", "unknown"] {
            assert!(!text.contains(word), "-P {pipeline}: {text}");
        }
        assert_eq!(text.matches("requests per second").count(), 6, "{text}");
    }
    let args = ["-n", "2000", "-q", "-3", "SET", "key:__rand_int__", "value"];
    let (ok, text) = run("redis-benchmark", &node, &args, b"");
    assert!(ok && text.contains("requests per second") && !text.contains("ERR"), "{text}");
}

#[test]
fn redis_cli_shows_every_kind_of_reply() {
    if missing("redis-cli") {
        return;
    }
    let node = Server::node(&[]);
    let redis = (!missing("redis-server")).then(|| Server::redis(&[]));
    for (args, expected) in [
        (&["--no-raw", "SET", "k", "v"][..], "OK\n"),
        (&["--no-raw", "GET", "k"], "\"v\"\n"),
        (&["--no-raw", "GET", "missing"], "(nil)\n"),
        (&["--no-raw", "INCR", "n"], "(integer) 1\n"),
        (&["--no-raw", "MGET", "k", "missing"], "1) \"v\"\n2) (nil)\n"),
        (&["--no-raw", "GET"], "(error) ERR wrong number of arguments for 'get' command\n"),
        (&["--no-raw", "-3", "GET", "missing"], "(nil)\n"),
        (&["-n", "3", "SET", "k3", "v"], "OK\n"),
        (&["-n", "3", "DBSIZE"], "1\n"),
    ] {
        for server in std::iter::once(&node).chain(&redis) {
            let (_, text) = run("redis-cli", server, args, b"");
            assert_eq!(text.trim_end(), expected.trim_end(), "{:?}: {args:?}", server.kind);
        }
    }
    // As typed: the tool asks COMMAND DOCS first, and follows SELECT and MULTI by the replies.
    let (ok, text) =
        run("redis-cli", &node, &[], b"SELECT 4\nMULTI\nSET a 1\nINCR a\nEXEC\nHELLO 3\nMGET a b\nPING\n");
    assert!(ok, "{text}");
    assert!(text.starts_with("OK\nOK\nQUEUED\nQUEUED\nOK\n2\n") && text.ends_with("PONG\n"), "{text}");
    let (ok, text) = run("redis-cli", &node, &["INFO"], b"");
    assert!(ok && text.contains("redis_version:7.0") && text.contains("# Keyspace"), "{text}");
    let (ok, text) = run("redis-cli", &node, &["--no-raw", "-3", "CLIENT", "LIST"], b"");
    assert!(ok && text.contains("resp=3"), "{text}");
}

#[test]
fn redis_cli_scans_counts_and_pipes() {
    if missing("redis-cli") {
        return;
    }
    let node = Server::node(&[]);
    let commands: Vec<u8> =
        (0..20_000).flat_map(|n| encode(&[b"SET", format!("key:{n}").as_bytes(), b"value"])).collect();
    let (ok, text) = run("redis-cli", &node, &["--pipe"], &commands);
    assert!(ok && text.contains("errors: 0, replies: 20000"), "{text}");
    let (ok, text) = run("redis-cli", &node, &["--scan", "--pattern", "key:1999*"], b"");
    let mut keys: Vec<&str> = text.lines().collect();
    keys.sort_unstable();
    assert!(ok);
    assert_eq!(keys.len(), 11, "{text}");
    node.client().ask_bytes(&[b"SET", b"biggest", &[b'x'; 5000]]);
    let (ok, text) = run("redis-cli", &node, &["--bigkeys"], b"");
    assert!(ok && text.contains("Biggest string found '\"biggest\"' has 5000 bytes"), "{text}");
    let (ok, text) = run("redis-cli", &node, &["--memkeys"], b"");
    if !text.contains("MEMORY") {
        assert!(ok, "{text}");
    }
}

#[test]
fn redis_cli_takes_a_snapshot_as_a_replica_would() {
    if missing("redis-cli") || missing("redis-check-rdb") {
        return;
    }
    let node = Server::node(&[]);
    super::support::data::fill(&node);
    let path = node.dir().join("copy.rdb");
    let (ok, text) = run("redis-cli", &node, &["--rdb", path.to_str().unwrap()], b"");
    assert!(ok, "{text}");
    let (ok, text) = finished(Command::new("redis-check-rdb").arg(&path));
    assert!(ok, "{text}");
}

#[test]
fn info_shows_the_sections_that_a_real_server_shows() {
    if missing("redis-server") {
        return;
    }
    let (ours, theirs) = (Server::node(&[]), Server::redis(&[]));
    let titles = |server: &Server, sections: &str| -> Vec<String> {
        let text = server.ask(&format!("INFO {sections}"));
        text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect()
    };
    for sections in ["default", "all", "everything", "server", "modules cpu", "all replication", "nosuch"] {
        assert_eq!(titles(&ours, sections), titles(&theirs, sections), "INFO {sections}");
    }
}

/// Names of a section's fields, those of our own left out.
fn field_names(server: &Server, section: &str) -> Vec<String> {
    let text = server.ask(&format!("INFO {section}"));
    let names = text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
    names.filter(|name| name != "repliscope_version" && !name.starts_with("loop_")).collect()
}

#[test]
fn info_names_what_a_real_server_names_in_its_order() {
    if missing("redis-server") {
        return;
    }
    let wanted = ["appendonly yes", "min-replicas-to-write 1"];
    let pair = |directives: &[&str]| [Kind::Node, Kind::Redis].map(|kind| Server::start(kind, directives));
    let (alone, masters) = (pair(&[]), pair(&wanted));
    let replicas = [Kind::Node, Kind::Redis].map(|kind| Server::replica_of(kind, &masters[1], &[]));
    let more = [Kind::Node, Kind::Redis].map(|kind| Server::replica_of(kind, &masters[0], &[]));
    for (replica, master) in [(&replicas, &masters[1]), (&more, &masters[0])] {
        for replica in replica {
            until_equal(master, replica);
        }
    }
    // Nobody listens there.
    let lost = pair(&[&format!("replicaof 127.0.0.1 {}", free_port())]);
    for [ours, theirs] in [&alone, &masters, &replicas, &lost] {
        for section in [
            "server",
            "clients",
            "memory",
            "persistence",
            "stats",
            "replication",
            "cpu",
            "cluster",
            "modules",
        ] {
            assert_eq!(field_names(ours, section), field_names(theirs, section), "{section}");
        }
    }
}
