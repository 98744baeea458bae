//! Real redis-server processes behind the lab's runner, for its tests.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lab::runner::{OnEvent, Runner, RunningNode};
use crate::node::{Fault, FaultKind, LogLevel, NodeEvent, NodeRole, StopReason};
use crate::replication::ReplId;

/// Whether redis-server is here; says so when not, and fails where it has to be.
pub(in crate::lab) fn redis_is_installed(test: &str) -> bool {
    let found = Command::new("redis-server").arg("--version").output().is_ok();
    let required = std::env::var_os("REPLISCOPE_REQUIRE_REDIS").is_some_and(|value| value == "1");
    assert!(found || !required, "redis-server is required and not installed");
    if !found {
        use io::Write;
        let _ = writeln!(io::stderr(), "{test}: skipped, redis-server is not installed");
    }
    found
}

pub(in crate::lab) struct RedisServers;

struct Process {
    pid: u32,
    on_event: Arc<Mutex<OnEvent>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Runner for RedisServers {
    fn start(&self, config_file: PathBuf, _: bool, on_event: OnEvent) -> io::Result<Box<dyn RunningNode>> {
        let started = Instant::now();
        let mut child = Command::new("redis-server").arg(&config_file).stdout(Stdio::piped()).spawn()?;
        let pid = child.id();
        let on_event = Arc::new(Mutex::new(on_event));
        let tell = Arc::clone(&on_event);
        let reader = std::thread::spawn(move || follow(&mut child, &config_file, started, &tell));
        Ok(Box::new(Process { pid, on_event, reader: Some(reader) }))
    }
}

fn directive(config_file: &Path, name: &str) -> Option<String> {
    let config = std::fs::read_to_string(config_file).unwrap_or_default();
    config.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

fn role(role: NodeRole) -> NodeEvent {
    NodeEvent::Role {
        role,
        replid: ReplId::from_bytes([0; 20]),
        replid2: None,
        offset: 0,
        second_offset: None,
    }
}

fn replica_of(address: &str) -> NodeEvent {
    let (host, port) = address.split_once([' ', ':']).unwrap_or(("", "0"));
    role(NodeRole::Replica { host: host.to_owned(), port: port.parse().unwrap_or(0) })
}

/// Turns the lines of a server's log into events, until the process ends.
fn follow(child: &mut Child, config_file: &Path, started: Instant, on_event: &Mutex<OnEvent>) {
    let tell = |event| (on_event.lock().expect("no holder panics"))(event);
    let port = directive(config_file, "port ").and_then(|port| port.parse().ok()).unwrap_or(0);
    let mut ready = false;
    let lines =
        child.stdout.take().map(BufReader::new).into_iter().flat_map(|out| out.lines().map_while(Result::ok));
    for line in lines {
        if line.contains("Ready to accept connections") {
            ready = true;
            tell(match directive(config_file, "replicaof ") {
                Some(master) => replica_of(&master),
                None => role(NodeRole::Master),
            });
            tell(NodeEvent::Ready { port, run_id: String::new(), keys_loaded: 0, took: started.elapsed() });
        } else if line.contains("MASTER MODE enabled") {
            tell(role(NodeRole::Master));
        } else if let Some((_, rest)) = line.split_once("REPLICAOF ") {
            tell(replica_of(rest.split(" enabled").next().unwrap_or_default()));
        }
        tell(NodeEvent::Log { level: LogLevel::Notice, text: line });
    }
    let code = child.wait().ok().and_then(|status| status.code());
    tell(NodeEvent::Stopped(match code {
        _ if !ready => StopReason::FailedToStart("see its log".to_owned()),
        Some(_) => StopReason::Shutdown,
        None => StopReason::Killed,
    }));
}

impl Process {
    fn signal(&self, signal: &str) {
        let _ = Command::new("kill").arg(signal).arg(self.pid.to_string()).stderr(Stdio::null()).status();
    }

    fn tell(&self, event: NodeEvent) {
        (self.on_event.lock().expect("no holder panics"))(event);
    }
}

impl RunningNode for Process {
    fn stop(&self) {
        self.signal("-TERM");
    }
    fn kill(&self) {
        self.signal("-KILL");
    }
    fn freeze(&self) {
        self.signal("-STOP");
        self.tell(NodeEvent::Frozen);
    }
    fn thaw(&self) {
        self.signal("-CONT");
        self.tell(NodeEvent::Thawed);
    }
    fn begin_fault(&self, _: Fault) {}
    fn end_fault(&self, _: FaultKind) {}
    fn ask_before_wipe(&self, _: bool) {}
    fn let_wipe(&self) {}
    fn join(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.reader = None;
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) {
            self.kill();
        }
    }
}

/// One redis-server on its own, without a lab.
pub(in crate::lab) struct PlainServer {
    child: Child,
    pub(in crate::lab) port: u16,
}

impl PlainServer {
    pub(in crate::lab) fn start() -> Self {
        let port = crate::lab::ports::tests::free_block(1);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }

    pub(in crate::lab) fn addr(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(in crate::lab) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for PlainServer {
    fn drop(&mut self) {
        self.kill();
    }
}
