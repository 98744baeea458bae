//! A server under test: a node on a thread, our binary as a process, or a real redis-server.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use repliscope::node::{NodeEvent, NodeHandle, NodeOptions};
use tempfile::TempDir;

use super::{Client, SOON, windows};

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours, in this process.
    Node,
    /// Ours, as `repliscope server`.
    Process,
    /// Ours for Windows, as `repliscope.com server`, under Wine or on Windows itself.
    Windows,
    /// The real redis-server.
    Redis,
}

#[derive(Debug)]
enum Life {
    Node(NodeHandle),
    Process(Child),
    Gone,
}

/// A running server in a folder of its own.
#[derive(Debug)]
pub struct Server {
    pub kind: Kind,
    pub port: u16,
    directives: Vec<(String, String)>,
    dir: TempDir,
    life: Life,
    events: Arc<Mutex<Vec<NodeEvent>>>,
}

impl Server {
    /// Starts a server with these directives (`"appendonly no"`), and waits until it serves.
    #[track_caller]
    pub fn start(kind: Kind, directives: &[&str]) -> Self {
        let basic = [
            "bind 127.0.0.1",
            "enable-debug-command local",
            "repl-diskless-sync-delay 0",
            "repl-backlog-size 4mb",
            "save ",
        ];
        let split = |line: &&str| {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_owned(), value.to_owned())
        };
        let directives = basic.iter().chain(directives).map(split).collect();
        let mut server = Self {
            kind,
            port: 0,
            directives,
            dir: tempfile::tempdir().unwrap(),
            life: Life::Gone,
            events: Arc::default(),
        };
        server.run();
        server
    }

    pub fn node(directives: &[&str]) -> Self {
        Self::start(Kind::Node, directives)
    }

    pub fn redis(directives: &[&str]) -> Self {
        Self::start(Kind::Redis, directives)
    }

    /// A server that follows `master` from its start.
    pub fn replica_of(kind: Kind, master: &Self, directives: &[&str]) -> Self {
        let replicaof = format!("replicaof 127.0.0.1 {}", master.port);
        let all: Vec<&str> = directives.iter().copied().chain([replicaof.as_str()]).collect();
        Self::start(kind, &all)
    }

    /// The folder with its files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it again after [`Server::kill`] or [`Server::stop`], on the same port and folder, with these
    /// directives in place of those of the same name.
    #[track_caller]
    pub fn restart(&mut self, more: &[(&str, &str)]) {
        for (name, value) in more {
            self.forget(name);
            self.directives.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.run();
    }

    /// Starts a node again, with so many microseconds for each key; it is still loading when this returns.
    #[track_caller]
    pub fn restart_slowly(&mut self, micros: u64) {
        self.forget("key-load-delay");
        self.directives.push(("key-load-delay".to_owned(), micros.to_string()));
        self.life = self.run_node(|event| matches!(event, NodeEvent::Loading { .. })).0;
    }

    /// A later restart goes without this directive.
    pub fn forget(&mut self, name: &str) {
        self.directives.retain(|(known, _)| known != name);
    }

    #[track_caller]
    fn run(&mut self) {
        let (life, port) = match self.kind {
            Kind::Node => self.run_node(|event| matches!(event, NodeEvent::Ready { .. })),
            Kind::Process | Kind::Windows | Kind::Redis => self.run_process(),
        };
        (self.life, self.port) = (life, port);
    }

    /// Until the node has told what is `wanted`, and the port if that is `Ready`.
    fn run_node(&self, wanted: fn(&NodeEvent) -> bool) -> (Life, u16) {
        let mut directives = self.directives.clone();
        if self.port > 0 {
            directives.push(("port".to_owned(), self.port.to_string()));
        }
        directives.push(("dir".to_owned(), self.dir.path().display().to_string()));
        let any_free_port = self.port == 0;
        let options = NodeOptions { directives, any_free_port, ..NodeOptions::default() };
        let (sender, first): (_, Receiver<NodeEvent>) = channel();
        let events = Arc::clone(&self.events);
        let node = NodeHandle::start(options, move |event| {
            let _ = sender.send(event.clone());
            events.lock().unwrap().push(event);
        })
        .unwrap();
        let deadline = Instant::now() + SOON;
        while let Ok(event) = first.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            match event {
                NodeEvent::Stopped(reason) => panic!("the node did not start: {reason:?}"),
                event if !wanted(&event) => {}
                NodeEvent::Ready { port, .. } => return (Life::Node(node), port),
                _ => return (Life::Node(node), self.port),
            }
        }
        panic!("the node is not ready: {}", self.journal());
    }

    fn run_process(&self) -> (Life, u16) {
        // A free port may be taken before the server binds it: then another one is tried.
        for _ in 0..5 {
            let port = if self.port > 0 { self.port } else { free_port() };
            let mut command = match self.kind {
                Kind::Redis => Command::new("redis-server"),
                Kind::Windows => windows::command("repliscope.com"),
                _ => Command::new(env!("CARGO_BIN_EXE_repliscope")),
            };
            if self.kind != Kind::Redis {
                command.arg("server");
            }
            for (name, value) in &self.directives {
                command.arg(format!("--{name}"));
                // `replicaof` has two words; anything else stays one.
                if value.is_empty() {
                    command.arg("");
                } else {
                    command.args(value.split(' '));
                }
            }
            let log =
                fs::File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
            let dir = match self.kind {
                Kind::Windows => windows::path(self.dir.path()),
                _ => self.dir.path().display().to_string(),
            };
            command.args(["--port", &port.to_string(), "--dir", &dir]);
            command.stderr(log.try_clone().unwrap()).stdout(log).stdin(Stdio::null());
            let mut child = command.spawn().unwrap();
            let deadline = Instant::now() + SOON;
            while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
                let mut client = Client::try_connect(port);
                if let Ok(client) = &mut client
                    && client.try_ask(&[b"PING"]).is_ok_and(|reply| !reply.text().starts_with("-LOADING"))
                {
                    return (Life::Process(child), port);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = child.kill();
            let _ = child.wait();
            if self.port > 0 {
                break;
            }
        }
        panic!("the server does not serve: {}", self.journal());
    }

    /// Memory that the process really uses; 0 where the system does not tell.
    pub fn resident_bytes(&self) -> u64 {
        let Life::Process(child) = &self.life else { return 0 };
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    }

    /// A crash: nothing is flushed, sockets are reset.
    pub fn kill(&mut self) {
        match &mut self.life {
            Life::Node(node) => {
                node.kill();
                assert!(node.join(SOON), "a killed node goes on");
            }
            Life::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Life::Gone => {}
        }
        self.life = Life::Gone;
    }

    /// Asks a process to end as a system does, by its id, and waits for it.
    pub fn terminate(&mut self) {
        let Life::Process(child) = &mut self.life else { panic!("no process") };
        let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let deadline = Instant::now() + SOON;
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "no end after SIGTERM");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.life = Life::Gone;
    }

    /// An orderly end with SHUTDOWN.
    #[track_caller]
    pub fn shut_down(&mut self, word: &str) {
        let _ = self.client().try_ask(&[b"SHUTDOWN", word.as_bytes()]);
        self.join();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn join(&mut self) {
        match &mut self.life {
            Life::Node(node) => assert!(node.join(SOON), "no end after SHUTDOWN: {:?}", self.events),
            Life::Process(child) => {
                let _ = child.wait();
            }
            Life::Gone => {}
        }
        self.life = Life::Gone;
    }

    /// The handle of a node in this process.
    #[track_caller]
    pub fn handle(&self) -> &NodeHandle {
        match &self.life {
            Life::Node(node) => node,
            other => panic!("no node: {other:?}"),
        }
    }

    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// One command on a connection of its own; the reply as text.
    #[track_caller]
    pub fn ask(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        self.client().ask(&words).text()
    }

    /// A field of INFO, empty if there is none.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        let text = self.ask("INFO everything");
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn number(&self, field: &str) -> u64 {
        let text = self.info(field);
        text.parse().unwrap_or_else(|_| panic!("{field} is {text:?}"))
    }

    /// How far its data is: written by a master, applied by a replica.
    #[track_caller]
    pub fn offset(&self) -> u64 {
        self.number("master_repl_offset")
    }

    #[track_caller]
    pub fn digest(&self) -> String {
        self.ask("DEBUG DIGEST")
    }

    #[track_caller]
    pub fn follow(&self, master: &Self) {
        let reply = self.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port));
        assert!(reply.starts_with("OK"), "{reply}");
    }

    /// Events so far; only a node in this process tells any.
    pub fn events(&self) -> Vec<NodeEvent> {
        self.events.lock().unwrap().clone()
    }

    /// Everything it told: events, or its log.
    pub fn journal(&self) -> String {
        let mut text = format!("── {:?} on port {} ──\n", self.kind, self.port);
        for event in self.events() {
            let _ = match event {
                NodeEvent::Log { level, text: line } => writeln!(text, "{level:?}: {line}"),
                other => writeln!(text, "{other:?}"),
            };
        }
        text + &fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A port of which the next two are free as well.
pub fn free_block() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (0..100)
        .map(|_| free_port())
        .find(|port| *port < 65_000 && is_free(port + 1) && is_free(port + 2))
        .unwrap()
}
