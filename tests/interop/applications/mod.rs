//! Ordinary applications in three languages against a master and a replica of ours.

mod rust;

use std::process::Command;

use super::support::server::Kind;
use super::support::{Server, skip, until_equal};

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
    let output = Command::new(program)
        .arg(format!("{}/tests/interop/applications/{file}", env!("CARGO_MANIFEST_DIR")))
        .envs([("MASTER", master.port.to_string()), ("REPLICA", replica.port.to_string())])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.trim_end().ends_with("done"), "{text}");
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
