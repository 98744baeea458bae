//! Ordinary applications in three languages against a master and a replica of ours.

mod rust;

use std::process::Command;

use super::support::server::Kind;
use super::support::{Server, finished, skip, until_equal};

fn cluster() -> (Server, Server) {
    let master = Server::node(&[]);
    let replica = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &replica);
    (master, replica)
}

fn run(program: &str, probe: &[&str], file: &str) {
    if !Command::new(program).args(probe).output().is_ok_and(|output| output.status.success()) {
        skip(&format!("{program} cannot run {probe:?}"));
        return;
    }
    let (master, replica) = cluster();
    let file = format!("{}/tests/interop/applications/{file}", env!("CARGO_MANIFEST_DIR"));
    let ports = [("MASTER", master.port.to_string()), ("REPLICA", replica.port.to_string())];
    let (ok, text) = finished(Command::new(program).arg(file).envs(ports));
    assert!(ok && text.trim_end().ends_with("done"), "{text}");
    until_equal(&master, &replica);
}

#[test]
fn an_application_with_redis_py_works_against_a_cluster() {
    run("python3", &["-c", "import redis"], "application.py");
}

#[test]
fn an_application_with_ioredis_works_against_a_cluster() {
    run("node", &["-e", "require('ioredis')"], "application.js");
}
