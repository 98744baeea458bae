//! The server as a process of the system: what it says of itself, signals, its pid file, supervisors, the background.
#![cfg(unix)]

use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::support::server::{Kind, free_port};
use super::support::{Client, Program, Server, finished, until};

pub(crate) fn server() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repliscope"));
    command.arg("server").stdin(Stdio::null());
    command
}

/// Arguments that let a server listen at this port alone.
pub(crate) fn at(port: u16) -> [String; 4] {
    ["--port", &port.to_string(), "--bind", "127.0.0.1"].map(str::to_owned)
}

/// Whether a server with these arguments ends well, and what it prints.
fn said(args: &[&str]) -> (bool, String) {
    finished(server().args(args))
}

pub(crate) fn is_there(port: u16) -> bool {
    Client::try_connect(port)
        .is_ok_and(|mut client| client.try_ask(&[b"PING"]).is_ok_and(|reply| reply.text() == "PONG"))
}

pub(crate) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// A program on this port that has come up.
pub(crate) fn started(command: &mut Command, port: u16) -> Program {
    let program = Program(command.stdout(Stdio::null()).spawn().unwrap());
    until("it serves", &[], || is_there(port));
    program
}

pub(crate) fn ending(mut program: Program) -> ExitStatus {
    until("it ends", &[], || program.has_ended());
    program.0.wait().unwrap()
}

fn ended(program: Program) -> Option<i32> {
    ending(program).code()
}

fn lines(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn it_answers_questions_without_starting() {
    for word in ["--version", "-v"] {
        let (ended_well, text) = said(&[word]);
        assert!(ended_well && text.starts_with("Redis server v=7.0.15 sha=00000000:0 malloc="), "{text}");
        assert!(text.contains(" bits=64 build="), "{text}");
    }
    for word in ["--help", "-h"] {
        let (ended_well, text) = said(&[word]);
        assert!(!ended_well && text.starts_with("Usage: "), "{text}");
    }
    assert!(said(&["--check-system"]).0);
    let (ended_well, text) = said(&["--test-memory", "1"]);
    assert!(!ended_well && text.contains("memtester"), "{text}");
    let (ended_well, text) = said(&["--sentinel"]);
    assert!(!ended_well && text.contains("\nSentinel mode is not supported\n"), "{text}");
}

#[test]
fn it_refuses_to_start_where_it_could_not_keep_its_word() {
    for (args, reason) in [
        (&["--user", "default", "off"][..], "Users and their rules are not supported"),
        (&["--aclfile", "users.acl"], "Files of users are not supported"),
        (&["--tls-port", "6380"], "TLS is not supported"),
        (&["--tls-replication", "yes"], "TLS is not supported"),
        (&["--cluster-enabled", "yes"], "Cluster mode is not supported"),
    ] {
        let (ended_well, text) = said(args);
        assert!(
            !ended_well && text.starts_with("\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n"),
            "{text}"
        );
        assert!(text.contains(&format!("\n{reason}")), "{text}");
    }
    let (ended_well, text) = said(&["--port", "0"]);
    assert!(!ended_well && text.contains("Configured to not listen anywhere, exiting."), "{text}");
    assert!(text.contains("Running mode=standalone, port=0.") && !text.contains("PID: "), "{text}");
    let (_, text) = said(&["--port", "0", "--always-show-logo", "yes"]);
    assert!(text.contains("PID: ") && !text.contains("Running mode"), "{text}");
}

#[test]
fn its_configuration_may_come_over_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redis.conf");
    std::fs::write(&file, "port 1\nmaxclients 77\ntimeout 5\n").unwrap();
    let (port, dir) = (free_port(), folder.path().to_str().unwrap());
    for args in [vec!["-", "--timeout", "7"], vec![file.to_str().unwrap(), "--timeout", "7", "-"]] {
        let mut command = server();
        command.args(&args).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut program = Program(command.spawn().unwrap());
        let text = format!("port {port}\nbind 127.0.0.1\nsave ''\ntimeout 6\ndir {dir}\n");
        program.0.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        until("it serves", &[], || is_there(port));
        let mut client = Client::connect(port);
        assert_eq!(client.ask(&["CONFIG", "GET", "timeout"]).text(), "timeout 7", "{args:?}");
        let maxclients = client.ask(&["CONFIG", "GET", "maxclients"]).text();
        assert_eq!(maxclients == "maxclients 77", args[0] != "-", "{args:?}: {maxclients}");
    }
    let (ended_well, text) = finished(server().args([file.to_str().unwrap(), "-", "--timeout", "7"]));
    assert!(!ended_well && text.contains(">>> '\"-\"'"), "neither first nor last: {text}");
}

#[test]
fn a_hangup_is_survived_and_the_pid_file_goes_with_a_clean_end() {
    let folder = tempfile::tempdir().unwrap();
    let (port, pid_file) = (free_port(), folder.path().join("redis.pid"));
    let mut command = server();
    command.current_dir(folder.path());
    command.args(at(port)).args(["--save", "", "--pidfile", "redis.pid"]);
    let program = started(&mut command, port);
    assert_eq!(lines(&pid_file), format!("{}\n", program.0.id()));
    signal("-HUP", program.0.id());
    // The next signal comes after it, and is obeyed.
    assert!(is_there(port));
    signal("-TERM", program.0.id());
    assert_eq!(ended(program), Some(0));
    assert!(!pid_file.exists());

    let mut program = started(&mut command, port);
    program.0.kill().unwrap();
    assert_eq!(ended(program), None);
    assert!(pid_file.exists(), "nobody was there to delete it");
}

