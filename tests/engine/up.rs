//! The program itself: a cluster in the terminal, and one node as a process.

use std::process::{Command, Stdio};

use super::support::server::{Kind, free_block};
use super::support::{Client, Program, Server, until};

fn ask(port: u16, words: &[&str]) -> Option<String> {
    let parts: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    Some(Client::try_connect(port).ok()?.try_ask(&parts).ok()?.text())
}

/// Asks a process to end as a system does, by its id. On Windows only a console can ask: there it is ended.
fn terminate(program: &mut Program) {
    if cfg!(windows) {
        return program.0.kill().unwrap();
    }
    let status = Command::new("kill").args(["-TERM", &program.0.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn up_runs_three_nodes_until_it_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_block();
    let mut program = Program(
        Command::new(env!("CARGO_BIN_EXE_repliscope"))
            .args(["up", "--json", "--port", &port.to_string(), "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(folder.path().join("told")).unwrap())
            .spawn()
            .unwrap(),
    );
    until("two replicas are online", &[], || {
        let info = ask(port, &["INFO", "replication"]).unwrap_or_default();
        info.matches("state=online").count() == 2
    });
    assert_eq!(ask(port, &["SET", "k", "v"]).unwrap(), "OK");
    for replica in [port + 1, port + 2] {
        until("the write arrives", &[], || ask(replica, &["GET", "k"]).as_deref() == Some("v"));
        let refused = "-READONLY You can't write against a read only replica.";
        assert_eq!(ask(replica, &["SET", "k", "w"]).unwrap(), refused);
    }
    terminate(&mut program);
    until("it ends", &[], || program.0.try_wait().unwrap().is_some());
    assert_eq!(program.0.wait().unwrap().success(), cfg!(unix));
    assert_eq!(ask(port, &["PING"]), None, "no node outlives it");
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
    assert!(told.lines().count() > 10 && told.lines().all(|line| line.starts_with('{')), "{told}");
}

#[test]
fn a_node_that_is_asked_to_end_saves_and_comes_back_with_its_data() {
    let mut server = Server::start(Kind::Process, &["save 3600 1"]);
    super::support::data::fill(&server);
    let digest = server.digest();
    if cfg!(windows) {
        server.shut_down("SAVE");
    } else {
        server.terminate();
    }
    server.restart(&[]);
    assert_eq!(server.digest(), digest, "{}", server.journal());
}

#[test]
fn a_port_that_is_taken_ends_the_program_with_redis_own_words() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_repliscope"))
        .args(["server", "--bind", "127.0.0.1", "--port", &port])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("bind: Address already in use"), "{told}");
}