#[test]
fn signals_end_it_as_shutdown_on_says_and_a_second_interrupt_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (port, dump) = (free_port(), folder.path().join("dump.rdb"));
    for (name, words, saves) in [
        ("-INT", &["--shutdown-on-sigint", "save", "now"][..], true),
        ("-TERM", &["--shutdown-on-sigint", "save"], false),
        ("-TERM", &["--shutdown-on-sigterm", "nosave", "--save", "900", "1"], false),
        ("-TERM", &["--save", "900", "1"], true),
    ] {
        let mut command = server();
        command.args(at(port)).args(["--save", ""]).args(words);
        let program = started(command.current_dir(folder.path()), port);
        signal(name, program.0.id());
        assert_eq!(ended(program), Some(0), "{name} {words:?}");
        assert_eq!(dump.exists(), saves, "{name} {words:?}");
        let _ = std::fs::remove_file(&dump);
    }

    let log = folder.path().join("log");
    let mut command = server();
    command.args(at(port)).args(["--save", "", "--logfile", "log"]);
    let program = started(command.current_dir(folder.path()).args(["--shutdown-timeout", "600"]), port);
    let replica = Server::node(&[&format!("replicaof 127.0.0.1 {port}")]);
    until("the replica has all", &[&replica], || replica.info("master_link_status") == "up");
    replica.handle().freeze();
    Client::connect(port).ask(&["SET", "last", "write"]);
    signal("-INT", program.0.id());
    until("it waits for the replica", &[], || lines(&log).contains("Waiting for replicas"));
    assert!(lines(&log).contains("Received SIGINT scheduling shutdown..."));
    assert!(lines(&log).contains(&format!("Running mode=standalone, port={port}.")), "no banner in a file");
    signal("-TERM", program.0.id());
    until("a SIGTERM changes nothing", &[], || lines(&log).contains("Received SIGTERM"));
    // Called off, it is no second one.
    assert_eq!(Client::connect(port).ask(&["SHUTDOWN", "ABORT"]).text(), "OK");
    signal("-INT", program.0.id());
    until("it waits again", &[], || lines(&log).matches("Waiting for replicas").count() == 2);
    signal("-INT", program.0.id());
    assert_eq!(ended(program), Some(1));
    replica.handle().thaw();
}

#[test]
fn systemd_hears_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (port, path) = (free_port(), folder.path().join("notify"));
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = || {
        let mut message = [0; 512];
        let len = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..len]).into_owned()
    };
    for supervised in ["systemd", "auto"] {
        let mut command = server();
        command.args(at(port)).args(["--save", "900", "1"]);
        command.args(["--supervised", supervised, "--daemonize", "yes"]).current_dir(folder.path());
        let program = started(command.env("NOTIFY_SOCKET", &path), port);
        assert_eq!(told(), "STATUS=Redis is loading...\n");
        assert_eq!(told(), "STATUS=Ready to accept connections\n");
        assert_eq!(told(), "READY=1\n");
        let info = Client::connect(port).ask(&["INFO", "server"]).text();
        assert!(info.contains("process_supervised:systemd\r\n"), "{info}");
        signal("-TERM", program.0.id());
        assert_eq!(told(), "STOPPING=1\n");
        assert_eq!(told(), "STATUS=Saving the final RDB snapshot\n");
        assert_eq!(ended(program), Some(0));
    }

    let master = Server::node(&[]);
    let mut command = server();
    command.args(at(port)).args(["--save", "", "--supervised", "systemd"]);
    command.args(["--replicaof", "127.0.0.1", &master.port.to_string()]).current_dir(folder.path());
    let program = started(command.env("NOTIFY_SOCKET", &path), port);
    assert_eq!(told(), "STATUS=Redis is loading...\n");
    assert_eq!(
        told(),
        "STATUS=Ready to accept connections in read-only mode. Waiting for MASTER <-> REPLICA sync\n"
    );
    assert_eq!(told(), "READY=1\n");
    let synced = "STATUS=MASTER <-> REPLICA sync: Finished with success. Ready to accept connections in read-write \
                  mode.\n";
    assert_eq!(told(), synced);
    assert_eq!(Client::connect(master.port).ask(&["CLIENT", "KILL", "TYPE", "replica"]).text(), "1");
    assert!(told().starts_with("STATUS=MASTER <-> REPLICA sync: Partial Resynchronization accepted."));
    drop(program);

    let mut server = Server::start(Kind::Process, &["supervised systemd"]);
    assert_eq!(server.info("process_supervised"), "no");
    assert!(server.journal().contains("systemd supervision error: NOTIFY_SOCKET not found!"));
    server.terminate();
}

#[test]
fn it_goes_on_in_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let (port, pid_file) = (free_port(), folder.path().join("redis.pid"));
    let mut command = server();
    command.args(["-", "--daemonize", "yes", "--pidfile", "redis.pid", "--logfile", "log"]);
    command.current_dir(folder.path()).stdin(Stdio::piped());
    let mut program = Program(command.spawn().unwrap());
    let text = format!("port {port}\nbind 127.0.0.1\nsave ''\n");
    program.0.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let first = program.0.id();
    assert_eq!(ended(program), Some(0), "who started it need not wait");
    until("it serves", &[], || is_there(port));
    let pid: u32 = lines(&pid_file).trim_end().parse().unwrap();
    assert_ne!(pid, first);
    if cfg!(target_os = "linux") {
        let stat = lines(Path::new(&format!("/proc/{pid}/stat")));
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        assert_eq!(fields[3], pid.to_string(), "it leads a session of its own: {stat}");
    }
    signal("-TERM", pid);
    until("it ends", &[], || !pid_file.exists());

    let (ended_well, text) = said(&["--daemonize", "yes", "--port", "x"]);
    assert!(!ended_well && text.contains("argument couldn't be parsed"), "a mistake is told first: {text}");
}
